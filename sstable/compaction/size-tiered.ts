import type { Candidate, CompactionStrategy, CompactionTask } from './strategy.ts';

const MIB = 1024 * 1024;

/** Options of SizeTieredCompactionStrategy with Cassandra's defaults. */
export interface SizeTieredOptions {
  readonly minThreshold: number;
  readonly maxThreshold: number;
  /** SSTables between these multiples of a bucket's average belong to it. */
  readonly bucketLow: number;
  readonly bucketHigh: number;
  /** All SSTables below this size are of one bucket. */
  readonly minSstableBytes: number;
  /** A single SSTable with a larger share of droppable tombstones is rewritten by itself. */
  readonly tombstoneThreshold: number;
  /** But not sooner than this after it was made. */
  readonly tombstoneCompactionIntervalMs: number;
}

/** Reads a table's `compaction` option, whose values were checked when the table was made. */
export function sizeTieredOptions(options: Readonly<Record<string, string>>): SizeTieredOptions {
  return {
    minThreshold: Number(options.min_threshold ?? 4),
    maxThreshold: Number(options.max_threshold ?? 32),
    bucketLow: Number(options.bucket_low ?? 0.5),
    bucketHigh: Number(options.bucket_high ?? 1.5),
    minSstableBytes: Number(options.min_sstable_size ?? 50 * MIB),
    tombstoneThreshold: Number(options.tombstone_threshold ?? 0.2),
    tombstoneCompactionIntervalMs: Number(options.tombstone_compaction_interval ?? 86_400) * 1000,
  };
}

/**
 * Merges SSTables of similar size: each is read and written about log4(total / first size) times.
 * @see Cassandra `SizeTieredCompactionStrategy`
 */
export class SizeTiered implements CompactionStrategy {
  readonly #options: SizeTieredOptions;

  constructor(options: SizeTieredOptions) {
    this.#options = options;
  }

  next(candidates: readonly Candidate[], nowMs: number): CompactionTask | undefined {
    const { minThreshold, maxThreshold } = this.#options;
    let best: Candidate[] | undefined;
    for (const bucket of this.#buckets(candidates)) {
      if (bucket.length < minThreshold) continue;
      bucket.sort((a, b) => a.sizeBytes - b.sizeBytes);
      const chosen = bucket.slice(0, maxThreshold);
      // Small ones first: they are cheap and many files cost every read.
      if (best === undefined || averageOf(chosen) < averageOf(best)) best = chosen;
    }
    return best === undefined ? this.#tombstoneTask(candidates, nowMs) : { inputs: best.map(({ id }) => id) };
  }

  #buckets(candidates: readonly Candidate[]): Candidate[][] {
    const { bucketLow, bucketHigh, minSstableBytes } = this.#options;
    const buckets: Candidate[][] = [];
    for (const candidate of [...candidates].sort((a, b) => a.sizeBytes - b.sizeBytes)) {
      const { sizeBytes } = candidate;
      const bucket = buckets.find((members) => {
        const average = averageOf(members);
        return (
          (sizeBytes > average * bucketLow && sizeBytes < average * bucketHigh) ||
          (sizeBytes < minSstableBytes && average < minSstableBytes)
        );
      });
      if (bucket === undefined) buckets.push([candidate]);
      else bucket.push(candidate);
    }
    return buckets;
  }

  #tombstoneTask(candidates: readonly Candidate[], nowMs: number): CompactionTask | undefined {
    const { tombstoneThreshold, tombstoneCompactionIntervalMs } = this.#options;
    let best: Candidate | undefined;
    for (const candidate of candidates) {
      if (candidate.droppableShare <= tombstoneThreshold) continue;
      if (nowMs - candidate.createdMs < tombstoneCompactionIntervalMs) continue;
      if (best === undefined || candidate.droppableShare > best.droppableShare) best = candidate;
    }
    return best && { inputs: [best.id] };
  }
}

function averageOf(candidates: readonly Candidate[]): number {
  let sum = 0;
  for (const { sizeBytes } of candidates) sum += sizeBytes;
  return sum / candidates.length;
}
