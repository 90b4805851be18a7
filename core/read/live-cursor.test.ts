import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drain, FragmentCursor, fragmentsOf, MemorySource } from '../../test/support/memory-source.ts';
import { arbitrarySlice, arbitraryWrite, NOW, seededRandom } from '../../test/support/model-arbitraries.ts';
import {
  checkStream,
  MODEL_TABLE,
  type ModelWrite,
  mutationBytes,
  seenOf,
  seenPartition,
} from '../../test/support/partition-model.ts';
import { RowMerger } from '../mutation/merge-rows.ts';
import { NO_DELETION_TIME } from '../mutation/row-body.ts';
import { ALL_TOKENS, Token, tokenOf } from '../token.ts';
import { RowBatchPool } from './batch-pool.ts';
import { LiveFilter, liveCursor } from './live-cursor.ts';
import { mergeCursors } from './merge-cursor.ts';
import { FragmentKind, RowBatch } from './row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from './row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from './slice.ts';

const merger = new RowMerger(MODEL_TABLE);
const pool = new RowBatchPool();

function sourcesOf(writes: readonly (readonly [ModelWrite, number])[], random: () => number): MemorySource[] {
  const sources = Array.from({ length: 4 }, () => new MemorySource(MODEL_TABLE, random));
  for (const [write, at] of writes) sources[at]!.apply(mutationBytes(write));
  return sources;
}

function mergedScan(sources: readonly MemorySource[], slice: PartitionSlice): RowCursor {
  const cursors = sources.map((source) => source.openScan(ALL_TOKENS, slice));
  return mergeCursors(cursors, MODEL_TABLE.comparator, merger, pool, slice.isReversed);
}

/** Keys in token order. */
function keysOf(writes: readonly ModelWrite[]): Uint8Array[] {
  const byHex = new Map(writes.map(({ key }) => [Buffer.from(key).toString('hex'), key]));
  const token = new Token();
  const place = (key: Uint8Array) => {
    tokenOf(key, 0, key.length, token);
    return token.hi * 2 ** 32 + (token.lo >>> 0);
  };
  return [...byHex.values()].sort((a, b) => place(a) - place(b));
}

function expected(writes: readonly ModelWrite[], slice: PartitionSlice) {
  return keysOf(writes).flatMap((key) => seenPartition(writes, key, slice, NOW) ?? []);
}

const arbitraryWrites = fc.array(fc.tuple(arbitraryWrite(true), fc.integer({ min: 0, max: 3 })), { maxLength: 25 });

describe('merge and live filter', () => {
  test('show what the model shows, whatever the sources, slices, direction and batch sizes', async () => {
    const property = fc.asyncProperty(
      arbitraryWrites,
      arbitrarySlice,
      fc.constantFrom(1, 2, 3, 64),
      fc.integer(),
      async (writes, slice, capacity, seed) => {
        const sources = sourcesOf(writes, seededRandom(seed));
        const merged = await drain(mergedScan(sources, slice), capacity, 1 + (seed & 255));
        checkStream(merged, slice.isReversed);
        const filter = new LiveFilter(MODEL_TABLE, NOW);
        const live = await drain(liveCursor(mergedScan(sources, slice), filter, pool), capacity, 1 + (seed & 255));
        checkStream(live, slice.isReversed);
        expect(seenOf(live)).toEqual(
          expected(
            writes.map(([write]) => write),
            slice,
          ),
        );
      },
    );
    await fc.assert(property, { numRuns: 1500 });
  });

  test('a merge does not depend on the order of its sources, and merging in steps changes nothing', async () => {
    const property = fc.asyncProperty(arbitraryWrites, arbitrarySlice, fc.integer(), async (writes, slice, seed) => {
      const sources = sourcesOf(writes, seededRandom(seed));
      const open = (i: number) => sources[i]!.openScan(ALL_TOKENS, slice);
      const merge = (cursors: RowCursor[]) =>
        mergeCursors(cursors, MODEL_TABLE.comparator, merger, pool, slice.isReversed);
      const atOnce = await drain(merge([open(0), open(1), open(2), open(3)]));
      const backwards = await drain(merge([open(3), open(2), open(1), open(0)]), 1);
      const inSteps = await drain(merge([merge([open(0), open(2)]), merge([open(3), open(1)])]), 7);
      expect(backwards).toEqual(atOnce);
      expect(inSteps).toEqual(atOnce);
    });
    await fc.assert(property, { numRuns: 500 });
  });

  test('skipPartition drops the rest of the partition delivered last and nothing else', async () => {
    const property = fc.asyncProperty(
      arbitraryWrites,
      arbitrarySlice,
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      fc.integer(),
      async (writes, slice, capacity, isLive, seed) => {
        const random = seededRandom(seed);
        const sources = sourcesOf(writes, random);
        const open = () =>
          isLive
            ? liveCursor(mergedScan(sources, slice), new LiveFilter(MODEL_TABLE, NOW), pool)
            : mergedScan(sources, slice);
        const all = await drain(open());
        const cursor = open();
        const batch = new RowBatch(capacity);
        let at = 0;
        for (;;) {
          batch.clear();
          const added = cursor.fill(batch);
          if (added === 0) break;
          if (added === NEEDS_LOAD) {
            await cursor.load();
            continue;
          }
          expect(fragmentsOf(batch)).toEqual(all.slice(at, at + added));
          at += added;
          if (random() < 0.5) {
            cursor.skipPartition();
            if (all[at - 1]!.kind !== FragmentKind.PartitionEnd) {
              while (all[at++]!.kind !== FragmentKind.PartitionEnd);
            }
          }
        }
        expect(at).toBe(all.length);
        cursor.close();
      },
    );
    await fc.assert(property, { numRuns: 500 });
  });
});

describe('mergeCursors', () => {
  const slice: PartitionSlice = { slices: [], isReversed: false, wantsRows: true, wantsStatics: true };

  test('gives a single cursor back as it is', () => {
    const cursor = new FragmentCursor([]);
    expect(mergeCursors([cursor], MODEL_TABLE.comparator, merger, pool, false)).toBe(cursor);
  });

  test('loads all sources that need it before an error of one is thrown', async () => {
    const ends: string[] = [];
    const waiting = (name: string, fails: boolean): RowCursor => ({
      fill: () => NEEDS_LOAD,
      load: async () => {
        await undefined;
        if (!fails) await undefined;
        ends.push(name);
        if (fails) throw new Error(`${name} failed`);
      },
      skipPartition: () => {},
      close: () => {},
    });
    const merged = mergeCursors([waiting('a', true), waiting('b', false)], MODEL_TABLE.comparator, merger, pool, false);
    expect(merged.fill(new RowBatch(4))).toBe(NEEDS_LOAD);
    await expect(merged.load()).rejects.toThrow('a failed');
    expect(ends).toEqual(['a', 'b']);
  });

  test('closes every source once', () => {
    const cursors = [new FragmentCursor([]), new FragmentCursor([])];
    const merged = mergeCursors(cursors, MODEL_TABLE.comparator, merger, pool, slice.isReversed);
    merged.close();
    merged.close();
    expect(cursors.map((cursor) => cursor.isClosed)).toEqual([true, true]);
  });
});

describe('liveCursor', () => {
  test('lets the caller yield while it walks over tombstones, and counts them', async () => {
    const fragments = [];
    for (let i = 0; i < 5000; i++) {
      const source = new MemorySource(MODEL_TABLE);
      const key = new Uint8Array(Buffer.from(`key ${i}`));
      source.apply(mutationBytes({ kind: 'partition', key, deletion: { timestamp: 5n, time: 50 } }));
      const slice = { slices: [], isReversed: false, wantsRows: true, wantsStatics: true };
      fragments.push(...(await drain(source.openScan(ALL_TOKENS, slice))));
    }
    const filter = new LiveFilter(MODEL_TABLE, NOW);
    const cursor = liveCursor(new FragmentCursor(fragments), filter, pool);
    const batch = new RowBatch();
    let yields = 0;
    let added = cursor.fill(batch);
    for (; added === NEEDS_LOAD; added = cursor.fill(batch)) {
      yields++;
      await cursor.load();
    }
    expect(added).toBe(0);
    expect(filter.tombstones).toBe(5000);
    expect(yields).toBeGreaterThan(3);
  });

  const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };
  const rowOf = (n: number, deadAt: number | undefined): ModelWrite => ({
    kind: 'row',
    key: Uint8Array.of(n >> 2),
    values: [Uint8Array.of(0, 0, 0, n), new Uint8Array(0)],
    body: {
      liveness: { timestamp: 1n, ttl: 0, expiry: NO_DELETION_TIME },
      deletion: undefined,
      shadowable: undefined,
      complexDeletions: [],
      cells: [{ column: 5, path: undefined, timestamp: 1n, deadAt, ttl: 0, expiry: 0, value: Uint8Array.of(n) }],
    },
  });

  test.each([
    ['all of them live', undefined],
    ['one cell of the last is dead', 50],
  ])('rows go on in the batch they came in while they live whole: %s', async (_name, deadAt) => {
    const source = new MemorySource(MODEL_TABLE);
    const writes = Array.from({ length: 12 }, (_, n) => rowOf(n, n === 11 ? deadAt : undefined));
    for (const write of writes) source.apply(mutationBytes(write));
    const filter = new LiveFilter(MODEL_TABLE, NOW);
    const input = source.openScan(ALL_TOKENS, WHOLE);
    const filled: RowBatch[] = [];
    const fill = input.fill.bind(input);
    input.fill = (batch) => {
      filled.push(batch);
      return fill(batch);
    };
    const cursor = liveCursor(input, filter, pool);
    const batch = pool.takeSmall();
    const seen = [];
    for (let added = cursor.fill(batch); added > 0; added = cursor.fill(batch)) {
      seen.push(...fragmentsOf(batch));
      batch.clear();
    }
    expect(seenOf(seen)).toEqual(expected(writes, WHOLE));
    expect(filled[0]).toBe(batch);
    expect(filled.every((each) => each === batch)).toBe(deadAt === undefined);
    expect(filter.tombstones).toBe(deadAt === undefined ? 0 : 1);
    cursor.close();
  });

  test('a deletion met by one read is not in force in the next one of the same filter', async () => {
    const source = new MemorySource(MODEL_TABLE);
    const key = Uint8Array.of(9);
    source.apply(mutationBytes({ kind: 'partition', key, deletion: { timestamp: 5n, time: 50 } }));
    const home: LiveFilter[] = [];
    const filter = new LiveFilter(MODEL_TABLE, NOW, home);
    expect(await drain(liveCursor(source.openScan(ALL_TOKENS, WHOLE), filter, pool))).toEqual([]);
    expect([home, filter.isClear]).toEqual([[filter], false]);
    filter.restart(NOW);
    expect(filter.isClear).toBe(true);
  });
});
