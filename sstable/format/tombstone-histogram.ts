import type { ByteCursor, ByteWriter } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { readF64, readI32, readSafeI64, writeF64, writeSafeI64 } from './fields.ts';
import type { VersionFeatures } from './version.ts';

/**
 * When the tombstones and expiring data of an SSTable may go: at most 100 (time, count) pairs, ascending. When there are
 * more times, the two closest become their weighted mean.
 *
 *   before `oa`    i32 most bins | i32 n | n x (f64 time, i64 count)
 *   from `oa` on   i32 most bins | i32 n | n x (i64 time, i32 count)
 *
 * Times are seconds since 1970, rounded up to whole minutes.
 * @see Cassandra `StreamingTombstoneHistogramBuilder`
 */
export class TombstoneHistogram {
  readonly #maxBins: number;
  readonly #times: Float64Array;
  readonly #counts: Float64Array;
  #size = 0;
  /** Where the last time was found: tombstones come in runs of equal times. */
  #last = 0;

  constructor(maxBins: number = MAX_BINS) {
    this.#maxBins = maxBins;
    this.#times = new Float64Array(maxBins + 1);
    this.#counts = new Float64Array(maxBins + 1);
  }

  get size(): number {
    return this.#size;
  }
  time(i: number): number {
    return this.#times[i]!;
  }
  count(i: number): number {
    return this.#counts[i]!;
  }

  /** Counts one tombstone or expiry, in seconds. */
  add(seconds: number): void {
    this.addBin(Math.ceil(seconds / ROUND_SECONDS) * ROUND_SECONDS, 1);
  }

  addBin(time: number, count: number): void {
    if (this.#last < this.#size && this.#times[this.#last] === time) {
      this.#counts[this.#last]! += count;
      return;
    }
    let low = 0;
    let high = this.#size;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#times[middle]! < time) low = middle + 1;
      else high = middle;
    }
    this.#last = low;
    if (low < this.#size && this.#times[low] === time) {
      this.#counts[low]! += count;
      return;
    }
    this.#times.copyWithin(low + 1, low, this.#size);
    this.#counts.copyWithin(low + 1, low, this.#size);
    this.#times[low] = time;
    this.#counts[low] = count;
    this.#size++;
    if (this.#size > this.#maxBins) this.#mergeClosest();
  }

  /** How many of the counted go before `seconds`; within a bin as if its count were spread up to the next one. */
  countBefore(seconds: number): number {
    let sum = 0;
    for (let i = 0; i < this.#size && this.#times[i]! < seconds; i++) sum += this.#counts[i]!;
    return sum;
  }

  #mergeClosest(): void {
    let best = 0;
    for (let i = 1; i < this.#size - 1; i++) {
      const gap = this.#times[i + 1]! - this.#times[i]!;
      if (gap < this.#times[best + 1]! - this.#times[best]!) best = i;
    }
    const left = this.#counts[best]!;
    const right = this.#counts[best + 1]!;
    this.#times[best] = (this.#times[best]! * left + this.#times[best + 1]! * right) / (left + right);
    this.#counts[best] = left + right;
    this.#times.copyWithin(best + 1, best + 2, this.#size);
    this.#counts.copyWithin(best + 1, best + 2, this.#size);
    this.#size--;
    this.#last = 0;
  }
}

const MAX_BINS = 100;
const ROUND_SECONDS = 60;

export function encodeTombstoneHistogram(histogram: TombstoneHistogram, out: ByteWriter): void {
  out.i32BE(MAX_BINS);
  out.i32BE(histogram.size);
  for (let i = 0; i < histogram.size; i++) {
    writeF64(out, histogram.time(i));
    writeSafeI64(out, histogram.count(i));
  }
}

/** @throws CorruptFileError */
export function decodeTombstoneHistogram(cursor: ByteCursor, version: VersionFeatures): TombstoneHistogram {
  const at = cursor.pos;
  readI32(cursor); // most bins; `na` and later write the number of bins there
  const size = readI32(cursor);
  const binBytes = version.hasUnsignedDeletionTime ? 12 : 16;
  if (size < 0 || size * binBytes > cursor.end - cursor.pos) {
    throw new CorruptFileError(cursor.path, cursor.base + at, `tombstone histogram of ${size} bins`);
  }
  const histogram = new TombstoneHistogram(Math.max(size, MAX_BINS));
  for (let i = 0; i < size; i++) {
    if (version.hasUnsignedDeletionTime) {
      const time = readSafeI64(cursor);
      histogram.addBin(time, readI32(cursor));
    } else {
      const time = readF64(cursor);
      histogram.addBin(time, readSafeI64(cursor));
    }
  }
  return histogram;
}
