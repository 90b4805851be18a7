import { Bench } from 'tinybench';
import { ByteWriter, writeI32BE } from '../../core/bytes.ts';
import type { ColumnId, TableId } from '../../core/ids.ts';
import { RowMerger } from '../../core/mutation/merge-rows.ts';
import { RowBodyWriter } from '../../core/mutation/row-body.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { mergeCursors } from '../../core/read/merge-cursor.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import type { RowCursor } from '../../core/read/row-cursor.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { TableDescriptor } from '../../core/schema/table.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { blobType } from '../../core/types/blob.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { intType } from '../../core/types/int.ts';
import { textType } from '../../core/types/text.ts';

/** Merging and filtering of rows with two clustering values, one 100-byte value and a row marker; and tokens of 16-byte keys. */

const ROWS = 20_000;
const VALUE = new Uint8Array(100).fill(7);
const KEY = new Uint8Array(16).fill(5);
const column = (id: number, name: string, kind: ColumnKind, position: number, type: CqlType) => ({
  id: id as ColumnId,
  name,
  kind,
  position,
  type,
  isReversed: false,
});
const TABLE = new TableDescriptor({
  id: '6b1f2f60-5c1b-11ee-8c99-0242ac120002' as TableId,
  keyspace: 'ks',
  name: 'bench',
  version: 1,
  columns: [
    column(0, 'p', ColumnKind.PartitionKey, 0, blobType),
    column(1, 'c1', ColumnKind.Clustering, 0, intType),
    column(2, 'c2', ColumnKind.Clustering, 1, textType),
    column(5, 'v', ColumnKind.Regular, 0, blobType),
  ],
  droppedColumns: [],
  nextColumnId: 6,
  options: DEFAULT_TABLE_OPTIONS,
});

/** A cursor over batches made before: what is measured stands on top of it. */
class BatchesCursor implements RowCursor {
  readonly #batches: readonly RowBatch[];
  #batch = 0;
  #index = 0;

  constructor(batches: readonly RowBatch[]) {
    this.#batches = batches;
  }
  fill(out: RowBatch): number {
    const batch = this.#batches[this.#batch];
    if (batch === undefined) return 0;
    const added = out.addRun(batch, this.#index, batch.count);
    this.#index += added;
    if (this.#index === batch.count) {
      this.#batch++;
      this.#index = 0;
    }
    return added;
  }
  async load(): Promise<void> {}
  skipPartition(): void {}
  close(): void {}
}

/** Rows first, first + step ... of one partition, or of a partition each, all written at one time. */
function makeBatches(first: number, step: number, isWide: boolean, timestamp: number): RowBatch[] {
  const batches: RowBatch[] = [];
  const writer = new RowBodyWriter();
  const position = new Uint8Array([0, 4, 0, 0, 0, 0, 0, 1, 97]);
  let batch = new RowBatch();
  const room = () => {
    if (!batch.isFull()) return;
    batches.push(batch);
    batch = new RowBatch();
  };
  const start = (tokenHi: number) => {
    room();
    batch.addPartitionStart(tokenHi, 0, KEY, 0, KEY.length, -0x8000_0000, 0, 0xffff_ffff);
  };
  const end = () => {
    room();
    batch.addPartitionEnd();
  };
  if (isWide) start(0);
  for (let i = first; i < ROWS; i += step) {
    if (!isWide) start(i);
    room();
    writeI32BE(position, 2, i);
    batch.beginFragment(FragmentKind.Row, 0, position, 0, position.length);
    writer.begin(batch.writer);
    writer.liveness(0, timestamp, 0, 0);
    writer.cell(5, 0, timestamp, 0, 0, VALUE, 0, VALUE.length);
    batch.endFragment();
    if (!isWide) end();
  }
  if (isWide) end();
  batches.push(batch);
  return batches;
}

const pool = new RowBatchPool();
const merger = new RowMerger(TABLE);
const out = new RowBatch();
let sink = 0;

function run(cursor: RowCursor): void {
  for (;;) {
    out.clear();
    const added = cursor.fill(out);
    if (added <= 0) break;
    sink += added;
  }
  cursor.close();
}

function merge(sources: readonly (readonly RowBatch[])[]): RowCursor {
  const cursors = sources.map((batches) => new BatchesCursor(batches));
  return mergeCursors(cursors, TABLE.comparator, merger, pool, false);
}

const bench = new Bench({ time: 400, warmupTime: 100 });
/** Rows that one run of a task goes through. */
const perRun = new Map<string, number>();
function add(name: string, rows: number, task: () => void): void {
  perRun.set(name, rows);
  bench.add(name, task);
}

for (const isWide of [true, false]) {
  const shape = isWide ? 'one partition' : 'partition per row';
  const all = makeBatches(0, 1, isWide, 1000);
  const filter = new LiveFilter(TABLE, 100);
  add(`${shape}: read`, ROWS, () => run(merge([all])));
  add(`${shape}: live filter`, ROWS, () => run(liveCursor(merge([all]), filter, pool)));
  for (const k of [2, 4]) {
    const interleaved = Array.from({ length: k }, (_, i) => makeBatches(i, k, isWide, 1000));
    const same = Array.from({ length: k }, (_, i) => makeBatches(0, 1, isWide, 1000 + i));
    add(`${shape}: ${k} sources, rows in turn`, ROWS, () => run(merge(interleaved)));
    add(`${shape}: ${k} sources, rows in turn, live filter`, ROWS, () =>
      run(liveCursor(merge(interleaved), filter, pool)),
    );
    add(`${shape}: ${k} sources, each row in all`, ROWS, () => run(merge(same)));
  }
}
{
  const keys = new ByteWriter(16 * 1000);
  for (let i = 0; i < 4000; i++) keys.i32LE(Math.imul(i, 0x9e3779b1));
  const token = new Token();
  add('token of a 16-byte key', 1000, () => {
    for (let at = 0; at < 16_000; at += 16) {
      tokenOf(keys.bytes, at, at + 16, token);
      sink ^= token.hi;
    }
  });
}

await bench.run();
for (const task of bench.tasks) {
  const { result } = task;
  if (!('latency' in result)) throw new Error(`${task.name} failed`, { cause: result });
  const nanos = (result.latency.mean * 1e6) / perRun.get(task.name)!;
  process.stdout.write(
    `${task.name.padEnd(60)} ${nanos.toFixed(1).padStart(8)} ns  ${(1000 / nanos).toFixed(2).padStart(7)} M/s\n`,
  );
}
process.stdout.write(`sink ${sink}\n`);
