import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { ByteWriter } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { NO_DELETION_TIME, RowBodyWriter } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import type { BoundValues, ExecutionContext, SelectPlan } from '../../cql/plan/plan.ts';
import { readSchemaScript } from '../../cql/plan/schema-script.ts';
import { planSelect } from '../../cql/plan/select.ts';
import { printNanosPerItem } from './nanos-per-item.ts';

/**
 * What a SELECT costs between the request's values and the result's bytes, in ns per statement or per row:
 * `node bench/micro/select.bench.ts [--time MS]`. 16-byte keys, 100-byte values; budget of bind and encode of a point read: 800 ns.
 */
const { values: options } = parseArgs({ options: { time: { type: 'string', default: '500' } } });

const COUNT = 1000;
const ROWS = 256;
const KEY_BYTES = 16;
const VALUE = new Uint8Array(100).fill(7);
let ids = 0;
const schema = readSchemaScript(
  `USE ks;
   CREATE TABLE kv (k blob PRIMARY KEY, v blob);
   CREATE TABLE wide (k blob, c bigint, v blob, n int, m map<int, int>, PRIMARY KEY (k, c));`,
  () => `00000000-0000-4000-8000-${String(++ids).padStart(12, '0')}`,
);
const tableOf = (name: string): TableDescriptor => schema.keyspaces.get('ks')!.tables.get(name)!;
const planOf = (text: string): SelectPlan => {
  const statement = parseStatement(text);
  if (statement.kind !== 'select') throw new Error('no SELECT');
  return planSelect(statement, schema, 'ks');
};

/** Requests whose values lie in one frame. */
const frame = Buffer.alloc(COUNT * 32);
const requests: BoundValues[] = Array.from({ length: COUNT }, (_, i) => {
  const start = i * 32;
  frame.writeUInt32BE((i * 2_654_435_761) >>> 0, start);
  frame.writeUInt32BE(i, start + KEY_BYTES + 4);
  return {
    bytes: frame,
    starts: Int32Array.of(start, start + KEY_BYTES),
    lengths: Int32Array.of(KEY_BYTES, 8),
    count: 2,
  };
});
const oneValue: BoundValues[] = requests.map((request) => ({ ...request, count: 1 }));

const context: ExecutionContext = {
  timestampHi: 0,
  timestampLo: 1,
  nowUs: 1_700_000_000_000_000,
  randomBytes: () => undefined,
  timeUuid: () => undefined,
};
const whole = { pageSize: 5000, pagingState: undefined, isSerial: false };

/** A live stream of one partition. */
function batchOf(table: TableDescriptor, rows: number): RowBatch {
  const batch = new RowBatch(rows + 2, 1 << 20);
  const key = new Uint8Array(KEY_BYTES);
  batch.addPartitionStart(0, 0, key, 0, KEY_BYTES, INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
  const body = new RowBodyWriter();
  const out = new ByteWriter();
  const id = (name: string): number => table.column(name)?.id ?? -1;
  for (let i = 0; i < rows; i++) {
    const c = new Uint8Array(8);
    c[7] = i;
    const prefix = table.clustering.length === 0 ? new Uint8Array(0) : clusteringPrefix([c]);
    out.clear();
    body.begin(out);
    body.liveness(0, 5, 0, 0);
    body.cell(id('v'), 0, 5, 0, 0, VALUE, 0, VALUE.length);
    if (table.name === 'wide') {
      body.cell(id('n'), 0, 5, 0, 0, Uint8Array.of(0, 0, 0, i), 0, 4);
      for (let k = 0; k < 4; k++) {
        body.element(id('m'), 0, 5, 0, 0, Uint8Array.of(0, 0, 0, k), 0, 4, Uint8Array.of(0, 0, 0, 9), 0, 4);
      }
    }
    batch.beginFragment(FragmentKind.Row, 0, prefix, 0, prefix.length);
    batch.writer.raw(out.bytes, 0, out.length);
    batch.endFragment();
  }
  batch.addPartitionEnd();
  return batch;
}

let sink = 0;
function runAll(plan: SelectPlan, values: readonly BoundValues[], batch: RowBatch | undefined): void {
  for (let i = 0; i < values.length; i++) {
    const bound = plan.bind(values[i]!, whole, context);
    if (batch !== undefined) {
      sink += bound.accept(batch) ? 1 : 0;
      bound.finish(true);
      sink += bound.rows.length;
    }
    sink += bound.command!.partitions[0]!.tokenLo & 1;
    bound.release();
  }
}

const point = planOf('SELECT v FROM kv WHERE k = ?');
const star = planOf('SELECT * FROM kv WHERE k = ?');
const row = planOf('SELECT v FROM wide WHERE k = ? AND c = ?');
const onePoint = batchOf(tableOf('kv'), 1);
const oneRow = batchOf(tableOf('wide'), 1);
const manyRows = batchOf(tableOf('wide'), ROWS);
const scans: readonly (readonly [string, SelectPlan])[] = [
  ['c, v', planOf('SELECT c, v FROM wide WHERE k = ?')],
  ['m, four elements', planOf('SELECT m FROM wide WHERE k = ?')],
  ['count(*)', planOf('SELECT count(*) FROM wide WHERE k = ?')],
  ['sum(n)', planOf('SELECT sum(n) FROM wide WHERE k = ?')],
  ['c, filtered by n', planOf('SELECT c FROM wide WHERE k = ? AND n > 5 ALLOW FILTERING')],
  ['cast(n AS text)', planOf('SELECT cast(n AS text) FROM wide WHERE k = ?')],
];

const perItem = new Map<string, number>();
const bench = new Bench({ time: Number(options.time), warmupTime: 200 });
const add = (name: string, items: number, task: () => void): void => {
  perItem.set(name, items);
  bench.add(name, task);
};
add('point read by partition key: bind', COUNT, () => runAll(point, oneValue, undefined));
add('point read by partition key: bind and encode', COUNT, () => runAll(point, oneValue, onePoint));
add('point read of all columns: bind and encode', COUNT, () => runAll(star, oneValue, onePoint));
add('point read by full primary key: bind', COUNT, () => runAll(row, requests, undefined));
add('point read by full primary key: bind and encode', COUNT, () => runAll(row, requests, oneRow));
for (const [name, plan] of scans)
  add(`a row of a scan: ${name}`, ROWS, () => runAll(plan, oneValue.slice(0, 1), manyRows));
await bench.run();
printNanosPerItem(bench, (task) => perItem.get(task)!, sink);
