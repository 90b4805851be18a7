/**
 * Reading and writing fixed-width integers in byte arrays. Little endian in our own records (rings, log, memtable),
 * big endian in the CQL protocol and in SSTables. Every function takes (bytes, position); none checks bounds: callers
 * check the length of what they were given first, since past the end these read 0 and write nothing.
 */

export function readU16LE(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8);
}
export function readI32LE(bytes: Uint8Array, at: number): number {
  return bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
}
export function readU32LE(bytes: Uint8Array, at: number): number {
  return readI32LE(bytes, at) >>> 0;
}
export function writeU16LE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
}
/** Writes the low 32 bits of `value`, signed or not. */
export function writeI32LE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value;
  bytes[at + 1] = value >>> 8;
  bytes[at + 2] = value >>> 16;
  bytes[at + 3] = value >>> 24;
}

export function readU16BE(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 8) | bytes[at + 1]!;
}
export function readI32BE(bytes: Uint8Array, at: number): number {
  return (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
}
export function readU32BE(bytes: Uint8Array, at: number): number {
  return readI32BE(bytes, at) >>> 0;
}
export function writeU16BE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 8;
  bytes[at + 1] = value;
}
/** Writes the low 32 bits of `value`, signed or not. */
export function writeI32BE(bytes: Uint8Array, at: number, value: number): void {
  bytes[at] = value >>> 24;
  bytes[at + 1] = value >>> 16;
  bytes[at + 2] = value >>> 8;
  bytes[at + 3] = value;
}

/** Below this many bytes a loop beats the call into native code (performance guide §4). */
const COPY_BY_LOOP = 24;

/** Works on any Uint8Array; makes no object, unlike `set(subarray)`, and takes half its time. */
const copyNative = Buffer.prototype.copy;

/** Copies source[start, end) to target at `at`. The ranges may lie in one array if they do not overlap. */
export function copyBytes(source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
  if (end - start <= COPY_BY_LOOP) {
    for (let i = start, o = at; i < end; i++, o++) target[o] = source[i]!;
  } else {
    copyNative.call(source, target, at, start, end);
  }
}

/** Unsigned lexicographic order of two ranges, the shorter first when one is a prefix of the other: < 0, 0 or > 0. */
export function compareBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const aLength = aEnd - aStart;
  const bLength = bEnd - bStart;
  const shared = aLength < bLength ? aLength : bLength;
  for (let i = 0; i < shared; i++) {
    const difference = a[aStart + i]! - b[bStart + i]!;
    if (difference !== 0) return difference;
  }
  return aLength - bLength;
}

/** True if both ranges hold the same bytes. */
export function equalBytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): boolean {
  if (aEnd - aStart !== bEnd - bStart) return false;
  for (let i = aStart, j = bStart; i < aEnd; i++, j++) if (a[i] !== b[j]) return false;
  return true;
}

/**
 * A position in bytes of a named file, for decoders whose errors name file and offset.
 * The cursor borrows `bytes`; `base` is the file offset of bytes[0], so that `base + pos` is what errors print.
 */
export class ByteCursor {
  bytes: Uint8Array;
  pos: number;
  end: number;
  readonly path: string;
  base: number;

  constructor(bytes: Uint8Array, path: string, pos = 0, end: number = bytes.length, base = 0) {
    this.bytes = bytes;
    this.pos = pos;
    this.end = end;
    this.path = path;
    this.base = base;
  }
}

/**
 * A growing byte array that is written at its end and used again after `clear()`. `bytes[0, length)` is what was written.
 * `bytes` is replaced when it grows: take it anew after any write.
 */
export class ByteWriter {
  bytes: Uint8Array;
  length: number;

  constructor(capacity = 1024) {
    this.bytes = new Uint8Array(capacity);
    this.length = 0;
  }

  clear(): void {
    this.length = 0;
  }

  /** Makes room for `extra` more bytes; returns the position at which they begin. Does not move `length`. */
  reserve(extra: number): number {
    const needed = this.length + extra;
    if (needed > this.bytes.length) {
      const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    return this.length;
  }

  u8(value: number): void {
    const at = this.reserve(1);
    this.bytes[at] = value;
    this.length = at + 1;
  }
  u16LE(value: number): void {
    const at = this.reserve(2);
    writeU16LE(this.bytes, at, value);
    this.length = at + 2;
  }
  i32LE(value: number): void {
    const at = this.reserve(4);
    writeI32LE(this.bytes, at, value);
    this.length = at + 4;
  }
  /** An int64 as halves, low half first. */
  i64LE(hi: number, lo: number): void {
    const at = this.reserve(8);
    writeI32LE(this.bytes, at, lo);
    writeI32LE(this.bytes, at + 4, hi);
    this.length = at + 8;
  }
  u16BE(value: number): void {
    const at = this.reserve(2);
    writeU16BE(this.bytes, at, value);
    this.length = at + 2;
  }
  i32BE(value: number): void {
    const at = this.reserve(4);
    writeI32BE(this.bytes, at, value);
    this.length = at + 4;
  }
  /** An int64 as halves, high half first. */
  i64BE(hi: number, lo: number): void {
    const at = this.reserve(8);
    writeI32BE(this.bytes, at, hi);
    writeI32BE(this.bytes, at + 4, lo);
    this.length = at + 8;
  }
  raw(source: Uint8Array, start = 0, end: number = source.length): void {
    const at = this.reserve(end - start);
    copyBytes(source, start, end, this.bytes, at);
    this.length = at + (end - start);
  }

  /** A copy of what was written. */
  toBytes(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }
}
