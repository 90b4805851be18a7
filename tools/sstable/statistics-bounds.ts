import { compareInt64, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { EXPIRED_LIVENESS_TTL } from '../../core/mutation/row-body.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { ValidationReport } from './validation-report.ts';

/**
 * Compares what the rows hold with what Statistics.db says of them: each of its minima and maxima must bound all of the data,
 * or reads that skip the file by them would miss rows. Times are as the file has them.
 */
export class StatisticsBounds {
  readonly #sstable: SSTable;
  readonly #report: ValidationReport;
  readonly #isUnsigned: boolean;
  readonly #noTime: number;
  readonly #minPosition: Uint8Array;
  readonly #maxPosition: Uint8Array;
  /** Where the data at hand is. */
  at = 0;

  constructor(sstable: SSTable, report: ValidationReport) {
    this.#sstable = sstable;
    this.#report = report;
    const { version, statistics } = sstable;
    this.#isUnsigned = version.hasUnsignedDeletionTime;
    this.#noTime = this.#isUnsigned ? 0xffff_ffff : 0x7fff_ffff;
    const isUsable = version.hasAccurateMinMax && version.hasLegacyMinMax;
    this.#minPosition = clusteringPrefix(isUsable ? statistics.stats.minClustering : []);
    this.#maxPosition = clusteringPrefix(isUsable ? statistics.stats.maxClustering : []);
  }

  timestamp(hi: number, lo: number): void {
    const { stats, header } = this.#sstable.statistics;
    if (compareInt64(hi, lo, stats.minTimestampHi, stats.minTimestampLo) < 0) this.#error('minimum of timestamps');
    if (compareInt64(hi, lo, stats.maxTimestampHi, stats.maxTimestampLo) > 0) this.#error('maximum of timestamps');
    if (compareInt64(hi, lo, header.minTimestampHi, header.minTimestampLo) < 0) this.#belowBase('timestamp');
  }

  /** A deletion; (-2^63) is none. @param bits its local deletion time */
  deletion(hi: number, lo: number, bits: number): void {
    if (hi === INT64_MIN_HI && lo === INT64_MIN_LO) return;
    this.timestamp(hi, lo);
    this.tombstoneTime(bits);
  }

  tombstoneTime(bits: number): void {
    const time = this.#signed(bits);
    if (time < 0) {
      const { path } = this.#sstable;
      this.#report.errorOnce('negative time', path, this.at, `uncompressed data: negative local deletion time ${time}`);
    }
    this.#time(time);
  }

  /** A liveness or cell that expires. */
  expiring(ttl: number, bits: number): void {
    const { minTtl, maxTtl } = this.#sstable.statistics.stats;
    if (ttl !== EXPIRED_LIVENESS_TTL) {
      if (ttl < minTtl) this.#error('minimum of TTLs');
      if (ttl > maxTtl) this.#error('maximum of TTLs');
    }
    const time = this.#signed(bits);
    if (time >= 0) this.#time(time); // a negative one comes from an overflow and means long expired
  }

  /** A liveness or cell that neither expires nor is deleted. */
  live(): void {
    if (this.#sstable.statistics.stats.maxLocalDeletionTime !== this.#noTime) {
      this.#error('maximum of deletion times, which says that nothing lives');
    }
  }

  position(bytes: Uint8Array, start: number, end: number, weight: number): void {
    const { comparator } = this.#sstable.table;
    const min = this.#minPosition;
    const max = this.#maxPosition;
    if (min.length > 0 && comparator.compare(bytes, start, end, weight, min, 0, min.length, -1) < 0) {
      this.#error('minimum of clustering positions');
    }
    if (max.length > 0 && comparator.compare(bytes, start, end, weight, max, 0, max.length, 1) > 0) {
      this.#error('maximum of clustering positions');
    }
  }

  #time(time: number): void {
    const { stats, header } = this.#sstable.statistics;
    if (time < stats.minLocalDeletionTime) this.#error('minimum of deletion times');
    if (time > stats.maxLocalDeletionTime) this.#error('maximum of deletion times');
    if (time < this.#signed(header.minLocalDeletionTime)) this.#belowBase('local deletion time');
  }

  #signed(bits: number): number {
    return this.#isUnsigned ? bits >>> 0 : bits | 0;
  }

  #error(what: string): void {
    const { path } = this.#sstable;
    this.#report.errorOnce(what, path, this.at, `uncompressed data: outside of the ${what} in Statistics.db`);
  }

  #belowBase(what: string): void {
    const { path } = this.#sstable;
    this.#report.warningOnce(
      `base ${what}`,
      path,
      this.at,
      `uncompressed data: a ${what} below the base of the header`,
    );
  }
}
