import { ByteWriter, readU16BE } from '../core/bytes.ts';
import { compareInt64, INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI, INT64_MIN_LO } from '../core/int64.ts';
import type { ClusteringComparator } from '../core/schema/clustering-comparator.ts';
import { CardinalityEstimate } from './format/cardinality.ts';
import {
  CELL_COUNT_OFFSETS,
  type EstimatedHistogram,
  makeHistogram,
  PARTITION_SIZE_OFFSETS,
} from './format/estimated-histogram.ts';
import { TombstoneHistogram } from './format/tombstone-histogram.ts';

/** "No deletion time" in files before `oa`. */
const NO_TIME = 0x7fff_ffff;

/**
 * What Statistics.db tells about the data, gathered while it is written. Times are in the form of the file: at most
 * 2^31 - 1, which is "none".
 */
export class StatisticsCollector {
  readonly partitionSizes: EstimatedHistogram = makeHistogram(PARTITION_SIZE_OFFSETS);
  readonly cellCounts: EstimatedHistogram = makeHistogram(CELL_COUNT_OFFSETS);
  readonly tombstones: TombstoneHistogram = new TombstoneHistogram();
  /** Of the partition keys. */
  readonly cardinality: CardinalityEstimate = new CardinalityEstimate();
  minTimestampHi: number = INT64_MAX_HI;
  minTimestampLo: number = INT64_MAX_LO;
  maxTimestampHi: number = INT64_MIN_HI;
  maxTimestampLo: number = INT64_MIN_LO;
  minTime: number = NO_TIME;
  maxTime = 0;
  minTtl = 0x7fff_ffff;
  maxTtl = 0;
  cellCount = 0;
  rowCount = 0;
  partitionCount = 0;

  readonly #comparator: ClusteringComparator;
  readonly #min: ByteWriter = new ByteWriter(64);
  readonly #max: ByteWriter = new ByteWriter(64);
  #minWeight = 0;
  #maxWeight = 0;
  #hasClustering = false;
  #cellsBefore = 0;
  #lastHi = 0;
  #lastLo = 0;
  #hasTimestamp = false;

  constructor(comparator: ClusteringComparator) {
    this.#comparator = comparator;
  }

  timestamp(hi: number, lo: number): void {
    if (this.#hasTimestamp && hi === this.#lastHi && lo === this.#lastLo) return;
    this.#hasTimestamp = true;
    this.#lastHi = hi;
    this.#lastLo = lo;
    if (compareInt64(hi, lo, this.minTimestampHi, this.minTimestampLo) < 0) {
      this.minTimestampHi = hi;
      this.minTimestampLo = lo;
    }
    if (compareInt64(hi, lo, this.maxTimestampHi, this.maxTimestampLo) > 0) {
      this.maxTimestampHi = hi;
      this.maxTimestampLo = lo;
    }
  }

  /** True once a timestamp was seen; without one the file says "no information". */
  get hasTimestamp(): boolean {
    return this.#hasTimestamp;
  }

  cell(): void {
    this.cellCount++;
  }

  /** A cell or liveness that neither expires nor is deleted. */
  live(): void {
    this.maxTime = NO_TIME;
    this.minTtl = 0;
  }

  expiring(ttl: number, expiry: number): void {
    if (ttl < this.minTtl) this.minTtl = ttl;
    if (ttl > this.maxTtl) this.maxTtl = ttl;
    this.#time(expiry);
  }

  deletionTime(time: number): void {
    this.minTtl = 0;
    this.#time(time);
  }

  deletion(hi: number, lo: number, time: number): void {
    this.timestamp(hi, lo);
    this.deletionTime(time);
  }

  /** The first or last position of a partition that was written: they bound all positions of the file. */
  position(bytes: Uint8Array, start: number, end: number, weight: number): void {
    const comparator = this.#comparator;
    if (!this.#hasClustering) {
      this.#hasClustering = true;
      this.#set(this.#min, bytes, start, end);
      this.#set(this.#max, bytes, start, end);
      this.#minWeight = weight;
      this.#maxWeight = weight;
      return;
    }
    const min = this.#min;
    if (comparator.compare(bytes, start, end, weight, min.bytes, 0, min.length, this.#minWeight) < 0) {
      this.#set(min, bytes, start, end);
      this.#minWeight = weight;
    }
    const max = this.#max;
    if (comparator.compare(bytes, start, end, weight, max.bytes, 0, max.length, this.#maxWeight) > 0) {
      this.#set(max, bytes, start, end);
      this.#maxWeight = weight;
    }
  }

  /** A partition whose key is in `key` was written. */
  endPartition(key: ByteWriter, sizeBytes: number): void {
    this.cardinality.add(key.bytes, 0, key.length);
    this.partitionSizes.add(sizeBytes);
    this.cellCounts.add(this.cellCount - this.#cellsBefore);
    this.#cellsBefore = this.cellCount;
    this.partitionCount++;
  }

  /** Values of the least position, for Statistics.db. */
  minClustering(): Uint8Array[] {
    return values(this.#min);
  }

  maxClustering(): Uint8Array[] {
    return values(this.#max);
  }

  #time(time: number): void {
    if (time < this.minTime) this.minTime = time;
    if (time > this.maxTime) this.maxTime = time;
    if (time !== NO_TIME) this.tombstones.add(time);
  }

  #set(into: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
    into.clear();
    into.raw(bytes, start, end);
  }
}

function values(prefix: ByteWriter): Uint8Array[] {
  const list: Uint8Array[] = [];
  for (let p = 0; p < prefix.length; ) {
    const start = p + 2;
    p = start + readU16BE(prefix.bytes, p);
    list.push(prefix.bytes.slice(start, p));
  }
  return list;
}
