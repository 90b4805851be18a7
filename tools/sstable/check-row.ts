import { counterShardCount } from '../../core/mutation/counter-cell.ts';
import { CellFlag, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import type { RowBatch } from '../../core/read/row-batch.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import type { SSTable } from '../../sstable/reader.ts';
import { elementType, fieldIndex, pathType } from './cell-types.ts';
import { clusteringValues, partitionKeyValues } from './key-text.ts';
import type { StatisticsBounds } from './statistics-bounds.ts';
import type { ValidationReport } from './validation-report.ts';

/** Checks that values are values of their types, and the times and TTLs of rows against the statistics. */
export class RowCheck {
  readonly #sstable: SSTable;
  readonly #report: ValidationReport;
  readonly #bounds: StatisticsBounds;
  readonly #row: RowReader = new RowReader();
  #at = 0;

  constructor(sstable: SSTable, report: ValidationReport, bounds: StatisticsBounds) {
    this.#sstable = sstable;
    this.#report = report;
    this.#bounds = bounds;
  }

  /** @param at where the partition begins */
  partitionKey(bytes: Uint8Array, start: number, end: number, at: number): void {
    this.#at = at;
    this.#values('partition key', this.#sstable.table.partitionKey, partitionKeyValues, bytes, start, end);
  }

  /** The position of a row or marker that begins at `at`. */
  clustering(bytes: Uint8Array, start: number, end: number, at: number): void {
    this.#at = at;
    this.#values('clustering', this.#sstable.table.clustering, clusteringValues, bytes, start, end);
  }

  /** The body of fragment i, a row that begins at `at`. Returns whether there is anything in it. */
  body(batch: RowBatch, i: number, at: number): boolean {
    const row = this.#row;
    const bounds = this.#bounds;
    this.#at = at;
    bounds.at = at;
    row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
    if ((row.rowFlags & RowFlag.Liveness) !== 0) {
      bounds.timestamp(row.livenessHi, row.livenessLo);
      if (row.livenessTtl === 0) bounds.live();
      else bounds.expiring(row.livenessTtl, row.livenessExpiry);
    }
    bounds.deletion(row.deletionHi, row.deletionLo, row.deletionTime);
    bounds.deletion(row.shadowableHi, row.shadowableLo, row.shadowableTime);
    let hasCells = false;
    while (row.next()) {
      hasCells = true;
      this.#cell(this.#sstable.table.columnById(row.columnId)!);
    }
    return hasCells || row.rowFlags !== 0;
  }

  #cell({ name, type }: ColumnDescriptor): void {
    const row = this.#row;
    const bounds = this.#bounds;
    const { bytes, flags, pathStart, pathEnd, valueStart, valueEnd } = row;
    if ((flags & CellFlag.ComplexDeletion) !== 0) {
      bounds.deletion(row.timestampHi, row.timestampLo, row.time);
      return;
    }
    bounds.timestamp(row.timestampHi, row.timestampLo);
    if ((flags & CellFlag.HasPath) !== 0) {
      const keys = pathType(type);
      if (keys !== undefined) this.#value(`path of ${name}`, keys, bytes, pathStart, pathEnd);
      else if (type.parameters[fieldIndex(bytes, pathStart, pathEnd)] === undefined) {
        this.#invalid(`path of ${name}`, 'no field of the type');
      }
    }
    if ((flags & CellFlag.Deleted) !== 0) {
      bounds.tombstoneTime(row.time);
      return;
    }
    if (row.ttl === 0) bounds.live();
    else bounds.expiring(row.ttl, row.time);
    if (type.kind === TypeKind.Counter) {
      if (counterShardCount(bytes, valueStart, valueEnd) < 0) this.#invalid(`value of ${name}`, 'not a counter');
    } else {
      const valueType = (flags & CellFlag.HasPath) === 0 ? type : elementType(type, bytes, pathStart, pathEnd);
      this.#value(`value of ${name}`, valueType, bytes, valueStart, valueEnd);
    }
  }

  #values(
    what: string,
    columns: readonly ColumnDescriptor[],
    split: (bytes: Uint8Array, start: number, end: number, columns: number) => readonly Uint8Array[],
    bytes: Uint8Array,
    start: number,
    end: number,
  ): void {
    for (const [i, value] of split(bytes, start, end, columns.length).entries()) {
      this.#value(`${what} ${i}`, columns[i]!.type, value, 0, value.length);
    }
  }

  /** Empty values are values of every type (spec/sstable.md §5.3). */
  #value(what: string, type: CqlType, bytes: Uint8Array, start: number, end: number): void {
    if (start === end) return;
    const why = type.validate(bytes, start, end);
    if (why !== undefined) this.#invalid(what, why);
  }

  #invalid(what: string, why: string): void {
    this.#report.errorOnce(`invalid ${what}`, this.#sstable.path, this.#at, `uncompressed data: ${what}: ${why}`);
  }
}
