import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { ByteWriter } from '../../core/bytes.ts';
import type { ColumnId, TableId } from '../../core/ids.ts';
import { bigIntHi, bigIntLo } from '../../core/int64.ts';
import { RowBodyWriter } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { comparePartition, Token, tokenOf } from '../../core/token.ts';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { SSTableWriter } from '../../sstable/writer.ts';
import { CassandraTools } from './cassandra-tools.ts';
import { CASSANDRA_VERSIONS } from './cassandra-versions.ts';
import { installJdk } from './install.ts';

/**
 * `node test/interop-cassandra/dump-speed.ts [partitions]`: Cassandra's sstabledump and ours print the same SSTable to nowhere,
 * in turn. 2000 partitions of 1000 rows of five cells, about 115 bytes each, unless told.
 */
const ROWS = 1000;
const ROUNDS = 2;
const partitions = Number(process.argv[2] ?? 2000);
const cache = resolve(import.meta.dirname, '../../.cache/interop-cassandra');
mkdirSync(cache, { recursive: true });
const scratch = mkdtempSync(join(cache, 'speed-'));
const BASE_US = 1_700_000_000_000_000n;

function makeTable(): TableDescriptor {
  const columns: [string, ColumnKind, number, string][] = [
    ['device', ColumnKind.PartitionKey, 0, 'text'],
    ['at', ColumnKind.Clustering, 0, 'timestamp'],
    ['count', ColumnKind.Regular, 0, 'int'],
    ['name', ColumnKind.Regular, 1, 'text'],
    ['note', ColumnKind.Regular, 2, 'text'],
    ['total', ColumnKind.Regular, 3, 'bigint'],
    ['value', ColumnKind.Regular, 4, 'double'],
  ];
  return new TableDescriptor({
    id: '6f0b5a10-0000-1000-8000-000000000001' as TableId,
    keyspace: 'ks',
    name: 'samples',
    version: 1,
    columns: columns.map(
      ([name, kind, position, type], i): ColumnDescriptor => ({
        id: i as ColumnId,
        name,
        kind,
        position,
        type: parseCqlType(type, () => undefined),
        isReversed: false,
      }),
    ),
    droppedColumns: [],
    nextColumnId: columns.length,
    options: { ...DEFAULT_TABLE_OPTIONS, compression: { class: 'LZ4Compressor', chunk_length_in_kb: '16' } },
  });
}

/** Writes the SSTable. @returns the path of its Data.db */
function writeSamples(): string {
  const directory = join(scratch, 'ks/samples-6f0b5a10000010008000000000000001');
  mkdirSync(directory, { recursive: true });
  const table = makeTable();
  const writer = new SSTableWriter(new NodeFiles(), table, {
    directory,
    identifier: '1',
    expectedPartitions: partitions,
    base: {
      minTimestampHi: bigIntHi(BASE_US),
      minTimestampLo: bigIntLo(BASE_US),
      minLocalDeletionTime: 1_700_000_000,
      minTtl: 0,
    },
  });
  const token = new Token();
  const keys = Array.from({ length: partitions }, (_, i) => {
    const key = new Uint8Array(Buffer.from(`device-${i}`));
    tokenOf(key, 0, key.length, token);
    return { key, hi: token.hi, lo: token.lo };
  }).sort((a, b) => comparePartition(a.hi, a.lo, a.key, 0, a.key.length, b.hi, b.lo, b.key, 0, b.key.length));
  const batch = new RowBatch(256);
  const room = () => {
    if (!batch.isFull()) return;
    writer.append(batch);
    batch.clear();
  };
  const row = new RowBodyWriter();
  const values = new ByteWriter(256);
  let written = 0;
  for (const { key, hi, lo } of keys) {
    room();
    batch.addPartitionStart(hi, lo, key, 0, key.length, -0x8000_0000, 0, 0);
    for (let i = 0; i < ROWS; i++) {
      room();
      const us = BASE_US + BigInt(written++) * 17n;
      const at = new Uint8Array(8);
      new DataView(at.buffer).setBigInt64(0, us / 1000n + BigInt(i));
      const prefix = clusteringPrefix([at]);
      batch.beginFragment(FragmentKind.Row, 0, prefix, 0, prefix.length);
      row.begin(batch.writer);
      row.liveness(bigIntHi(us), bigIntLo(us), 0, 0);
      const cell = (id: number, bytes: Uint8Array) =>
        row.cell(id, bigIntHi(us), bigIntLo(us), 0, 0, bytes, 0, bytes.length);
      const view = new DataView(values.bytes.buffer);
      view.setInt32(0, i);
      cell(2, values.bytes.subarray(0, 4));
      cell(3, Buffer.from(`sensor ${i % 97}`));
      cell(
        4,
        Buffer.from(`reading number ${written} taken at step ${i}, checksum ${Math.imul(written, 0x9e37_79b1) >>> 0}`),
      );
      view.setBigInt64(0, BigInt(written) * 1_000_003n);
      cell(5, values.bytes.subarray(0, 8));
      view.setFloat64(0, written / 7);
      cell(6, values.bytes.subarray(0, 8));
      batch.endFragment();
    }
    room();
    batch.addPartitionEnd();
  }
  writer.append(batch);
  const info = writer.finish()!;
  writer.commit();
  const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);
  say(`${written} rows, Data.db ${mib(info.dataBytes)} MiB, ${mib(statSync(info.dataPath).size)} MiB compressed`);
  return info.dataPath;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** Runs the command, its output to nowhere. @returns seconds: wall, CPU */
function time(command: readonly string[]): readonly [number, number] {
  const script = 'TIMEFORMAT="%R %U %S"; time "$@" > /dev/null 2> /dev/null';
  const done = spawnSync('bash', ['-c', script, 'bash', ...command], { encoding: 'utf8' });
  if (done.status !== 0) throw new Error(`${command[0]} ended with ${done.status}: ${done.stderr}`);
  const [wall, user, system] = done.stderr.trim().split(' ').map(Number);
  return [wall!, user! + system!];
}

try {
  const jdk = installJdk(cache);
  const path = writeSamples();
  const launcher = resolve(import.meta.dirname, '../../tools/tessera.js');
  const ours = [process.execPath, launcher, 'sstable', 'dump-data', '--format', 'sstabledump', '-t', path];
  const commands = new Map<string, readonly string[]>([['tessera sstable dump-data', ours]]);
  for (const cassandra of CASSANDRA_VERSIONS) {
    const tools = new CassandraTools(cassandra, jdk, cache, scratch);
    const command = tools.command('org.apache.cassandra.tools.SSTableExport', [path, '-t']);
    commands.set(`sstabledump ${cassandra.version}`, command);
  }
  for (let round = 1; round <= ROUNDS; round++) {
    for (const [name, command] of commands) {
      const [wall, cpu] = time(command);
      say(`round ${round}  ${name.padEnd(26)} ${wall.toFixed(1)} s, ${cpu.toFixed(1)} s of CPU`);
    }
  }
} finally {
  rmSync(scratch, { recursive: true, force: true });
}
