import type { ColumnId, TableId } from '../ids.ts';
import { type CqlType, TypeKind } from '../types/cql-type.ts';
import { parseCqlType } from '../types/parse-cql-type.ts';
import { udtType } from '../types/udt.ts';
import type { ColumnDescriptor } from './column.ts';
import type { KeyspaceDescriptor } from './keyspace.ts';
import type { KeyspaceData, PairsData, TableData, TableOptionsData, TypeData } from './schema-data.ts';
import type { TableDefinition, TableOptions } from './table.ts';

/** Between the schema's objects and its plain data. Exact both ways. */

/** Finds a user type of the keyspace at hand, in its non-frozen form. */
export type TypeLookup = (name: string) => CqlType | undefined;

export function tableData(definition: TableDefinition): TableData {
  return {
    id: definition.id,
    keyspace: definition.keyspace,
    name: definition.name,
    version: definition.version,
    columns: definition.columns.map((column) => ({ ...column, type: column.type.cqlName })),
    droppedColumns: definition.droppedColumns.map((column) => ({
      ...column,
      type: selfContainedTypeText(column.type),
    })),
    nextColumnId: definition.nextColumnId,
    options: optionsData(definition.options),
  };
}

/** @throws InvalidRequestError when a type is none, or an unknown one */
export function tableDefinition(data: TableData, types: TypeLookup): TableDefinition {
  return {
    id: data.id as TableId,
    keyspace: data.keyspace,
    name: data.name,
    version: data.version,
    columns: data.columns.map(
      (column): ColumnDescriptor => ({
        id: column.id as ColumnId,
        name: column.name,
        kind: column.kind,
        position: column.position,
        type: parseCqlType(column.type, types),
        isReversed: column.isReversed,
      }),
    ),
    droppedColumns: data.droppedColumns.map((column) => ({
      id: column.id as ColumnId,
      name: column.name,
      kind: column.kind,
      type: parseCqlType(column.type, types),
      droppedAtUs: column.droppedAtUs,
    })),
    nextColumnId: data.nextColumnId,
    options: tableOptions(data.options),
  };
}

export function optionsData(options: TableOptions): TableOptionsData {
  return {
    ...options,
    caching: pairsOf(options.caching),
    compaction: pairsOf(options.compaction),
    compression: pairsOf(options.compression),
    extensions: pairsOf(options.extensions),
  };
}

function tableOptions(data: TableOptionsData): TableOptions {
  return {
    comment: data.comment,
    bloomFilterFpChance: data.bloomFilterFpChance,
    caching: recordOf(data.caching),
    compaction: recordOf(data.compaction),
    compression: recordOf(data.compression),
    crcCheckChance: data.crcCheckChance,
    dclocalReadRepairChance: data.dclocalReadRepairChance,
    defaultTimeToLive: data.defaultTimeToLive,
    gcGraceSeconds: data.gcGraceSeconds,
    maxIndexInterval: data.maxIndexInterval,
    memtableFlushPeriodInMs: data.memtableFlushPeriodInMs,
    minIndexInterval: data.minIndexInterval,
    readRepairChance: data.readRepairChance,
    speculativeRetry: data.speculativeRetry,
    extensions: recordOf(data.extensions),
  };
}

/** @param type a user type in its non-frozen form */
export function typeData(type: CqlType): TypeData {
  const { keyspace, name, fieldNames } = type.udt!;
  return { keyspace, name, fields: fieldNames.map((field, i) => [field, type.parameters[i]!.cqlName] as const) };
}

/** @throws InvalidRequestError when a field's type is none, or an unknown one */
export function userType(data: TypeData, types: TypeLookup): CqlType {
  const identity = { keyspace: data.keyspace, name: data.name, fieldNames: data.fields.map(([name]) => name) };
  return udtType(
    identity,
    data.fields.map(([, type]) => parseCqlType(type, types)),
  );
}

export function keyspaceData(keyspace: Omit<KeyspaceDescriptor, 'tables' | 'types'>): KeyspaceData {
  return {
    name: keyspace.name,
    replication: pairsOf(keyspace.replication),
    durableWrites: keyspace.durableWrites,
    consistency: keyspace.consistency,
    tablets: pairsOf(keyspace.tablets),
  };
}

/** The keyspace with the tables and types it is given. */
export function keyspaceDescriptor(
  data: KeyspaceData,
  contents: Pick<KeyspaceDescriptor, 'tables' | 'types'>,
): KeyspaceDescriptor {
  return {
    name: data.name,
    replication: recordOf(data.replication),
    durableWrites: data.durableWrites,
    consistency: data.consistency,
    tablets: recordOf(data.tablets),
    tables: contents.tables,
    types: contents.types,
  };
}

/** Entries sorted by key: equal maps give equal data. */
export function pairsOf(record: Readonly<Record<string, string>>): PairsData {
  return Object.entries(record).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Every key becomes an own property, `__proto__` too. */
export function recordOf(pairs: PairsData): Readonly<Record<string, string>> {
  return Object.fromEntries(pairs);
}

/**
 * CQL text of a type that says the same whatever happens to user types: where one occurs, the class name, which spells it
 * out. For dropped columns, whose data outlives their types.
 */
export function selfContainedTypeText(type: CqlType): string {
  return holdsUserType(type) ? `'${type.className}'` : type.cqlName;
}

function holdsUserType(type: CqlType): boolean {
  return type.kind === TypeKind.Udt || type.parameters.some(holdsUserType);
}

/** True when the type is, or holds, the user type of that name. */
export function usesUserType(type: CqlType, keyspace: string, name: string): boolean {
  if (type.udt !== undefined && type.udt.keyspace === keyspace && type.udt.name === name) return true;
  return type.parameters.some((parameter) => usesUserType(parameter, keyspace, name));
}
