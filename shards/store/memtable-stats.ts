import { readI32LE, readU32LE } from '../../core/bytes.ts';
import { compareInt64, INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { CellFlag, NO_DELETION_TIME, RowFlag } from '../../core/mutation/row-body.ts';

/** Statistics as plain numbers, for another thread. */
export type MemtableStatsValues = Readonly<Record<(typeof FIELDS)[number], number>>;

const FIELDS = [
  'partitionCount',
  'rowCount',
  'cellCount',
  'tombstoneCount',
  'partitionDeletionCount',
  'rangeDeletionCount',
  'minTimestampHi',
  'minTimestampLo',
  'maxTimestampHi',
  'maxTimestampLo',
  'minDeletionTime',
  'maxDeletionTime',
  'minTtl',
  'maxTtl',
] as const;

/**
 * What was written into a memtable since it began, overwritten data included: so bounds, and upper limits of counts. Enough
 * for base values of an SSTable's header, for the purge rule (nothing here is older than the least timestamp) and for metrics.
 */
export class MemtableStats implements MemtableStatsValues {
  partitionCount = 0;
  /** Rows present, static ones included. */
  rowCount = 0;
  /** Cells written, each time they were. */
  cellCount = 0;
  /** Deletions of every kind written. */
  tombstoneCount = 0;
  partitionDeletionCount = 0;
  rangeDeletionCount = 0;
  /** Timestamps of liveness, cells and deletions; min above max while there is none. */
  minTimestampHi: number = INT64_MAX_HI;
  minTimestampLo: number = INT64_MAX_LO;
  maxTimestampHi: number = INT64_MIN_HI;
  maxTimestampLo: number = INT64_MIN_LO;
  /** Local deletion times and expiries, seconds; NO_DELETION_TIME stands for data that does not expire. */
  minDeletionTime: number = NO_DELETION_TIME;
  maxDeletionTime = 0;
  /** Seconds; 0 stands for data that does not expire. */
  minTtl: number = NO_DELETION_TIME;
  maxTtl = 0;

  static from(values: MemtableStatsValues): MemtableStats {
    const stats = new MemtableStats();
    for (const field of FIELDS) stats[field] = values[field];
    return stats;
  }

  values(): MemtableStatsValues {
    const values: Partial<Record<(typeof FIELDS)[number], number>> = {};
    for (const field of FIELDS) values[field] = this[field];
    return values as MemtableStatsValues;
  }

  /** Counts a deletion of a partition, a range, a row or a column. */
  addDeletion(hi: number, lo: number, deletionTime: number): void {
    this.tombstoneCount++;
    this.#timestamp(hi, lo);
    this.#time(deletionTime);
  }

  /** Counts what one row body holds. */
  addBody(bytes: Uint8Array, start: number, end: number): void {
    const rowFlags = bytes[start]!;
    let pos = start + 1;
    if ((rowFlags & RowFlag.Liveness) !== 0) {
      this.#timestamp(readI32LE(bytes, pos + 4), readI32LE(bytes, pos));
      pos += 8;
      if ((rowFlags & RowFlag.LivenessExpiring) !== 0) {
        this.#expiry(readU32LE(bytes, pos), readU32LE(bytes, pos + 4));
        pos += 8;
      } else {
        this.#expiry(0, NO_DELETION_TIME);
      }
    }
    if ((rowFlags & RowFlag.Deletion) !== 0) {
      this.addDeletion(readI32LE(bytes, pos + 4), readI32LE(bytes, pos), readU32LE(bytes, pos + 8));
      pos += 12;
    }
    if ((rowFlags & RowFlag.ShadowableDeletion) !== 0) {
      this.addDeletion(readI32LE(bytes, pos + 4), readI32LE(bytes, pos), readU32LE(bytes, pos + 8));
      pos += 12;
    }
    while (pos < end) pos = this.#addCell(bytes, pos);
  }

  #addCell(bytes: Uint8Array, start: number): number {
    const flags = bytes[start + 2]!;
    let pos = start + 3;
    this.cellCount++;
    if ((flags & CellFlag.RowTimestamp) === 0) {
      this.#timestamp(readI32LE(bytes, pos + 4), readI32LE(bytes, pos));
      pos += 8;
    }
    const isDead = (flags & (CellFlag.Deleted | CellFlag.ComplexDeletion)) !== 0;
    if (isDead) {
      this.tombstoneCount++;
      this.#time(readU32LE(bytes, pos));
      pos += 4;
    } else if ((flags & CellFlag.RowTtl) === 0) {
      if ((flags & CellFlag.Expiring) !== 0) {
        this.#expiry(readU32LE(bytes, pos), readU32LE(bytes, pos + 4));
        pos += 8;
      } else {
        this.#expiry(0, NO_DELETION_TIME);
      }
    }
    if ((flags & CellFlag.HasPath) !== 0) pos += 4 + readU32LE(bytes, pos);
    return isDead ? pos : pos + 4 + readU32LE(bytes, pos);
  }

  #timestamp(hi: number, lo: number): void {
    if (compareInt64(hi, lo, this.minTimestampHi, this.minTimestampLo) < 0) {
      this.minTimestampHi = hi;
      this.minTimestampLo = lo;
    }
    if (compareInt64(hi, lo, this.maxTimestampHi, this.maxTimestampLo) > 0) {
      this.maxTimestampHi = hi;
      this.maxTimestampLo = lo;
    }
  }

  #expiry(ttl: number, expiry: number): void {
    if (ttl < this.minTtl) this.minTtl = ttl;
    if (ttl > this.maxTtl) this.maxTtl = ttl;
    this.#time(expiry);
  }

  #time(time: number): void {
    if (time < this.minDeletionTime) this.minDeletionTime = time;
    if (time > this.maxDeletionTime) this.maxDeletionTime = time;
  }
}
