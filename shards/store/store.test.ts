import { describe, expect, test } from 'vitest';
import { SyncMode } from '../../commitlog/commitlog-options.ts';
import type { TesseraError } from '../../core/errors.ts';
import { harnessTable, StoreHarness, type Submitted, sorted, withNewColumn } from '../../test/support/store-harness.ts';
import { storeLives } from '../../test/support/store-lives.ts';
import type { StoreWrite } from '../../test/support/store-model.ts';
import { withManyRows } from '../../test/support/store-writes.ts';

const FOREVER = Number.POSITIVE_INFINITY;

/** What is read, with short keys: 'p/c' and the value alone. */
async function read(harness: StoreHarness): Promise<[string, string][]> {
  return sorted(await harness.readAll()).map(([key, text]) => [key.slice(key.indexOf('/') + 1), text.slice(4)]);
}

async function opened(options: ConstructorParameters<typeof StoreHarness>[1] = {}, seed = 1): Promise<StoreHarness> {
  const harness = new StoreHarness(seed, options);
  await harness.open();
  return harness;
}

/** Hands all of them over at once, and waits until each is acknowledged. */
async function writeAll(harness: StoreHarness, writes: readonly StoreWrite[]): Promise<void> {
  const submitted = writes.map((write) => harness.submit(write));
  for (const each of submitted) {
    while (!each.isAcknowledged) {
      if (each.error !== undefined) throw each.error;
      await harness.steps(1);
    }
  }
}

async function restart(harness: StoreHarness): Promise<void> {
  await harness.stop(false);
  await harness.open();
}

test('what is written is read, from memtables, SSTables and after a restart', async () => {
  const harness = await opened();
  await harness.write(
    harness.rows(
      1,
      [
        [1, 'a'],
        [2, 'b'],
      ],
      10,
    ),
  );
  await harness.write(harness.rows(2, [[1, 'c']], 11));
  const expected = [
    ['1/1', 'a'],
    ['1/2', 'b'],
    ['2/1', 'c'],
  ];
  expect(await read(harness)).toEqual(expected);
  await harness.settle(harness.store.flush(() => true));
  expect(harness.store.stats()).toMatchObject({ memtableBytes: 0, waitingWrites: 0 });
  expect(harness.store.stats().flushes).toBeGreaterThan(0);
  expect(await read(harness)).toEqual(expected);
  await harness.write(harness.rows(1, [[1, undefined]], 12));
  await harness.close();
  await harness.open();
  expect(await read(harness)).toEqual(expected.slice(1));
  await harness.settle(harness.store.compact(() => true));
  expect(await read(harness)).toEqual(expected.slice(1));
});

test('a truncation removes what was before it, for good, and nothing after it', async () => {
  const harness = await opened();
  await harness.write(harness.rows(1, [[1, 'flushed']], 10));
  await harness.settle(harness.store.flush(() => true));
  await harness.write(harness.rows(1, [[2, 'in memory']], 11));
  await harness.settle(harness.store.truncate(harness.table.id));
  await harness.write(harness.rows(1, [[3, 'after']], 12));
  expect(await read(harness)).toEqual([['1/3', 'after']]);
  await restart(harness);
  expect(await read(harness)).toEqual([['1/3', 'after']]);
  await expect(
    harness.store.truncate('11111111-bbbb-11f0-8000-000000000009' as typeof harness.table.id),
  ).rejects.toThrow('dropped');
});

test('more data than memtables hold: writers wait for flushes, nothing is lost, compaction keeps the files few', async () => {
  const harness = await opened({ syncMode: SyncMode.Periodic, memtableBytes: 2 * 1024 * 1024 });
  const value = 'x'.repeat(4000);
  for (let i = 0; i < 1500; i += 100) {
    const writes = Array.from({ length: 100 }, (_, k) => harness.rows(i + k, [[1, `${value}${i + k}`]], 10));
    await writeAll(harness, writes);
  }
  await harness.settle(harness.store.flush(() => true));
  const rows = new Map(await read(harness));
  expect(rows.size).toBe(1500);
  expect(rows.get('777/1')).toBe(`${value}777`);
  const stats = harness.store.stats();
  expect(stats.flushes).toBeGreaterThan(3);
  expect(stats.compactions).toBeGreaterThan(0);
  expect(stats.sstables).toBeLessThan(12);
  expect(stats.slabBytes).toBeLessThanOrEqual(2 * 1024 * 1024);
});

describe('a writer is refused before anything is logged', () => {
  /** More rows than the memtables hold: the first ten wait as long as it takes, the others until `deadlineMs`. */
  function submitMany(harness: StoreHarness, deadlineMs: number): readonly Submitted[] {
    const value = 'x'.repeat(4000);
    return Array.from({ length: 300 }, (_, i) =>
      harness.submit(harness.rows(i, [[1, value]], 10 + i), false, i < 10 ? FOREVER : deadlineMs),
    );
  }

  test('when its deadline passes while it waits for memory', async () => {
    const harness = await opened({ memtableBytes: 640 * 1024, tabletCount: 1 });
    let open = (): void => {};
    harness.offloads[0]!.gate = new Promise((done) => (open = done));
    const submitted = submitMany(harness, harness.clock.monotonicMs() + 500);
    await harness.pass(400);
    expect(submitted.filter(({ error }) => error !== undefined).length).toBe(0);
    await harness.pass(600);
    const refused = submitted.filter(({ error }) => (error as TesseraError | undefined)?.code === 'OVERLOADED');
    expect(refused.length).toBeGreaterThan(100);
    expect(refused[0]!.error!.message).toContain('until its deadline');
    expect(harness.store.stats()).toMatchObject({ waitingWrites: 0, flushes: 0, failures: 0 });
    open();
    await harness.write(harness.rows(999, [[1, 'later']], 1000));
    const taken = submitted.filter(({ isAcknowledged }) => isAcknowledged);
    expect(refused.length + taken.length).toBe(300);
    await restart(harness);
    expect((await read(harness)).length).toBe(taken.length + 1);
  });

  test('when memtables are full and the disk too: at once, saying so, until a flush succeeds', async () => {
    const harness = await opened({ memtableBytes: 640 * 1024, tabletCount: 1 });
    harness.files.plan = (operation, path) =>
      operation === 'open' && path.includes('/data/') ? { errno: 'ENOSPC' } : undefined;
    const submitted = submitMany(harness, FOREVER);
    await harness.pass(1000);
    const taken = submitted.filter(({ isAcknowledged }) => isAcknowledged);
    const refused = submitted.filter(({ error }) => (error as TesseraError | undefined)?.code === 'OVERLOADED');
    expect(taken.length).toBeGreaterThan(10);
    expect(refused.length).toBeGreaterThan(100);
    expect(refused.length + taken.length).toBe(300);
    expect(refused[0]!.error!.message).toMatch(/cannot be flushed: open \/node\/data\/.*ENOSPC; free disk space/);
    expect(harness.store.stats()).toMatchObject({ waitingWrites: 0, flushes: 0 });
    const later = Array.from({ length: 30 }, (_, i) =>
      harness.submit(harness.rows(1000 + i, [[1, 'x'.repeat(20_000)]], 1000), false, FOREVER),
    );
    expect(later.at(-1)!.error).toMatchObject({ code: 'OVERLOADED' });
    await harness.steps(10);
    taken.push(...later.filter(({ isAcknowledged }) => isAcknowledged));
    expect((await read(harness)).length).toBe(taken.length);
    harness.files.plan = undefined;
    await harness.pass(6000); // the flush is tried again by itself
    await harness.write(harness.rows(999, [[1, 'later']], 1000));
    await restart(harness);
    expect((await read(harness)).length).toBe(taken.length + 1);
  });

  test('when no memtable could ever hold it, though the log could', async () => {
    const harness = await opened({ memtableBytes: 1024 * 1024, segmentBytes: 256 * 1024 });
    const submitted = harness.submit(withManyRows(harness.table.id, 1, 5000, 10));
    await harness.steps(10);
    expect(submitted.error).toMatchObject({ code: 'INVALID' });
    const large = harness.submit(harness.rows(1, [[1, 'x'.repeat(200_000)]], 10));
    await harness.steps(10);
    expect(large.error).toMatchObject({ code: 'INVALID' });
    await restart(harness);
    expect(await read(harness)).toEqual([]);
  });

  test('when the log has failed: reads go on, and what was acknowledged is there after a restart', async () => {
    const harness = await opened();
    await harness.write(harness.rows(1, [[1, 'before']], 10));
    harness.files.plan = (operation) => (operation === 'fdatasync' ? { errno: 'EIO' } : undefined);
    const open = harness.submit(harness.rows(1, [[2, 'unknown']], 11));
    await harness.pass(20);
    expect(open.error).toMatchObject({ code: 'FILE_OPERATION' });
    harness.files.plan = undefined;
    const late = harness.submit(harness.rows(1, [[3, 'refused']], 12));
    await harness.pass(20);
    expect(late.error).toMatchObject({ code: 'OVERLOADED' });
    await expect(harness.settle(harness.store.flush(() => true))).rejects.toMatchObject({ code: 'FILE_OPERATION' });
    expect(new Map(await read(harness)).get('1/1')).toBe('before');
    await restart(harness);
    const rows = new Map(await read(harness));
    expect(rows.get('1/1')).toBe('before');
    expect(rows.has('1/3')).toBe(false);
  });
});

test('writes that find no room after they were logged are applied in order when a flush has made some', async () => {
  const harness = await opened({ syncMode: SyncMode.Group, memtableBytes: 1536 * 1024, tabletCount: 1 }, 5);
  // What many rows may need at worst is far more than what is kept free for each byte.
  const events = Array.from({ length: 120 }, (_, i) => withManyRows(harness.table.id, i, 300, 10 + i));
  await writeAll(harness, events);
  expect(sorted(await harness.readAll())).toEqual(sorted(harness.expected(events)));
  expect(harness.store.stats().flushes).toBeGreaterThan(1);
  await restart(harness);
  expect(sorted(await harness.readAll())).toEqual(sorted(harness.expected(events)));
});

test('a write under a schema that is not here yet waits for it, and holds nobody up', async () => {
  const harness = await opened();
  const { tables } = harness;
  const before = harness.metadata();
  harness.tables = [withNewColumn(tables[0]!, 5)];
  const ahead = harness.submit(harness.rows(1, [[1, 'ahead']], 10));
  harness.tables = tables;
  await harness.write(harness.rows(1, [[2, 'now']], 11));
  expect(ahead.isAcknowledged).toBe(false);
  expect(harness.store.stats()).toMatchObject({ waitingWrites: 1, flushes: 0 });
  harness.tables = [withNewColumn(tables[0]!, 5)];
  harness.store.updateMetadata(harness.metadata());
  await harness.pass(20);
  expect(ahead.isAcknowledged).toBe(true);
  expect(before).not.toBe(harness.metadata());
  expect((await read(harness)).length).toBe(2);
});

test('the log stays within its limit while one row is overwritten for ever', async () => {
  const harness = await opened({ commitlogBytes: 256 * 1024, segmentBytes: 32 * 1024, tabletCount: 1 });
  const value = 'x'.repeat(2000);
  for (let i = 0; i < 1000; i++) await harness.write(harness.rows(1, [[1, `${value}${i}`]], 10 + i));
  const stats = harness.store.stats();
  expect(stats.flushes).toBeGreaterThan(3);
  expect(stats.commitlogBytes).toBeLessThan(512 * 1024);
  expect(await read(harness)).toEqual([['1/1', `${value}999`]]);
});

test('a flush lets the log free its segments', async () => {
  const harness = await opened({ segmentBytes: 16 * 1024 });
  for (let i = 0; i < 100; i++) await harness.write(harness.rows(i, [[1, 'x'.repeat(1000)]], 10));
  expect(harness.store.log.segmentCount).toBeGreaterThan(5);
  await harness.settle(harness.store.flush(() => true));
  await harness.pass(100);
  expect(harness.store.log.segmentCount).toBe(1);
});

describe('shutdown', () => {
  test('flushes what is large at a drain, and leaves what is small to the log', async () => {
    const harness = await opened({ tabletCount: 1, tables: [harnessTable(1), harnessTable(2)] });
    const [large, small] = harness.tables;
    const writes: StoreWrite[] = Array.from({ length: 100 }, (_, i) => ({
      ...harness.rows(i, [[1, 'x'.repeat(1000)]], 10),
      tableId: large!.id,
    }));
    for (const write of writes) await harness.write(write);
    await harness.write({ ...harness.rows(1, [[1, 'small']], 10), tableId: small!.id });
    await harness.settle(harness.store.drain());
    expect(harness.store.stats()).toMatchObject({ flushes: 1, sstables: 1 });
    await harness.close();
    const late = harness.submit(harness.rows(1, [[1, 'late']], 11));
    expect(late.error).toMatchObject({ code: 'NOT_READY' });
    await expect(harness.store.flush(() => true)).rejects.toMatchObject({ code: 'NOT_READY' });
    await expect(harness.store.truncate(large!.id)).rejects.toMatchObject({ code: 'NOT_READY' });
    await harness.open();
    expect((await read(harness)).length).toBe(101);
  });

  test('flushes a small memtable with a long log at a drain', async () => {
    const harness = await opened({ tabletCount: 1 });
    for (let i = 0; i < 600; i++) await harness.write(harness.rows(1, [[1, `value ${i}`]], 10 + i));
    expect(harness.store.stats().memtableBytes).toBeLessThan(64 * 1024);
    await harness.settle(harness.store.drain());
    expect(harness.store.stats()).toMatchObject({ flushes: 1, sstables: 1 });
    await harness.close();
    await harness.open();
    expect(harness.store.stats().memtableBytes).toBe(0);
    expect(await read(harness)).toEqual([['1/1', 'value 599']]);
  });

  test('gives up a compaction that runs, and tells who waits', async () => {
    const harness = await opened({ tabletCount: 1 });
    const value = 'x'.repeat(2000);
    for (let round = 0; round < 3; round++) {
      for (let i = 0; i < 300; i++) harness.submit(harness.rows(i, [[1, value]], 10 + round));
      await harness.settle(harness.store.flush(() => true));
    }
    const compaction = harness.store.compact(() => true);
    const told = expect(compaction).rejects.toMatchObject({ code: 'NOT_READY' });
    while (!harness.offloads[0]!.begun.includes('compact')) await harness.steps(1);
    await harness.steps(3);
    await harness.close();
    await told;
    expect(harness.store.stats().compactions).toBe(0);
    expect(harness.files.openCount).toBe(0);
    await harness.open();
    expect(harness.store.stats().sstables).toBe(3);
    expect((await read(harness)).length).toBe(300);
  });
});

test('a damaged SSTable is named, fails the reads that need it, and stops neither flushes nor other tables', async () => {
  const options = { compaction: { min_threshold: '2' } };
  const harness = await opened({ tabletCount: 1, tables: [harnessTable(1, options), harnessTable(2, options)] });
  const [first, second] = harness.tables;
  const write = (tableId: string, timestamp: number) => ({ ...harness.rows(1, [[1, 'v']], timestamp), tableId });
  await harness.write(write(first!.id, 10));
  await harness.settle(harness.store.flush(() => true));
  const [file] = [...harness.store.tables()][0]!.groups[0]!.files;
  harness.files.flip(file!.sstable.path, 5, 0xff);
  await expect(harness.readAll()).rejects.toMatchObject({ code: 'CORRUPT_FILE' });
  await harness.write(write(first!.id, 11));
  await harness.settle(harness.store.flush(() => true));
  await harness.pass(60_000); // the compaction fails once, and is not tried again
  expect(harness.store.stats()).toMatchObject({ flushes: 2, failures: 1, compactions: 0, sstables: 2 });
  expect(harness.messages.join('\n')).toContain(`${file!.sstable.prefix} is damaged`);
  for (let timestamp = 12; timestamp < 16; timestamp++) {
    await harness.write(write(second!.id, timestamp));
    await harness.settle(harness.store.flush(() => true));
  }
  await harness.pass(1000);
  expect(harness.store.stats().compactions).toBeGreaterThan(0);
});

test('tombstones stay as long as the log may bring back what they hide', async () => {
  const tables = [harnessTable(1, { gcGraceSeconds: 0 }), harnessTable(2)];
  const harness = await opened({ tabletCount: 1, tables });
  const only = (number: number) => (table: { readonly descriptor: { readonly name: string } }) =>
    table.descriptor.name === `t${number}`;
  // The deletion is logged before the write that it hides; the write's segment is kept for another table.
  await harness.write(harness.rows(1, [[1, undefined]], 100));
  harness.store.log.rotate();
  await harness.write({ ...harness.rows(1, [[1, 'pins the segment']], 10), tableId: tables[1]!.id });
  await harness.write(harness.rows(1, [[1, 'hidden']], 50));
  await harness.settle(harness.store.flush(only(1)));
  await harness.settle(harness.store.compact(only(1)));
  await harness.pass(100);
  const shown = () => harness.readAll().then((rows) => [...rows.keys()].filter((key) => key.startsWith(tables[0]!.id)));
  expect(await shown()).toEqual([]);
  await restart(harness);
  expect(await shown()).toEqual([]);
  // When the log has forgotten the write, so may the SSTable its deletion.
  await harness.settle(harness.store.flush(() => true));
  await harness.settle(harness.store.compact(only(1)));
  expect([...harness.store.tables()][0]!.groups[0]!.files).toEqual([]);
  await restart(harness);
  expect(await shown()).toEqual([]);
});

test('tombstones stay until all shards have written what they had of each other', async () => {
  const harness = new StoreHarness(1, { tabletCount: 1 });
  await harness.open(false);
  await harness.write(harness.rows(1, [[1, undefined]], 10));
  const compacted = async (): Promise<number> => {
    await harness.settle(harness.store.flush(() => true));
    await harness.pass(100);
    await harness.settle(harness.store.compact(() => true));
    return harness.store.stats().sstables;
  };
  expect(await compacted()).toBe(1);
  harness.store.start();
  expect(await compacted()).toBe(0);
});

test('data under former shards is found, and their logs are gone, whatever the number of shards', async () => {
  const harness = await opened({ shardCount: 4, tabletCount: 8 });
  const events: StoreWrite[] = [];
  for (const shardCount of [4, 2, 3, 1, 4]) {
    harness.shardCount = shardCount;
    await restart(harness);
    for (let i = 0; i < 20; i++) {
      const write = harness.rows(i, [[shardCount, `under ${shardCount}`]], 10 + events.length);
      events.push(write);
      await harness.write(write);
      if (i === 10) await harness.settle(harness.stores[0]!.flush(() => true));
    }
    expect(sorted(await harness.readAll())).toEqual(sorted(harness.expected(events)));
  }
  await restart(harness);
  expect(sorted(await harness.readAll())).toEqual(sorted(harness.expected(events)));
});

test('a write that was given to its new shard is not given again after its deletion was purged there', async () => {
  const harness = await opened({ tabletCount: 2, tables: [harnessTable(1, { gcGraceSeconds: 0 })] });
  const p = [1, 2, 3, 4, 5, 6].find((each) => harness.shardOf(each, 2) === 1)!;
  const pinned = [1, 2, 3, 4, 5, 6].find((each) => harness.shardOf(each, 2) === 0)!;
  await harness.write(harness.rows(p, [[1, 'moved']], 10));
  await harness.write(harness.rows(pinned, [[1, 'keeps the first log']], 11));
  harness.shardCount = 2;
  await restart(harness);
  expect((await read(harness)).length).toBe(2);
  await harness.write(harness.rows(p, [[1, undefined]], 20));
  const store = harness.stores[1]!;
  await harness.settle(store.flush(() => true));
  await harness.pass(100);
  await harness.settle(store.compact(() => true));
  expect(store.stats().sstables).toBe(0);
  await restart(harness);
  expect(await read(harness)).toEqual([[`${pinned}/1`, 'keeps the first log']]);
});

describe('crashes', () => {
  /** Seeds that found something once, and others. */
  const seeds = [...new Set([4, 8, 78, 127, 710, ...Array.from({ length: 295 }, (_, i) => i + 1)])];
  test.each(seeds)('every acknowledged write is there and nothing comes back, TESSERA_SEED=%d', async (seed) => {
    await storeLives(seed, true);
  });
});
