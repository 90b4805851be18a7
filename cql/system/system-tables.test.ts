import { describe, expect, test } from 'vitest';
import { RowReader } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { ALL_ROWS } from '../../core/read/slice.ts';
import { EMPTY_SCHEMA } from '../../core/schema/schema-change.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS, Token, tokenOf } from '../../core/token.ts';
import { NODE_FACTS } from '../../test/support/node-facts.ts';
import type { SystemContext } from './system-context.ts';
import { isSystemKeyspace, SystemTables } from './system-tables.ts';

const context: SystemContext = {
  node: NODE_FACTS,
  schema: () => EMPTY_SCHEMA,
  config: () => [{ name: 'smp', source: 'default', type: 'integer', value: '2' }],
  clients: () => [
    {
      address: '127.0.0.1',
      port: 50_000,
      stage: 'READY',
      driverName: 'a driver',
      driverVersion: '1',
      protocolVersion: 4,
      shard: 1,
      options: new Map([['CQL_VERSION', '3.0.0']]),
    },
  ],
  tablets: () => [
    {
      tableId: '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11',
      keyspace: 'ks',
      table: 't',
      tabletCount: 1,
      lastToken: '9223372036854775807',
      replicas: [{ hostId: '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11', shard: 0 }],
    },
  ],
  runtimeInfo: () => [{ group: 'shard 0', item: 'flushes', value: '0' }],
  compactions: () => [
    {
      id: '6f0c2a51-8d0f-11f0-9f2c-0a6f6d2b8f11',
      shard: 1,
      keyspace: 'ks',
      table: 't',
      kind: 'merge',
      startedMs: 1_795_226_400_000,
      finishedMs: 1_795_226_401_000,
      bytesIn: 2 ** 40,
      bytesOut: 7,
    },
  ],
};
const system = new SystemTables(context);
const ALL = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

interface Row {
  readonly key: Buffer;
  readonly cells: ReadonlyMap<string, Uint8Array[]>;
}

/** Every row of a table, by scan; cells of collections one after the other. */
function rowsOf(table: TableDescriptor): Row[] {
  const cursor = system.source(table.id)!.openScan(ALL_TOKENS, ALL);
  const batch = new RowBatch();
  const rows: Row[] = [];
  const reader = new RowReader();
  let key: Buffer = Buffer.alloc(0);
  for (; ; batch.clear()) {
    if (cursor.fill(batch) === 0) return rows;
    for (let i = 0; i < batch.count; i++) {
      if (batch.kind[i] === FragmentKind.PartitionStart) {
        key = Buffer.from(batch.bytes.slice(batch.positionStart[i]!, batch.positionEnd[i]!));
      }
      if (batch.kind[i] !== FragmentKind.Row) continue;
      const cells = new Map<string, Uint8Array[]>();
      reader.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
      while (reader.next()) {
        const { name } = table.columnById(reader.columnId)!;
        const value = batch.bytes.slice(reader.valueStart, reader.valueEnd);
        cells.set(name, [...(cells.get(name) ?? []), value]);
      }
      rows.push({ key, cells });
    }
  }
}

const tables = [...system.keyspaces.values()].flatMap((keyspace) => [...keyspace.tables.values()]);

describe('every system table', () => {
  test.each(tables.map((table) => [`${table.keyspace}.${table.name}`, table] as const))('%s', (_name, table) => {
    for (const { cells } of rowsOf(table)) {
      for (const [name, values] of cells) {
        const { type } = table.column(name)!;
        if (type.isMultiCell) continue;
        expect(type.validate(values[0]!, 0, values[0]!.length), `${name}`).toBeUndefined();
      }
    }
    // A partition by its key gives what the scan gives.
    const all = rowsOf(table);
    for (const { key } of all) {
      const token = new Token();
      tokenOf(key, 0, key.length, token);
      const cursor = system.source(table.id)!.openPartition(token.hi, token.lo, key, 0, key.length, ALL);
      const batch = new RowBatch(10_000, 10_000_000);
      cursor!.fill(batch);
      const found = batch.kind.slice(0, batch.count).filter((kind) => kind === FragmentKind.Row).length;
      expect(found).toBe(all.filter((row) => row.key.equals(key)).length);
    }
  });

  test('is described in system_schema, by which drivers and cqlsh know it', () => {
    const described = rowsOf(system.keyspaces.get('system_schema')!.tables.get('tables')!);
    expect(described).toHaveLength(tables.length);
    expect(described.every(({ cells }) => cells.has('flags') && cells.has('id'))).toBe(true);
    const columns = rowsOf(system.keyspaces.get('system_schema')!.tables.get('columns')!);
    expect(columns).toHaveLength(tables.reduce((sum, table) => sum + table.definition.columns.length, 0));
  });

  test('has an id of its own, the same at every start', () => {
    expect(new Set(tables.map(({ id }) => id)).size).toBe(tables.length);
    const again = new SystemTables(context);
    expect([...again.keyspaces.values()].flatMap((each) => [...each.tables.values()].map(({ id }) => id))).toEqual(
      tables.map(({ id }) => id),
    );
  });
});

test('system.local tells drivers what they need', () => {
  const [row] = rowsOf(system.keyspaces.get('system')!.tables.get('local')!);
  const text = (name: string) => Buffer.from(row!.cells.get(name)![0]!).toString();
  expect(row!.key.toString()).toBe('local');
  expect(text('release_version')).toBe('3.0.8');
  expect(text('partitioner')).toBe('org.apache.cassandra.dht.Murmur3Partitioner');
  expect(row!.cells.get('tokens')).toHaveLength(1);
});

test('names of tools to tell ScyllaDB by are there, those of Cassandra 4 are not', () => {
  const names = [...system.keyspaces.get('system')!.tables.keys()];
  expect(names).toContain('scylla_local');
  expect(names).not.toContain('peers_v2');
  expect(isSystemKeyspace('system_schema')).toBe(true);
  expect(isSystemKeyspace('mine')).toBe(false);
});
