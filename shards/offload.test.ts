import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, test } from 'vitest';
import { SyncMode } from '../commitlog/commitlog-options.ts';
import { RowBatchPool } from '../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../core/read/live-cursor.ts';
import { RowBatch } from '../core/read/row-batch.ts';
import { NEEDS_LOAD } from '../core/read/row-cursor.ts';
import { ALL_TOKENS } from '../core/token.ts';
import { Column, HOST_ID, harnessTable, mutationOf, takeRows, WHOLE } from '../test/support/store-harness.ts';
import type { StoreWrite } from '../test/support/store-model.ts';
import { NodeClock } from './host/node-clock.ts';
import { NodeFiles } from './host/node-files.ts';
import { NodeRandom } from './host/node-random.ts';
import { NodeTasks } from './host/node-tasks.ts';
import { PoolOffload } from './offload.ts';
import { clearLeftovers } from './store/clear-leftovers.ts';
import { openStore, redoTransactions } from './store/recovery.ts';
import type { Store, StoreOptions } from './store/store.ts';

const directories: string[] = [];

function temporary(): string {
  const directory = mkdtempSync(join(tmpdir(), 'tessera-offload-'));
  directories.push(directory);
  return directory;
}

afterEach(() => {
  for (const directory of directories.splice(0)) rmSync(directory, { recursive: true });
});

const TABLE = harnessTable(1, { gcGraceSeconds: 0 });
const METADATA = { tables: () => [{ descriptor: TABLE, tabletCount: 2, shardOf: () => 0 }] };

/** A store on the machine's files, with a pool thread of its own. */
async function openReal(workdir: string, messages: string[]): Promise<{ store: Store; tasks: NodeTasks }> {
  const clock = new NodeClock();
  const tasks = new NodeTasks(clock);
  tasks.keepAlive(true);
  const options: StoreOptions = {
    files: new NodeFiles(),
    tasks,
    clock,
    random: new NodeRandom(),
    log: { write: (_level, _module, message) => messages.push(message) },
    offload: new PoolOffload(),
    shard: 0,
    shardCount: 1,
    hostId: HOST_ID,
    dataDirectory: `${workdir}/data`,
    commitlogDirectory: `${workdir}/commitlog`,
    syncMode: SyncMode.Periodic,
    syncPeriodMs: 1000,
    groupWindowMs: 2,
    segmentBytes: 1024 * 1024,
    commitlogBytes: 16 * 1024 * 1024,
    skipDamagedLog: false,
    memtableBytes: 8 * 1024 * 1024,
    blockCacheBytes: 1024 * 1024,
    compactionBytesPerSecond: 0,
  };
  await redoTransactions(options, METADATA);
  clearLeftovers(options.files, options.log, options.dataDirectory, METADATA);
  const { store } = await openStore(options, METADATA);
  await store.finishRecovery();
  store.start();
  return { store, tasks };
}

function write(store: Store, p: number, value: string | undefined, timestamp: number): Promise<void> {
  const write: StoreWrite = {
    tableId: TABLE.id,
    p,
    timestamp,
    madeAt: 1,
    changes: [
      value === undefined
        ? { kind: 'deletePartition' }
        : { kind: 'row', c: 1, markerTtl: 0, cells: [{ column: Column.V, value, ttl: 0 }] },
    ],
  };
  const bytes = mutationOf(write, 1);
  return new Promise((done, failed) => {
    const told = (_: number, error: Error | undefined) => (error === undefined ? done() : failed(error));
    store.write(bytes, 0, bytes.length, false, Number.POSITIVE_INFINITY, told, 0);
  });
}

async function read(store: Store): Promise<Map<string, string>> {
  const rows = new Map<string, string>();
  const pool = new RowBatchPool();
  const cursor = liveCursor(store.source(TABLE.id)!.openScan(ALL_TOKENS, WHOLE), new LiveFilter(TABLE, 2e9), pool);
  const batch = new RowBatch();
  let key = '';
  for (let added = 1; added !== 0; ) {
    batch.clear();
    added = cursor.fill(batch);
    if (added === NEEDS_LOAD) await cursor.load();
    else key = takeRows(TABLE.id, key, batch, rows);
  }
  cursor.close();
  return rows;
}

describe('a store with a real pool thread', () => {
  test('flushes, compacts, truncates and comes back', async () => {
    const workdir = temporary();
    const messages: string[] = [];
    const { store, tasks } = await openReal(workdir, messages);
    for (let round = 0; round < 3; round++) {
      await Promise.all(
        Array.from({ length: 500 }, (_, i) => write(store, i, `${round} ${'x'.repeat(i)}`, 10 + round)),
      );
      await store.flush(() => true);
    }
    await Promise.all(Array.from({ length: 250 }, (_, i) => write(store, i * 2, undefined, 20)));
    expect((await read(store)).size).toBe(250);
    await store.compact(() => true);
    expect(store.stats()).toMatchObject({ sstables: 2, failures: 0, memtableBytes: 0 });
    expect((await read(store)).get(`${TABLE.id}/499/1`)).toBe(`+ 3=2 ${'x'.repeat(499)}`);
    await store.drain();
    await store.close();
    tasks.keepAlive(false);

    const again = await openReal(workdir, messages);
    expect((await read(again.store)).size).toBe(250);
    expect(again.store.stats()).toMatchObject({ sstables: 2, memtableBytes: 0 });
    await write(again.store, 1000, 'in memory', 30);
    await again.store.truncate(TABLE.id);
    expect((await read(again.store)).size).toBe(0);
    await again.store.close();
    again.tasks.keepAlive(false);
    expect(messages.filter((message) => message.includes('fail'))).toEqual([]);
  });

  test('is closed while a flush and a compaction run: nothing acknowledged is lost', async () => {
    const workdir = temporary();
    const messages: string[] = [];
    const { store, tasks } = await openReal(workdir, messages);
    const value = 'y'.repeat(1500);
    for (let round = 0; round < 2; round++) {
      await Promise.all(Array.from({ length: 1000 }, (_, i) => write(store, i, value, 10 + round)));
      await store.flush(() => true);
    }
    await Promise.all(Array.from({ length: 1000 }, (_, i) => write(store, 5000 + i, value, 40)));
    const outcomes = Promise.allSettled([store.compact(() => true), store.flush(() => true)]);
    await store.close();
    for (const outcome of await outcomes) {
      if (outcome.status === 'rejected') expect(['ABORTED', 'NOT_READY']).toContain(outcome.reason.code);
    }
    tasks.keepAlive(false);
    const again = await openReal(workdir, messages);
    expect((await read(again.store)).size).toBe(2000);
    await again.store.close();
    again.tasks.keepAlive(false);
  });
});

describe('the pool thread', () => {
  /** An entry whose jobs are words. */
  function offloadOf(source: string): PoolOffload {
    const path = join(temporary(), 'entry.mjs');
    writeFileSync(path, source);
    return new PoolOffload(pathToFileURL(path));
  }
  const ENTRY = `
    export default async function run({ job, memories }) {
      if (job.kind === 'exit') process.exit(3);
      if (job.kind === 'hang') await new Promise(() => setInterval(() => {}, 1000));
      if (job.kind === 'bug') return { bug: 'Error: oops' };
      if (job.kind === 'throw') throw new Error('thrown');
      if (job.kind === 'memory') return { value: Atomics.add(new Int32Array(memories.get('m')), 0, 5) };
      return { value: job.payload };
    }`;

  test('that dies fails its jobs, which may be tried again, and another takes its place', async () => {
    const offload = offloadOf(ENTRY);
    const memory = new SharedArrayBuffer(8);
    offload.share('m', memory);
    expect(await offload.run({ kind: 'echo', payload: [1, 'two'] })).toEqual([1, 'two']);
    const beside = expect(offload.run({ kind: 'hang', payload: 0 })).rejects.toMatchObject({ code: 'OFFLOAD_FAILED' });
    await expect(offload.run({ kind: 'exit', payload: 0 })).rejects.toMatchObject({ code: 'OFFLOAD_FAILED' });
    await beside;
    expect(await offload.run({ kind: 'memory', payload: 0 })).toBe(0);
    expect(new Int32Array(memory)[0]).toBe(5);
    await offload.close();
  });

  test('passes bugs on as bugs', async () => {
    const offload = offloadOf(ENTRY);
    await expect(offload.run({ kind: 'bug', payload: 0 })).rejects.toMatchObject({ name: 'AssertionError' });
    await offload.close();
  });

  test('that is closed rejects what it was doing', async () => {
    const offload = offloadOf(ENTRY);
    const told = expect(offload.run({ kind: 'hang', payload: 0 })).rejects.toMatchObject({ code: 'OFFLOAD_FAILED' });
    expect(await offload.run({ kind: 'echo', payload: 1 })).toBe(1);
    await offload.close();
    await told;
    await expect(offload.run({ kind: 'echo', payload: 1 })).rejects.toMatchObject({ code: 'OFFLOAD_FAILED' });
  });

  test('that cannot start fails its jobs instead of letting them wait', async () => {
    const offload = offloadOf('throw new Error("cannot start");');
    await expect(offload.run({ kind: 'echo', payload: 1 })).rejects.toMatchObject({ code: 'OFFLOAD_FAILED' });
    await expect(offload.run({ kind: 'echo', payload: 1 })).rejects.toMatchObject({ code: 'OFFLOAD_FAILED' });
    await offload.close();
  });
});
