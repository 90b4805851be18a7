const MIB = 1024 * 1024;

/** Options that tell which sizes are similar, with Cassandra's defaults. */
export interface BucketOptions {
  readonly minThreshold: number;
  readonly maxThreshold: number;
  /** What is between these multiples of a bucket's average belongs to it. */
  readonly bucketLow: number;
  readonly bucketHigh: number;
  /** Everything below this size is of one bucket. */
  readonly minSstableBytes: number;
}

interface Sized {
  readonly sizeBytes: number;
}

/** Things of similar size, the smallest first. */
export interface Bucket<Item extends Sized> {
  readonly items: Item[];
  sizeBytes: number;
}

export function bucketOptions(options: Readonly<Record<string, string>>): BucketOptions {
  return {
    minThreshold: Number(options.min_threshold ?? 4),
    maxThreshold: Number(options.max_threshold ?? 32),
    bucketLow: Number(options.bucket_low ?? 0.5),
    bucketHigh: Number(options.bucket_high ?? 1.5),
    minSstableBytes: Number(options.min_sstable_size ?? 50 * MIB),
  };
}

/** All of them by size, the smallest first. In ascending order only the last bucket can still take one. */
export function bucketsOf<Item extends Sized>(items: readonly Item[], options: BucketOptions): Bucket<Item>[] {
  const { bucketLow, bucketHigh, minSstableBytes } = options;
  const buckets: Bucket<Item>[] = [];
  let last: Bucket<Item> | undefined;
  for (const item of [...items].sort((a, b) => a.sizeBytes - b.sizeBytes)) {
    const { sizeBytes } = item;
    const average = last === undefined ? 0 : last.sizeBytes / last.items.length;
    const isSimilar =
      (sizeBytes > average * bucketLow && sizeBytes < average * bucketHigh) ||
      (sizeBytes < minSstableBytes && average < minSstableBytes);
    if (last === undefined || !isSimilar) {
      last = { items: [], sizeBytes: 0 };
      buckets.push(last);
    }
    last.items.push(item);
    last.sizeBytes += sizeBytes;
  }
  return buckets;
}

/**
 * What is worth merging: of the buckets with enough in them the one whose members are the smallest, for they are cheap and many
 * files cost every read. Undefined when there is none.
 */
export function mostUseful<Item extends Sized>(items: readonly Item[], options: BucketOptions): Item[] | undefined {
  for (const { items: members } of bucketsOf(items, options)) {
    if (members.length >= options.minThreshold) return members.slice(0, options.maxThreshold);
  }
  return undefined;
}
