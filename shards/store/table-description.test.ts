import { expect, test } from 'vitest';
import { makeTable } from '../../test/support/make-table.ts';
import { describeTable, tableOf } from './table-description.ts';

const NATIVE =
  'ascii bigint blob boolean date decimal double duration float inet int smallint text time timestamp timeuuid tinyint uuid varint'.split(
    ' ',
  );

const TABLES: readonly [string, string][] = [
  ...NATIVE.map((type): [string, string] => [type, `CREATE TABLE t (p int PRIMARY KEY, v ${type});`]),
  [
    'collections',
    'CREATE TABLE t (p int PRIMARY KEY, a list<text>, b set<int>, c map<int, text>, d frozen<map<int, frozen<list<uuid>>>>);',
  ],
  [
    'tuples and vectors',
    'CREATE TABLE t (p int PRIMARY KEY, a tuple<int, text, frozen<set<date>>>, b vector<float, 3>);',
  ],
  [
    'user types, one in another',
    `CREATE TYPE inner (x int, y frozen<list<text>>);
     CREATE TYPE "Outer" (i frozen<inner>, "N ame" bigint);
     CREATE TABLE t (p frozen<inner> PRIMARY KEY, a "Outer", b frozen<"Outer">, c list<frozen<"Outer">>);`,
  ],
  [
    'every kind of column, orders and options',
    `CREATE TABLE t (a int, b text, c int, d timeuuid, s text static, v blob, PRIMARY KEY ((a, b), c, d))
     WITH CLUSTERING ORDER BY (c DESC, d ASC) AND gc_grace_seconds = 7 AND comment = 'x'
     AND compaction = {'class': 'SizeTieredCompactionStrategy', 'min_threshold': '2'}
     AND compression = {'sstable_compression': 'DeflateCompressor'};`,
  ],
  [
    'dropped and re-made columns',
    `CREATE TABLE t (p int PRIMARY KEY, v text, w map<int, text>); ALTER TABLE t DROP w USING TIMESTAMP 5;
     ALTER TABLE t ADD w map<int, text>;`,
  ],
];

test.each(TABLES)('a table comes whole to the pool thread: %s', (_name, script) => {
  const table = makeTable(script);
  const plain = structuredClone(describeTable(table));
  const there = tableOf(plain);
  expect(describeTable(there)).toEqual(describeTable(table));
  expect(there.definition.columns.map(({ type }) => type.className)).toEqual(
    table.definition.columns.map(({ type }) => type.className),
  );
  expect(there.regulars.map(({ name }) => name)).toEqual(table.regulars.map(({ name }) => name));
  expect(there.definition.droppedColumns.length).toBe(table.definition.droppedColumns.length);
  expect(there.options).toEqual(table.options);
});
