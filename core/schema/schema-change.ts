import { assert, unreachable } from '../assert.ts';
import type { CqlType } from '../types/cql-type.ts';
import type { KeyspaceDescriptor, Schema } from './keyspace.ts';
import { keyspaceDescriptor, tableData, tableDefinition, typeData, userType, usesUserType } from './schema-codec.ts';
import type { KeyspaceData, TableData, TypeData } from './schema-data.ts';
import { TableDescriptor } from './table.ts';

/** Format of `SchemaChange`: counts up when a reader of the last one would misunderstand. */
export const SCHEMA_CHANGE_FORMAT = 1;

interface ChangeHead {
  readonly format: typeof SCHEMA_CHANGE_FORMAT;
  /** UUID of the schema that this change makes. */
  readonly schemaVersion: string;
}

/** The keyspace with the new options; what is in it stays. */
export interface PutKeyspace extends ChangeHead {
  readonly kind: 'create-keyspace' | 'alter-keyspace';
  readonly keyspace: KeyspaceData;
}

export interface DropKeyspace extends ChangeHead {
  readonly kind: 'drop-keyspace';
  readonly keyspace: string;
}

/** The whole new definition, its version one above the last. */
export interface PutTable extends ChangeHead {
  readonly kind: 'create-table' | 'alter-table';
  readonly table: TableData;
}

export interface DropTable extends ChangeHead {
  readonly kind: 'drop-table';
  readonly keyspace: string;
  readonly table: string;
  readonly id: string;
}

/** The whole new type. Types and tables that use an altered one are made anew, tables with their version one higher. */
export interface PutType extends ChangeHead {
  readonly kind: 'create-type' | 'alter-type';
  readonly type: TypeData;
}

export interface DropType extends ChangeHead {
  readonly kind: 'drop-type';
  readonly keyspace: string;
  readonly type: string;
}

/** One change of the schema as plain data: decided once by whoever made it, applied everywhere with the same result. */
export type SchemaChange = PutKeyspace | DropKeyspace | PutTable | DropTable | PutType | DropType;

/** No keyspaces; with the version that Cassandra and ScyllaDB give that. */
export const EMPTY_SCHEMA: Schema = { version: '59adb24e-f3cd-3e02-97f0-5b395827453f', keyspaces: new Map() };

/**
 * The schema after `change`. Pure; whatever the change does not touch stays the same object. The change must fit the schema
 * it was made for (`cql/plan/ddl.ts` sees to it, group 0's guard keeps it true).
 * @throws InvalidRequestError when the change holds a type that cannot be
 */
export function applySchemaChange(schema: Schema, change: SchemaChange): Schema {
  switch (change.kind) {
    case 'create-keyspace': {
      assert(!schema.keyspaces.has(change.keyspace.name), 'a new keyspace is not there yet');
      const contents = { tables: new Map(), types: new Map() };
      return withKeyspace(schema, change, keyspaceDescriptor(change.keyspace, contents));
    }
    case 'alter-keyspace':
      return withKeyspace(
        schema,
        change,
        keyspaceDescriptor(change.keyspace, keyspaceOf(schema, change.keyspace.name)),
      );
    case 'drop-keyspace': {
      const keyspaces = new Map(schema.keyspaces);
      assert(keyspaces.delete(change.keyspace), 'a dropped keyspace is there');
      return { version: change.schemaVersion, keyspaces };
    }
    case 'create-table':
    case 'alter-table':
      return withKeyspace(schema, change, putTable(keyspaceOf(schema, change.table.keyspace), change));
    case 'drop-table': {
      const keyspace = keyspaceOf(schema, change.keyspace);
      const tables = new Map(keyspace.tables);
      assert(tables.get(change.table)?.id === change.id, 'a dropped table is there');
      tables.delete(change.table);
      return withKeyspace(schema, change, { ...keyspace, tables });
    }
    case 'create-type':
    case 'alter-type':
      return withKeyspace(schema, change, putType(keyspaceOf(schema, change.type.keyspace), change));
    case 'drop-type': {
      const keyspace = keyspaceOf(schema, change.keyspace);
      const types = new Map(keyspace.types);
      assert(types.delete(change.type), 'a dropped type is there');
      return withKeyspace(schema, change, { ...keyspace, types });
    }
    default:
      return unreachable(change);
  }
}

function keyspaceOf(schema: Schema, name: string): KeyspaceDescriptor {
  const keyspace = schema.keyspaces.get(name);
  assert(keyspace !== undefined, 'the keyspace of a change is there');
  return keyspace;
}

function withKeyspace(schema: Schema, change: SchemaChange, keyspace: KeyspaceDescriptor): Schema {
  return { version: change.schemaVersion, keyspaces: new Map(schema.keyspaces).set(keyspace.name, keyspace) };
}

function putTable(keyspace: KeyspaceDescriptor, { kind, table }: PutTable): KeyspaceDescriptor {
  const before = keyspace.tables.get(table.name);
  if (kind === 'create-table') assert(before === undefined, 'a new table is not there yet');
  else
    assert(before?.id === table.id && before.version < table.version, 'an altered table is there, of a lower version');
  const descriptor = new TableDescriptor(tableDefinition(table, (name) => keyspace.types.get(name)));
  return { ...keyspace, tables: new Map(keyspace.tables).set(table.name, descriptor) };
}

function putType(keyspace: KeyspaceDescriptor, { kind, type: data }: PutType): KeyspaceDescriptor {
  if (kind === 'create-type') {
    assert(!keyspace.types.has(data.name), 'a new type is not there yet');
    const type = userType(data, (name) => keyspace.types.get(name));
    return { ...keyspace, types: new Map(keyspace.types).set(data.name, type) };
  }
  assert(keyspace.types.has(data.name), 'an altered type is there');
  const isAffected = (type: CqlType) => usesUserType(type, keyspace.name, data.name);
  const types = rebuildTypes(keyspace, data, isAffected);
  const tables = new Map(keyspace.tables);
  for (const [name, table] of keyspace.tables) {
    if (!table.definition.columns.some((column) => isAffected(column.type))) continue;
    const next = { ...tableData(table.definition), version: table.version + 1 };
    tables.set(name, new TableDescriptor(tableDefinition(next, (typeName) => types.get(typeName))));
  }
  return { ...keyspace, types, tables };
}

/** All types, where those that hold the altered one hold its new form. They keep their order. */
function rebuildTypes(
  keyspace: KeyspaceDescriptor,
  altered: TypeData,
  isAffected: (type: CqlType) => boolean,
): Map<string, CqlType> {
  const rebuilt = new Map<string, CqlType>();
  const underWay = new Set<string>();
  const resolve = (name: string): CqlType | undefined => {
    const before = keyspace.types.get(name);
    if (before === undefined || !isAffected(before)) return before;
    let type = rebuilt.get(name);
    if (type === undefined) {
      assert(!underWay.has(name), 'user types hold each other in no circle');
      underWay.add(name);
      type = userType(name === altered.name ? altered : typeData(before), resolve);
      rebuilt.set(name, type);
    }
    return type;
  };
  return new Map([...keyspace.types.keys()].map((name) => [name, resolve(name)!]));
}
