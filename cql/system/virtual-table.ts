import { ByteWriter } from '../../core/bytes.ts';
import type { ColumnId, TableId } from '../../core/ids.ts';
import { Murmur3Hash, murmur3 } from '../../core/murmur3.ts';
import { RowBodyWriter } from '../../core/mutation/row-body.ts';
import { PartitionKeyWriter } from '../../core/partition-key.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import type { SystemContext } from './system-context.ts';

/** A value as a generator of rows writes it: text forms for scalars, arrays for lists and sets, records or maps for maps. */
export type SystemValue =
  | string
  | number
  | boolean
  | Uint8Array
  | readonly SystemValue[]
  | ReadonlyMap<string, SystemValue>
  | null;

/** One row by column name; what is absent or null is null. */
export type SystemRow = Readonly<Record<string, SystemValue | undefined>>;

/** A row in storage form. */
export interface EncodedRow {
  readonly tokenHi: number;
  readonly tokenLo: number;
  readonly key: Uint8Array;
  readonly clustering: Uint8Array;
  readonly body: Uint8Array;
}

/** Cells of virtual tables have this timestamp: they were always there. */
const TIMESTAMP_LO = 1;

/**
 * A table whose rows are made when they are read. The columns are given as CQL: 'name type, …'; the first `partitionKeyCount` are the
 * partition key, the next `clusteringCount` the clustering columns.
 */
export class VirtualTable {
  readonly descriptor: TableDescriptor;
  readonly rows: (context: SystemContext) => Iterable<SystemRow>;

  constructor(
    keyspace: string,
    name: string,
    partitionKeyCount: number,
    clusteringCount: number,
    columns: string,
    comment: string,
    rows: (context: SystemContext) => Iterable<SystemRow>,
  ) {
    const all = splitColumns(columns).map((text, i) => {
      const space = text.indexOf(' ');
      const kind =
        i < partitionKeyCount
          ? ColumnKind.PartitionKey
          : i < partitionKeyCount + clusteringCount
            ? ColumnKind.Clustering
            : ColumnKind.Regular;
      return { id: i, name: text.slice(0, space), kind, type: parseCqlType(text.slice(space + 1), () => undefined) };
    });
    const regulars = all.filter((column) => column.kind === ColumnKind.Regular).map((column) => column.name);
    regulars.sort(); // names of system columns are ASCII: code unit order is byte order
    const columnsOfTable: ColumnDescriptor[] = all.map((column) => ({
      id: column.id as ColumnId,
      name: column.name,
      kind: column.kind,
      position:
        column.kind === ColumnKind.PartitionKey
          ? column.id
          : column.kind === ColumnKind.Clustering
            ? column.id - partitionKeyCount
            : regulars.indexOf(column.name),
      type: column.type,
      isReversed: false,
    }));
    this.descriptor = new TableDescriptor({
      id: systemTableId(keyspace, name),
      keyspace,
      name,
      version: 1,
      columns: columnsOfTable,
      droppedColumns: [],
      nextColumnId: columnsOfTable.length,
      options: { ...DEFAULT_TABLE_OPTIONS, comment, gcGraceSeconds: 0 },
    });
    this.rows = rows;
  }

  /** All rows in the order of (token, key), then clustering. */
  encode(context: SystemContext): EncodedRow[] {
    const encoded: EncodedRow[] = [];
    for (const row of this.rows(context)) encoded.push(this.#encodeRow(row));
    const { comparator } = this.descriptor;
    encoded.sort((a, b) => {
      if (a.tokenHi !== b.tokenHi) return a.tokenHi - b.tokenHi;
      if (a.tokenLo !== b.tokenLo) return (a.tokenLo >>> 0) - (b.tokenLo >>> 0);
      const keys = Buffer.compare(a.key, b.key);
      if (keys !== 0) return keys;
      return comparator.compare(a.clustering, 0, a.clustering.length, 0, b.clustering, 0, b.clustering.length, 0);
    });
    return encoded;
  }

  #encodeRow(row: SystemRow): EncodedRow {
    const { partitionKey, clustering, regulars } = this.descriptor;
    const keyValues = partitionKey.map((column) => encodeValue(column.type, required(row, column)));
    const key = joinKey(keyValues);
    const token = new Token();
    tokenOf(key, 0, key.length, token);
    const out = new ByteWriter(256);
    const body = new RowBodyWriter();
    body.begin(out);
    body.liveness(0, TIMESTAMP_LO, 0, 0);
    for (const column of [...regulars].sort((a, b) => a.id - b.id)) {
      const value = row[column.name];
      if (value === undefined || value === null) continue;
      if (column.type.isMultiCell) {
        writeElements(body, column, value);
      } else {
        const bytes = encodeValue(column.type, value);
        body.cell(column.id, 0, TIMESTAMP_LO, 0, 0, bytes, 0, bytes.length);
      }
    }
    return {
      tokenHi: token.hi,
      tokenLo: token.lo,
      key,
      clustering: clusteringPrefix(clustering.map((column) => encodeValue(column.type, required(row, column)))),
      body: out.toBytes(),
    };
  }
}

function required(row: SystemRow, column: ColumnDescriptor): SystemValue {
  const value = row[column.name];
  return value === undefined || value === null ? '' : value;
}

function joinKey(values: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter(64);
  const writer = new PartitionKeyWriter();
  writer.begin(out, values.length);
  for (const value of values) writer.value(value, 0, value.length);
  writer.end();
  return out.toBytes();
}

function entriesOf(value: SystemValue): [SystemValue, SystemValue][] {
  if (value instanceof Map) return [...value.entries()];
  return (value as readonly SystemValue[]).map((element) => [element, null]);
}

function writeElements(body: RowBodyWriter, column: ColumnDescriptor, value: SystemValue): void {
  const [first, second] = column.type.parameters;
  const cells = entriesOf(value).map(([path, element]) => ({
    path: encodeValue(first!, path),
    value: column.type.kind === TypeKind.Map ? encodeValue(second!, element) : NOTHING,
  }));
  cells.sort((a, b) => first!.compare(a.path, 0, a.path.length, b.path, 0, b.path.length));
  for (const cell of cells) {
    const { path } = cell;
    body.element(column.id, 0, TIMESTAMP_LO, 0, 0, path, 0, path.length, cell.value, 0, cell.value.length);
  }
}

/** The value's bytes. Sets and map keys are sorted as their type sorts. */
function encodeValue(type: CqlType, value: SystemValue): Uint8Array {
  if (value instanceof Uint8Array) return value;
  const [first, second] = type.parameters;
  switch (type.kind) {
    case TypeKind.List:
      return join((value as readonly SystemValue[]).map((element) => [encodeValue(first!, element)]));
    case TypeKind.Set:
    case TypeKind.Map: {
      const entries = entriesOf(value).map(([key, element]) =>
        type.kind === TypeKind.Map
          ? [encodeValue(first!, key), encodeValue(second!, element)]
          : [encodeValue(first!, key)],
      );
      entries.sort((a, b) => first!.compare(a[0]!, 0, a[0]!.length, b[0]!, 0, b[0]!.length));
      return join(entries);
    }
    default:
      return type.fromText(String(value));
  }
}

/** [int] count, then [int] length and bytes of everything. */
function join(entries: readonly (readonly Uint8Array[])[]): Uint8Array {
  const out = new ByteWriter(64);
  out.i32BE(entries.length);
  for (const entry of entries) {
    for (const bytes of entry) {
      out.i32BE(bytes.length);
      out.raw(bytes);
    }
  }
  return out.toBytes();
}

/** Splits 'a int, b map<text, int>' at the commas outside of angle brackets. */
function splitColumns(text: string): string[] {
  const columns: string[] = [];
  let depth = 0;
  let start = 0;
  for (let i = 0; i < text.length; i++) {
    const char = text[i];
    if (char === '<') depth++;
    else if (char === '>') depth--;
    else if (char === ',' && depth === 0) {
      columns.push(text.slice(start, i).trim());
      start = i + 1;
    }
  }
  columns.push(text.slice(start).trim());
  return columns;
}

/** An id that every node computes alike: the hash of the name, in the form of a UUID made from names (version 8). */
function systemTableId(keyspace: string, name: string): TableId {
  const text = Buffer.from(`${keyspace}.${name}`);
  const hash = new Murmur3Hash();
  murmur3(text, 0, text.length, hash);
  const bytes = new Uint8Array(16);
  const view = new DataView(bytes.buffer);
  view.setInt32(0, hash.h1Hi);
  view.setInt32(4, hash.h1Lo);
  view.setInt32(8, hash.h2Hi);
  view.setInt32(12, hash.h2Lo);
  bytes[6] = (bytes[6]! & 0x0f) | 0x80;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidText(bytes, 0) as TableId;
}

const NOTHING = new Uint8Array(0);
