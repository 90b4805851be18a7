import { type ByteCursor, type ByteWriter, copyBytes, readI32LE, readU32LE } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { int64Hi, int64Lo, int64ToNumber } from '../core/int64.ts';
import { UUID_BYTES, uuidText, writeUuid } from '../core/uuid-bytes.ts';

/**
 * Fields of log records, little endian. Readers check that the bytes are there and move the cursor; every failure is a
 * CorruptFileError with the byte in the file: the checksum was right, so the record was never written by this program.
 *
 *   uint    u64, at most 2^53 - 1           uuid   16 bytes, network order
 *   int64   two halves, low half first      blob   u32 length | bytes           list   u32 count | elements
 */

/** An int64 as halves (core/int64.ts). */
export interface Int64Value {
  readonly hi: number;
  readonly lo: number;
}

/** Tokens `first` to `last`, both inclusive, first <= last. */
export interface TokenRange {
  readonly first: Int64Value;
  readonly last: Int64Value;
}

/** @throws CorruptFileError unless `count` more bytes are there */
export function need(cursor: ByteCursor, count: number): number {
  const { pos } = cursor;
  if (count > cursor.end - pos) throw new CorruptFileError(cursor.path, cursor.base + pos, 'log record cut short');
  cursor.pos = pos + count;
  return pos;
}

export function readU8(cursor: ByteCursor): number {
  return cursor.bytes[need(cursor, 1)]!;
}

export function readU32(cursor: ByteCursor): number {
  const at = need(cursor, 4);
  return readU32LE(cursor.bytes, at);
}

export function readUint(cursor: ByteCursor): number {
  const at = need(cursor, 8);
  const value = int64ToNumber(readU32LE(cursor.bytes, at + 4), readU32LE(cursor.bytes, at));
  if (value > Number.MAX_SAFE_INTEGER)
    throw new CorruptFileError(cursor.path, cursor.base + at, 'number above 2^53 - 1');
  return value;
}

export function writeUint(out: ByteWriter, value: number): void {
  out.i64LE(int64Hi(value), int64Lo(value));
}

export function readInt64(cursor: ByteCursor): Int64Value {
  const at = need(cursor, 8);
  return { hi: readI32LE(cursor.bytes, at + 4), lo: readI32LE(cursor.bytes, at) };
}

export function writeInt64(out: ByteWriter, value: Int64Value): void {
  out.i64LE(value.hi, value.lo);
}

export function readUuid(cursor: ByteCursor): string {
  const at = need(cursor, UUID_BYTES);
  return uuidText(cursor.bytes, at);
}

export function writeUuidField(out: ByteWriter, text: string): void {
  const at = out.reserve(UUID_BYTES);
  writeUuid(text, out.bytes, at);
  out.length = at + UUID_BYTES;
}

/** A copy: the record's bytes die with the batch. */
export function readBlob(cursor: ByteCursor): Uint8Array {
  const length = readU32(cursor);
  const at = need(cursor, length);
  const copy = new Uint8Array(length); // not slice: a Buffer's shares its bytes
  copyBytes(cursor.bytes, at, at + length, copy, 0);
  return copy;
}

export function writeBlob(out: ByteWriter, bytes: Uint8Array): void {
  out.i32LE(bytes.length);
  out.raw(bytes);
}

export function readRange(cursor: ByteCursor): TokenRange {
  return { first: readInt64(cursor), last: readInt64(cursor) };
}

export function writeRange(out: ByteWriter, range: TokenRange): void {
  writeInt64(out, range.first);
  writeInt64(out, range.last);
}

/**
 * Reads a list.
 * @param leastBytes the fewest bytes an element takes: a count that cannot fit is refused before anything is made
 */
export function readList<Element>(
  cursor: ByteCursor,
  leastBytes: number,
  element: (cursor: ByteCursor) => Element,
): Element[] {
  const at = cursor.pos;
  const count = readU32(cursor);
  if (count * leastBytes > cursor.end - cursor.pos) {
    throw new CorruptFileError(cursor.path, cursor.base + at, `list of ${count} is longer than its record`);
  }
  const list: Element[] = [];
  for (let i = 0; i < count; i++) list.push(element(cursor));
  return list;
}

export function writeList<Element>(
  out: ByteWriter,
  list: readonly Element[],
  element: (out: ByteWriter, value: Element) => void,
): void {
  out.i32LE(list.length);
  for (const value of list) element(out, value);
}

/** @throws CorruptFileError when a record has bytes left that its kind does not define */
export function endOfRecord(cursor: ByteCursor): void {
  if (cursor.pos !== cursor.end) {
    throw new CorruptFileError(cursor.path, cursor.base + cursor.pos, 'log record longer than its kind');
  }
}

/** Reads a u8 that must be at most `most`. */
export function readChoice(cursor: ByteCursor, most: number, what: string): number {
  const value = readU8(cursor);
  if (value > most) throw new CorruptFileError(cursor.path, cursor.base + cursor.pos - 1, `unknown ${what} ${value}`);
  return value;
}
