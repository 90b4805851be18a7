import { compareBytes } from '../bytes.ts';
import { CellFlag, EXPIRED_LIVENESS_TTL, type RowReader } from './row-body.ts';

/**
 * The one place that decides between two writes. Every rule is a total order that looks at the writes alone, never at the
 * clock, so all replicas decide alike, whenever and in whichever order they merge.
 * @see spec/sstable.md §19.1 and §19.2 with ScyllaDB's step 5 (`compare_atomic_cell_for_merge`, `compare_row_marker_for_merge`)
 */

/**
 * The readers' current cells, both of one column and path: > 0 when a wins, < 0 when b does, 0 when they are the same.
 * Not for live counter cells, which are added up shard by shard (`counter-cell.ts`), nor for complex deletions.
 */
export function reconcileCells(a: RowReader, b: RowReader): number {
  if (a.timestampHi !== b.timestampHi) return a.timestampHi < b.timestampHi ? -1 : 1;
  if (a.timestampLo !== b.timestampLo) return a.timestampLo >>> 0 < b.timestampLo >>> 0 ? -1 : 1;
  const aDead = (a.flags & CellFlag.Deleted) !== 0;
  const bDead = (b.flags & CellFlag.Deleted) !== 0;
  if (aDead || bDead) {
    if (aDead !== bDead) return aDead ? 1 : -1;
    return a.time === b.time ? 0 : a.time < b.time ? -1 : 1;
  }
  if (a.ttl !== 0 || b.ttl !== 0) {
    if (a.ttl === 0) return -1;
    if (b.ttl === 0) return 1;
    if (a.time !== b.time) return a.time < b.time ? -1 : 1;
    if (a.ttl !== b.ttl) return a.ttl < b.ttl ? 1 : -1; // the shorter one was written later
  }
  return compareBytes(a.bytes, a.valueStart, a.valueEnd, b.bytes, b.valueStart, b.valueEnd);
}

/** Two row markers: > 0 when a wins. `ttl` 0 does not expire, EXPIRED_LIVENESS_TTL has expired at `expiry`. */
export function reconcileLiveness(
  aHi: number,
  aLo: number,
  aTtl: number,
  aExpiry: number,
  bHi: number,
  bLo: number,
  bTtl: number,
  bExpiry: number,
): number {
  if (aHi !== bHi) return aHi < bHi ? -1 : 1;
  if (aLo !== bLo) return aLo >>> 0 < bLo >>> 0 ? -1 : 1;
  const aExpired = aTtl === EXPIRED_LIVENESS_TTL;
  const bExpired = bTtl === EXPIRED_LIVENESS_TTL;
  if (aExpired !== bExpired) return aExpired ? 1 : -1;
  if (aTtl === 0 || bTtl === 0) return aTtl === bTtl ? 0 : aTtl === 0 ? -1 : 1;
  if (aExpiry !== bExpiry) return aExpiry < bExpiry ? -1 : 1;
  return aTtl === bTtl ? 0 : aTtl < bTtl ? 1 : -1;
}

/** Two deletions of the same thing: > 0 when a wins. None is (-2^63), whatever its time. */
export function reconcileDeletions(
  aHi: number,
  aLo: number,
  aTime: number,
  bHi: number,
  bLo: number,
  bTime: number,
): number {
  if (aHi !== bHi) return aHi < bHi ? -1 : 1;
  if (aLo !== bLo) return aLo >>> 0 < bLo >>> 0 ? -1 : 1;
  return aTime === bTime ? 0 : aTime < bTime ? -1 : 1;
}

/** True when data written at (hi, lo) is hidden by a deletion: its timestamp is not above the deletion's. */
export function isShadowed(hi: number, lo: number, deletionHi: number, deletionLo: number): boolean {
  return hi < deletionHi || (hi === deletionHi && lo >>> 0 <= deletionLo >>> 0);
}
