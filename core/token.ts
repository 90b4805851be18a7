import { assert } from './assert.ts';
import { compareBytes } from './bytes.ts';
import type { TabletIndex } from './ids.ts';
import { compareInt64, INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI, INT64_MIN_LO } from './int64.ts';
import { Murmur3Hash, murmur3 } from './murmur3.ts';
import type { TokenRange } from './read/slice.ts';

/**
 * Tokens: the first half of the key's murmur3 as a signed int64, as int32 halves. The least number stands for "before
 * everything" and is the token of the empty key alone; a key that hashes to it gets the greatest instead.
 * @see Cassandra `Murmur3Partitioner`; spec/sstable.md §4.2, §4.3
 */

/** A token that `tokenOf` fills in. One per caller, used again. */
export class Token {
  hi: number = INT64_MIN_HI;
  lo: number = INT64_MIN_LO;
  /** All 128 bits, for bloom filters; after `tokenOf` of an empty key its content means nothing. */
  readonly hash: Murmur3Hash = new Murmur3Hash();
}

/** Computes the token of the serialized partition key bytes[start, end). */
export function tokenOf(bytes: Uint8Array, start: number, end: number, into: Token): void {
  if (start === end) {
    into.hi = INT64_MIN_HI;
    into.lo = INT64_MIN_LO;
    return;
  }
  const { hash } = into;
  murmur3(bytes, start, end, hash);
  if (hash.h1Hi === INT64_MIN_HI && hash.h1Lo === INT64_MIN_LO) {
    into.hi = INT64_MAX_HI;
    into.lo = INT64_MAX_LO;
  } else {
    into.hi = hash.h1Hi;
    into.lo = hash.h1Lo;
  }
}

/** Order of two tokens: -1, 0 or 1. */
export function compareToken(aHi: number, aLo: number, bHi: number, bLo: number): number {
  return compareInt64(aHi, aLo, bHi, bLo);
}

/** Order of partitions: by token, then by unsigned key bytes. < 0, 0 or > 0. */
export function comparePartition(
  aHi: number,
  aLo: number,
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  bHi: number,
  bLo: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  if (aHi !== bHi) return aHi < bHi ? -1 : 1;
  if (aLo !== bLo) return aLo >>> 0 < bLo >>> 0 ? -1 : 1;
  return compareBytes(a, aStart, aEnd, b, bStart, bEnd);
}

/** Most tablets that a table may have. */
export const MAX_TABLET_COUNT: number = 2 ** 30;

/** The tablet that owns a token: the top bits of the token biased to unsigned. @param tabletCount a power of two */
export function tabletOfToken(tokenHi: number, tabletCount: number): TabletIndex {
  if (tabletCount === 1) return 0 as TabletIndex; // a shift by 32 would be a shift by 0
  return ((tokenHi ^ INT64_MIN_HI) >>> (Math.clz32(tabletCount) + 1)) as TabletIndex;
}

/** The tokens of one tablet, both ends inclusive. @param tabletCount a power of two */
export function tabletTokenRange(tablet: number, tabletCount: number): TokenRange {
  assert(tabletCount > 0 && tabletCount <= MAX_TABLET_COUNT, 'tablet count within its limit');
  assert((tabletCount & (tabletCount - 1)) === 0, 'tablet count is a power of two');
  assert(tablet >= 0 && tablet < tabletCount, 'tablet exists');
  const width = 2 ** 32 / tabletCount; // in units of the high half
  return {
    startHi: (tablet * width) ^ INT64_MIN_HI,
    startLo: 0,
    startKey: undefined,
    startInclusive: true,
    endHi: ((tablet + 1) * width - 1) ^ INT64_MIN_HI,
    endLo: -1,
    endInclusive: true,
  };
}

/** Every token, the empty key's included. */
export const ALL_TOKENS: TokenRange = tabletTokenRange(0, 1);

/** True when a partition lies in the range. */
export function rangeContains(
  range: TokenRange,
  hi: number,
  lo: number,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
): boolean {
  return (
    !isBeforeRange(range, hi, lo, key, keyStart, keyEnd) &&
    (range.endInclusive
      ? compareInt64(hi, lo, range.endHi, range.endLo) <= 0
      : compareInt64(hi, lo, range.endHi, range.endLo) < 0)
  );
}

/** True when a partition lies before the range's first place. */
export function isBeforeRange(
  range: TokenRange,
  hi: number,
  lo: number,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
): boolean {
  let order = compareInt64(hi, lo, range.startHi, range.startLo);
  const { startKey } = range;
  if (order === 0 && startKey !== undefined) order = compareBytes(key, keyStart, keyEnd, startKey, 0, startKey.length);
  return range.startInclusive ? order < 0 : order <= 0;
}
