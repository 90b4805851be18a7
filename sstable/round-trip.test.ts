import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RowBatch } from '../core/read/row-batch.ts';
import { ALL_ROWS, type ClusteringSlice, type PartitionSlice, type TokenRange } from '../core/read/slice.ts';
import { clusteringPrefix } from '../core/schema/clustering-prefix.ts';
import type { TableDescriptor } from '../core/schema/table.ts';
import { ALL_TOKENS, rangeContains } from '../core/token.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { BlockCache } from './block-cache.ts';
import { CardinalityEstimate } from './format/cardinality.ts';
import { SSTable } from './reader.ts';
import { drain } from './testing/content-lines.ts';
import { batchLines, modelRead, withoutEmpty } from './testing/model-read.ts';
import { Dice, feed, type RandomTable, randomPartitions } from './testing/random-partitions.ts';
import { type SSTableSummaryInfo, SSTableWriter } from './writer.ts';

const DIRECTORY = '/data';
const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

function makeFiles(): SimFiles {
  const files = new SimFiles((operation) => queueMicrotask(operation));
  files.makeDirectory(DIRECTORY);
  return files;
}

function write(files: SimFiles, random: RandomTable, dice: Dice): SSTableSummaryInfo {
  const writer = new SSTableWriter(files, random.table, {
    directory: DIRECTORY,
    identifier: '1',
    expectedPartitions: random.partitions.length,
    base: random.base,
    indexBlockBytes: dice.pick([100, 700, 65_536]),
  });
  feed(random.partitions, 1 + dice.below(40), (batch) => writer.append(batch));
  const info = writer.finish()!;
  writer.commit();
  return info;
}

/** Random slices in order that do not touch, with bounds at, before and after positions that occur. */
function randomSlice(dice: Dice, random: RandomTable): PartitionSlice {
  const { comparator } = random.table;
  const positions = random.partitions.flatMap((partition) => partition.fragments.map((fragment) => fragment.position));
  const bounds: { prefix: Uint8Array; weight: number }[] = [];
  for (let i = 0; i < 2 + dice.below(6); i++) {
    const values = positions.length === 0 ? [] : valuesOf(dice.pick(positions));
    const prefix = clusteringPrefix(values.slice(0, dice.below(values.length + 1)));
    bounds.push({ prefix, weight: dice.pick([-1, 1]) });
  }
  bounds.sort((a, b) =>
    comparator.compare(a.prefix, 0, a.prefix.length, a.weight, b.prefix, 0, b.prefix.length, b.weight),
  );
  const slices: ClusteringSlice[] = [];
  for (let i = 0; i + 1 < bounds.length; i += 2) {
    const [start, end] = [bounds[i]!, bounds[i + 1]!];
    const before = bounds[i - 1];
    const isSame = (a: typeof start, b: typeof start) =>
      comparator.compare(a.prefix, 0, a.prefix.length, a.weight, b.prefix, 0, b.prefix.length, b.weight) === 0;
    if (isSame(start, end) || (before !== undefined && isSame(before, start))) continue;
    slices.push({ start: start.prefix, startWeight: start.weight, end: end.prefix, endWeight: end.weight });
  }
  return {
    slices: slices.length === 0 || dice.chance(0.2) ? [ALL_ROWS] : slices,
    isReversed: dice.chance(0.5),
    wantsRows: dice.chance(0.9),
    wantsStatics: dice.chance(0.8),
  };
}

function valuesOf(prefix: Uint8Array): Uint8Array[] {
  const values: Uint8Array[] = [];
  for (let p = 0; p < prefix.length; ) {
    const end = p + 2 + ((prefix[p]! << 8) | prefix[p + 1]!);
    values.push(prefix.slice(p + 2, end));
    p = end;
  }
  return values;
}

async function readPartition(
  sstable: SSTable,
  random: RandomTable,
  i: number,
  slice: PartitionSlice,
  capacity: number,
) {
  const { key, tokenHi, tokenLo } = random.partitions[i]!;
  const cursor = sstable.openPartition(tokenHi, tokenLo, key, 0, key.length, slice);
  if (cursor === undefined) return [];
  const lines: string[] = [];
  await drain(cursor, (batch) => lines.push(...batchLines(batch)), new RowBatch(capacity, 1 + capacity * 20));
  return withoutEmpty(lines);
}

async function scan(sstable: SSTable, range: TokenRange, slice: PartitionSlice, capacity: number): Promise<string[]> {
  const lines: string[] = [];
  await drain(
    sstable.openScan(range, slice),
    (batch) => lines.push(...batchLines(batch)),
    new RowBatch(capacity, 1 + capacity * 20),
  );
  return withoutEmpty(lines);
}

function randomRange(dice: Dice, random: RandomTable): TokenRange {
  const a = dice.pick(random.partitions);
  const b = dice.pick(random.partitions);
  return {
    startHi: a.tokenHi,
    startLo: a.tokenLo,
    startKey: dice.chance(0.5) ? a.key : undefined,
    startInclusive: dice.chance(0.5),
    endHi: b.tokenHi,
    endLo: b.tokenLo,
    endInclusive: dice.chance(0.5),
  };
}

function expectedScan(table: TableDescriptor, random: RandomTable, range: TokenRange, slice: PartitionSlice): string[] {
  return random.partitions
    .filter(({ tokenHi, tokenLo, key }) => rangeContains(range, tokenHi, tokenLo, key, 0, key.length))
    .flatMap((partition) => modelRead(table, partition, slice));
}

async function checkSeed(seed: number): Promise<void> {
  const random = randomPartitions(seed);
  const dice = new Dice(seed + 1);
  const files = makeFiles();
  const info = write(files, random, dice);
  expect(info.partitionCount).toBe(random.partitions.length);
  const cache = dice.chance(0.7) ? new BlockCache(dice.pick([1, 4_000_000])) : undefined;
  const sstable = await SSTable.open(files, info.dataPath, {
    table: random.table,
    isBlocking: dice.chance(0.3),
    ...(cache === undefined ? {} : { cache }),
  });
  const estimate = new CardinalityEstimate();
  for (const { key } of random.partitions) estimate.add(key, 0, key.length);
  expect(sstable.statistics.cardinality).toEqual(estimate.encode());
  const capacity = dice.pick([1, 2, 7, 256]);
  expect(await scan(sstable, ALL_TOKENS, WHOLE, capacity)).toEqual(
    expectedScan(random.table, random, ALL_TOKENS, WHOLE),
  );
  for (let round = 0; round < 3; round++) {
    const slice = randomSlice(dice, random);
    const i = dice.below(random.partitions.length);
    const expected = modelRead(random.table, random.partitions[i]!, slice);
    expect(await readPartition(sstable, random, i, slice, capacity), `partition ${i}`).toEqual(expected);
    const range = randomRange(dice, random);
    expect(await scan(sstable, range, slice, capacity), 'scan').toEqual(
      expectedScan(random.table, random, range, slice),
    );
  }
  sstable.close();
  expect(files.openCount).toBe(0);
}

describe('what is written is what is read', () => {
  test('random tables and rows, forward, reversed and sliced, blocking or not', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => await checkSeed(seed)),
      { numRuns: Number(process.env.SSTABLE_RUNS ?? 150) },
    );
  });
});
