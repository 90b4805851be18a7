/**
 * A signed 64-bit integer as two halves: `hi` an int32, `lo` the low 32 bits as an int32 bit pattern. This is the form of
 * write timestamps and tokens on the data path, where a bigint in a field costs seven times as much (conventions §4).
 */

/** -1, 0 or 1 as (aHi, aLo) is before, equal to or after (bHi, bLo), as signed 64-bit numbers. */
export function compareInt64(aHi: number, aLo: number, bHi: number, bLo: number): number {
  if (aHi !== bHi) return aHi < bHi ? -1 : 1;
  if (aLo === bLo) return 0;
  return aLo >>> 0 < bLo >>> 0 ? -1 : 1;
}

/** High half of a safe integer. */
export function int64Hi(value: number): number {
  return Math.floor(value / 0x1_0000_0000) | 0;
}

/** Low half of a safe integer, as an int32 bit pattern. */
export function int64Lo(value: number): number {
  return value | 0;
}

/** The number (hi, lo); exact within ±2^53, else the nearest double. */
export function int64ToNumber(hi: number, lo: number): number {
  return hi * 0x1_0000_0000 + (lo >>> 0);
}

/** True if (hi, lo) is exact as a number. */
export function isSafeInt64(hi: number, lo: number): boolean {
  return Number.isSafeInteger(int64ToNumber(hi, lo));
}

/** The exact value, for the control plane, tools and tests. */
export function int64ToBigInt(hi: number, lo: number): bigint {
  return (BigInt(hi) << 32n) | BigInt(lo >>> 0);
}

/** High half of any bigint's low 64 bits. */
export function bigIntHi(value: bigint): number {
  return Number(BigInt.asIntN(32, value >> 32n));
}

/** Low half of any bigint, as an int32 bit pattern. */
export function bigIntLo(value: bigint): number {
  return Number(BigInt.asIntN(32, value));
}

/** The least int64, -2^63: "no timestamp" in Cassandra's formats. */
export const INT64_MIN_HI: number = -0x8000_0000;
export const INT64_MIN_LO = 0;
/** The greatest int64, 2^63 - 1. */
export const INT64_MAX_HI = 0x7fff_ffff;
export const INT64_MAX_LO: number = -1;
