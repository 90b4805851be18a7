import { readI32BE } from '../../core/bytes.ts';
import { compareInt64, INT64_MIN_HI, INT64_MIN_LO, int64ToBigInt } from '../../core/int64.ts';
import { counterShardCount } from '../../core/mutation/counter-cell.ts';
import { CellFlag, EXPIRED_LIVENESS_TTL, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import { elementType, pathType } from './cell-types.ts';
import type { JsonText } from './json-text.ts';
import { clusteringValues, keyText, partitionKeyValues, rawKey } from './key-text.ts';
import type { PartitionWriter, StreamTraits } from './partition-writer.ts';
import { RowColumns } from './row-columns.ts';
import { spacedTime } from './time-text.ts';

/** Bytes of a counter's shard: id, clock, count. */
const SHARD_BYTES = 32;

/**
 * Partitions as `scylla sstable dump-data` prints them. Static row and clustering elements come only where there are any;
 * counter shards are in the order of the file.
 * @see spec/sstable.md §20.3
 */
export class ScyllaWriter implements PartitionWriter {
  readonly #json: JsonText;
  readonly #table: TableDescriptor;
  readonly #traits: StreamTraits;
  readonly #rawTimes: boolean;
  readonly #statics: RowColumns;
  readonly #regulars: RowColumns;
  readonly #row: RowReader = new RowReader();
  #hasElements = false;

  constructor(json: JsonText, table: TableDescriptor, traits: StreamTraits, rawTimes: boolean) {
    this.#json = json;
    this.#table = table;
    this.#traits = traits;
    this.#rawTimes = rawTimes;
    this.#statics = new RowColumns(table, true, false);
    this.#regulars = new RowColumns(table, false, false);
  }

  fragment(batch: RowBatch, i: number, _position: number): void {
    const json = this.#json;
    switch (batch.kind[i]) {
      case FragmentKind.PartitionStart:
        this.#hasElements = false;
        json.beginObject();
        this.#partitionKey(
          batch.bytes,
          batch.positionStart[i]!,
          batch.positionEnd[i]!,
          batch.tokenHi[i]!,
          batch.tokenLo[i]!,
        );
        if (hasDeletion(batch, i)) {
          json.key('tombstone');
          this.#tombstone(batch.deletionHi(i), batch.deletionLo(i), batch.deletionTime(i));
        }
        break;
      case FragmentKind.StaticRow:
        this.#row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
        if (this.#statics.find(this.#row) > 0) {
          json.key('static_row');
          this.#cells(this.#statics);
        }
        break;
      case FragmentKind.Row:
        this.#beginElement('clustering-row', batch, i);
        this.#rowFields(batch, i);
        json.end();
        break;
      case FragmentKind.RangeChange:
        this.#beginElement('range-tombstone-change', batch, i);
        json.key('weight');
        json.number(String(batch.weight[i]));
        json.key('tombstone');
        this.#tombstone(batch.deletionHi(i), batch.deletionLo(i), batch.deletionTime(i));
        json.end();
        break;
      default:
        if (this.#hasElements) json.end();
        json.end();
    }
  }

  key(bytes: Uint8Array, start: number, end: number, tokenHi: number, tokenLo: number): void {
    this.#json.beginObject();
    this.#partitionKey(bytes, start, end, tokenHi, tokenLo);
    this.#json.end();
  }

  #partitionKey(bytes: Uint8Array, start: number, end: number, tokenHi: number, tokenLo: number): void {
    const json = this.#json;
    const { partitionKey } = this.#table;
    json.key('key');
    json.beginObject();
    if (this.#traits.hasTokens) {
      json.key('token');
      json.string(int64ToBigInt(tokenHi, tokenLo).toString());
    }
    this.#keyForms(partitionKeyValues(bytes, start, end, partitionKey.length), partitionKey);
    json.end();
  }

  #keyForms(values: readonly Uint8Array[], types: readonly { readonly type: CqlType }[]): void {
    this.#json.key('raw');
    this.#json.string(rawKey(values));
    this.#json.key('value');
    this.#json.string(keyText(values, types));
  }

  #beginElement(type: string, batch: RowBatch, i: number): void {
    const json = this.#json;
    if (!this.#hasElements) {
      this.#hasElements = true;
      json.key('clustering_elements');
      json.beginArray();
    }
    json.beginObject();
    json.key('type');
    json.string(type);
    const values = clusteringValues(batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
    if (values.length === 0 && batch.kind[i] === FragmentKind.RangeChange) return; // the very start or end
    json.key('key');
    json.beginObject();
    this.#keyForms(values, this.#table.clustering);
    json.end();
  }

  #rowFields(batch: RowBatch, i: number): void {
    const json = this.#json;
    const row = this.#row;
    row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
    this.#rowTombstones(row);
    if ((row.rowFlags & RowFlag.Liveness) !== 0) {
      json.key('marker');
      json.beginObject();
      this.#timestamp(row.livenessHi, row.livenessLo);
      if (row.livenessTtl !== 0 && row.livenessTtl !== EXPIRED_LIVENESS_TTL) {
        this.#expiry(row.livenessTtl, row.livenessExpiry);
      }
      json.end();
    }
    json.key('columns');
    this.#regulars.find(row);
    this.#cells(this.#regulars);
  }

  /** A regular deletion is shown as the shadowable one too, unless that is newer. */
  #rowTombstones(row: RowReader): void {
    if ((row.rowFlags & (RowFlag.Deletion | RowFlag.ShadowableDeletion)) === 0) return;
    const json = this.#json;
    const { deletionHi, deletionLo, deletionTime, shadowableHi, shadowableLo, shadowableTime } = row;
    const isNewer = compareInt64(shadowableHi, shadowableLo, deletionHi, deletionLo) > 0;
    json.key('tombstone');
    this.#tombstone(deletionHi, deletionLo, deletionTime);
    json.key('shadowable_tombstone');
    if (isNewer) this.#tombstone(shadowableHi, shadowableLo, shadowableTime);
    else this.#tombstone(deletionHi, deletionLo, deletionTime);
  }

  /** The cells of the row at hand, by column. */
  #cells(columns: RowColumns): void {
    const json = this.#json;
    const row = this.#row;
    json.beginObject();
    for (const column of columns.ordered) {
      if (!columns.seek(row, column)) continue;
      json.key(column.name);
      if (column.type.isMultiCell) this.#multiCell(column.id, column.type);
      else this.#cell(column.type);
    }
    json.end();
  }

  #multiCell(id: number, type: CqlType): void {
    const json = this.#json;
    const row = this.#row;
    json.beginObject();
    let isThere = true;
    if ((row.flags & CellFlag.ComplexDeletion) !== 0) {
      json.key('tombstone');
      this.#tombstone(row.timestampHi, row.timestampLo, row.time);
      isThere = row.next();
    }
    json.key('cells');
    json.beginArray();
    for (; isThere && row.columnId === id; isThere = row.next()) {
      json.beginObject();
      json.key('key');
      json.string(pathType(type)?.toText(row.bytes, row.pathStart, row.pathEnd) ?? '');
      json.key('value');
      this.#cell(elementType(type, row.bytes, row.pathStart, row.pathEnd));
      json.end();
    }
    json.end();
    json.end();
  }

  #cell(type: CqlType): void {
    const json = this.#json;
    const row = this.#row;
    const isDead = (row.flags & CellFlag.Deleted) !== 0;
    const isCounter = type.kind === TypeKind.Counter;
    json.beginObject();
    json.key('is_live');
    json.boolean(!isDead);
    json.key('type');
    if (isCounter) json.string('counter-shards');
    else json.string(isCollection(type) ? 'frozen-collection' : 'regular');
    this.#timestamp(row.timestampHi, row.timestampLo);
    if (isDead) {
      json.key('deletion_time');
      this.#time(row.time);
    } else {
      if (row.ttl !== 0) this.#expiry(row.ttl, row.time);
      json.key('value');
      if (isCounter) this.#counter(row);
      else json.string(type.toText(row.bytes, row.valueStart, row.valueEnd));
    }
    json.end();
  }

  #counter({ bytes, valueStart, valueEnd }: RowReader): void {
    const json = this.#json;
    json.beginArray();
    const count = counterShardCount(bytes, valueStart, valueEnd);
    for (let at = valueEnd - count * SHARD_BYTES; count > 0 && at < valueEnd; at += SHARD_BYTES) {
      json.beginObject();
      json.key('id');
      json.string(uuidText(bytes, at));
      json.key('value');
      json.number(int64ToBigInt(readI32BE(bytes, at + 24), readI32BE(bytes, at + 28)).toString());
      json.key('clock');
      json.number(int64ToBigInt(readI32BE(bytes, at + 16), readI32BE(bytes, at + 20)).toString());
      json.end();
    }
    json.end();
  }

  /** `{}` for none. */
  #tombstone(hi: number, lo: number, time: number): void {
    const json = this.#json;
    json.beginObject();
    if (hi !== INT64_MIN_HI || lo !== INT64_MIN_LO) {
      this.#timestamp(hi, lo);
      json.key('deletion_time');
      this.#time(time);
    }
    json.end();
  }

  #timestamp(hi: number, lo: number): void {
    this.#json.key('timestamp');
    this.#json.number(int64ToBigInt(hi, lo).toString());
  }

  #expiry(ttl: number, time: number): void {
    this.#json.key('ttl');
    this.#json.string(`${ttl}s`);
    this.#json.key('expiry');
    this.#time(time);
  }

  #time(time: number): void {
    const seconds = this.#traits.hasUnsignedTimes ? time : time | 0;
    if (this.#rawTimes) this.#json.number(String(seconds));
    else this.#json.string(spacedTime(seconds));
  }
}

function isCollection({ kind }: CqlType): boolean {
  return kind === TypeKind.List || kind === TypeKind.Set || kind === TypeKind.Map;
}

function hasDeletion(batch: RowBatch, i: number): boolean {
  return batch.bodyEnd[i]! > batch.bodyStart[i]!;
}
