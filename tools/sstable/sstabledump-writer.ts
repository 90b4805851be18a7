import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { CellFlag, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import { ClusteringPrefixReader } from '../../core/schema/clustering-prefix.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { blobType } from '../../core/types/blob.ts';
import { quoteIdentifier } from '../../core/types/cql-identifier.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { emptyType } from '../../core/types/custom.ts';
import { cassandraText } from './cassandra-text.ts';
import { elementType, fieldIndex, pathType } from './cell-types.ts';
import type { DumpOptions } from './dump-options.ts';
import type { JsonText } from './json-text.ts';
import { counterTotal } from './json-value.ts';
import { partitionKeyValues } from './key-text.ts';
import type { PartitionWriter, StreamTraits } from './partition-writer.ts';
import { type NamedColumn, RowColumns } from './row-columns.ts';
import { type CellTemplate, SstabledumpTemplates } from './sstabledump-templates.ts';
import { int64Bytes, TimeBytes } from './time-bytes.ts';
import { ValueBytes } from './value-bytes.ts';

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
  readonly #prefix: ClusteringPrefixReader = new ClusteringPrefixReader();
  readonly #values: ValueBytes;
  readonly #times: TimeBytes = new TimeBytes(true);
  readonly #templates: SstabledumpTemplates;
  // Of the columns, in their order.
  readonly #staticCells: readonly CellTemplate[];
  readonly #regularCells: readonly CellTemplate[];
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
    this.#values = new ValueBytes(json);
    const templates = new SstabledumpTemplates(json.style, json.depth);
    this.#templates = templates;
    this.#staticCells = this.#statics.ordered.map(({ name }) => templates.cell(name));
    this.#regularCells = this.#regulars.ordered.map(({ name }) => templates.cell(name));
  }

  fragment(batch: RowBatch, i: number, position: number): void {
    switch (batch.kind[i]) {
      case FragmentKind.PartitionStart:
        this.#beginPartition(batch, i, position);
        break;
      case FragmentKind.StaticRow:
        this.#row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
        if (this.#statics.find(this.#row)) this.#staticBlock(position);
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
    json.integer(position);
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
    json.integer(position);
    this.#cells(this.#statics, this.#staticCells);
    json.end();
  }

  #clusteredRow(batch: RowBatch, i: number, position: number): void {
    const json = this.#json;
    const row = this.#row;
    row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
    const { rowStart, nextRowStart, livenessStart, inlineEnd } = this.#templates;
    json.template(rowStart, nextRowStart);
    json.integerText(position);
    json.enter(false, false, 2);
    if (this.#table.clustering.length > 0) this.#clustering(batch, i, 'null');
    if ((row.rowFlags & RowFlag.Liveness) !== 0) {
      json.literal(livenessStart);
      this.#timestamp(row.livenessHi, row.livenessLo);
      if (row.livenessTtl !== 0) this.#expiry(row.livenessTtl, row.livenessExpiry);
      json.literal(inlineEnd);
    }
    if ((row.rowFlags & RowFlag.Deletion) !== 0) {
      this.#deletionInfo(row.deletionHi, row.deletionLo, row.deletionTime);
    } else if ((row.rowFlags & RowFlag.ShadowableDeletion) !== 0) {
      this.#deletionInfo(row.shadowableHi, row.shadowableLo, row.shadowableTime);
    }
    this.#regulars.find(row);
    this.#cells(this.#regulars, this.#regularCells);
    json.end();
  }

  /** @param missing JSON that stands for a value that the position lacks */
  #clustering(batch: RowBatch, i: number, missing: string): void {
    const json = this.#json;
    const { clustering } = this.#table;
    const prefix = this.#prefix;
    prefix.open(batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
    json.key('clustering');
    json.beginArray(true);
    for (let k = 0; k < clustering.length; k++) {
      json.separate();
      if (prefix.next()) this.#values.value(clustering[k]!.type, batch.bytes, prefix.valueStart, prefix.valueEnd);
      else json.raw(missing);
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
  #cells(columns: RowColumns, templates: readonly CellTemplate[]): void {
    const row = this.#row;
    this.#json.key('cells');
    this.#json.beginArray();
    const { ordered } = columns;
    for (let i = 0; i < ordered.length; i++) {
      const column = ordered[i]!;
      if (!columns.seek(row, column)) continue;
      if (column.type.isMultiCell) this.#multiCell(column, templates[i]!);
      else this.#cell(templates[i]!, column.type, undefined);
    }
    this.#json.end();
  }

  #multiCell({ id, name, type }: NamedColumn, template: CellTemplate): void {
    const { cassandraVersion } = this.#options;
    const json = this.#json;
    const row = this.#row;
    let isThere = true;
    if ((row.flags & CellFlag.ComplexDeletion) !== 0) {
      json.beginObject(true);
      json.key('name');
      json.string(quoteIdentifier(name));
      this.#deletionInfo(row.timestampHi, row.timestampLo, row.time);
      json.end();
      isThere = row.next();
    }
    for (; isThere && row.columnId === id; isThere = row.next()) {
      const { bytes, pathStart, pathEnd } = row;
      const field = type.udt?.fieldNames[fieldIndex(bytes, pathStart, pathEnd)];
      const path = field ?? cassandraText(pathType(type) ?? blobType, bytes, pathStart, pathEnd, cassandraVersion);
      const valueType = type.kind === TypeKind.Set ? emptyType : elementType(type, bytes, pathStart, pathEnd);
      this.#cell(template, valueType, path);
    }
    if (isThere) row.pos = row.cellStart;
  }

  #cell({ first, next }: CellTemplate, type: CqlType, path: string | undefined): void {
    const json = this.#json;
    const row = this.#row;
    const templates = this.#templates;
    json.template(first, next);
    if (path !== undefined) {
      json.literal(templates.pathStart);
      json.raw(JSON.stringify(path));
      json.literal(templates.pathEnd);
    }
    if ((row.flags & CellFlag.Deleted) !== 0) {
      json.literal(templates.deletedStart);
      this.#seconds(row.time);
      json.literal(templates.inlineEnd);
    } else {
      json.literal(templates.value);
      const { bytes, valueStart, valueEnd } = row;
      if (type.kind === TypeKind.Counter) json.raw(counterTotal(bytes, valueStart, valueEnd));
      else this.#values.value(type, bytes, valueStart, valueEnd);
    }
    // What the cell shares with the row's liveness is told there.
    const hasLiveness = (row.rowFlags & RowFlag.Liveness) !== 0;
    if (!hasLiveness || row.timestampHi !== row.livenessHi || row.timestampLo !== row.livenessLo) {
      json.literal(templates.timestamp);
      this.#timestamp(row.timestampHi, row.timestampLo);
    }
    if (row.ttl !== 0 && (!hasLiveness || row.ttl !== row.livenessTtl)) this.#expiry(row.ttl, row.time);
    json.literal(templates.inlineEnd);
  }

  /** Members of an object on one line. */
  #expiry(ttl: number, expiry: number): void {
    const json = this.#json;
    const { ttl: ttlStart, expires, expired } = this.#templates;
    json.literal(ttlStart);
    json.integerText(ttl);
    json.literal(expires);
    this.#seconds(expiry);
    json.literal(expired);
    json.raw(this.#signed(expiry) <= this.#options.nowSeconds ? 'true' : 'false');
  }

  #deletionInfo(hi: number, lo: number, time: number): void {
    const json = this.#json;
    json.key('deletion_info');
    json.beginObject(true);
    json.key('marked_deleted');
    json.separate();
    this.#timestamp(hi, lo);
    json.key('local_delete_time');
    json.separate();
    this.#seconds(time);
    json.end();
  }

  /** A string. */
  #timestamp(hi: number, lo: number): void {
    const json = this.#json;
    json.raw('"');
    if (this.#options.rawTimes) int64Bytes(json, hi, lo);
    else this.#times.isoMicros(json, hi, lo);
    json.raw('"');
  }

  /** A string. */
  #seconds(time: number): void {
    const json = this.#json;
    const seconds = this.#signed(time);
    json.raw('"');
    if (this.#options.rawTimes) json.raw(String(seconds));
    else this.#times.isoSeconds(json, seconds);
    json.raw('"');
  }

  #signed(time: number): number {
    return this.#traits.hasUnsignedTimes ? time : time | 0;
  }
}
