import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Bench } from 'tinybench';
import type { ColumnId, TableId } from '../../core/ids.ts';
import { bigIntHi, bigIntLo } from '../../core/int64.ts';
import { RowBodyWriter } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS, comparePartition, Token, tokenOf } from '../../core/token.ts';
import { blobType } from '../../core/types/blob.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { bigintType } from '../../core/types/int.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { BlockCache } from '../../sstable/block-cache.ts';
import { SSTable } from '../../sstable/reader.ts';
import { SSTableWriter } from '../../sstable/writer.ts';

/**
 * Writing, scanning and point reads of SSTables on files in the page cache, one thread; a missing key is one that the
 * bloom filter mostly knows to be missing.
 *
 *   node bench/micro/sstable.bench.ts [word in the name of a data set or task, ...]
 *
 * Two data sets: partitions of one row with 16-byte keys and 100-byte values, and partitions of 2000 such rows with an
 * 8-byte clustering key. Speeds are in MB of uncompressed Data.db and in rows
 * per second of CPU time; half of each value's bytes are random.
 */

interface DataSet {
  readonly name: string;
  readonly table: TableDescriptor;
  readonly batches: readonly RowBatch[];
  readonly keys: readonly Uint8Array[];
  readonly rows: number;
}

const files = new NodeFiles();
const directory = mkdtempSync(join(tmpdir(), 'tessera-sstable-bench-'));
const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };
const NOTHING = new Uint8Array(0);

let seed = 1;
function random(): number {
  seed ^= seed << 13;
  seed ^= seed >>> 17;
  seed ^= seed << 5;
  return seed >>> 0;
}

function makeTable(compression: Record<string, string>, clustering: boolean): TableDescriptor {
  const types: [string, ColumnKind, number, CqlType][] = [['k', ColumnKind.PartitionKey, 0, blobType]];
  if (clustering) types.push(['c', ColumnKind.Clustering, 0, bigintType]);
  types.push(['v', ColumnKind.Regular, 0, blobType]);
  return new TableDescriptor({
    id: '6f0b5a10-0000-1000-8000-000000000001' as TableId,
    keyspace: 'ks',
    name: 't',
    version: 1,
    columns: types.map(([name, kind, position, type], i) => ({
      id: i as ColumnId,
      name,
      kind,
      position,
      type,
      isReversed: false,
    })),
    droppedColumns: [],
    nextColumnId: types.length,
    options: { ...DEFAULT_TABLE_OPTIONS, compression },
  });
}

function makeData(
  name: string,
  compression: Record<string, string>,
  partitions: number,
  rowsPerPartition: number,
): DataSet {
  const table = makeTable(compression, rowsPerPartition > 1);
  const column = table.column('v')!.id;
  const token = new Token();
  const sorted = Array.from({ length: partitions }, () => {
    const key = new Uint8Array(16).map(() => random());
    tokenOf(key, 0, 16, token);
    return { key, hi: token.hi, lo: token.lo };
  }).sort((a, b) => comparePartition(a.hi, a.lo, a.key, 0, 16, b.hi, b.lo, b.key, 0, 16));
  const batches: RowBatch[] = [];
  let batch = new RowBatch(256);
  const room = () => {
    if (!batch.isFull()) return;
    batches.push(batch);
    batch = new RowBatch(256);
  };
  const row = new RowBodyWriter();
  const value = new Uint8Array(100).fill(0x61);
  const position = new Uint8Array(10);
  position[1] = 8;
  let us = 1_700_000_000_000_000n;
  for (const { key, hi, lo } of sorted) {
    room();
    batch.addPartitionStart(hi, lo, key, 0, 16, -0x8000_0000, 0, 0);
    for (let i = 0; i < rowsPerPartition; i++) {
      room();
      new DataView(position.buffer).setUint32(6, i);
      const prefix = rowsPerPartition > 1 ? position : NOTHING;
      batch.beginFragment(FragmentKind.Row, 0, prefix, 0, prefix.length);
      row.begin(batch.writer);
      us += 3n;
      row.liveness(bigIntHi(us), bigIntLo(us), 0, 0);
      for (let b = 0; b < 50; b++) value[b * 2] = random();
      row.cell(column, bigIntHi(us), bigIntLo(us), 0, 0, value, 0, 100);
      batch.endFragment();
    }
    room();
    batch.addPartitionEnd();
  }
  batches.push(batch);
  return { name, table, batches, keys: sorted.map(({ key }) => key), rows: partitions * rowsPerPartition };
}

let generation = 1;
function write(data: DataSet): { readonly path: string; readonly bytes: number } {
  const writer = new SSTableWriter(files, data.table, {
    directory,
    identifier: String(generation++),
    expectedPartitions: data.keys.length,
    base: {
      minTimestampHi: bigIntHi(1_700_000_000_000_000n),
      minTimestampLo: bigIntLo(1_700_000_000_000_000n),
      minLocalDeletionTime: 1_700_000_000,
      minTtl: 0,
    },
  });
  for (const batch of data.batches) writer.append(batch);
  const info = writer.finish()!;
  writer.commit();
  return { path: info.dataPath, bytes: info.dataBytes };
}

/** What was read, so that nothing can be left out. */
let sink = 0;

async function drain(cursor: RowCursor, batch: RowBatch): Promise<void> {
  for (;;) {
    batch.clear();
    const count = cursor.fill(batch);
    if (count === 0) break;
    if (count === NEEDS_LOAD) await cursor.load();
    else sink += batch.writer.length + batch.bytes[batch.writer.length >>> 1]!;
  }
  cursor.close();
}

/** CPU time of the process, its I/O threads included: the machine may be busy with other things. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const POINTS = 2000;
const words = process.argv.slice(2);

async function measure(data: DataSet): Promise<void> {
  const { path, bytes } = write(data);
  const blocking = await SSTable.open(files, path, { table: data.table, isBlocking: true });
  const cached = await SSTable.open(files, path, { table: data.table, cache: new BlockCache(256 * 1024 * 1024) });
  const cold = await SSTable.open(files, path, { table: data.table });
  const batch = new RowBatch();
  const token = new Token();
  const first: PartitionSlice = {
    ...WHOLE,
    slices: [{ start: NOTHING, startWeight: -1, end: new Uint8Array([0, 8, 0, 0, 0, 0, 0, 0, 0, 0]), endWeight: 1 }],
  };
  const slice = data.table.clustering.length > 0 ? first : WHOLE;
  const points = async (sstable: SSTable) => {
    for (let i = 0; i < POINTS; i++) {
      const key = data.keys[random() % data.keys.length]!;
      tokenOf(key, 0, key.length, token);
      await drain(sstable.openPartition(token.hi, token.lo, key, 0, key.length, slice)!, batch);
    }
  };
  const bench = new Bench({ time: 600, warmupTime: 150, now: cpuMs });
  const add = (task: string, run: () => void | Promise<void>) => {
    if (words.every((word) => data.name.includes(word) || task.includes(word))) bench.add(task, run);
  };
  add('write', () => {
    const { path: written } = write(data);
    const prefix = written.slice(directory.length + 1, -'Data.db'.length);
    for (const name of readdirSync(directory)) if (name.startsWith(prefix)) files.unlink(join(directory, name));
  });
  add('scan, blocking', async () => await drain(blocking.openScan(ALL_TOKENS, WHOLE), batch));
  add('scan, callbacks', async () => await drain(cold.openScan(ALL_TOKENS, WHOLE), batch));
  add('scan reversed', async () => await drain(blocking.openScan(ALL_TOKENS, { ...WHOLE, isReversed: true }), batch));
  add('point read, cached', async () => await points(cached));
  add('point read, blocking', async () => await points(blocking));
  add('point read, missing key', async () => {
    const key = new Uint8Array(16);
    for (let i = 0; i < POINTS; i++) {
      for (let b = 0; b < key.length; b++) key[b] = random();
      tokenOf(key, 0, key.length, token);
      const cursor = blocking.openPartition(token.hi, token.lo, key, 0, key.length, slice);
      if (cursor !== undefined) await drain(cursor, batch);
    }
  });
  await bench.run();
  for (const task of bench.tasks) {
    const { result } = task;
    if (!('latency' in result)) {
      process.stdout.write(`${data.name}: ${task.name}: ${result.state}\n`);
      continue;
    }
    const ms = result.latency.p50;
    const figure = task.name.startsWith('point')
      ? `${((ms * 1000) / POINTS).toFixed(2)} us each`
      : `${(bytes / 1e3 / ms).toFixed(0)} MB/s, ${(data.rows / ms).toFixed(0)} k rows/s`;
    process.stdout.write(`${data.name}: ${task.name}: ${figure}\n`);
  }
  for (const sstable of [blocking, cached, cold]) sstable.close();
}

const NONE = {};
const LZ4 = { class: 'LZ4Compressor' };
try {
  await measure(makeData('small partitions, plain', NONE, 100_000, 1));
  await measure(makeData('small partitions, LZ4 4 KiB', LZ4, 100_000, 1));
  await measure(makeData('wide partitions, plain', NONE, 50, 2000));
  await measure(makeData('wide partitions, LZ4 4 KiB', LZ4, 50, 2000));
} finally {
  rmSync(directory, { recursive: true });
}
process.stdout.write(`(${sink} bytes delivered)\n`);
