import { INT64_MIN_HI, INT64_MIN_LO, int64ToBigInt } from '../../core/int64.ts';
import { CellFlag, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { blobType } from '../../core/types/blob.ts';
import { quoteIdentifier } from '../../core/types/cql-identifier.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { emptyType } from '../../core/types/custom.ts';
import { cassandraText } from './cassandra-text.ts';
import { elementType, fieldIndex, pathType } from './cell-types.ts';
import type { DumpOptions } from './dump-options.ts';
import type { JsonText } from './json-text.ts';
import { counterTotal, jsonValue } from './json-value.ts';
import { clusteringValues, partitionKeyValues } from './key-text.ts';
import type { PartitionWriter, StreamTraits } from './partition-writer.ts';
import { type NamedColumn, RowColumns } from './row-columns.ts';
import { isoMicros, isoSeconds } from './time-text.ts';

/** The first Cassandra whose sstabledump tells the kind of table. */
const TABLE_KIND_VERSION = 5;

/**
 * Partitions as Cassandra's sstabledump prints them. Positions are where partitions and rows begin; sstabledump itself shows
 * the end of a partition's first row as its position.
 * @see spec/sstable.md §20.1
 */
export class SstabledumpWriter implements PartitionWriter {
  readonly #json: JsonText;
  readonly #table: TableDescriptor;
  readonly #traits: StreamTraits;
  readonly #options: DumpOptions;
  readonly #statics: RowColumns;
  readonly #regulars: RowColumns;
  readonly #row: RowReader = new RowReader();
  /** Names of columns as identifiers in JSON. */
  readonly #names: Map<string, string> = new Map();
  /** The range deletion in force. */
  #openHi: number = INT64_MIN_HI;
  #openLo: number = INT64_MIN_LO;
  #openTime = 0;

  constructor(json: JsonText, table: TableDescriptor, traits: StreamTraits, options: DumpOptions) {
    this.#json = json;
    this.#table = table;
    this.#traits = traits;
    this.#options = options;
    this.#statics = new RowColumns(table, true, true);
    this.#regulars = new RowColumns(table, false, true);
  }

  fragment(batch: RowBatch, i: number, position: number): void {
    switch (batch.kind[i]) {
      case FragmentKind.PartitionStart:
        this.#beginPartition(batch, i, position);
        break;
      case FragmentKind.StaticRow:
        this.#row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
        if (this.#statics.find(this.#row) > 0) this.#staticBlock(position);
        break;
      case FragmentKind.Row:
        this.#clusteredRow(batch, i, position);
        break;
      case FragmentKind.RangeChange:
        this.#marker(batch, i);
        break;
      default:
        this.#json.end();
        this.#json.end();
    }
  }

  key(bytes: Uint8Array, start: number, end: number): void {
    this.#keyValues(bytes, start, end);
  }

  #beginPartition(batch: RowBatch, i: number, position: number): void {
    const json = this.#json;
    this.#setOpen(INT64_MIN_HI, INT64_MIN_LO, 0);
    json.beginObject();
    if (this.#options.cassandraVersion >= TABLE_KIND_VERSION) {
      json.key('table kind');
      json.string('REGULAR');
    }
    json.key('partition');
    json.beginObject();
    json.key('key');
    this.#keyValues(batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
    json.key('position');
    json.number(String(position));
    if (batch.bodyEnd[i]! > batch.bodyStart[i]!) {
      this.#deletionInfo(batch.deletionHi(i), batch.deletionLo(i), batch.deletionTime(i));
    }
    json.end();
    json.key('rows');
    json.beginArray();
  }

  #keyValues(bytes: Uint8Array, start: number, end: number): void {
    const { partitionKey } = this.#table;
    this.#json.beginArray(true);
    for (const [i, value] of partitionKeyValues(bytes, start, end, partitionKey.length).entries()) {
      this.#json.string(cassandraText(partitionKey[i]!.type, value, 0, value.length, this.#options.cassandraVersion));
    }
    this.#json.end();
  }

  #staticBlock(position: number): void {
    const json = this.#json;
    json.beginObject();
    json.key('type');
    json.string('static_block');
    json.key('position');
    json.number(String(position));
    this.#cells(this.#statics);
    json.end();
  }

  #clusteredRow(batch: RowBatch, i: number, position: number): void {
    const json = this.#json;
    const row = this.#row;
    row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
    json.beginObject();
    json.key('type');
    json.string('row');
    json.key('position');
    json.number(String(position));
    if (this.#table.clustering.length > 0) this.#clustering(batch, i, 'null');
    if ((row.rowFlags & RowFlag.Liveness) !== 0) {
      json.key('liveness_info');
      json.beginObject(true);
      json.key('tstamp');
      this.#timestamp(row.livenessHi, row.livenessLo);
      if (row.livenessTtl !== 0) this.#expiry(row.livenessTtl, row.livenessExpiry);
      json.end();
    }
    if ((row.rowFlags & RowFlag.Deletion) !== 0) {
      this.#deletionInfo(row.deletionHi, row.deletionLo, row.deletionTime);
    } else if ((row.rowFlags & RowFlag.ShadowableDeletion) !== 0) {
      this.#deletionInfo(row.shadowableHi, row.shadowableLo, row.shadowableTime);
    }
    this.#regulars.find(row);
    this.#cells(this.#regulars);
    json.end();
  }

  /** @param missing JSON that stands for a value that the position lacks */
  #clustering(batch: RowBatch, i: number, missing: string): void {
    const json = this.#json;
    const values = clusteringValues(batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
    json.key('clustering');
    json.beginArray(true);
    for (const [place, { type }] of this.#table.clustering.entries()) {
      const value = values[place];
      json.number(value === undefined ? missing : jsonValue(type, value, 0, value.length));
    }
    json.end();
  }

  #marker(batch: RowBatch, i: number): void {
    const json = this.#json;
    const hi = batch.deletionHi(i);
    const lo = batch.deletionLo(i);
    const time = batch.deletionTime(i);
    const closes = this.#openHi !== INT64_MIN_HI || this.#openLo !== INT64_MIN_LO;
    const opens = hi !== INT64_MIN_HI || lo !== INT64_MIN_LO;
    const isBefore = batch.weight[i]! < 0; // of the rows with the prefix: a start there includes them, an end does not
    json.beginObject();
    json.key('type');
    json.string(closes && opens ? 'range_tombstone_boundary' : 'range_tombstone_bound');
    if (opens) this.#bound('start', isBefore, batch, i, hi, lo, time);
    if (closes) this.#bound('end', !isBefore, batch, i, this.#openHi, this.#openLo, this.#openTime);
    json.end();
    this.#setOpen(hi, lo, time);
  }

  #bound(
    side: string,
    isInclusive: boolean,
    batch: RowBatch,
    i: number,
    hi: number,
    lo: number,
    deletionTime: number,
  ): void {
    const json = this.#json;
    json.key(side);
    json.beginObject();
    json.key('type');
    json.string(isInclusive ? 'inclusive' : 'exclusive');
    if (batch.positionEnd[i]! > batch.positionStart[i]!) this.#clustering(batch, i, '"*"');
    this.#deletionInfo(hi, lo, deletionTime);
    json.end();
  }

  #setOpen(hi: number, lo: number, time: number): void {
    this.#openHi = hi;
    this.#openLo = lo;
    this.#openTime = time;
  }

  /** The cells of the row at hand, by column. */
  #cells(columns: RowColumns): void {
    const row = this.#row;
    this.#json.key('cells');
    this.#json.beginArray();
    for (const column of columns.ordered) {
      if (!columns.seek(row, column)) continue;
      if (column.type.isMultiCell) this.#multiCell(column);
      else this.#cell(column.name, column.type, undefined);
    }
    this.#json.end();
  }

  #multiCell({ id, name, type }: NamedColumn): void {
    const { cassandraVersion } = this.#options;
    const json = this.#json;
    const row = this.#row;
    let isThere = true;
    if ((row.flags & CellFlag.ComplexDeletion) !== 0) {
      json.beginObject(true);
      json.key('name');
      json.number(this.#quoted(name));
      this.#deletionInfo(row.timestampHi, row.timestampLo, row.time);
      json.end();
      isThere = row.next();
    }
    for (; isThere && row.columnId === id; isThere = row.next()) {
      const { bytes, pathStart, pathEnd } = row;
      const field = type.udt?.fieldNames[fieldIndex(bytes, pathStart, pathEnd)];
      const path = field ?? cassandraText(pathType(type) ?? blobType, bytes, pathStart, pathEnd, cassandraVersion);
      const valueType = type.kind === TypeKind.Set ? emptyType : elementType(type, bytes, pathStart, pathEnd);
      this.#cell(name, valueType, path);
    }
  }

  #cell(name: string, type: CqlType, path: string | undefined): void {
    const json = this.#json;
    const row = this.#row;
    json.beginObject(true);
    json.key('name');
    json.number(this.#quoted(name));
    if (path !== undefined) {
      json.key('path');
      json.beginArray();
      json.string(path);
      json.end();
    }
    if ((row.flags & CellFlag.Deleted) !== 0) {
      json.key('deletion_info');
      json.beginObject();
      json.key('local_delete_time');
      this.#seconds(row.time);
      json.end();
    } else {
      json.key('value');
      const { bytes, valueStart, valueEnd } = row;
      const isCounter = type.kind === TypeKind.Counter;
      json.number(isCounter ? counterTotal(bytes, valueStart, valueEnd) : jsonValue(type, bytes, valueStart, valueEnd));
    }
    // What the cell shares with the row's liveness is told there.
    const hasLiveness = (row.rowFlags & RowFlag.Liveness) !== 0;
    if (!hasLiveness || row.timestampHi !== row.livenessHi || row.timestampLo !== row.livenessLo) {
      json.key('tstamp');
      this.#timestamp(row.timestampHi, row.timestampLo);
    }
    if (row.ttl !== 0 && (!hasLiveness || row.ttl !== row.livenessTtl)) this.#expiry(row.ttl, row.time);
    json.end();
  }

  #quoted(name: string): string {
    let text = this.#names.get(name);
    if (text === undefined) {
      text = JSON.stringify(quoteIdentifier(name));
      this.#names.set(name, text);
    }
    return text;
  }

  #expiry(ttl: number, expiry: number): void {
    const json = this.#json;
    json.key('ttl');
    json.number(String(ttl));
    json.key('expires_at');
    this.#seconds(expiry);
    json.key('expired');
    json.boolean(this.#signed(expiry) <= this.#options.nowSeconds);
  }

  #deletionInfo(hi: number, lo: number, time: number): void {
    const json = this.#json;
    json.key('deletion_info');
    json.beginObject(true);
    json.key('marked_deleted');
    this.#timestamp(hi, lo);
    json.key('local_delete_time');
    this.#seconds(time);
    json.end();
  }

  #timestamp(hi: number, lo: number): void {
    const micros = int64ToBigInt(hi, lo);
    this.#json.string(this.#options.rawTimes ? micros.toString() : isoMicros(micros));
  }

  #seconds(time: number): void {
    const seconds = this.#signed(time);
    this.#json.string(this.#options.rawTimes ? String(seconds) : isoSeconds(seconds));
  }

  #signed(time: number): number {
    return this.#traits.hasUnsignedTimes ? time : time | 0;
  }
}
