import { readI32BE } from '../../core/bytes.ts';
import { compareInt64, INT64_MIN_HI, INT64_MIN_LO, int64ToBigInt } from '../../core/int64.ts';
import { counterShardCount } from '../../core/mutation/counter-cell.ts';
import { CellFlag, EXPIRED_LIVENESS_TTL, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import { ClusteringPrefixReader } from '../../core/schema/clustering-prefix.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import type { ByteTemplate } from './byte-template.ts';
import { elementType, pathType } from './cell-types.ts';
import { INT64_TEXT_BYTES, writeI64 } from './digit-bytes.ts';
import { type JsonText, textTemplate } from './json-text.ts';
import { keyText, partitionKeyValues, rawKey } from './key-text.ts';
import type { PartitionWriter, StreamTraits } from './partition-writer.ts';
import { type NamedColumn, RowColumns } from './row-columns.ts';
import { TimeBytes } from './time-bytes.ts';
import { ValueBytes } from './value-bytes.ts';

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
  readonly #prefix: ClusteringPrefixReader = new ClusteringPrefixReader();
  readonly #values: ValueBytes;
  readonly #times: TimeBytes = new TimeBytes(true);
  // Of the columns, in their order.
  readonly #liveStatics: readonly LiveTemplate[];
  readonly #liveRegulars: readonly LiveTemplate[];
  #hasElements = false;
  /** The timestamp written last: the cells of a row mostly share one. */
  #timestampHi = 0;
  #timestampLo = 0;
  readonly #digits: Uint8Array = new Uint8Array(INT64_TEXT_BYTES);
  #digitCount = 0;

  constructor(json: JsonText, table: TableDescriptor, traits: StreamTraits, rawTimes: boolean) {
    this.#json = json;
    this.#table = table;
    this.#traits = traits;
    this.#rawTimes = rawTimes;
    this.#statics = new RowColumns(table, true, false);
    this.#regulars = new RowColumns(table, false, false);
    this.#liveStatics = this.#statics.ordered.map(liveTemplate);
    this.#liveRegulars = this.#regulars.ordered.map(liveTemplate);
    this.#values = new ValueBytes(json);
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
        if (this.#statics.find(this.#row)) {
          json.key('static_row');
          this.#cells(this.#statics, this.#liveStatics);
        }
        break;
      case FragmentKind.Row:
        this.#beginElement(Literal.Row, Literal.NextRow, batch, i);
        this.#rowFields(batch, i);
        json.end();
        break;
      case FragmentKind.RangeChange:
        this.#beginElement(Literal.Change, Literal.NextChange, batch, i);
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

  #beginElement(first: ByteTemplate, next: ByteTemplate, batch: RowBatch, i: number): void {
    const json = this.#json;
    if (!this.#hasElements) {
      this.#hasElements = true;
      json.key('clustering_elements');
      json.beginArray();
    }
    json.template(first, next);
    json.enter(false, false, 1);
    const start = batch.positionStart[i]!;
    const end = batch.positionEnd[i]!;
    if (start === end && batch.kind[i] === FragmentKind.RangeChange) return; // the very start or end
    // A prefix of clustering values has the raw form already.
    json.literal(Literal.RawKey);
    json.hex(batch.bytes, start, end);
    json.literal(Literal.KeyValue);
    const prefix = this.#prefix;
    const { clustering } = this.#table;
    prefix.open(batch.bytes, start, end);
    for (let k = 0; prefix.next(); k++) {
      if (k > 0) json.raw(':');
      this.#values.text(clustering[k]!.type, batch.bytes, prefix.valueStart, prefix.valueEnd);
    }
    json.literal(Literal.KeyEnd);
  }

  #rowFields(batch: RowBatch, i: number): void {
    const json = this.#json;
    const row = this.#row;
    row.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
    this.#rowTombstones(row);
    if ((row.rowFlags & RowFlag.Liveness) !== 0) {
      json.literal(Literal.Marker);
      this.#timestamp(row.livenessHi, row.livenessLo);
      if (row.livenessTtl !== 0 && row.livenessTtl !== EXPIRED_LIVENESS_TTL) {
        this.#expiry(row.livenessTtl, row.livenessExpiry);
      }
      json.literal(Literal.End);
    }
    json.key('columns');
    this.#regulars.find(row);
    this.#cells(this.#regulars, this.#liveRegulars);
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
  #cells(columns: RowColumns, live: readonly LiveTemplate[]): void {
    const json = this.#json;
    const row = this.#row;
    json.beginObject();
    const { ordered } = columns;
    for (let i = 0; i < ordered.length; i++) {
      const column = ordered[i]!;
      if (!columns.seek(row, column)) continue;
      const { type } = column;
      if (!type.isMultiCell && (row.flags & CellFlag.Deleted) === 0) {
        const { first, next } = live[i]!;
        json.template(first, next);
        this.#liveCell(type);
        continue;
      }
      json.key(column.name);
      if (type.isMultiCell) this.#multiCell(column.id, type);
      else this.#cell(type);
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
    if (isThere) row.pos = row.cellStart;
    json.end();
    json.end();
  }

  /** A value of the innermost container. */
  #cell(type: CqlType): void {
    const json = this.#json;
    const row = this.#row;
    const isDead = (row.flags & CellFlag.Deleted) !== 0;
    json.separate();
    if (!isDead) {
      json.literal(liveStart(type));
      this.#liveCell(type);
      return;
    }
    json.literal(deadStart(type));
    this.#timestamp(row.timestampHi, row.timestampLo);
    json.literal(Literal.DeletionTime);
    this.#time(row.time);
    json.literal(Literal.End);
  }

  /** What follows the start of a live cell. */
  #liveCell(type: CqlType): void {
    const json = this.#json;
    const row = this.#row;
    this.#timestamp(row.timestampHi, row.timestampLo);
    if (row.ttl !== 0) this.#expiry(row.ttl, row.time);
    if (type.kind === TypeKind.Counter) {
      json.literal(Literal.CounterValue);
      json.enter(true, false, 0);
      this.#counter(row);
      json.end();
      json.literal(Literal.End);
    } else {
      json.literal(Literal.Value);
      this.#values.text(type, row.bytes, row.valueStart, row.valueEnd);
      json.literal(Literal.ValueEnd);
    }
  }

  #counter({ bytes, valueStart, valueEnd }: RowReader): void {
    const json = this.#json;
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
  }

  /** `{}` for none. */
  #tombstone(hi: number, lo: number, time: number): void {
    const json = this.#json;
    json.beginObject();
    if (hi !== INT64_MIN_HI || lo !== INT64_MIN_LO) {
      json.literal(Literal.Timestamp);
      this.#timestamp(hi, lo);
      json.literal(Literal.DeletionTime);
      this.#time(time);
    }
    json.end();
  }

  #timestamp(hi: number, lo: number): void {
    const json = this.#json;
    const digits = this.#digits;
    if (hi !== this.#timestampHi || lo !== this.#timestampLo || this.#digitCount === 0) {
      this.#digitCount = writeI64(digits, 0, hi, lo);
      this.#timestampHi = hi;
      this.#timestampLo = lo;
    }
    const at = json.reserve(INT64_TEXT_BYTES);
    const { bytes } = json;
    for (let i = 0; i < this.#digitCount; i++) bytes[at + i] = digits[i]!;
    json.length = at + this.#digitCount;
  }

  /** Members of a container that templates write. */
  #expiry(ttl: number, time: number): void {
    const json = this.#json;
    json.literal(Literal.Ttl);
    json.integerText(ttl);
    json.literal(Literal.Expiry);
    this.#time(time);
  }

  #time(time: number): void {
    const json = this.#json;
    const seconds = this.#traits.hasUnsignedTimes ? time : time | 0;
    if (this.#rawTimes) {
      json.raw(String(seconds));
      return;
    }
    json.raw('"');
    this.#times.spaced(json, seconds);
    json.raw('"');
  }
}

/** The name of a column and the start of its live cell, up to the timestamp, without and with a comma before it. */
interface LiveTemplate {
  readonly first: ByteTemplate;
  readonly next: ByteTemplate;
}

function liveTemplate({ name, type }: NamedColumn): LiveTemplate {
  const text = `${JSON.stringify(name)}:${cellStart(true, typeName(type))}`;
  return { first: textTemplate(text), next: textTemplate(`,${text}`) };
}

function typeName(type: CqlType): string {
  if (type.kind === TypeKind.Counter) return COUNTER;
  return isCollection(type) ? FROZEN : REGULAR;
}

function liveStart(type: CqlType): ByteTemplate {
  if (type.kind === TypeKind.Counter) return Literal.Counter;
  return isCollection(type) ? Literal.Frozen : Literal.Live;
}

function deadStart(type: CqlType): ByteTemplate {
  return textTemplate(cellStart(false, typeName(type)));
}

const cellStart = (isLive: boolean, type: string): string => `{"is_live":${isLive},"type":"${type}","timestamp":`;
const REGULAR = 'regular';
const FROZEN = 'frozen-collection';
const COUNTER = 'counter-shards';

/** Stretches of the result that are always the same. */
const Literal = {
  Row: textTemplate('{"type":"clustering-row"'),
  NextRow: textTemplate(',{"type":"clustering-row"'),
  Change: textTemplate('{"type":"range-tombstone-change"'),
  NextChange: textTemplate(',{"type":"range-tombstone-change"'),
  RawKey: textTemplate(',"key":{"raw":"'),
  KeyValue: textTemplate('","value":"'),
  KeyEnd: textTemplate('"}'),
  Marker: textTemplate(',"marker":{"timestamp":'),
  Timestamp: textTemplate('"timestamp":'),
  DeletionTime: textTemplate(',"deletion_time":'),
  Ttl: textTemplate(',"ttl":"'),
  Expiry: textTemplate('s","expiry":'),
  End: textTemplate('}'),
  Live: textTemplate(cellStart(true, REGULAR)),
  Frozen: textTemplate(cellStart(true, FROZEN)),
  Counter: textTemplate(cellStart(true, COUNTER)),
  Value: textTemplate(',"value":"'),
  CounterValue: textTemplate(',"value":['),
  ValueEnd: textTemplate('"}'),
} as const;

function isCollection({ kind }: CqlType): boolean {
  return kind === TypeKind.List || kind === TypeKind.Set || kind === TypeKind.Map;
}

function hasDeletion(batch: RowBatch, i: number): boolean {
  return batch.bodyEnd[i]! > batch.bodyStart[i]!;
}
