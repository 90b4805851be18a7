import { type ByteCursor, type ByteWriter, readI32BE, readU16BE, readU32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { int64Hi, int64Lo, int64ToNumber, isSafeInt64 } from '../../core/int64.ts';
import { readUnsignedVint, writeUnsignedVint } from '../../core/vint.ts';

/**
 * Fields of the small components, big endian, every length checked against what is there before it is used. For control
 * structures only: rows have their own decoder.
 */

/** The position of `length` bytes at the cursor, which moves past them. @throws CorruptFileError when there are fewer */
export function take(cursor: ByteCursor, length: number): number {
  const at = cursor.pos;
  if (length < 0 || length > cursor.end - at) {
    throw new CorruptFileError(cursor.path, cursor.base + at, `${length} bytes wanted, ${cursor.end - at} left`);
  }
  cursor.pos = at + length;
  return at;
}

export function readU8(cursor: ByteCursor): number {
  return cursor.bytes[take(cursor, 1)]!;
}
export function readU16(cursor: ByteCursor): number {
  return readU16BE(cursor.bytes, take(cursor, 2));
}
export function readI32(cursor: ByteCursor): number {
  return readI32BE(cursor.bytes, take(cursor, 4));
}
export function readU32(cursor: ByteCursor): number {
  return readU32BE(cursor.bytes, take(cursor, 4));
}

export function readF64(cursor: ByteCursor): number {
  const at = take(cursor, 8);
  return new DataView(cursor.bytes.buffer, cursor.bytes.byteOffset).getFloat64(at);
}

/** An i64 that counts or measures something. @throws CorruptFileError beyond ±2^53 */
export function readSafeI64(cursor: ByteCursor): number {
  const at = take(cursor, 8);
  const hi = readI32BE(cursor.bytes, at);
  const lo = readI32BE(cursor.bytes, at + 4);
  if (!isSafeInt64(hi, lo)) throw new CorruptFileError(cursor.path, cursor.base + at, 'number above 2^53 - 1');
  return int64ToNumber(hi, lo);
}

/** u16 length, then UTF-8. */
export function readUtf(cursor: ByteCursor): string {
  const length = readU16(cursor);
  const at = take(cursor, length);
  return new TextDecoder().decode(cursor.bytes.subarray(at, at + length));
}

/** u16 length, then bytes; a copy. */
export function readBytes16(cursor: ByteCursor): Uint8Array {
  const length = readU16(cursor);
  const at = take(cursor, length);
  return cursor.bytes.slice(at, at + length);
}

/** i32 length, then bytes; a copy. */
export function readBytes32(cursor: ByteCursor): Uint8Array {
  const length = readI32(cursor);
  const at = take(cursor, length);
  return cursor.bytes.slice(at, at + length);
}

/** vint length, then bytes; a copy. */
export function readVintBytes(cursor: ByteCursor): Uint8Array {
  const length = readUnsignedVint(cursor);
  const at = take(cursor, length);
  return cursor.bytes.slice(at, at + length);
}

/** vint length, then UTF-8. */
export function readVintText(cursor: ByteCursor): string {
  const length = readUnsignedVint(cursor);
  const at = take(cursor, length);
  return new TextDecoder().decode(cursor.bytes.subarray(at, at + length));
}

/** @throws RangeError when the text has more than 65535 bytes */
export function writeUtf(out: ByteWriter, text: string): void {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > 0xffff) throw new RangeError('text too long for a u16 length');
  out.u16BE(bytes.length);
  out.raw(bytes);
}

export function writeSafeI64(out: ByteWriter, value: number): void {
  out.i64BE(int64Hi(value), int64Lo(value));
}

export function writeF64(out: ByteWriter, value: number): void {
  const at = out.reserve(8);
  new DataView(out.bytes.buffer, out.bytes.byteOffset).setFloat64(at, value);
  out.length = at + 8;
}

export function writeVintText(out: ByteWriter, text: string): void {
  const bytes = new TextEncoder().encode(text);
  writeUnsignedVint(out, bytes.length);
  out.raw(bytes);
}

export function writeVintBytes(out: ByteWriter, bytes: Uint8Array): void {
  writeUnsignedVint(out, bytes.length);
  out.raw(bytes);
}
