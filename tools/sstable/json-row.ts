import type { ByteWriter } from '../../core/bytes.ts';
import { TesseraError } from '../../core/errors.ts';
import { bigIntHi, bigIntLo, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { MutationChecker } from '../../core/mutation/check.ts';
import { PathOrder } from '../../core/mutation/path-order.ts';
import { RowBodyWriter } from '../../core/mutation/row-body.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { elementType, pathType } from './cell-types.ts';
import { JsonFields } from './json-fields.ts';
import type { JsonObject, JsonValue } from './json-reader.ts';

/** A deletion; (-2^63) is none. */
export interface JsonDeletion {
  readonly hi: number;
  readonly lo: number;
  readonly time: number;
}

const NOTHING: Uint8Array = new Uint8Array(0);
export const NO_DELETION: JsonDeletion = { hi: INT64_MIN_HI, lo: INT64_MIN_LO, time: 0 };

interface Element {
  readonly path: Uint8Array;
  readonly cell: JsonObject;
}

/**
 * Rows from the form that `scylla sstable dump-data` gives them. Refused, because that form does not hold all of them: counters,
 * and the fields of non-frozen user types, which it does not name.
 * @see spec/sstable.md §20.3
 */
export class JsonRows {
  readonly #table: TableDescriptor;
  readonly #fields: JsonFields;
  readonly #fail: (why: string) => never;
  readonly #row: RowBodyWriter = new RowBodyWriter();
  readonly #paths: PathOrder;
  readonly #checker: MutationChecker;

  /** @param fail told what is wrong with the value at hand; throws */
  constructor(table: TableDescriptor, fail: (why: string) => never) {
    this.#table = table;
    this.#fail = fail;
    this.#fields = new JsonFields(fail);
    this.#paths = new PathOrder(table);
    this.#checker = new MutationChecker(table);
  }

  /** A tombstone; `{}` is none. */
  deletion(value: JsonValue | undefined, what: string): JsonDeletion {
    const fields = this.#fields;
    const object = fields.object(value, what);
    if (object.size === 0) return NO_DELETION;
    fields.only(object, ['timestamp', 'deletion_time'], what);
    const timestamp = fields.timestamp(object.get('timestamp'), what);
    const time = fields.time(object.get('deletion_time'), what);
    return { hi: bigIntHi(timestamp), lo: bigIntLo(timestamp), time };
  }

  /** Appends the body of a static row: its columns. */
  staticRow(value: JsonValue, out: ByteWriter): void {
    const start = out.length;
    this.#row.begin(out);
    this.#columns(this.#fields.object(value, 'static_row'), ColumnKind.Static);
    this.#check(out, start, true);
  }

  /** Appends the body of a clustering row. */
  row(element: JsonObject, out: ByteWriter): void {
    const fields = this.#fields;
    fields.only(element, ['type', 'key', 'tombstone', 'shadowable_tombstone', 'marker', 'columns'], 'clustering-row');
    const start = out.length;
    this.#row.begin(out);
    const marker = element.get('marker');
    if (marker !== undefined) this.#marker(fields.object(marker, 'marker'));
    this.#tombstones(element);
    const columns = element.get('columns');
    if (columns !== undefined) this.#columns(fields.object(columns, 'columns'), ColumnKind.Regular);
    this.#check(out, start, false);
  }

  #check(out: ByteWriter, start: number, isStatic: boolean): void {
    const why = this.#checker.checkRowBody(out.bytes, start, out.length, isStatic);
    if (why !== undefined) this.#fail(why);
  }

  #marker(marker: JsonObject): void {
    const fields = this.#fields;
    fields.only(marker, ['timestamp', 'ttl', 'expiry'], 'marker');
    const timestamp = fields.timestamp(marker.get('timestamp'), 'marker');
    const { ttl, expiry } = this.#expiry(marker, 'marker');
    this.#row.liveness(bigIntHi(timestamp), bigIntLo(timestamp), ttl, expiry);
  }

  /** The shadowable one is shown equal to the other when there is only that. */
  #tombstones(element: JsonObject): void {
    const shown = element.get('tombstone');
    const shownShadowable = element.get('shadowable_tombstone');
    const regular = shown === undefined ? NO_DELETION : this.deletion(shown, 'tombstone');
    const shadowable =
      shownShadowable === undefined ? NO_DELETION : this.deletion(shownShadowable, 'shadowable_tombstone');
    if (isDeletion(regular)) this.#row.deletion(regular.hi, regular.lo, regular.time);
    const isSame = regular.hi === shadowable.hi && regular.lo === shadowable.lo && regular.time === shadowable.time;
    if (isDeletion(shadowable) && !isSame) {
      this.#row.shadowableDeletion(shadowable.hi, shadowable.lo, shadowable.time);
    }
  }

  #expiry(object: JsonObject, what: string): { readonly ttl: number; readonly expiry: number } {
    const fields = this.#fields;
    const ttl = object.get('ttl');
    if (ttl === undefined && object.get('expiry') === undefined) return { ttl: 0, expiry: 0 };
    return { ttl: fields.ttl(ttl, what), expiry: fields.time(object.get('expiry'), what) };
  }

  /** In the order of column ids, which bodies have. */
  #columns(columns: JsonObject, kind: ColumnKind): void {
    const found: { readonly column: ColumnDescriptor; readonly value: JsonValue }[] = [];
    for (const [name, value] of columns) {
      const column = this.#table.column(name);
      if (column?.kind === kind) found.push({ column, value });
      else this.#fail(`column ${name}: the table has no such ${KIND_NAMES[kind]!} column`);
    }
    found.sort((a, b) => a.column.id - b.column.id);
    for (const { column, value } of found) {
      const object = this.#fields.object(value, column.name);
      if (column.type.isMultiCell) this.#multiCell(column, object);
      else this.#cell(column.id, column.name, column.type, object, undefined);
    }
  }

  #multiCell({ id, name, type }: ColumnDescriptor, object: JsonObject): void {
    const fields = this.#fields;
    fields.only(object, ['tombstone', 'cells'], name);
    const shown = object.get('tombstone');
    const deletion = shown === undefined ? NO_DELETION : this.deletion(shown, name);
    if (isDeletion(deletion)) this.#row.complexDeletion(id, deletion.hi, deletion.lo, deletion.time);
    const elements = fields.list(object.get('cells') ?? [], name).map((value): Element => {
      const element = fields.object(value, name);
      fields.only(element, ['key', 'value'], name);
      const keys = pathType(type);
      if (keys === undefined) return this.#fail(`${name}: this form does not name the fields of ${type.cqlName}`);
      const path = this.#value(keys, fields.string(element.get('key'), name), name);
      return { path, cell: fields.object(element.get('value'), name) };
    });
    elements.sort((a, b) => this.#paths.compare(id, a.path, 0, a.path.length, b.path, 0, b.path.length));
    const values = elementType(type, NOTHING, 0, 0);
    for (const { path, cell } of elements) {
      if (type.kind === TypeKind.Set && (cell.get('value') ?? '') !== '') {
        this.#fail(`${name}: an element of a set is its key and has no value`);
      }
      this.#cell(id, name, values, cell, path);
    }
  }

  #cell(id: number, name: string, type: CqlType, cell: JsonObject, path: Uint8Array | undefined): void {
    const fields = this.#fields;
    const row = this.#row;
    if (type.kind === TypeKind.Counter) this.#fail(`${name}: counters cannot be written from this form`);
    fields.only(cell, ['is_live', 'type', 'timestamp', 'ttl', 'expiry', 'deletion_time', 'value'], name);
    const timestamp = fields.timestamp(cell.get('timestamp'), name);
    const hi = bigIntHi(timestamp);
    const lo = bigIntLo(timestamp);
    if (!fields.boolean(cell.get('is_live'), name)) {
      const time = fields.time(cell.get('deletion_time'), name);
      if (path === undefined) row.deadCell(id, hi, lo, time);
      else row.deadElement(id, hi, lo, time, path, 0, path.length);
      return;
    }
    const { ttl, expiry } = this.#expiry(cell, name);
    const value = this.#value(type, fields.string(cell.get('value'), name), name);
    if (path === undefined) row.cell(id, hi, lo, ttl, expiry, value, 0, value.length);
    else row.element(id, hi, lo, ttl, expiry, path, 0, path.length, value, 0, value.length);
  }

  /** Of every type the empty text is the empty value. */
  #value(type: CqlType, text: string, name: string): Uint8Array {
    if (text === '') return NOTHING;
    try {
      return type.fromText(text);
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      return this.#fail(`${name}: ${error.message}`);
    }
  }
}

export function isDeletion({ hi, lo }: JsonDeletion): boolean {
  return hi !== INT64_MIN_HI || lo !== INT64_MIN_LO;
}

const KIND_NAMES: Readonly<Partial<Record<ColumnKind, string>>> = {
  [ColumnKind.Static]: 'static',
  [ColumnKind.Regular]: 'regular',
};
