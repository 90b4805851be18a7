import { compareInt64 } from '../../core/int64.ts';
import type { Candidate, CompactionContext } from './strategy.ts';
import { overlaps, shareOutside } from './token-span.ts';

/** When a single SSTable is rewritten for its tombstones' sake; Cassandra's defaults. */
export interface TombstoneOptions {
  /** It must have a larger share of droppable tombstones. */
  readonly threshold: number;
  /** It is not rewritten sooner than this after it was made. */
  readonly intervalMs: number;
  /** Whether others hold what the tombstones hide is not looked at beforehand. */
  readonly isUnchecked: boolean;
}

/** Finding what overlaps an SSTable is work: no more are looked at in one choice, those with the most tombstones. */
const MOST_CHECKED = 8;

/** Without any, an SSTable that keeps its tombstones would be rewritten for ever. */
const LEAST_INTERVAL_MS = 1000;

export function tombstoneOptions(options: Readonly<Record<string, string>>): TombstoneOptions {
  return {
    threshold: Number(options.tombstone_threshold ?? 0.2),
    intervalMs: Math.max(LEAST_INTERVAL_MS, Number(options.tombstone_compaction_interval ?? 86_400) * 1000),
    isUnchecked: options.unchecked_tombstone_compaction?.toLowerCase() === 'true',
  };
}

/**
 * The SSTable whose rewriting promises to purge the most tombstones, or undefined. Where others of the same tokens hold older data,
 * tombstones will have to stay, so only the share of its tokens that nothing older has counts.
 * @see Cassandra `AbstractCompactionStrategy.worthDroppingTombstones`
 */
export function mostDroppable(
  candidates: readonly Candidate[],
  { threshold, intervalMs, isUnchecked }: TombstoneOptions,
  { nowMs, gcBefore }: CompactionContext,
): Candidate | undefined {
  if (gcBefore === 0) return undefined;
  const ripe: { readonly candidate: Candidate; readonly share: number }[] = [];
  for (const candidate of candidates) {
    if (nowMs - candidate.createdMs < intervalMs) continue;
    const share = candidate.droppableShare;
    if (share > threshold) ripe.push({ candidate, share });
  }
  ripe.sort((a, b) => b.share - a.share);
  for (const { candidate, share } of ripe.slice(0, MOST_CHECKED)) {
    if (isUnchecked) return candidate;
    const older = candidates.filter((other) => other !== candidate && mayBeHidden(other, candidate));
    if (older.length === 0 || share * shareOutside(candidate, older) > threshold) return candidate;
  }
  return undefined;
}

/** True when tombstones of `by` may hide something in `other`. */
function mayBeHidden(other: Candidate, by: Candidate): boolean {
  return (
    overlaps(other, by) &&
    compareInt64(other.minTimestampHi, other.minTimestampLo, by.maxTimestampHi, by.maxTimestampLo) <= 0
  );
}
