import { describe, expect, test } from 'vitest';
import { MiniDatabase } from '../../test/support/mini-database.ts';
import { NODE_FACTS } from '../../test/support/node-facts.ts';
import type { SystemContext } from '../system/system-context.ts';
import { SystemTables } from '../system/system-tables.ts';

const database = new MiniDatabase(
  'CREATE TABLE t (p int, c text, v map<int, text>, PRIMARY KEY (p, c)) WITH CLUSTERING ORDER BY (c DESC)',
);
const context: SystemContext = {
  node: { ...NODE_FACTS, tokens: ['0', '1'] },
  schema: () => database.schema,
  config: () => [],
  clients: () => [],
  tablets: () => [],
  runtimeInfo: () => [],
  compactions: () => [],
};
database.system = new SystemTables(context);

describe('what drivers ask of system tables', () => {
  test('the local node', () => {
    const text =
      "SELECT host_id, rpc_address, data_center, rack, tokens FROM system.local WHERE key='local' USING TIMEOUT 2s";
    expect(database.select(text).rows).toEqual([
      ['6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11', "'127.0.0.1'", "'datacenter1'", "'rack1'", "{'0', '1'}"],
    ]);
  });

  test('no peers', () => {
    expect(database.select('SELECT * FROM system.peers').rows).toEqual([]);
  });

  test('the columns of a table', () => {
    const text =
      'SELECT column_name, kind, position, clustering_order, type FROM system_schema.columns WHERE keyspace_name = ?';
    expect(database.select(`${text} AND table_name IN ?`, "ks | ['t', 'u']").rows).toEqual([
      ["'c'", "'clustering'", '0', "'desc'", "'text'"],
      ["'p'", "'partition_key'", '0', "'none'", "'int'"],
      ["'v'", "'regular'", '-1', "'none'", "'map<int, text>'"],
    ]);
    expect(database.select(`${text} ORDER BY table_name DESC, column_name DESC LIMIT 1`, 'ks').rows[0]![0]).toBe("'v'");
  });

  test('all tables, page after page', () => {
    const text = 'SELECT keyspace_name, table_name FROM system_schema.tables';
    const all = database.select(text).rows;
    expect(all.length).toBeGreaterThan(20);
    expect(database.selectAll(text, '', 3).flat()).toEqual(all);
    const names = database.select('SELECT DISTINCT keyspace_name FROM system_schema.tables').rows.flat();
    expect(names.toSorted()).toEqual(["'ks'", "'system'", "'system_schema'", "'system_traces'"]);
  });

  test('the count of keyspaces', () => {
    expect(database.select('SELECT count(*) FROM system_schema.keyspaces').rows).toEqual([['4']]);
  });
});
