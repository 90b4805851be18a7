import { describe, expect, test } from 'vitest';
import type { TesseraError } from '../../core/errors.ts';
import { TableDescriptor, type TableOptions } from '../../core/schema/table.ts';
import { Column, harnessTable, StoreHarness } from '../../test/support/store-harness.ts';
import type { StoreWrite } from '../../test/support/store-model.ts';
import type { StorageGroup } from './storage-group.ts';

/** A store of one tablet per table. */
async function opened(...options: readonly Partial<TableOptions>[]): Promise<StoreHarness> {
  const tables = options.map((each, i) => harnessTable(i + 1, { compression: {}, ...each }));
  const harness = new StoreHarness(1, { tabletCount: 1, tables });
  await harness.open();
  return harness;
}

function groupOf(harness: StoreHarness, table = 0): StorageGroup {
  return [...harness.store.tables()][table]!.groups[0]!;
}

function levelsOf(harness: StoreHarness): number[] {
  return groupOf(harness).files.map(({ sstable }) => sstable.statistics.stats.level);
}

/** Writes some partitions and flushes them. */
async function flushed(harness: StoreHarness, timestamp: number, write: (p: number) => StoreWrite): Promise<void> {
  for (let p = 0; p < 5; p++) await harness.write({ ...write(p), timestamp });
  await harness.settle(harness.store.flush(() => true));
}
const row = (harness: StoreHarness) => (p: number) => harness.rows(p, [[1, 'value']], 0);
const deletion = (harness: StoreHarness) => (p: number) => harness.rows(p, [[1, undefined]], 0);

describe('options of a table', () => {
  test('of another strategy count at once', async () => {
    const harness = await opened({});
    await flushed(harness, 1, row(harness));
    await flushed(harness, 2, row(harness));
    await harness.pass(100);
    expect(levelsOf(harness)).toEqual([0, 0]);
    const { definition } = harness.table;
    const compaction = { class: 'LeveledCompactionStrategy', sstable_size_in_mb: '0.0001', fanout_size: '1000' };
    harness.tables = [new TableDescriptor({ ...definition, options: { ...definition.options, compaction } })];
    harness.store.updateMetadata(harness.metadata());
    for (let i = 0; i < 20; i++) await harness.pass(100); // time jumps over what a promise still has to begin
    const levels = levelsOf(harness);
    expect(levels.length).toBeGreaterThan(1);
    expect(new Set(levels)).toEqual(new Set([1]));
    expect((await harness.readAll()).size).toBe(5);
  });

  test('that say so keep compaction from starting, but not an operator from it', async () => {
    const harness = await opened({ compaction: { min_threshold: '2', enabled: 'false' } });
    for (let timestamp = 1; timestamp < 5; timestamp++) await flushed(harness, timestamp, row(harness));
    await harness.pass(20_000);
    expect(levelsOf(harness).length).toBe(4);
    expect(harness.store.stats()).toMatchObject({ pendingCompactions: 0, compactions: 0 });
    await harness.settle(harness.store.compact(() => true));
    expect(levelsOf(harness).length).toBe(1);
  });

  test.each([
    ['false', 0],
    ['true', 1],
  ])('purge of repaired SSTables only, %s: %d SSTable is left of tombstones', async (only, left) => {
    const harness = await opened({ gcGraceSeconds: 0, compaction: { only_purge_repaired_tombstones: only } });
    await flushed(harness, 1, deletion(harness));
    await harness.pass(2000);
    await harness.settle(harness.store.compact(() => true));
    expect(levelsOf(harness).length).toBe(left);
  });
});

describe('SSTables of which everything has expired', () => {
  const compaction = { class: 'TimeWindowCompactionStrategy', expired_sstable_check_frequency_seconds: '1' };
  const expiring = (harness: StoreHarness) => (p: number): StoreWrite => ({
    ...harness.rows(p, [], 0),
    changes: [{ kind: 'row', c: 1, markerTtl: 2, cells: [{ column: Column.V, value: 'short', ttl: 2 }] }],
  }); // biome-ignore format: one thing

  test('are removed unread', async () => {
    const harness = await opened({ gcGraceSeconds: 0, compaction });
    await flushed(harness, 1, expiring(harness));
    await flushed(harness, 9, row(harness));
    const [doomed, kept] = groupOf(harness).files;
    harness.files.flip(doomed!.sstable.path, 3, 0xff);
    await harness.pass(30_000);
    expect(groupOf(harness).files).toEqual([kept]);
    expect(harness.store.compactor.history.latest()).toMatchObject([
      { kind: 'drop', inputs: 1, outputs: 0, bytesOut: 0 },
    ]);
    expect((await harness.readAll()).size).toBe(5);
  });

  test('stay while the log may be replayed that only they call flushed', async () => {
    const harness = await opened({ gcGraceSeconds: 0, compaction }, {});
    const pinned = harness.tables[1]!.id;
    await harness.write({ ...harness.rows(1, [[1, 'keeps the segment']], 5), tableId: pinned });
    for (let p = 0; p < 5; p++) await harness.write({ ...expiring(harness)(p), timestamp: 1 });
    await harness.settle(harness.store.flush(({ descriptor }) => descriptor.id !== pinned));
    await harness.pass(30_000);
    expect(groupOf(harness).files.length).toBe(1);
    await harness.settle(harness.store.flush(() => true));
    await harness.pass(30_000);
    expect(groupOf(harness).files.length).toBe(0);
  });
});

test('a compaction that fails is tried again later, and does not hold up other tables', async () => {
  const harness = await opened({ compaction: { min_threshold: '2' } }, { compaction: { min_threshold: '2' } });
  const [first, second] = harness.tables;
  const directory = [...harness.store.tables()][0]!.directory;
  for (let timestamp = 1; timestamp < 3; timestamp++) {
    await harness.write({ ...harness.rows(1, [[1, 'v']], timestamp), tableId: first!.id });
    await harness.settle(harness.store.flush(() => true));
    if (timestamp === 1) {
      harness.files.plan = (operation, path) =>
        operation === 'open' && path.startsWith(directory) && harness.offloads[0]!.begun.at(-1) === 'compact'
          ? { errno: 'ENOSPC' }
          : undefined;
    }
  }
  await harness.pass(1000);
  expect(harness.store.stats()).toMatchObject({ failures: 1, compactions: 0 });
  for (let timestamp = 3; timestamp < 5; timestamp++) {
    await harness.write({ ...harness.rows(1, [[1, 'v']], timestamp), tableId: second!.id });
    await harness.settle(harness.store.flush(() => true));
  }
  await harness.pass(1000);
  expect(harness.store.compactor.history.latest()).toMatchObject([{ table: 't2', inputs: 2 }]);
  harness.files.plan = undefined;
  await harness.pass(10_000);
  expect(harness.store.compactor.history.latest()).toMatchObject([{ table: 't2' }, { table: 't1' }]);
});

test('what runs, waits and is done is told', async () => {
  const harness = await opened({ compaction: { min_threshold: '2' } });
  await flushed(harness, 1, row(harness));
  let open = (): void => {};
  const { compactor } = harness.store;
  expect(compactor.report()).toEqual({ running: [], pending: [], history: [] });
  await flushed(harness, 2, row(harness));
  harness.offloads[0]!.gate = new Promise((done) => (open = done));
  while (compactor.running() === undefined) await harness.steps(1);
  expect(compactor.report()).toMatchObject({
    running: [{ keyspace: 'ks', table: 't1', shard: 0, kind: 'merge', inputs: 2, finishedMs: 0, doneBytes: 0 }],
    pending: [{ keyspace: 'ks', table: 't1', tasks: 1 }],
    history: [],
  });
  open();
  await harness.pass(1000);
  const { running, pending, history } = compactor.report();
  expect({ running, pending }).toEqual({ running: [], pending: [] });
  expect(history).toMatchObject([{ table: 't1', kind: 'merge', inputs: 2, outputs: 1 }]);
  const [{ bytesIn, bytesOut, startedMs, finishedMs }] = history as [(typeof history)[0]];
  expect(bytesIn).toBeGreaterThan(bytesOut);
  expect(finishedMs).toBeGreaterThanOrEqual(startedMs);
  expect(harness.store.stats()).toMatchObject({ compactionBytesIn: bytesIn, compactionBytesOut: bytesOut });
});

test('nothing is begun while a truncation waits for a flush', async () => {
  const harness = await opened({ compaction: { min_threshold: '2' } });
  for (let timestamp = 1; timestamp < 4; timestamp++) await flushed(harness, timestamp, row(harness));
  await harness.write(harness.rows(1, [[1, 'more']], 9));
  let open = (): void => {};
  harness.offloads[0]!.gate = new Promise((done) => (open = done));
  const flush = harness.store.flush(() => true);
  const truncation = harness.store.truncate(harness.table.id);
  const told = flush.catch((error: TesseraError) => error.code);
  harness.store.updateMetadata(harness.metadata());
  await harness.steps(20);
  open();
  await harness.settle(truncation);
  await told;
  expect((await harness.readAll()).size).toBe(0);
  expect(groupOf(harness).files).toEqual([]);
});
