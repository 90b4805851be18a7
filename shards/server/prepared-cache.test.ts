import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Schema } from '../../core/schema/keyspace.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import { planStatement } from '../../cql/plan/plan-statement.ts';
import { statementId } from '../../cql/protocol/statement-id.ts';
import { md5, schemaOf, TEST_SCHEMA } from '../../test/support/server-world.ts';
import { createMetricsMemory, MetricsBlock } from '../metrics-block.ts';
import { PreparedCache, PreparedStatement } from './prepared-cache.ts';

const schema = schemaOf(TEST_SCHEMA);

function statementOf(text: string, at: Schema = schema, keyspace = ''): PreparedStatement {
  const plan = planStatement(parseStatement(text), at, keyspace === '' ? undefined : keyspace);
  return new PreparedStatement(statementId(keyspace, text, md5), keyspace, text, plan, md5);
}
const newCache = (bytes: number): PreparedCache => new PreparedCache(bytes, new MetricsBlock(createMetricsMemory()), 7);
const has = (cache: PreparedCache, { id }: PreparedStatement): boolean => cache.find(id, 0, id.length) !== undefined;

test('the least recently used go, against a model; removed ones are not found', () => {
  const texts = Array.from({ length: 12 }, (_, i) => `SELECT v FROM ks.t WHERE k = ${i}`);
  const step = fc.record({ which: fc.nat(texts.length - 1), remove: fc.nat(9).map((n) => n === 0) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const size = statementOf(texts[0]!).sizeBytes;
      const cache = newCache(5 * size + 100); // two-digit keys are a little larger
      let model: string[] = [];
      for (const { which, remove } of steps) {
        const text = texts[which]!;
        const statement = statementOf(text);
        const found = cache.find(statement.id, 0, statement.id.length);
        expect(found?.text).toBe(model.includes(text) ? text : undefined);
        model = model.filter((other) => other !== text);
        if (remove) {
          if (found !== undefined) cache.remove(found);
          continue;
        }
        if (found === undefined) cache.add(statement);
        model.push(text);
        if (model.length > 5) model = model.slice(-5);
      }
      expect(cache.size).toBe(model.length);
    }),
  );
});

test('a statement larger than the cache is refused, and removing twice does no harm', () => {
  const cache = newCache(10_000);
  expect(() => cache.add(statementOf(`SELECT v FROM ks.t WHERE k = ${'0'.repeat(6000)}1`))).toThrow('when prepared');
  const statement = statementOf('SELECT * FROM ks.t');
  cache.add(statement);
  cache.remove(statement);
  cache.remove(statement);
  expect([cache.size, cache.usedBytes]).toEqual([0, 0]);
});

const KS = `CREATE TYPE ks.address (street text, number int);`;
const T = 'CREATE TABLE ks.t (k int PRIMARY KEY, v text, a frozen<address>)';
const WIDE = 'CREATE TABLE ks.wide (k int, c int, v text, PRIMARY KEY (k, c))';
const OTHER = 'CREATE TABLE other.t (k int PRIMARY KEY, v int)';
const STATEMENTS = {
  t: 'SELECT * FROM ks.t',
  insert: 'INSERT INTO ks.t (k, v) VALUES (?, ?)',
  truncate: 'TRUNCATE ks.t',
  wide: 'UPDATE ks.wide SET v = ? WHERE k = ? AND c = ?',
  batch: 'BEGIN BATCH INSERT INTO other.t (k) VALUES (1); DELETE FROM ks.wide WHERE k = 1; APPLY BATCH',
  other: 'SELECT v FROM other.t',
  use: 'USE ks',
  ddl: 'DROP TABLE ks.t',
  system: 'SELECT * FROM other.t LIMIT ?',
} as const;
type Name = keyof typeof STATEMENTS;

/** The first schema with some tables as they were: only what a change touched is another object, or another version. */
function changed(
  change: (keyspaces: Map<string, Schema['keyspaces'] extends ReadonlyMap<string, infer K> ? K : never>) => void,
): Schema {
  const keyspaces = new Map(first.keyspaces);
  change(keyspaces);
  return { version: 'next', keyspaces };
}
const first = schemaOf(`${KS} ${T}; ${WIDE}; ${OTHER};`);
const again = schemaOf(`${KS} ${T}; ${WIDE}; ${OTHER};`);
const ks = first.keyspaces.get('ks')!;

const CHANGES: readonly (readonly [name: string, next: Schema, dropped: readonly Name[]])[] = [
  ['nothing', first, []],
  ['a new keyspace', changed((all) => all.set('new', { ...ks, name: 'new' })), []],
  [
    'another replication',
    changed((all) => all.set('ks', { ...ks, replication: { class: 'X' }, tables: new Map(ks.tables) })),
    [],
  ],
  [
    'a table dropped',
    changed((all) => all.set('ks', { ...ks, tables: new Map([...ks.tables].filter(([name]) => name !== 'wide')) })),
    ['wide', 'batch'],
  ],
  [
    'a table made again',
    changed((all) => all.set('other', again.keyspaces.get('other')!)),
    ['batch', 'other', 'system'],
  ],
  [
    'a type altered',
    changed((all) =>
      all.set('ks', { ...ks, types: schemaOf('CREATE TYPE ks.address (street text);').keyspaces.get('ks')!.types }),
    ),
    ['t', 'insert', 'truncate', 'wide', 'batch'],
  ],
  ['a keyspace dropped', changed((all) => all.delete('ks')), ['t', 'insert', 'truncate', 'wide', 'batch', 'use']],
];
test.each(CHANGES)('what a schema change takes along: %s', (_name, next, dropped) => {
  const cache = newCache(1 << 20);
  const all = Object.entries(STATEMENTS).map(([name, text]) => [name, statementOf(text, first)] as const);
  for (const [, statement] of all) cache.add(statement);
  expect(cache.dropChanged(first, next)).toBe(dropped.length);
  const gone = all.filter(([, statement]) => !has(cache, statement)).map(([name]) => name);
  expect(gone).toEqual(dropped);
});
