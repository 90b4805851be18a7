import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { SyncMode } from '../../commitlog/commitlog-options.ts';
import { ByteWriter } from '../../core/bytes.ts';
import type { ColumnId, HostId, TableId } from '../../core/ids.ts';
import { MutationWriter } from '../../core/mutation/frozen-mutation.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD } from '../../core/read/row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS, Token, tokenOf } from '../../core/token.ts';
import { blobType } from '../../core/types/blob.ts';
import { uuidBytes } from '../../core/uuid-bytes.ts';
import { NodeClock } from '../../shards/host/node-clock.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { NodeRandom } from '../../shards/host/node-random.ts';
import { NodeTasks } from '../../shards/host/node-tasks.ts';
import { PoolOffload } from '../../shards/offload.ts';
import { openStore } from '../../shards/store/recovery.ts';
import type { Store } from '../../shards/store/store.ts';

/**
 * A shard's store on the disk under the temporary directory (TMPDIR), without a coordinator: what a write and a point read cost, from
 * memtable and SSTable. Periodic sync, 16-byte keys, 100-byte values. CPU is the shard's thread. Run:
 * node bench/micro/store.bench.ts [rows]
 */
const ROWS = Number(process.argv[2] ?? 400_000);
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
const READS = 300_000;
const MIB = 1024 * 1024;

const TABLE = new TableDescriptor({
  id: 'aaaaaaaa-bbbb-11f0-8000-000000000001' as TableId,
  keyspace: 'ks',
  name: 't',
  version: 1,
  columns: [
    { id: 0 as ColumnId, name: 'p', kind: ColumnKind.PartitionKey, position: 0, type: blobType, isReversed: false },
    { id: 1 as ColumnId, name: 'v', kind: ColumnKind.Regular, position: 0, type: blobType, isReversed: false },
  ],
  droppedColumns: [],
  nextColumnId: 2,
  options: DEFAULT_TABLE_OPTIONS,
});
const METADATA = { tables: () => [{ descriptor: TABLE, tabletCount: 1, shardOf: () => 0 }] };
const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

const keys = new Uint8Array(ROWS * KEY_BYTES);
const tokenHi = new Int32Array(ROWS);
const tokenLo = new Int32Array(ROWS);
const token = new Token();
for (let i = 0; i < ROWS; i++) {
  const view = new DataView(keys.buffer, i * KEY_BYTES);
  view.setInt32(0, Math.imul(i, 0x9e37_79b1));
  view.setInt32(4, i);
  tokenOf(keys, i * KEY_BYTES, (i + 1) * KEY_BYTES, token);
  tokenHi[i] = token.hi;
  tokenLo[i] = token.lo;
}
const value = new Uint8Array(VALUE_BYTES).fill(7);
const tableId = uuidBytes(TABLE.id);
const writer = new MutationWriter(new ByteWriter(1024));
let sink = 0;

function encode(i: number, timestamp: number): void {
  writer.out.clear();
  writer.begin(tableId, 1, tokenHi[i]!, tokenLo[i]!, keys, i * KEY_BYTES, (i + 1) * KEY_BYTES);
  writer.beginRow(value, 0, 0);
  writer.row.liveness(0, timestamp, 0, NO_DELETION_TIME);
  writer.row.cell(1, 0, timestamp, 0, NO_DELETION_TIME, value, 0, value.length);
  writer.endRow();
}

function report(what: string, operations: number, wallMs: number, cpu: NodeJS.CpuUsage): void {
  const cpuUs = (cpu.user + cpu.system) / operations;
  const wallUs = (wallMs * 1000) / operations;
  process.stdout.write(
    `${what.padEnd(44)} ${wallUs.toFixed(2).padStart(7)} us/op  ${cpuUs.toFixed(2).padStart(7)} us CPU/op\n`,
  );
}

/** CPU of this thread alone: the pool's is not the shard's. */
async function measure(what: string, operations: number, run: () => Promise<void> | void): Promise<void> {
  const cpu = process.threadCpuUsage();
  const startMs = performance.now();
  await run();
  report(what, operations, performance.now() - startMs, process.threadCpuUsage(cpu));
}

/** All rows, `perTurn` of them in a turn of the loop. */
function writeAll(store: Store, perTurn: number, timestamp: number): Promise<void> {
  return new Promise((done, failed) => {
    let acknowledged = 0;
    let next = 0;
    const told = (_context: number, error: Error | undefined): void => {
      if (error !== undefined) failed(error);
      else if (++acknowledged === ROWS) done();
    };
    const turn = (): void => {
      const end = Math.min(ROWS, next + perTurn);
      for (; next < end; next++) {
        encode(next, timestamp);
        store.write(writer.out.bytes, 0, writer.out.length, false, Number.POSITIVE_INFINITY, told, next);
      }
      if (next < ROWS) setImmediate(turn);
    };
    turn();
  });
}

async function pointReads(store: Store, count: number, among: number): Promise<void> {
  const source = store.source(TABLE.id)!;
  const batch = new RowBatch(32, 8192);
  for (let n = 0, i = 0; n < count; n++) {
    i = (i + 7919) % among;
    const cursor = source.openPartition(tokenHi[i]!, tokenLo[i]!, keys, i * KEY_BYTES, (i + 1) * KEY_BYTES, WHOLE)!;
    batch.clear();
    while (cursor.fill(batch) === NEEDS_LOAD) await cursor.load();
    sink += batch.count;
    cursor.close();
  }
}

async function scan(store: Store): Promise<void> {
  const cursor = store.source(TABLE.id)!.openScan(ALL_TOKENS, WHOLE);
  const batch = new RowBatch();
  for (let added = 1; added !== 0; ) {
    batch.clear();
    added = cursor.fill(batch);
    if (added === NEEDS_LOAD) await cursor.load();
    else sink += added;
  }
  cursor.close();
}

const workdir = mkdtempSync(join(tmpdir(), 'store-bench-'));
const clock = new NodeClock();
const tasks = new NodeTasks(clock);
tasks.keepAlive(true);
const { store } = await openStore(
  {
    files: new NodeFiles(),
    tasks,
    clock,
    random: new NodeRandom(),
    log: { write: () => {} },
    offload: new PoolOffload(),
    shard: 0,
    shardCount: 1,
    hostId: '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11' as HostId,
    dataDirectory: `${workdir}/data`,
    commitlogDirectory: `${workdir}/commitlog`,
    syncMode: SyncMode.Periodic,
    syncPeriodMs: 10_000,
    groupWindowMs: 2,
    segmentBytes: 32 * MIB,
    commitlogBytes: 4096 * MIB,
    skipDamagedLog: false,
    memtableBytes: 512 * MIB,
    blockCacheBytes: 256 * MIB,
    compactionBytesPerSecond: 0,
  },
  METADATA,
);
await store.finishRecovery();
store.start();
try {
  process.stdout.write(`${ROWS} rows, node ${process.version}\n`);
  for (let i = 0; i < ROWS; i++) encode(i, 1); // warm
  await measure('encode the mutation (part of what follows)', ROWS, () => {
    for (let i = 0; i < ROWS; i++) encode(i, 1);
  });
  await measure('write, 128 a turn', ROWS, () => writeAll(store, 128, 1));
  await measure('overwrite, 128 a turn', ROWS, () => writeAll(store, 128, 2));
  await measure('overwrite, 16 a turn', ROWS, () => writeAll(store, 16, 3));
  await measure('overwrite, 1 a turn', ROWS, () => writeAll(store, 1, 4));
  await measure('point read, memtable', READS, () => pointReads(store, READS, ROWS));
  await measure('scan, memtable', ROWS, () => scan(store));
  const flushMs = performance.now();
  await store.flush(() => true);
  process.stdout.write(`flush ${(performance.now() - flushMs).toFixed(0)} ms, ${store.stats().sstableBytes} bytes\n`);
  await measure('point read, SSTable, 4000 hot keys', READS, () => pointReads(store, READS, 4000));
  await measure('point read, SSTable, all keys, cold at first', READS, () => pointReads(store, READS, ROWS));
  await measure('point read, SSTable, all keys', READS, () => pointReads(store, READS, ROWS));
  await measure('scan, SSTable', ROWS, () => scan(store));
  await measure('overwrite beside SSTables', ROWS, () => writeAll(store, 128, 5));
  await measure('point read, memtable and SSTable', READS, () => pointReads(store, READS, ROWS));
} finally {
  await store.close();
  tasks.keepAlive(false);
  rmSync(workdir, { recursive: true });
}
process.stdout.write(`(${sink})\n`);
