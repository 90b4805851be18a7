import { expect, test } from 'vitest';
import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { schemaOf } from '../../test/support/server-world.ts';
import { schemaChanges } from './schema-changes.ts';

const script = `CREATE TYPE a.p (x int); CREATE TABLE a.t (k int PRIMARY KEY); CREATE TABLE a.u (k int PRIMARY KEY);
  CREATE TABLE b.t (k int PRIMARY KEY);`;
const schema = schemaOf(script);
const a = schema.keyspaces.get('a')!;
const b = schema.keyspaces.get('b')!;
const withKeyspaces = (...keyspaces: readonly KeyspaceDescriptor[]): Schema => ({
  version: 'next',
  keyspaces: new Map(keyspaces.map((keyspace) => [keyspace.name, keyspace])),
});
const t = a.tables.get('t')!;
const altered = new TableDescriptor({ ...t.definition, version: t.version + 1 });
const decodedAgain = new TableDescriptor(t.definition);
const replaced = schemaOf(script).keyspaces.get('a')!.tables.get('t')!;
const withTable = (table: TableDescriptor): Schema =>
  withKeyspaces({ ...a, tables: new Map([...a.tables, ['t', table]]) }, b);
const typesOf = (text: string): KeyspaceDescriptor['types'] => schemaOf(text).keyspaces.get('a')!.types;

const CASES: readonly (readonly [name: string, next: Schema, changes: readonly string[]])[] = [
  ['nothing', schema, []],
  ['the same, decoded again', withTable(decodedAgain), []],
  ['a table altered', withTable(altered), ['UPDATED TABLE a.t']],
  ['a table dropped and made again', withTable(replaced), ['DROPPED TABLE a.t', 'CREATED TABLE a.t']],
  ['a table dropped', withKeyspaces({ ...a, tables: new Map([['t', t]]) }, b), ['DROPPED TABLE a.u']],
  ['a keyspace altered', withKeyspaces({ ...a, durableWrites: false }, b), ['UPDATED KEYSPACE a']],
  ['another replication', withKeyspaces({ ...a, replication: { class: 'x' } }, b), ['UPDATED KEYSPACE a']],
  ['a keyspace dropped, with all that was in it', withKeyspaces(a), ['DROPPED KEYSPACE b']],
  [
    'a keyspace made with what is in it',
    withKeyspaces(a, b, { ...a, name: 'c' }),
    ['CREATED KEYSPACE c', 'CREATED TYPE c.p', 'CREATED TABLE c.t', 'CREATED TABLE c.u'],
  ],
  [
    'a type altered',
    withKeyspaces({ ...a, types: typesOf('CREATE TYPE a.p (x int, y int);') }, b),
    ['UPDATED TYPE a.p'],
  ],
  [
    'a type renamed',
    withKeyspaces({ ...a, types: typesOf('CREATE TYPE a.q (x int);') }, b),
    ['CREATED TYPE a.q', 'DROPPED TYPE a.p'],
  ],
];
test.each(CASES)('the changes that lead from one schema to the next: %s', (_name, next, expected) => {
  const changes = schemaChanges(schema, next).map(
    ({ change, target, keyspace, name }) => `${change} ${target} ${keyspace}${name === '' ? '' : `.${name}`}`,
  );
  expect(changes).toEqual(expected);
});
