import { type ByteWriter, readI32BE, readU16BE } from '../../core/bytes.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';

/**
 * The keys of the tries: values encoded so that bytes in order are values in order.
 *
 *   sequence   per component a 0x40 and its bytes, then a terminator: 0x38 for a key or a row's position, 0x20 for a bound before
 *              everything that begins like this, 0x60 for one after it
 *   text, ascii, blob, inet   a run of n zeros as 00 fe*(n-1) ff, then 00; the value's own last run ends with fe and no 00 follows
 *   int, smallint, tinyint, timestamp   sign bit flipped
 *   bigint     inverted sign bit, a further bit equal to it per byte after the first, the other bit (unless there are nine
 *              bytes), the number
 *   float, double   sign bit flipped, all bits of negative ones
 *   boolean, date, time   as they are
 *   uuid       version 1: the timestamp's halves swapped into order; else the version first. Then the last 8 bytes, of a timeuuid
 *              with their sign bits flipped
 *   reversed   all bits of the above
 *
 * Empty and null values and those of other types are not made here: a search for what is left out must be wider.
 * @see Cassandra `ByteComparable`; spec/sstable.md §16.4
 */
export const NEXT_COMPONENT = 0x40;
export const TERMINATOR = 0x38;
export const BEFORE_PREFIX = 0x20;
export const AFTER_PREFIX = 0x60;

/** A column of a key: values of `type` in the file; undefined: of a type that is not encoded here. */
export interface ComparableColumn {
  readonly type: CqlType | undefined;
  readonly isReversed: boolean;
}

/** Appends a token: 8 bytes, sign bit flipped. */
export function appendComparableToken(out: ByteWriter, hi: number, lo: number): void {
  out.u8(NEXT_COMPONENT);
  out.i64BE(hi ^ 0x8000_0000, lo);
}

/** Appends bytes of any length as one component, its 0x40 included. */
export function appendComparableBytes(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  out.u8(NEXT_COMPONENT);
  appendEscaped(out, bytes, start, end);
}

/**
 * Appends the position with this core prefix and weight: of one that cannot be encoded as far as it can be, then what lies before
 * (`isLower`) or after all that begins like it.
 */
export function appendComparablePosition(
  out: ByteWriter,
  columns: readonly ComparableColumn[],
  prefix: Uint8Array,
  length: number,
  weight: number,
  isLower: boolean,
): void {
  let pos = 0;
  for (const column of columns) {
    if (pos >= length) break;
    const end = pos + 2 + readU16BE(prefix, pos);
    if (!appendComparableValue(out, column, prefix, pos + 2, end)) {
      out.u8(isLower ? BEFORE_PREFIX : AFTER_PREFIX);
      return;
    }
    pos = end;
  }
  if (weight === 0 && pos >= length && prefixIsWhole(columns, prefix, length)) out.u8(TERMINATOR);
  else if (weight === 0) out.u8(isLower ? BEFORE_PREFIX : AFTER_PREFIX);
  else out.u8(weight < 0 ? BEFORE_PREFIX : AFTER_PREFIX);
}

function prefixIsWhole(columns: readonly ComparableColumn[], prefix: Uint8Array, length: number): boolean {
  let count = 0;
  for (let pos = 0; pos < length; pos += 2 + readU16BE(prefix, pos)) count++;
  return count === columns.length;
}

/** Appends a component, its 0x40 included; false, with nothing appended, when the value is not encoded here. */
export function appendComparableValue(
  out: ByteWriter,
  { type, isReversed }: ComparableColumn,
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  if (type === undefined || start === end) return false;
  const begin = out.length;
  out.u8(NEXT_COMPONENT);
  if (!appendValue(out, type.kind, bytes, start, end)) {
    out.length = begin;
    return false;
  }
  if (isReversed) for (let i = begin + 1; i < out.length; i++) out.bytes[i] = ~out.bytes[i]!;
  return true;
}

function appendValue(out: ByteWriter, kind: TypeKind, bytes: Uint8Array, start: number, end: number): boolean {
  switch (kind) {
    case TypeKind.Text:
    case TypeKind.Ascii:
    case TypeKind.Blob:
    case TypeKind.Inet:
      appendEscaped(out, bytes, start, end);
      return true;
    case TypeKind.Int:
      return appendSigned(out, bytes, start, end, 4);
    case TypeKind.Smallint:
      return appendSigned(out, bytes, start, end, 2);
    case TypeKind.Tinyint:
      return appendSigned(out, bytes, start, end, 1);
    case TypeKind.Timestamp:
      return appendSigned(out, bytes, start, end, 8);
    case TypeKind.Bigint:
      return appendBigint(out, bytes, start, end);
    case TypeKind.Float:
      return appendFloat(out, bytes, start, end, 4);
    case TypeKind.Double:
      return appendFloat(out, bytes, start, end, 8);
    case TypeKind.Boolean:
      return appendFixed(out, bytes, start, end, 1);
    case TypeKind.Date:
      return appendFixed(out, bytes, start, end, 4);
    case TypeKind.Time:
      return appendFixed(out, bytes, start, end, 8);
    case TypeKind.Uuid:
      return appendUuid(out, bytes, start, end, 0);
    case TypeKind.Timeuuid:
      return appendUuid(out, bytes, start, end, 0x80);
    default:
      return false;
  }
}

function appendFixed(out: ByteWriter, bytes: Uint8Array, start: number, end: number, length: number): boolean {
  if (end - start !== length) return false;
  out.raw(bytes, start, end);
  return true;
}

function appendSigned(out: ByteWriter, bytes: Uint8Array, start: number, end: number, length: number): boolean {
  const at = out.length;
  if (!appendFixed(out, bytes, start, end, length)) return false;
  out.bytes[at] = out.bytes[at]! ^ 0x80;
  return true;
}

function appendFloat(out: ByteWriter, bytes: Uint8Array, start: number, end: number, length: number): boolean {
  const at = out.length;
  if (!appendFixed(out, bytes, start, end, length)) return false;
  if (bytes[start]! < 0x80) out.bytes[at] = out.bytes[at]! ^ 0x80;
  else for (let i = at; i < out.length; i++) out.bytes[i] = ~out.bytes[i]!;
  return true;
}

function appendBigint(out: ByteWriter, bytes: Uint8Array, start: number, end: number): boolean {
  if (end - start !== 8) return false;
  const hi = readI32BE(bytes, start);
  const lo = readI32BE(bytes, start + 4);
  const mask = hi >> 31; // -1 for negative numbers, which are written as their complements, inverted
  const high = hi ^ mask;
  const low = lo ^ mask;
  const bits = high === 0 ? 32 - Math.clz32(low) : 64 - Math.clz32(high);
  const length = Math.min(9, Math.floor(bits / 7) + 1);
  // `length` ones, sign included, then (unless there are nine bytes) a zero, in front of the number in `length` bytes.
  const at = out.reserve(length);
  const target = out.bytes;
  out.length = at + length;
  for (let i = 0; i < length; i++) {
    const shift = (length - 1 - i) * 8;
    const byte = shift >= 64 ? 0 : shift >= 32 ? high >>> (shift - 32) : low >>> shift;
    target[at + i] = byte ^ mask;
  }
  const ones = length === 9 ? 0xff : 0xff & (0xff00 >>> length);
  target[at] = target[at]! ^ ones;
  if (length === 9) target[at + 1] = target[at + 1]! ^ 0x80;
  return true;
}

function appendUuid(out: ByteWriter, bytes: Uint8Array, start: number, end: number, flip: number): boolean {
  if (end - start !== 16) return false;
  const at = out.reserve(16);
  const target = out.bytes;
  out.length = at + 16;
  const version = bytes[start + 6]! >>> 4;
  if (version === 1) {
    for (let i = 0; i < 2; i++) target[at + i] = bytes[start + 6 + i]!;
    for (let i = 0; i < 2; i++) target[at + 2 + i] = bytes[start + 4 + i]!;
    for (let i = 0; i < 4; i++) target[at + 4 + i] = bytes[start + i]!;
  } else {
    if (flip !== 0) return dropped(out, at); // no timeuuid
    // The version's four bits move to the front, those before them back by as many.
    target[at] = (version << 4) | (bytes[start]! >>> 4);
    for (let i = 1; i < 6; i++) target[at + i] = (bytes[start + i - 1]! << 4) | (bytes[start + i]! >>> 4);
    target[at + 6] = (bytes[start + 5]! << 4) | (bytes[start + 6]! & 0x0f);
    target[at + 7] = bytes[start + 7]!;
  }
  for (let i = 8; i < 16; i++) target[at + i] = bytes[start + i]! ^ flip;
  return true;
}

function dropped(out: ByteWriter, length: number): false {
  out.length = length;
  return false;
}

function appendEscaped(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  for (let i = start; i < end; ) {
    if (bytes[i] !== 0) {
      out.u8(bytes[i++]!);
      continue;
    }
    out.u8(0);
    for (i++; i < end && bytes[i] === 0; i++) out.u8(0xfe);
    out.u8(i < end ? 0xff : 0xfe);
  }
  if (start === end || bytes[end - 1] !== 0) out.u8(0);
}
