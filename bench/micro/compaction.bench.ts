import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ColumnId, TableId } from '../../core/ids.ts';
import { bigIntHi, bigIntLo, INT64_MAX_HI, INT64_MAX_LO } from '../../core/int64.ts';
import { RowBodyWriter } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { comparePartition, Token, tokenOf } from '../../core/token.ts';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { type CompactPayload, runCompaction } from '../../shards/store/compaction-job.ts';
import { describeOutside } from '../../shards/store/outside-sstables.ts';
import { describeTable } from '../../shards/store/table-description.ts';
import { SSTableWriter } from '../../sstable/writer.ts';

/**
 * Compactions of 2, 4 and 8 SSTables on files in the page cache, one thread.
 *
 *   node bench/micro/compaction.bench.ts [word in the name of a task, ...]
 *
 * Of the partitions of each input, a third are in that input alone and the others in all; of the rows of the latter some are in one
 * input, some overwritten in all, and every tenth is a tombstone in the last. Speeds are uncompressed Data.db of the
 * inputs, and their rows, per second of CPU time, decompression, compression and checksums included.
 */

const ROUNDS = 3;
const ROWS_IN_ALL = 400_000;
const BASE_US = 1_700_000_000_000_000n;
const BASE = {
  minTimestampHi: bigIntHi(BASE_US),
  minTimestampLo: bigIntLo(BASE_US),
  minLocalDeletionTime: 1_700_000_000,
  minTtl: 0,
};

const files = new NodeFiles();
const directory = mkdtempSync(join(tmpdir(), 'tessera-compaction-bench-'));
const words = process.argv.slice(2);
let generations = 0;
const nextGeneration = (): string => `00000000-0000-1000-8000-${(++generations).toString(16).padStart(12, '0')}`;

function makeTable(compression: Readonly<Record<string, string>>): TableDescriptor {
  const columns: readonly (readonly [string, ColumnKind, number, string])[] = [
    ['k', ColumnKind.PartitionKey, 0, 'text'],
    ['c', ColumnKind.Clustering, 0, 'bigint'],
    ['name', ColumnKind.Regular, 0, 'text'],
    ['note', ColumnKind.Regular, 1, 'text'],
    ['total', ColumnKind.Regular, 2, 'bigint'],
  ];
  return new TableDescriptor({
    id: '6f0b5a10-0000-1000-8000-000000000001' as TableId,
    keyspace: 'ks',
    name: 't',
    version: 1,
    columns: columns.map(([name, kind, position, type], i) => ({
      id: i as ColumnId,
      name,
      kind,
      position,
      type: parseCqlType(type, () => undefined),
      isReversed: false,
    })),
    droppedColumns: [],
    nextColumnId: columns.length,
    options: { ...DEFAULT_TABLE_OPTIONS, compression },
  });
}

interface Input {
  readonly path: string;
  readonly rows: number;
  readonly bytes: number;
}

/** The input of this number among `inputs`. */
function writeInput(table: TableDescriptor, input: number, inputs: number, rowsPerPartition: number): Input {
  const partitions = Math.floor(ROWS_IN_ALL / inputs / rowsPerPartition);
  const token = new Token();
  const keys = Array.from({ length: partitions }, (_, i) => {
    const isOwn = i % 3 === 0;
    const key = new Uint8Array(Buffer.from(isOwn ? `input-${input}-${i}` : `shared-${i}`));
    tokenOf(key, 0, key.length, token);
    return { key, isOwn, hi: token.hi, lo: token.lo };
  }).sort((a, b) => comparePartition(a.hi, a.lo, a.key, 0, a.key.length, b.hi, b.lo, b.key, 0, b.key.length));
  const writer = new SSTableWriter(files, table, {
    directory,
    identifier: String(++generations),
    expectedPartitions: partitions,
    base: BASE,
  });
  const batch = new RowBatch(256);
  const room = () => {
    if (!batch.isFull()) return;
    writer.append(batch);
    batch.clear();
  };
  const row = new RowBodyWriter();
  const position = new Uint8Array(10);
  position[1] = 8;
  const places = new DataView(position.buffer);
  const name = new Uint8Array(Buffer.from('a sensor of some name'));
  const note = new Uint8Array(64).fill(0x61);
  const total = new Uint8Array(8);
  let us = BASE_US + BigInt(input) * 1_000_000_000n;
  let rows = 0;
  for (const { key, isOwn, hi, lo } of keys) {
    room();
    batch.addPartitionStart(hi, lo, key, 0, key.length, -0x8000_0000, 0, 0);
    for (let i = 0; i < rowsPerPartition; i++) {
      room();
      // Every other row of a shared partition is overwritten by all inputs.
      const place = isOwn || i % 2 === 0 ? i * inputs : i * inputs + input;
      places.setUint32(6, place);
      batch.beginFragment(FragmentKind.Row, 0, position, 0, position.length);
      row.begin(batch.writer);
      us += 3n;
      if (!isOwn && input === inputs - 1 && rows % 10 === 0) {
        row.deletion(bigIntHi(us), bigIntLo(us), 1_700_000_100);
      } else {
        row.liveness(bigIntHi(us), bigIntLo(us), 0, 0);
        for (let b = 0; b < 32; b++) note[b * 2] = 0x20 + (Math.imul(rows + b, 0x9e37_79b1) >>> 26);
        row.cell(2, bigIntHi(us), bigIntLo(us), 0, 0, name, 0, name.length);
        row.cell(3, bigIntHi(us), bigIntLo(us), 0, 0, note, 0, note.length);
        row.cell(4, bigIntHi(us), bigIntLo(us), 0, 0, total, 0, total.length);
      }
      batch.endFragment();
      rows++;
    }
    room();
    batch.addPartitionEnd();
  }
  writer.append(batch);
  const info = writer.finish()!;
  writer.commit();
  return { path: info.dataPath, rows, bytes: info.dataBytes };
}

/** CPU time of the process, its I/O threads included. */
function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}

async function measure(name: string, compression: Readonly<Record<string, string>>, rowsPerPartition: number) {
  const table = makeTable(compression);
  for (const count of [2, 4, 8]) {
    const task = `${name}, ${count} inputs`;
    if (!words.every((word) => task.includes(word))) continue;
    const inputs = Array.from({ length: count }, (_, i) => writeInput(table, i, count, rowsPerPartition));
    const bytes = inputs.reduce((sum, input) => sum + input.bytes, 0);
    const rows = inputs.reduce((sum, input) => sum + input.rows, 0);
    let best = Number.POSITIVE_INFINITY;
    let left = 0;
    for (let round = 0; round <= ROUNDS; round++) {
      const payload: CompactPayload = {
        table: describeTable(table),
        directory,
        generations: [nextGeneration()],
        hostId: '6f0b5a10-0000-1000-8000-00000000000a',
        logIntervals: [],
        purge: {
          nowSeconds: 1_700_001_000,
          gcBefore: 1_700_000_500,
          leastInMemoryHi: INT64_MAX_HI,
          leastInMemoryLo: INT64_MAX_LO,
          outside: describeOutside([]),
        },
        inputs: inputs.map(({ path }) => [path]),
        base: BASE,
        expectedPartitions: Math.ceil(rows / rowsPerPartition),
        expectedBytes: bytes,
        level: 0,
        repairedAtMs: 0,
        maxOutputBytes: Number.POSITIVE_INFINITY,
        cellCount: 1,
        bytesPerSecond: 0,
      };
      const start = cpuSeconds();
      const outputs = await runCompaction(files, payload, () => undefined);
      const seconds = cpuSeconds() - start;
      if (round > 0) best = Math.min(best, seconds); // the first one warms up
      left = outputs.reduce((sum, { info }) => sum + info.dataBytes, 0);
      for (const { info } of outputs) rmSync(info.dataPath, { force: true });
    }
    const speed = `${(bytes / 1e6 / best).toFixed(0)} MB/s, ${(rows / 1e3 / best).toFixed(0)} k rows/s`;
    process.stdout.write(`${task}: ${speed} (${(bytes / 1e6).toFixed(0)} MB into ${(left / 1e6).toFixed(0)} MB)\n`);
    for (const { path } of inputs) rmSync(path);
  }
}

const LZ4 = { class: 'LZ4Compressor', chunk_length_in_kb: '16' };
try {
  await measure('wide partitions, plain', {}, 100);
  await measure('wide partitions, LZ4 16 KiB', LZ4, 100);
  await measure('small partitions, LZ4 16 KiB', LZ4, 1);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
