import type { ByteCursor, ByteWriter } from './bytes.ts';
import { CorruptFileError } from './errors.ts';

/**
 * Variable-length integers of Cassandra's SSTables and native protocol v5: the count of leading 1-bits of the first byte
 * is the number of bytes that follow, big endian; nine bytes when the first is 0xff.
 * @see Cassandra `VIntCoding`, ScyllaDB `vint-serialization.cc`
 */

/**
 * Reads an unsigned vint at `cursor.pos` and moves past it: for sizes and counts.
 * @returns the value, exact: what exceeds 2^53 - 1 is refused rather than rounded
 * @throws CorruptFileError when the bytes end early or the value is too large
 */
export function readUnsignedVint(cursor: ByteCursor): number {
  const { bytes, pos } = cursor;
  if (pos >= cursor.end) throw new CorruptFileError(cursor.path, cursor.base + pos, 'vint cut short');
  const first = bytes[pos]!;
  if (first < 0x80) {
    cursor.pos = pos + 1;
    return first;
  }
  const extra = Math.clz32(~first & 0xff) - 24; // leading ones of an 8-bit value, 1 to 8
  if (pos + extra >= cursor.end) throw new CorruptFileError(cursor.path, cursor.base + pos, 'vint cut short');
  let value = extra === 8 ? 0 : first & (0xff >> extra);
  for (let i = 1; i <= extra; i++) value = value * 256 + bytes[pos + i]!; // `*`, not `<<`: shifts wrap at 32 bits
  if (value > Number.MAX_SAFE_INTEGER)
    throw new CorruptFileError(cursor.path, cursor.base + pos, 'vint above 2^53 - 1');
  cursor.pos = pos + 1 + extra;
  return value;
}

/** The two halves of the vint last read by `readVint64`: one per caller, so that no object is made per value. */
export class Int64Halves {
  hi = 0;
  lo = 0;
}

/**
 * Reads an unsigned vint of up to 64 bits as halves and moves past it: for timestamps, deletion times and TTLs, whose
 * nine-byte wrapped deltas are legal in real files (settled question 13).
 * @throws CorruptFileError when the bytes end early
 */
export function readVint64(cursor: ByteCursor, into: Int64Halves): void {
  const { bytes, pos } = cursor;
  if (pos >= cursor.end) throw new CorruptFileError(cursor.path, cursor.base + pos, 'vint cut short');
  const first = bytes[pos]!;
  const extra = Math.clz32(~first & 0xff) - 24;
  if (pos + extra >= cursor.end) throw new CorruptFileError(cursor.path, cursor.base + pos, 'vint cut short');
  let hi = 0;
  let lo = extra >= 7 ? 0 : first & (0x7f >> extra);
  for (let i = 1; i <= extra; i++) {
    hi = (hi << 8) | (lo >>> 24);
    lo = (lo << 8) | bytes[pos + i]!;
  }
  cursor.pos = pos + 1 + extra;
  into.hi = hi;
  into.lo = lo;
}

/** Bytes of the unsigned vint of (hi, lo): 1 to 9. */
export function vint64Size(hi: number, lo: number): number {
  const bits = hi === 0 ? 32 - Math.clz32(lo) : 64 - Math.clz32(hi);
  if (bits > 56) return 9;
  return bits <= 7 ? 1 : Math.ceil(bits / 7);
}

/** Appends (hi, lo), taken as 64 unsigned bits. */
export function writeVint64(writer: ByteWriter, hi: number, lo: number): void {
  const size = vint64Size(hi, lo);
  const at = writer.reserve(size);
  const { bytes } = writer;
  let high = hi;
  let low = lo;
  for (let i = size - 1; i >= 0; i--) {
    bytes[at + i] = low;
    low = (low >>> 8) | (high << 24);
    high >>>= 8;
  }
  bytes[at]! |= size === 9 ? 0xff : ~(0xff >> (size - 1)) & 0xff;
  writer.length = at + size;
}

/** Bytes of the unsigned vint of a safe integer: 1 to 8. */
export function unsignedVintSize(value: number): number {
  return value < 128 ? 1 : vint64Size(Math.floor(value / 0x1_0000_0000) | 0, value | 0);
}

/** Appends a safe integer of at least 0. */
export function writeUnsignedVint(writer: ByteWriter, value: number): void {
  if (value < 128) writer.u8(value);
  else writeVint64(writer, Math.floor(value / 0x1_0000_0000) | 0, value | 0);
}

/** Zig-zag in place: a signed 64-bit number becomes an unsigned one with small magnitudes small. */
export function zigZag(value: Int64Halves): void {
  const sign = value.hi >> 31;
  const hi = ((value.hi << 1) | (value.lo >>> 31)) ^ sign;
  value.lo = (value.lo << 1) ^ sign;
  value.hi = hi;
}

/** The inverse of `zigZag`. */
export function unZigZag(value: Int64Halves): void {
  const sign = -(value.lo & 1);
  const lo = ((value.lo >>> 1) | (value.hi << 31)) ^ sign;
  value.hi = (value.hi >>> 1) ^ sign;
  value.lo = lo;
}
