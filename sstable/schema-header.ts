import { CorruptFileError, TesseraError, UnsupportedFormatError } from '../core/errors.ts';
import type { ColumnId, TableId } from '../core/ids.ts';
import { INT64_MIN_HI, INT64_MIN_LO, int64Hi, int64Lo } from '../core/int64.ts';
import { type ColumnDescriptor, ColumnKind, type DroppedColumn } from '../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../core/schema/default-table-options.ts';
import { TableDescriptor, type TableOptions } from '../core/schema/table.ts';
import { type CqlType, TypeKind } from '../core/types/cql-type.ts';
import { frozen } from '../core/types/frozen.ts';
import {
  clusteringClassName,
  keyClassName,
  parseClassName,
  parseClusteringClassName,
  parseKeyClassName,
} from '../core/types/parse-class-name.ts';
import type { ComparableColumn } from './format/byte-comparable.ts';
import { type ReadColumn, ReadColumns } from './format/row-decoder.ts';
import type { EncodingBase, WrittenColumns } from './format/row-encoder.ts';
import type { HeaderColumn, SerializationHeader } from './format/serialization-header.ts';

/** Between the schema in a file's serialization header and the schema of a table. @see spec/sstable.md §7 */

/** The header of a file with all columns of `table`, in the order of its rows. */
export function writtenHeader(
  table: TableDescriptor,
  statics: WrittenColumns,
  regulars: WrittenColumns,
  base: EncodingBase,
): SerializationHeader {
  const headerColumn = ({ name, type }: ColumnDescriptor) => ({ name, typeName: type.className });
  return {
    minTimestampHi: base.minTimestampHi,
    minTimestampLo: base.minTimestampLo,
    minLocalDeletionTime: base.minLocalDeletionTime | 0,
    minTtl: base.minTtl,
    partitionKeyType: keyClassName(table.partitionKey.map((column) => column.type)),
    clusteringTypes: table.clustering.map((column) => clusteringClassName(column.type, column.isReversed)),
    statics: statics.columns.map(headerColumn),
    regulars: regulars.columns.map(headerColumn),
  };
}

/** How a file's rows are read for a table. */
export interface SchemaMapping {
  /** Lengths of clustering values as the file has them. */
  readonly fixedLengths: readonly number[];
  /** The columns of keys in tries. A clustering column that the table has with another type than the file is not encoded. */
  readonly comparableKey: readonly ComparableColumn[];
  readonly comparableClustering: readonly ComparableColumn[];
  readonly statics: ReadColumns;
  readonly regulars: ReadColumns;
}

/**
 * @throws UnsupportedFormatError when the file was written for a schema that the table's cannot have come from;
 * CorruptFileError when a type name is none
 */
export function mapSchema(header: SerializationHeader, table: TableDescriptor, path: string): SchemaMapping {
  const keyTypes = orCorrupt(path, () => parseKeyClassName(header.partitionKeyType));
  const clustering = header.clusteringTypes.map((name) => orCorrupt(path, () => parseClusteringClassName(name)));
  const sameKey = keyTypes.length === table.partitionKey.length;
  if (!sameKey || clustering.length !== table.clustering.length) {
    throw new UnsupportedFormatError(path, `its primary key is not that of ${table.keyspace}.${table.name}`);
  }
  for (const [i, { type, isReversed }] of clustering.entries()) {
    const column = table.clustering[i]!;
    if (isReversed !== column.isReversed || !isReadableAs(type, column.type)) {
      throw new UnsupportedFormatError(path, `clustering column ${i} is ${type.cqlName}, not ${column.type.cqlName}`);
    }
  }
  return {
    fixedLengths: clustering.map(({ type }) => type.fixedLength),
    comparableKey: keyTypes.map((type) => ({ type, isReversed: false })),
    comparableClustering: clustering.map(({ type, isReversed }, i) => ({
      type: type.className === table.clustering[i]!.type.className ? type : undefined,
      isReversed,
    })),
    statics: mapColumns(header.statics, ColumnKind.Static, table, path),
    regulars: mapColumns(header.regulars, ColumnKind.Regular, table, path),
  };
}

interface ParsedColumn {
  readonly name: string;
  readonly type: CqlType;
}

function mapColumns(
  columns: readonly HeaderColumn[],
  kind: ColumnKind,
  table: TableDescriptor,
  path: string,
): ReadColumns {
  const parsed = columns.map(({ name, typeName }) => ({ name, type: orCorrupt(path, () => parseClassName(typeName)) }));
  const mapped = parsed.map((column) => mapColumn(column, kind, table, path));
  // Rows have the simple columns first, in the header's order, whatever that is (spec/sstable.md §7).
  return new ReadColumns([...mapped.filter((c) => !c.isMultiCell), ...mapped.filter((c) => c.isMultiCell)]);
}

function mapColumn(file: ParsedColumn, kind: ColumnKind, table: TableDescriptor, path: string): ReadColumn {
  const column = table.column(file.name);
  const live = column?.kind === kind ? column : undefined;
  const dropped = latestDrop(table, file.name, kind);
  if (live === undefined && dropped === undefined) {
    throw new UnsupportedFormatError(path, `column ${file.name} is unknown in ${table.keyspace}.${table.name}`);
  }
  const schemaType = (live ?? dropped)!.type;
  // A bare UserType is frozen when the schema says so: Cassandra 3 leaves the wrapper out.
  const isBareUdt = file.type.kind === TypeKind.Udt && file.type.isMultiCell && !schemaType.isMultiCell;
  const type = isBareUdt && schemaType.kind === TypeKind.Udt ? frozen(file.type) : file.type;
  let id: number = (live ?? dropped)!.id;
  if (type.isMultiCell !== schemaType.isMultiCell) id = -1;
  else if (live !== undefined && dropped === undefined && !isReadableAs(type, schemaType)) {
    throw new UnsupportedFormatError(path, `column ${file.name} is ${type.cqlName}, not ${schemaType.cqlName}`);
  } else if (!isReadableAs(type, schemaType)) {
    id = -1; // of the column that had this name before
  }
  return {
    id,
    fixedLength: type.fixedLength,
    isMultiCell: type.isMultiCell,
    cutoffHi: dropped === undefined ? INT64_MIN_HI : int64Hi(dropped.droppedAtUs),
    cutoffLo: dropped === undefined ? INT64_MIN_LO : int64Lo(dropped.droppedAtUs),
  };
}

/** A name may have been dropped and added more than once. */
function latestDrop(table: TableDescriptor, name: string, kind: ColumnKind): DroppedColumn | undefined {
  let latest: DroppedColumn | undefined;
  for (const column of table.definition.droppedColumns) {
    if (column.name !== name || column.kind !== kind) continue;
    if (latest === undefined || column.droppedAtUs > latest.droppedAtUs) latest = column;
  }
  return latest;
}

/** Kinds whose values are values of the key's kind too: what ALTER TABLE allowed in its time. */
const WIDENS_TO: Readonly<Partial<Record<TypeKind, readonly TypeKind[]>>> = {
  [TypeKind.Text]: [TypeKind.Ascii],
  [TypeKind.Varint]: [TypeKind.Int, TypeKind.Bigint, TypeKind.Smallint, TypeKind.Tinyint, TypeKind.Timestamp],
  [TypeKind.Bigint]: [TypeKind.Timestamp],
  [TypeKind.Timestamp]: [TypeKind.Bigint],
  [TypeKind.Uuid]: [TypeKind.Timeuuid],
};

/** Whether values of a file's type can be taken for values of the schema's. */
export function isReadableAs(file: CqlType, schema: CqlType): boolean {
  if (frozen(file).className === frozen(schema).className) return true;
  if (schema.kind === TypeKind.Blob) return !file.isMultiCell && file.kind !== TypeKind.Counter;
  if (file.kind !== schema.kind) return WIDENS_TO[schema.kind]?.includes(file.kind) ?? false;
  if (file.parameters.length === 0 || file.dimension !== schema.dimension) return file.kind === TypeKind.Timestamp;
  // UDTs and tuples grow at their end; the values of the file then lack the last fields.
  const grows = file.kind === TypeKind.Udt || file.kind === TypeKind.Tuple;
  if (grows ? file.parameters.length > schema.parameters.length : file.parameters.length !== schema.parameters.length) {
    return false;
  }
  return file.parameters.every((parameter, i) => isReadableAs(parameter, schema.parameters[i]!));
}

/**
 * A table made from a header alone: key columns are called $pk0, $ck0 and so on; ids count the columns in the order
 * partition key, clustering, static, regular. @throws CorruptFileError
 */
export function tableOfHeader(header: SerializationHeader, path: string): TableDescriptor {
  const columns: ColumnDescriptor[] = [];
  const add = (name: string, kind: ColumnKind, position: number, type: CqlType, isReversed: boolean) => {
    columns.push({ id: columns.length as ColumnId, name, kind, position, type, isReversed });
  };
  const keyTypes = orCorrupt(path, () => parseKeyClassName(header.partitionKeyType));
  for (const [i, type] of keyTypes.entries()) add(`$pk${i}`, ColumnKind.PartitionKey, i, type, false);
  for (const [i, name] of header.clusteringTypes.entries()) {
    const { type, isReversed } = orCorrupt(path, () => parseClusteringClassName(name));
    add(`$ck${i}`, ColumnKind.Clustering, i, type, isReversed);
  }
  const lists = [
    { kind: ColumnKind.Static, list: header.statics },
    { kind: ColumnKind.Regular, list: header.regulars },
  ];
  for (const { kind, list } of lists) {
    for (const [i, column] of list.entries()) {
      add(
        column.name,
        kind,
        i,
        orCorrupt(path, () => parseClassName(column.typeName)),
        false,
      );
    }
  }
  return new TableDescriptor({
    id: '00000000-0000-0000-0000-000000000000' as TableId,
    keyspace: 'my_keyspace',
    name: 'my_table',
    version: 1,
    columns,
    droppedColumns: [],
    nextColumnId: columns.length,
    options: HEADER_OPTIONS,
  });
}

const HEADER_OPTIONS: TableOptions = { ...DEFAULT_TABLE_OPTIONS, caching: {}, compaction: {}, compression: {} };

/** A name that cannot be parsed is damage of the file that holds it. */
function orCorrupt<T>(path: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (!(error instanceof TesseraError)) throw error;
    throw new CorruptFileError(path, 0, error.message, { cause: error });
  }
}
