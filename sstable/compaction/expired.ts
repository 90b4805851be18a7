import { compareInt64 } from '../../core/int64.ts';
import type { Candidate, CompactionContext } from './strategy.ts';

/**
 * SSTables that may be removed unread: everything in them was deleted or has expired before gc grace, and nothing anywhere is so old
 * that their tombstones could still hide it. All of them go together, or the ones left might lack what hid their data.
 * @param ignoresOverlaps removes them whatever else is old: deleted data may come back, and shadowed data of other files too
 * @see spec/sstable.md §19.4; Cassandra `CompactionController.getFullyExpiredSSTables`
 */
export function expiredOf(
  candidates: readonly Candidate[],
  context: CompactionContext,
  ignoresOverlaps: boolean,
): Candidate[] {
  const { gcBefore } = context;
  if (gcBefore === 0) return [];
  let expired = candidates.filter(({ maxDeletionTime }) => maxDeletionTime < gcBefore);
  if (expired.length === 0) return [];
  if (!ignoresOverlaps) {
    let hi = context.leastInMemoryHi;
    let lo = context.leastInMemoryLo;
    for (const { maxDeletionTime, minTimestampHi, minTimestampLo } of candidates) {
      // What has expired hides nothing and shows nothing, so only what may still be alive counts.
      if (maxDeletionTime < gcBefore || compareInt64(minTimestampHi, minTimestampLo, hi, lo) >= 0) continue;
      hi = minTimestampHi;
      lo = minTimestampLo;
    }
    expired = expired.filter((each) => compareInt64(each.maxTimestampHi, each.maxTimestampLo, hi, lo) < 0);
  }
  return expired.length > 0 && context.mayDrop(expired) ? expired : [];
}
