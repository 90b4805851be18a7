import { parseArgs } from 'node:util';
import { Bench } from 'tinybench';
import { MutationList } from '../../core/mutation/mutation-list.ts';
import type { ModificationStatement } from '../../cql/language/ast.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import { planModification, planProtocolBatch } from '../../cql/plan/modify.ts';
import type { BoundValues, ExecutionContext, ModifyPlan } from '../../cql/plan/plan.ts';
import { readSchemaScript } from '../../cql/plan/schema-script.ts';
import { printNanosPerItem } from './nanos-per-item.ts';

/**
 * What it costs to turn a prepared statement and its values into a frozen mutation, in ns per statement:
 * `node bench/micro/bind.bench.ts [--time MS]`. Values: a key of 16 bytes, a blob of 100. Goal: 600 ns for the INSERT of two
 * columns.
 */
const { values: options } = parseArgs({ options: { time: { type: 'string', default: '500' } } });

const COUNT = 1000;
let ids = 0;
const schema = readSchemaScript(
  `USE ks;
   CREATE TABLE kv (k blob PRIMARY KEY, v blob);
   CREATE TABLE texts (k text PRIMARY KEY, v text);
   CREATE TABLE series (id uuid, day int, at timestamp, value double, note text, PRIMARY KEY ((id, day), at));
   CREATE TABLE lists (k int PRIMARY KEY, l list<int>, m map<text, int>)`,
  () => `00000000-0000-4000-8000-${(++ids).toString().padStart(12, '0')}`,
);
const plan = (text: string): ModifyPlan =>
  planModification(parseStatement(text) as ModificationStatement, schema, 'ks') as ModifyPlan;

/** A thousand requests in one buffer, as a pipeline of frames leaves them. */
function requests(
  sizes: readonly number[],
  fill: (value: Uint8Array, marker: number, request: number) => void,
): BoundValues[] {
  const size = sizes.reduce((sum, one) => sum + one + 4, 40);
  const bytes = new Uint8Array(size * COUNT);
  return Array.from({ length: COUNT }, (_, request) => {
    const starts = new Int32Array(sizes.length);
    let at = request * size + 40;
    for (const [marker, length] of sizes.entries()) {
      starts[marker] = at + 4;
      fill(bytes.subarray(at + 4, at + 4 + length), marker, request);
      at += 4 + length;
    }
    return { bytes, starts, lengths: Int32Array.from(sizes), count: sizes.length };
  });
}

const numbered = (value: Uint8Array, _marker: number, request: number): void => {
  value.fill(0x61);
  for (let i = 0; i < 4 && i < value.length; i++) value[i] = 0x61 + ((request >> (4 * i)) & 15);
};
const context: ExecutionContext = {
  timestampHi: 395_000,
  timestampLo: 12345,
  nowUs: 1_700_000_000_000_000,
  randomBytes: () => undefined,
  timeUuid: (target, at) => {
    target[at + 6] = 0x10;
  },
};
const list = new MutationList(1 << 20);
let sink = 0;

function bindAll(statement: ModifyPlan, bound: readonly BoundValues[]): void {
  list.clear();
  for (let i = 0; i < bound.length; i++) statement.bind(bound[i]!, context, list);
  sink += list.writer.out.length;
}

const blobs = requests([16, 100], numbered);
const series = requests([16, 4, 8, 8, 20], numbered);
const lists = requests([4, 20, 26], (value, marker) => {
  if (marker === 1) value.set([0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 2]);
  else if (marker === 2) value.set([0, 0, 0, 2, 0, 0, 0, 1, 97, 0, 0, 0, 4, 0, 0, 0, 1, 0, 0, 0, 1, 98, 0, 0, 0, 0]);
});
const keys = requests([16], numbered);

const insertBlobs = plan('INSERT INTO kv (k, v) VALUES (?, ?)');
const insertTexts = plan('INSERT INTO texts (k, v) VALUES (?, ?)');
const insertTtl = plan('INSERT INTO kv (k, v) VALUES (?, ?) USING TTL 3600');
const insertSeries = plan('INSERT INTO series (id, day, at, value, note) VALUES (?, ?, ?, ?, ?)');
const updateSeries = plan('UPDATE series SET value = :v, note = :n WHERE id = :i AND day = :d AND at = :a');
const insertLists = plan('INSERT INTO lists (k, l, m) VALUES (?, ?, ?)');
const deleteKey = plan('DELETE FROM kv WHERE k = ?');
const batch = planProtocolBatch('unlogged', new Array(10).fill(insertBlobs));
const seriesByName = series.map(({ bytes, starts, lengths, count }) => ({
  bytes,
  starts: Int32Array.of(starts[3]!, starts[4]!, starts[0]!, starts[1]!, starts[2]!),
  lengths: Int32Array.of(lengths[3]!, lengths[4]!, lengths[0]!, lengths[1]!, lengths[2]!),
  count,
}));
const batches = Array.from({ length: COUNT / 10 }, (_, i) => blobs.slice(10 * i, 10 * i + 10));

const bench = new Bench({ time: Number(options.time), warmupTime: 300 })
  .add('INSERT blob key, blob value', () => bindAll(insertBlobs, blobs))
  .add('INSERT text key, text value', () => bindAll(insertTexts, blobs))
  .add('INSERT with TTL', () => bindAll(insertTtl, blobs))
  .add('INSERT of 5 columns, composite key', () => bindAll(insertSeries, series))
  .add('UPDATE of 2 columns, composite key', () => bindAll(updateSeries, seriesByName))
  .add('INSERT of a list and a map', () => bindAll(insertLists, lists))
  .add('DELETE of a partition', () => bindAll(deleteKey, keys))
  .add('batch of 10 partitions, per statement', () => {
    for (const values of batches) {
      list.clear();
      batch.bind(values, context, list);
      sink += list.count;
    }
  });
await bench.run();
printNanosPerItem(bench, () => COUNT, sink);
