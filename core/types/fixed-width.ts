import { compareBytes } from '../bytes.ts';

/** What types of one width share: how they treat values of any other length, which only damaged or hostile bytes have. */

/**
 * Order of two values of which at least one is not `width` bytes long: empty values first, then those of a wrong length
 * by their bytes, then proper ones. So the order is total whatever the bytes are.
 */
export function compareOddLengths(
  width: number,
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  const aRank = lengthRank(width, aEnd - aStart);
  const bRank = lengthRank(width, bEnd - bStart);
  return aRank !== bRank ? aRank - bRank : compareBytes(a, aStart, aEnd, b, bStart, bEnd);
}

function lengthRank(width: number, length: number): number {
  if (length === 0) return 0;
  return length === width ? 2 : 1;
}

/** Why a value of `length` bytes is none of a type of `width` bytes; undefined when it is one, or empty. */
export function checkWidth(cqlName: string, width: number, length: number): string | undefined {
  return length === width || length === 0 ? undefined : `Expected ${width} or 0 byte ${cqlName} (${length})`;
}

/** The first four bytes as a big-endian number, zeros where the value is shorter: the prefix of every type in byte order. */
export function leadingBytes(bytes: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length >= 4) {
    return ((bytes[start]! << 24) | (bytes[start + 1]! << 16) | (bytes[start + 2]! << 8) | bytes[start + 3]!) >>> 0;
  }
  let value = 0;
  for (let i = 0; i < 4; i++) value = (value << 8) | (i < length ? bytes[start + i]! : 0);
  return value >>> 0;
}

/** Unsigned order of two 32-bit patterns: -1, 0 or 1. */
export function compareU32(a: number, b: number): number {
  if (a === b) return 0;
  return a >>> 0 < b >>> 0 ? -1 : 1;
}
