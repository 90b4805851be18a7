/**
 * Latencies in microseconds by logarithmic buckets: 32 to each power of two, so a percentile is off by 3 % at most. A fixed array of
 * counters: recording costs a few nanoseconds and allocates nothing.
 */
const SUB_BITS = 5;
const SUB_COUNT: number = 1 << SUB_BITS;
const MAX_US = 2 ** 31;

export class LatencyHistogram {
  readonly #counts = new Float64Array((32 - SUB_BITS) * SUB_COUNT + SUB_COUNT);
  count = 0;
  sumUs = 0;
  maxUs = 0;

  record(us: number): void {
    const value = us < 0 ? 0 : us >= MAX_US ? MAX_US - 1 : Math.floor(us);
    this.#counts[bucketOf(value)]!++;
    this.count++;
    this.sumUs += value;
    if (value > this.maxUs) this.maxUs = value;
  }

  /** The latency that the share `quantile` (0 to 1) of the requests did not exceed. */
  percentile(quantile: number): number {
    const wanted = Math.ceil(this.count * quantile);
    let seen = 0;
    for (let bucket = 0; bucket < this.#counts.length; bucket++) {
      seen += this.#counts[bucket]!;
      if (seen >= wanted && wanted > 0) return Math.min(upperBoundOf(bucket), this.maxUs);
    }
    return this.maxUs;
  }

  merge(other: LatencyHistogram): void {
    for (let i = 0; i < this.#counts.length; i++) this.#counts[i]! += other.#counts[i]!;
    this.count += other.count;
    this.sumUs += other.sumUs;
    this.maxUs = Math.max(this.maxUs, other.maxUs);
  }

  summary(): Record<string, number> {
    return {
      mean: this.count === 0 ? 0 : Math.round(this.sumUs / this.count),
      p50: this.percentile(0.5),
      p90: this.percentile(0.9),
      p99: this.percentile(0.99),
      p999: this.percentile(0.999),
      max: this.maxUs,
    };
  }
}

function bucketOf(value: number): number {
  if (value < SUB_COUNT) return value;
  const exponent = 31 - Math.clz32(value);
  return (exponent - SUB_BITS + 1) * SUB_COUNT + ((value >>> (exponent - SUB_BITS)) & (SUB_COUNT - 1));
}

function upperBoundOf(bucket: number): number {
  if (bucket < SUB_COUNT) return bucket;
  const shift = Math.floor(bucket / SUB_COUNT) - 1;
  return (SUB_COUNT + (bucket % SUB_COUNT) + 1) * 2 ** shift - 1;
}
