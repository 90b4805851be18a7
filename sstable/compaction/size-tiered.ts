import { LOOK_MS } from './look.ts';
import { type BucketOptions, bucketOptions, mostUseful } from './size-buckets.ts';
import {
  type Candidate,
  type CompactionContext,
  type CompactionStrategy,
  type CompactionTask,
  mergeOf,
} from './strategy.ts';
import { mostDroppable, type TombstoneOptions, tombstoneOptions } from './tombstones.ts';

/**
 * Merges SSTables of similar size: each is read and written about log4(total / first size) times.
 * @see Cassandra `SizeTieredCompactionStrategy`
 */
export class SizeTiered implements CompactionStrategy {
  readonly lookMs: number = LOOK_MS;
  readonly #buckets: BucketOptions;
  readonly #tombstones: TombstoneOptions;

  /** @param options the table's `compaction` option, whose values were checked when it was set */
  constructor(options: Readonly<Record<string, string>>) {
    this.#buckets = bucketOptions(options);
    this.#tombstones = tombstoneOptions(options);
  }

  next(candidates: readonly Candidate[], context: CompactionContext): CompactionTask | undefined {
    const similar = mostUseful(candidates, this.#buckets);
    if (similar !== undefined) return mergeOf(similar);
    const single = mostDroppable(candidates, this.#tombstones, context);
    return single && mergeOf([single]);
  }

  /** One SSTable of all. */
  major(candidates: readonly Candidate[]): CompactionTask[] {
    return candidates.length === 0 ? [] : [mergeOf(candidates)];
  }
}
