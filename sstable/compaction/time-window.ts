import { int64ToNumber } from '../../core/int64.ts';
import { expiredOf } from './expired.ts';
import { LOOK_MS } from './look.ts';
import { type BucketOptions, bucketOptions, mostUseful } from './size-buckets.ts';
import {
  type Candidate,
  type CompactionContext,
  type CompactionStrategy,
  type CompactionTask,
  mergeOf,
  TaskKind,
} from './strategy.ts';
import { mostDroppable, type TombstoneOptions, tombstoneOptions } from './tombstones.ts';

const WINDOW_UNIT_MS: Readonly<Record<string, number>> = { MINUTES: 60_000, HOURS: 3_600_000, DAYS: 86_400_000 };
/** Write timestamps per millisecond. */
const PER_MS: Readonly<Record<string, number>> = {
  NANOSECONDS: 1e6,
  MICROSECONDS: 1000,
  MILLISECONDS: 1,
  SECONDS: 0.001,
};
const LEAST_LOOK_MS = 10_000;

/**
 * For data that is written in the order of time and expires: SSTables of one window of time, told by their newest write, end up in
 * one file, which is removed whole once everything in it has expired.
 *
 *   expired                      removed without being read (expired.ts), looked for every so often
 *   newest window of all files   by size tiers, while it is being filled
 *   former windows               two or more files are merged into one
 *
 * Tombstones of single SSTables are looked at only if the table says so by one of their options.
 * @see Cassandra `TimeWindowCompactionStrategy`
 */
export class TimeWindow implements CompactionStrategy {
  readonly lookMs: number;
  readonly #windowMs: number;
  readonly #perMs: number;
  readonly #checkMs: number;
  readonly #ignoresOverlaps: boolean;
  readonly #buckets: BucketOptions;
  readonly #tombstones: TombstoneOptions | undefined;
  /** When nothing expired was found last. */
  #checkedMs = Number.NEGATIVE_INFINITY;

  /** @param options the table's `compaction` option, whose values were checked when it was set */
  constructor(options: Readonly<Record<string, string>>) {
    const unit = WINDOW_UNIT_MS[options.compaction_window_unit?.toUpperCase() ?? 'DAYS'] ?? WINDOW_UNIT_MS.DAYS!;
    this.#windowMs = Number(options.compaction_window_size ?? 1) * unit;
    this.#perMs = PER_MS[options.timestamp_resolution?.toUpperCase() ?? 'MICROSECONDS'] ?? PER_MS.MICROSECONDS!;
    this.#checkMs = Number(options.expired_sstable_check_frequency_seconds ?? 600) * 1000;
    this.#ignoresOverlaps = options.unsafe_aggressive_sstable_expiration?.toLowerCase() === 'true';
    this.#buckets = bucketOptions(options);
    const looksAtTombstones =
      'tombstone_threshold' in options ||
      'tombstone_compaction_interval' in options ||
      options.unchecked_tombstone_compaction?.toLowerCase() === 'true';
    this.#tombstones = looksAtTombstones ? tombstoneOptions(options) : undefined;
    this.lookMs = Math.max(LEAST_LOOK_MS, Math.min(LOOK_MS, this.#checkMs));
  }

  next(candidates: readonly Candidate[], context: CompactionContext): CompactionTask | undefined {
    if (context.nowMs - this.#checkedMs >= this.#checkMs) {
      const expired = expiredOf(candidates, context, this.#ignoresOverlaps);
      if (expired.length > 0) return { ...mergeOf(expired), kind: TaskKind.Drop };
      this.#checkedMs = context.nowMs;
    }
    const windows = this.#windows(candidates);
    for (let i = 0; i < windows.length; i++) {
      const files = windows[i]!;
      if (i === 0) {
        const similar = mostUseful(files, this.#buckets);
        if (similar !== undefined) return mergeOf(similar);
      } else if (files.length > 1) {
        return mergeOf(files.sort((a, b) => a.sizeBytes - b.sizeBytes).slice(0, this.#buckets.maxThreshold));
      }
    }
    const single = this.#tombstones && mostDroppable(candidates, this.#tombstones, context);
    return single && mergeOf([single]);
  }

  /** One SSTable of each window. */
  major(candidates: readonly Candidate[]): CompactionTask[] {
    return this.#windows(candidates).map(mergeOf);
  }

  /** SSTables by window, the newest first. */
  #windows(candidates: readonly Candidate[]): Candidate[][] {
    const windows = new Map<number, Candidate[]>();
    for (const candidate of candidates) {
      // Nearest double: a window is at least 60,000 ms long, an error of a timestamp at most a few of its units.
      const ms = int64ToNumber(candidate.maxTimestampHi, candidate.maxTimestampLo) / this.#perMs;
      const window = Math.floor(ms / this.#windowMs);
      const files = windows.get(window);
      if (files === undefined) windows.set(window, [candidate]);
      else files.push(candidate);
    }
    return [...windows].sort(([a], [b]) => b - a).map(([, files]) => files);
  }
}
