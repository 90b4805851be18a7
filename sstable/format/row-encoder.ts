import { assert } from '../../core/assert.ts';
import { ByteWriter } from '../../core/bytes.ts';
import { compareInt64, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { CellFlag, NO_DELETION_TIME, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { writeUnsignedVint, writeVint64 } from '../../core/vint.ts';
import type { StatisticsCollector } from '../statistics-collector.ts';
import { BITMAP_COLUMNS, ExtendedFlag, FileCellFlag, UnfilteredFlag } from './data.ts';
import { timeToFile } from './deletion-time.ts';

/** The minima that a file's deltas add to; any numbers are right, the true minima make the file smallest. */
export interface EncodingBase {
  readonly minTimestampHi: number;
  readonly minTimestampLo: number;
  /** Seconds. */
  readonly minLocalDeletionTime: number;
  /** Seconds. */
  readonly minTtl: number;
}

/** Static or regular columns in the order of the file: simple ones, then multi-cell ones, each by name bytes. */
export class WrittenColumns {
  readonly columns: readonly ColumnDescriptor[];
  readonly isMultiCell: Uint8Array;
  /** Bytes of every value, or -1; multi-cell columns always -1. */
  readonly fixedLengths: Int32Array;
  /** Place by column id, -1 for others. */
  readonly indexOfId: Int32Array;

  /** @param sorted by name bytes, as TableDescriptor has them */
  constructor(sorted: readonly ColumnDescriptor[], nextColumnId: number) {
    const simple = sorted.filter((column) => !column.type.isMultiCell);
    this.columns = [...simple, ...sorted.filter((column) => column.type.isMultiCell)];
    this.isMultiCell = Uint8Array.from(this.columns, (column) => (column.type.isMultiCell ? 1 : 0));
    this.fixedLengths = Int32Array.from(this.columns, ({ type }) => (type.isMultiCell ? -1 : type.fixedLength));
    this.indexOfId = new Int32Array(nextColumnId).fill(-1);
    for (const [i, column] of this.columns.entries()) this.indexOfId[column.id] = i;
  }
}

/**
 * Turns row bodies (core/mutation/row-body.ts) into the bytes of Data.db that follow a row's previous size. One per
 * writer; `content` and the flags are those of the last row.
 */
export class RowEncoder {
  readonly content: ByteWriter = new ByteWriter(4096);
  /** UnfilteredFlag bits, without Extended. */
  flags = 0;
  /** ExtendedFlag bits, without IsStatic. */
  extendedFlags = 0;

  readonly #base: EncodingBase;
  readonly #statistics: StatisticsCollector;
  readonly #reader: RowReader = new RowReader();
  /** Per column of the file: where its first cell begins in the body, -1 when it has none. */
  readonly #cellAt: Int32Array;
  /** Per column: elements, without the complex deletion. */
  readonly #elements: Int32Array;

  constructor(base: EncodingBase, statistics: StatisticsCollector, mostColumns: number) {
    this.#base = base;
    this.#statistics = statistics;
    this.#cellAt = new Int32Array(mostColumns);
    this.#elements = new Int32Array(mostColumns);
  }

  /**
   * Encodes one body. Cells of columns that `columns` lacks are left out: they were dropped from the table.
   * @returns false when nothing is left of the row
   */
  encode(bytes: Uint8Array, start: number, end: number, columns: WrittenColumns): boolean {
    const row = this.#reader;
    row.open(bytes, start, end);
    this.content.clear();
    this.flags = 0;
    this.extendedFlags = 0;
    this.#head();
    const present = this.#findColumns(columns);
    if (present === columns.columns.length) this.flags |= UnfilteredFlag.HasAllColumns;
    else this.#missingColumns(columns.columns.length, present);
    for (let c = 0; c < columns.columns.length; c++) {
      if (this.#cellAt[c]! < 0) continue;
      row.pos = this.#cellAt[c]!;
      if (columns.isMultiCell[c] === 1) this.#multiCell(this.#elements[c]!);
      else {
        row.next();
        this.#cell(columns.fixedLengths[c]!);
      }
    }
    return present > 0 || row.rowFlags !== 0;
  }

  /** Appends a timestamp as the delta to its base. */
  timestamp(out: ByteWriter, hi: number, lo: number): void {
    const { minTimestampHi, minTimestampLo } = this.#base;
    const low = (lo - minTimestampLo) | 0;
    const borrow = lo >>> 0 < minTimestampLo >>> 0 ? 1 : 0;
    writeVint64(out, (hi - minTimestampHi - borrow) | 0, low);
  }

  /** Appends a deletion as two deltas. */
  deletion(out: ByteWriter, hi: number, lo: number, time: number): void {
    this.timestamp(out, hi, lo);
    this.#time(out, timeToFile(time));
  }

  #time(out: ByteWriter, seconds: number): void {
    const delta = (seconds - this.#base.minLocalDeletionTime) | 0;
    writeVint64(out, delta >> 31, delta);
  }

  #ttl(out: ByteWriter, seconds: number): void {
    const delta = (seconds - this.#base.minTtl) | 0;
    writeVint64(out, delta >> 31, delta);
  }

  #head(): void {
    const row = this.#reader;
    const out = this.content;
    const statistics = this.#statistics;
    if ((row.rowFlags & RowFlag.Liveness) !== 0) {
      this.flags |= UnfilteredFlag.HasTimestamp;
      this.timestamp(out, row.livenessHi, row.livenessLo);
      statistics.timestamp(row.livenessHi, row.livenessLo);
      if ((row.rowFlags & RowFlag.LivenessExpiring) !== 0) {
        this.flags |= UnfilteredFlag.HasTtl;
        const expiry = timeToFile(row.livenessExpiry);
        this.#ttl(out, row.livenessTtl);
        this.#time(out, expiry);
        statistics.expiring(row.livenessTtl, expiry);
      } else {
        statistics.live();
      }
    }
    let { deletionHi, deletionLo, deletionTime } = row;
    let hasDeletion = (row.rowFlags & RowFlag.Deletion) !== 0;
    if ((row.rowFlags & RowFlag.ShadowableDeletion) !== 0 && this.#isShadowableNeeded()) {
      // A row has one deletion in Cassandra's form; the newer of the two is the one that counts there.
      deletionHi = row.shadowableHi;
      deletionLo = row.shadowableLo;
      deletionTime = row.shadowableTime;
      hasDeletion = true;
      this.extendedFlags |= ExtendedFlag.CassandraShadowable;
    }
    if (hasDeletion) {
      this.flags |= UnfilteredFlag.HasDeletion;
      this.deletion(out, deletionHi, deletionLo, deletionTime);
      statistics.deletion(deletionHi, deletionLo, timeToFile(deletionTime));
    }
  }

  /** A shadowable deletion is void below a newer liveness, and idle below a newer row deletion. */
  #isShadowableNeeded(): boolean {
    const row = this.#reader;
    const { shadowableHi, shadowableLo } = row;
    return (
      compareInt64(shadowableHi, shadowableLo, row.livenessHi, row.livenessLo) >= 0 &&
      compareInt64(shadowableHi, shadowableLo, row.deletionHi, row.deletionLo) > 0
    );
  }

  /** Fills #cellAt and #elements; returns the number of columns present. */
  #findColumns(columns: WrittenColumns): number {
    const row = this.#reader;
    const cellAt = this.#cellAt;
    const elements = this.#elements;
    const { indexOfId } = columns;
    cellAt.fill(-1, 0, columns.columns.length);
    let present = 0;
    while (row.next()) {
      const c = row.columnId < indexOfId.length ? indexOfId[row.columnId]! : -1;
      if (c < 0) continue;
      if (cellAt[c]! < 0) {
        cellAt[c] = row.cellStart;
        elements[c] = 0;
        present++;
      }
      if ((row.flags & CellFlag.ComplexDeletion) !== 0) this.flags |= UnfilteredFlag.HasComplexDeletion;
      else elements[c]!++;
    }
    return present;
  }

  #missingColumns(count: number, present: number): void {
    const out = this.content;
    const cellAt = this.#cellAt;
    if (count < BITMAP_COLUMNS) {
      let hi = 0;
      let lo = 0;
      for (let c = 0; c < count; c++) {
        if (cellAt[c]! >= 0) continue;
        if (c < 32) lo |= 1 << c;
        else hi |= 1 << (c - 32);
      }
      writeVint64(out, hi, lo);
      return;
    }
    writeUnsignedVint(out, count - present);
    const listsPresent = present < count >>> 1;
    for (let c = 0; c < count; c++) if (cellAt[c]! >= 0 === listsPresent) writeUnsignedVint(out, c);
  }

  #multiCell(elements: number): void {
    const row = this.#reader;
    const out = this.content;
    row.next();
    const isDeletion = (row.flags & CellFlag.ComplexDeletion) !== 0;
    if ((this.flags & UnfilteredFlag.HasComplexDeletion) !== 0) {
      if (isDeletion) {
        this.deletion(out, row.timestampHi, row.timestampLo, row.time);
        this.#statistics.deletion(row.timestampHi, row.timestampLo, timeToFile(row.time));
      } else {
        this.deletion(out, INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
      }
    }
    writeUnsignedVint(out, elements);
    for (let i = 0; i < elements; i++) {
      if (isDeletion || i > 0) row.next();
      this.#cell(-1);
    }
  }

  /** The reader's current cell. */
  #cell(fixedLength: number): void {
    const row = this.#reader;
    const out = this.content;
    const statistics = this.#statistics;
    const { flags, valueStart, valueEnd } = row;
    const isDeleted = (flags & CellFlag.Deleted) !== 0;
    const isExpiring = (flags & CellFlag.Expiring) !== 0;
    const rowTimestamp = (flags & CellFlag.RowTimestamp) !== 0;
    const rowTtl = (flags & CellFlag.RowTtl) !== 0;
    const isEmpty = valueStart === valueEnd;
    out.u8(
      (isDeleted ? FileCellFlag.IsDeleted : 0) |
        (isExpiring ? FileCellFlag.IsExpiring : 0) |
        (isEmpty ? FileCellFlag.EmptyValue : 0) |
        (rowTimestamp ? FileCellFlag.UseRowTimestamp : 0) |
        (rowTtl ? FileCellFlag.UseRowTtl : 0),
    );
    statistics.cell();
    if (!rowTimestamp) {
      this.timestamp(out, row.timestampHi, row.timestampLo);
      statistics.timestamp(row.timestampHi, row.timestampLo);
    }
    if (isDeleted) {
      const time = timeToFile(row.time);
      this.#time(out, time);
      statistics.deletionTime(time);
    } else if (isExpiring) {
      const expiry = timeToFile(row.time);
      if (!rowTtl) {
        this.#time(out, expiry);
        this.#ttl(out, row.ttl);
      }
      statistics.expiring(row.ttl, expiry);
    } else {
      statistics.live();
    }
    if ((flags & CellFlag.HasPath) !== 0) {
      writeUnsignedVint(out, row.pathEnd - row.pathStart);
      out.raw(row.bytes, row.pathStart, row.pathEnd);
    }
    if (isEmpty) return;
    const length = valueEnd - valueStart;
    if (fixedLength < 0) writeUnsignedVint(out, length);
    else assert(length === fixedLength, 'a value has the length of its type');
    out.raw(row.bytes, valueStart, valueEnd);
  }
}
