import { describe, expect, test } from 'vitest';
import { readSchemaScript, splitScript } from './schema-script.ts';

const NEVER = (): string => '00000000-0000-4000-8000-000000000001';

describe('schema scripts', () => {
  test('are cut at semicolons that are no part of a text', () => {
    const text = '-- a; b\nCREATE X \';\' "a;b" $$;$$;;\n/* ; */ DROP y // ;\n;  ALTER z';
    expect(splitScript(text)).toEqual(['CREATE X \';\' "a;b" $$;$$', 'DROP y // ;\n', 'ALTER z']);
    expect(splitScript('')).toEqual([]);
    expect(splitScript(' ;; -- nothing')).toEqual([]);
  });

  test('of Cassandra are read', () => {
    const schema = readSchemaScript(
      `CREATE KEYSPACE IF NOT EXISTS shop WITH replication = {'class': 'NetworkTopologyStrategy', 'DC1': '3'} AND durable_writes = true;
       CREATE TYPE IF NOT EXISTS shop.place (street text, "No" int);
       CREATE TABLE IF NOT EXISTS shop.orders (
           id uuid, line int, note text static, at frozen<place>, gone int,
           PRIMARY KEY (id, line)
       ) WITH ID = 6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11
           AND CLUSTERING ORDER BY (line DESC)
           AND additional_write_policy = '99p'
           AND bloom_filter_fp_chance = 0.01
           AND caching = {'keys': 'ALL', 'rows_per_partition': 'NONE'}
           AND cdc = false
           AND comment = ''
           AND compaction = {'class': 'org.apache.cassandra.db.compaction.LeveledCompactionStrategy', 'max_threshold': '32', 'min_threshold': '4'}
           AND compression = {'chunk_length_in_kb': '16', 'class': 'org.apache.cassandra.io.compress.LZ4Compressor'}
           AND extensions = {}
           AND read_repair = 'BLOCKING'
           AND speculative_retry = '99p';
       ALTER TABLE shop.orders DROP gone USING TIMESTAMP 1577836800000000;`,
      NEVER,
    );
    const table = schema.keyspaces.get('shop')!.tables.get('orders')!;
    expect(table.id).toBe('6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11');
    expect(table.clustering.map((column) => [column.name, column.isReversed])).toEqual([['line', true]]);
    expect(table.definition.droppedColumns.map(({ name, droppedAtUs }) => [name, droppedAtUs])).toEqual([
      ['gone', 1_577_836_800_000_000],
    ]);
  });

  test('may name their keyspace once', () => {
    const schema = readSchemaScript('USE ks; CREATE TABLE t (a int PRIMARY KEY)', NEVER);
    expect(schema.keyspaces.get('ks')!.tables.get('t')!.id).toBe(NEVER());
  });

  test.each([
    ['SELECT * FROM t', 'a schema script holds no select statements'],
    ['CREATE TABLE t (a int PRIMARY KEY)', 'No keyspace has been specified'],
    ['CREATE INDEX ON ks.t (a)', 'CREATE INDEX is not supported yet'],
    ["CREATE TABLE ks.t (a int PRIMARY KEY) WITH comment = 'open", 'is not closed'],
  ])('are refused: %s', (text, why) => {
    expect(() => readSchemaScript(text, NEVER)).toThrow(why);
  });
});
