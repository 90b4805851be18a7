import { ByteWriter, writeI32BE, writeI32LE } from '../../core/bytes.ts';
import type { ColumnId, TableId } from '../../core/ids.ts';
import {
  MUTATION_HEAD_BYTES,
  MutationWriter,
  mutationTokenHi,
  mutationTokenLo,
} from '../../core/mutation/frozen-mutation.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { RowBatch } from '../../core/read/row-batch.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS, Token, tokenOf } from '../../core/token.ts';
import { blobType } from '../../core/types/blob.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { intType } from '../../core/types/int.ts';
import { uuidBytes } from '../../core/uuid-bytes.ts';
import { Memtable } from '../../shards/store/memtable.ts';
import { SlabPool } from '../../shards/store/slab-pool.ts';

/**
 * The memtable with 16-byte keys and 100-byte values: a million single-row partitions in random order (insert, longest stop,
 * bytes per row, get, scan), and one partition of a million rows. Run: node bench/micro/memtable.bench.ts [rows]
 */
const ROWS = Number(process.argv[2] ?? 1_000_000);
const KEY_BYTES = 16;
const VALUE_BYTES = 100;
/** Before the body of a row: kind, length of the prefix, of the body; then the body's flags. */
const ROW_HEAD_BYTES = 1 + 4 + 4 + 1;
const PER_TASK = 10_000;
const STOP_BATCH = 500;
const POOL_BYTES = 512 * 1024 * 1024;
const SLICE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

const column = (id: number, name: string, kind: ColumnKind, type: CqlType): ColumnDescriptor => ({
  id: id as ColumnId,
  name,
  kind,
  position: 0,
  type,
  isReversed: false,
});

function table(withClustering: boolean): TableDescriptor {
  const columns = [column(0, 'k', ColumnKind.PartitionKey, blobType), column(1, 'v', ColumnKind.Regular, blobType)];
  if (withClustering) columns.push(column(2, 'c', ColumnKind.Clustering, intType));
  return new TableDescriptor({
    id: '6b1f2f60-5c1b-11ee-8c99-0242ac120002' as TableId,
    keyspace: 'bench',
    name: 'rows',
    version: 1,
    columns,
    droppedColumns: [],
    nextColumnId: 3,
    options: DEFAULT_TABLE_OPTIONS,
  });
}

/** Frozen mutations of one length, one after the other: row i of partition key(i), in the order given. */
function mutations(of: TableDescriptor, count: number, order: (i: number) => number, samePartition: boolean) {
  const writer = new MutationWriter(new ByteWriter(count * 190));
  const id = uuidBytes(of.id);
  const key = new Uint8Array(KEY_BYTES);
  const value = new Uint8Array(VALUE_BYTES);
  const prefix = new Uint8Array(of.clustering.length === 0 ? 0 : 6);
  const token = new Token();
  for (let i = 0; i < count; i++) {
    const row = order(i);
    if (!samePartition) for (let k = 0; k < 4; k++) writeI32BE(key, 4 * k, Math.imul(row + k, 0x9e37_79b1));
    if (prefix.length > 0) {
      prefix[1] = 4;
      writeI32BE(prefix, 2, row);
    }
    value.fill(row);
    tokenOf(key, 0, KEY_BYTES, token);
    writer.begin(id, 1, token.hi, token.lo, key, 0, KEY_BYTES);
    writer.beginRow(prefix, 0, prefix.length);
    writer.row.liveness(0x5_0000, row, 0, NO_DELETION_TIME);
    writer.row.cell(1, 0x5_0000, row, 0, NO_DELETION_TIME, value, 0, VALUE_BYTES);
    writer.endRow();
  }
  return { bytes: writer.out.bytes, length: writer.out.length / count };
}

const shuffled = (i: number) => Number((BigInt(i) * 7_368_787n + 12_345n) % BigInt(ROWS));
/** CPU time of this thread, in ms: the machine may be shared. */
const cpuMs = () => {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
};
const print = (line: string) => process.stdout.write(`${line}\n`);
const rate = (count: number, took: number) =>
  `${(count / took / 1000).toFixed(2)} M/s, ${((took * 1e6) / count).toFixed(0)} ns`;

const slabs = new SlabPool(POOL_BYTES);
let sink = 0;

/** Inserts everything, reporting the rate and the longest stop of 500 inserts. */
function insert(memtable: Memtable, bytes: Uint8Array, length: number): { took: number; longest: number } {
  const start = cpuMs();
  let longest = 0;
  for (let i = 0; i < ROWS; i += STOP_BATCH) {
    const batchStart = process.hrtime.bigint();
    for (let j = i; j < i + STOP_BATCH; j++) {
      if (!memtable.apply(bytes, j * length, (j + 1) * length)) throw new Error('pool is full');
    }
    longest = Math.max(longest, Number(process.hrtime.bigint() - batchStart) / 1e6);
  }
  return { took: cpuMs() - start, longest };
}

function scan(memtable: Memtable, batch: RowBatch): number {
  const cursor = memtable.openScan(ALL_TOKENS, SLICE);
  let fragments = 0;
  for (batch.clear(); ; batch.clear()) {
    const added = cursor.fill(batch);
    if (added === 0) break;
    fragments += added;
  }
  cursor.close();
  return fragments;
}

/** CPU time per operation: the median of some rounds of 100 tasks after a warm-up. */
function perOperation(name: string, task: () => void): void {
  const rounds: number[] = [];
  for (let round = 0; round < 7; round++) {
    const start = cpuMs();
    for (let i = 0; i < 100; i++) task();
    if (round >= 2) rounds.push(((cpuMs() - start) * 1e6) / (100 * PER_TASK));
  }
  print(`${name}: ${rounds.sort((a, b) => a - b)[2]!.toFixed(0)} ns`);
}

/** Keys and tokens of all mutations, in another order than that of insertion. */
function lookups(bytes: Uint8Array, length: number): { keys: Uint8Array; tokens: Int32Array } {
  const keys = new Uint8Array(ROWS * KEY_BYTES);
  const tokens = new Int32Array(ROWS * 2);
  for (let i = 0; i < ROWS; i++) {
    const m = shuffled(i) * length;
    const key = m + MUTATION_HEAD_BYTES;
    keys.set(bytes.subarray(key, key + KEY_BYTES), i * KEY_BYTES);
    tokens[2 * i] = mutationTokenHi(bytes, m);
    tokens[2 * i + 1] = mutationTokenLo(bytes, m);
  }
  return { keys, tokens };
}

function singleRowPartitions(): void {
  const descriptor = table(false);
  const { bytes, length } = mutations(descriptor, ROWS, shuffled, false);
  const heapBefore = process.memoryUsage().heapUsed;
  let memtable = new Memtable(slabs, descriptor, ALL_TOKENS);
  for (let round = 0; round < 3; round++) {
    memtable.release();
    memtable = new Memtable(slabs, descriptor, ALL_TOKENS);
    const { took, longest } = insert(memtable, bytes, length);
    print(`insert: ${rate(ROWS, took)}; longest stop of ${STOP_BATCH}: ${longest.toFixed(2)} ms`);
  }
  const perRow = memtable.allocatedBytes / ROWS - KEY_BYTES - VALUE_BYTES;
  const heapMiB = (process.memoryUsage().heapUsed - heapBefore) / 2 ** 20;
  print(`slab bytes per row beyond key and value: ${perRow.toFixed(1)}; heap grew ${heapMiB.toFixed(1)} MiB`);

  const batch = new RowBatch(1024, 256 * 1024);
  // Keys to look for lie one after the other: what is measured is the memtable, not the way to the question.
  const { keys, tokens } = lookups(bytes, length);
  let at = 0;
  const next = () => {
    at = at + 1 === ROWS ? 0 : at + 1;
    return at;
  };
  perOperation('find', () => {
    for (let i = 0; i < PER_TASK; i++) {
      const n = next();
      const key = n * KEY_BYTES;
      sink ^= memtable.findPartition(tokens[2 * n]!, tokens[2 * n + 1]!, keys, key, key + KEY_BYTES);
    }
  });
  perOperation('get', () => {
    for (let i = 0; i < PER_TASK; i++) {
      const n = next();
      const key = n * KEY_BYTES;
      const cursor = memtable.openPartition(tokens[2 * n]!, tokens[2 * n + 1]!, keys, key, key + KEY_BYTES, SLICE)!;
      batch.clear();
      sink += cursor.fill(batch);
      cursor.close();
    }
  });
  let timestamp = ROWS;
  perOperation('overwrite by a newer row', () => {
    for (let i = 0; i < PER_TASK; i++) {
      const m = next() * length;
      writeI32LE(bytes, m + MUTATION_HEAD_BYTES + KEY_BYTES + ROW_HEAD_BYTES, ++timestamp); // low half of the liveness
      memtable.apply(bytes, m, m + length);
    }
  });
  perOperation('overwrite by an equal row (merge)', () => {
    for (let i = 0; i < PER_TASK; i++) {
      const m = next() * length;
      memtable.apply(bytes, m, m + length);
    }
  });
  for (let round = 0; round < 3; round++) {
    const start = cpuMs();
    const fragments = scan(memtable, batch);
    print(`scan: ${rate(fragments / 3, cpuMs() - start)} per row`);
  }
  memtable.release();
}

function onePartition(name: string, order: (i: number) => number): void {
  const descriptor = table(true);
  const { bytes, length } = mutations(descriptor, ROWS, order, true);
  const memtable = new Memtable(slabs, descriptor, ALL_TOKENS);
  const { took, longest } = insert(memtable, bytes, length);
  const perRow = memtable.allocatedBytes / ROWS - 4 - VALUE_BYTES;
  print(
    `one partition, ${name}: ${rate(ROWS, took)}; longest stop ${longest.toFixed(2)} ms; +${perRow.toFixed(1)} bytes`,
  );
  const batch = new RowBatch(1024, 256 * 1024);
  const start = cpuMs();
  const fragments = scan(memtable, batch);
  print(`one partition, scan: ${rate(fragments - 2, cpuMs() - start)}`);
  memtable.release();
}

singleRowPartitions();
onePartition('ascending', (i) => i);
onePartition('random', shuffled);
if (sink === 0.5) print('never');
