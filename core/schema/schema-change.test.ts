import { describe, expect, test } from 'vitest';
import { DEFAULT_TABLE_OPTIONS } from './default-table-options.ts';
import type { Schema } from './keyspace.ts';
import { applySchemaChange, EMPTY_SCHEMA, SCHEMA_CHANGE_FORMAT, type SchemaChange } from './schema-change.ts';
import { optionsData, tableData } from './schema-codec.ts';
import type { TableData } from './schema-data.ts';

const head = { format: SCHEMA_CHANGE_FORMAT, schemaVersion: '00000000-0000-4000-8000-000000000001' } as const;

function createTable(keyspace: string, name: string, type: string, id = 1): SchemaChange {
  const column = { id: 0, position: 0, isReversed: false };
  const table: TableData = {
    id: `00000000-0000-4000-8000-${String(id).padStart(12, '0')}`,
    keyspace,
    name,
    version: 1,
    columns: [
      { ...column, name: 'k', kind: 0, type: 'int' },
      { ...column, id: 1, name: 'v', kind: 3, type },
    ],
    droppedColumns: [],
    nextColumnId: 2,
    options: optionsData(DEFAULT_TABLE_OPTIONS),
  };
  return { ...head, kind: 'create-table', table };
}

const createKeyspace = (name: string): SchemaChange => ({
  ...head,
  kind: 'create-keyspace',
  keyspace: { name, replication: [['class', 'x']], durableWrites: true, consistency: 'eventual', tablets: [] },
});
const putType = (kind: 'create-type' | 'alter-type', name: string, ...fields: [string, string][]): SchemaChange => ({
  ...head,
  kind,
  type: { keyspace: 'ks', name, fields },
});
const build = (...changes: SchemaChange[]): Schema => changes.reduce(applySchemaChange, EMPTY_SCHEMA);

const SCHEMA = build(
  createKeyspace('ks'),
  createKeyspace('__proto__'),
  putType('create-type', 'inner', ['x', 'int']),
  putType('create-type', 'outer', ['i', 'frozen<inner>']),
  putType('create-type', 'other', ['x', 'int']),
  createTable('ks', 'plain', 'int', 1),
  createTable('ks', 'nested', 'list<frozen<outer>>', 2),
  createTable('ks', 'free', 'other', 3),
  createTable('__proto__', '__proto__', 'text', 4),
);
const tableOf = (schema: Schema, keyspace: string, name: string) => schema.keyspaces.get(keyspace)!.tables.get(name)!;

describe('applySchemaChange', () => {
  test('keeps what a change does not touch', () => {
    const altered = { ...tableData(tableOf(SCHEMA, 'ks', 'plain').definition), version: 2 };
    const next = applySchemaChange(SCHEMA, { ...head, kind: 'alter-table', table: altered });
    expect(tableOf(next, 'ks', 'plain').version).toBe(2);
    expect(tableOf(next, 'ks', 'nested')).toBe(tableOf(SCHEMA, 'ks', 'nested'));
    expect(next.keyspaces.get('__proto__')).toBe(SCHEMA.keyspaces.get('__proto__'));
    expect(next.keyspaces.get('ks')!.types).toBe(SCHEMA.keyspaces.get('ks')!.types);
    expect(tableOf(SCHEMA, 'ks', 'plain').version).toBe(1);
  });

  test('gives an altered type to whatever uses it, however deep', () => {
    const next = applySchemaChange(SCHEMA, putType('alter-type', 'inner', ['x', 'int'], ['y', 'frozen<other>']));
    const nested = tableOf(next, 'ks', 'nested');
    expect(nested.version).toBe(2);
    expect(nested.column('v')!.type.parameters[0]!.parameters[0]!.udt!.fieldNames).toEqual(['x', 'y']);
    expect(tableOf(next, 'ks', 'free')).toBe(tableOf(SCHEMA, 'ks', 'free'));
    const { types } = next.keyspaces.get('ks')!;
    expect([...types.keys()]).toEqual(['inner', 'outer', 'other']);
    expect(types.get('other')).toBe(SCHEMA.keyspaces.get('ks')!.types.get('other'));
    expect(types.get('outer')!.parameters[0]!.parameters.length).toBe(2);
  });

  test('is the same for changes that went through plain data', () => {
    const change = putType('alter-type', 'inner', ['__proto__', 'int']);
    const show = (schema: Schema) =>
      [...schema.keyspaces.values()].map((keyspace) =>
        [...keyspace.tables.values()].map((table) => tableData(table.definition)),
      );
    expect(show(applySchemaChange(SCHEMA, structuredClone(change)))).toEqual(show(applySchemaChange(SCHEMA, change)));
  });

  test.each<[string, SchemaChange]>([
    ['a new keyspace is not there yet', createKeyspace('ks')],
    ['the keyspace of a change is there', createTable('nowhere', 't', 'int')],
    ['a new table is not there yet', createTable('ks', 'plain', 'int')],
    ['a new type is not there yet', putType('create-type', 'inner', ['x', 'int'])],
    ['an altered type is there', putType('alter-type', 'nothing', ['x', 'int'])],
    ['a dropped type is there', { ...head, kind: 'drop-type', keyspace: 'ks', type: 'toString' }],
    ['a dropped keyspace is there', { ...head, kind: 'drop-keyspace', keyspace: 'constructor' }],
    ['a dropped table is there', { ...head, kind: 'drop-table', keyspace: 'ks', table: 'plain', id: 'another' }],
    ['Unknown type nothing', createTable('ks', 't', 'nothing')],
  ])('refuses what does not fit: %s', (why, change) => {
    expect(() => applySchemaChange(SCHEMA, change)).toThrow(why);
  });
});
