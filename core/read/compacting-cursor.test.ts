import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drain, type Fragment, MemorySource } from '../../test/support/memory-source.ts';
import {
  arbitrarySlice,
  arbitraryWrite,
  NOW,
  seededRandom,
  withOwnTime,
} from '../../test/support/model-arbitraries.ts';
import {
  checkStream,
  MODEL_TABLE,
  type ModelBody,
  type ModelWrite,
  mutationBytes,
  seenOf,
} from '../../test/support/partition-model.ts';
import { bigIntHi, bigIntLo, INT64_MAX_HI, INT64_MAX_LO } from '../int64.ts';
import { RowMerger } from '../mutation/merge-rows.ts';
import { EXPIRED_LIVENESS_TTL, RowFlag, RowReader } from '../mutation/row-body.ts';
import { ALL_TOKENS } from '../token.ts';
import { RowBatchPool } from './batch-pool.ts';
import { CompactionFilter, compactingCursor, type PurgePolicy } from './compacting-cursor.ts';
import { LiveFilter, liveCursor } from './live-cursor.ts';
import { mergeCursors } from './merge-cursor.ts';
import { FragmentKind } from './row-batch.ts';
import type { RowCursor } from './row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from './slice.ts';

const merger = new RowMerger(MODEL_TABLE);
const pool = new RowBatchPool();
const EVERYTHING: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

function merge(cursors: RowCursor[], isReversed = false): RowCursor {
  return mergeCursors(cursors, MODEL_TABLE.comparator, merger, pool, isReversed);
}

/** Timestamps of a write: all of them, to find what a purge must respect. */
function timestampsOf(write: ModelWrite): bigint[] {
  if (write.kind === 'partition' || write.kind === 'range') return [write.deletion.timestamp];
  const { liveness, deletion, shadowable, complexDeletions, cells } = write.body;
  return [liveness, deletion, shadowable, ...complexDeletions, ...cells].flatMap((part) => part?.timestamp ?? []);
}

interface Run {
  source: MemorySource;
  /** Least timestamp by key. */
  least: Map<string, bigint>;
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

describe('compactingCursor', () => {
  test('never changes what a SELECT sees, whatever is compacted when and purged how', async () => {
    const steps = fc.array(
      fc.record({ mask: fc.integer({ min: 1, max: 15 }), gcBefore: fc.integer({ min: 40, max: 105 }) }),
      { minLength: 1, maxLength: 3 },
    );
    const order = fc.integer();
    let purged = 0;
    const property = fc.asyncProperty(
      fc.array(fc.tuple(arbitraryWrite(false), fc.integer({ min: 0, max: 3 })), { maxLength: 25 }),
      steps,
      arbitrarySlice,
      order,
      async (raw, compactions, slice, seed) => {
        const random = seededRandom(seed);
        const times = raw.map((_, i) => i).sort(() => random() - 0.5);
        const writes = raw.map(([write, at], i) => [withOwnTime(write, times[i]!), at] as const);
        const runs: Run[] = Array.from({ length: 4 }, () => ({
          source: new MemorySource(MODEL_TABLE, random),
          least: new Map(),
        }));
        for (const [write, at] of writes) {
          const { source, least } = runs[at]!;
          source.apply(mutationBytes(write));
          for (const timestamp of timestampsOf(write)) {
            const before = least.get(hex(write.key));
            if (before === undefined || timestamp < before) least.set(hex(write.key), timestamp);
          }
        }
        const read = async (now: number) => {
          const cursors = runs.map(({ source }) => source.openScan(ALL_TOKENS, slice));
          const filter = new LiveFilter(MODEL_TABLE, now);
          return seenOf(await drain(liveCursor(merge(cursors, slice.isReversed), filter, pool)));
        };
        const before = [await read(NOW), await read(NOW + 20)];
        let now = NOW - 8;
        for (const { mask, gcBefore } of compactions) {
          const chosen = runs.filter((_, i) => (mask & (1 << i)) !== 0);
          const others = runs.filter((run) => !chosen.includes(run));
          const policy: PurgePolicy = {
            nowSeconds: now,
            gcBefore,
            leastTimestampOutside: (_hi, _lo, key, start, end, into) => {
              const bounds = others.flatMap(({ least }) => least.get(hex(key.slice(start, end))) ?? []);
              const bound = bounds.reduce((a, b) => (b < a ? b : a), 2n ** 63n - 1n);
              into.hi = bigIntHi(bound);
              into.lo = bigIntLo(bound);
            },
          };
          const input = chosen.map(({ source }) => source.openScan(ALL_TOKENS, EVERYTHING));
          const filter = new CompactionFilter(MODEL_TABLE, policy);
          const unpurged = await drain(merge(chosen.map(({ source }) => source.openScan(ALL_TOKENS, EVERYTHING))));
          const written = await drain(compactingCursor(merge(input), filter, pool), 1 + (seed & 7), 1 + (seed & 127));
          checkStream(written, false);
          if (written.length < unpurged.length) purged++;
          const [kept, ...emptied] = chosen;
          const least = new Map<string, bigint>();
          for (const run of chosen) {
            for (const [key, value] of run.least)
              least.set(key, least.has(key) && least.get(key)! < value ? least.get(key)! : value);
          }
          kept!.source = new MemorySource(MODEL_TABLE, random);
          kept!.source.applyFragments(written);
          kept!.least = least;
          for (const run of emptied) {
            run.source = new MemorySource(MODEL_TABLE, random);
            run.least = new Map();
          }
          now += 4;
        }
        expect([await read(NOW), await read(NOW + 20)]).toEqual(before);
      },
    );
    await fc.assert(property, { numRuns: 800 });
    expect(purged).toBeGreaterThan(200);
  });

  const key = new Uint8Array(Buffer.from('k'));
  const empty: ModelBody = {
    liveness: undefined,
    deletion: undefined,
    shadowable: undefined,
    complexDeletions: [],
    cells: [],
  };
  const values = [new Uint8Array([0, 0, 0, 1]), new Uint8Array([97])];
  const cell = { column: 5, path: undefined, timestamp: 5n, deadAt: undefined, ttl: 0, expiry: 0, value: key };
  const outside = (timestamp: bigint | undefined): Pick<PurgePolicy, 'leastTimestampOutside'> => ({
    leastTimestampOutside: (_hi, _lo, _key, _start, _end, into) => {
      into.hi = timestamp === undefined ? INT64_MAX_HI : bigIntHi(timestamp);
      into.lo = timestamp === undefined ? INT64_MAX_LO : bigIntLo(timestamp);
    },
  });

  async function compact(writes: readonly ModelWrite[], policy: PurgePolicy): Promise<Fragment[]> {
    const source = new MemorySource(MODEL_TABLE);
    for (const write of writes) source.apply(mutationBytes(write));
    const filter = new CompactionFilter(MODEL_TABLE, policy);
    const written = await drain(compactingCursor(source.openScan(ALL_TOKENS, EVERYTHING), filter, pool));
    checkStream(written, false);
    return written;
  }
  const row = (body: Partial<ModelBody>): ModelWrite => ({ kind: 'row', key, values, body: { ...empty, ...body } });

  /** Tombstones of timestamp 5 and local deletion time 50, of every kind. */
  const tombstones: readonly (readonly [string, ModelWrite])[] = [
    ['partition deletion', { kind: 'partition', key, deletion: { timestamp: 5n, time: 50 } }],
    [
      'range deletion',
      {
        kind: 'range',
        key,
        start: { values: [], weight: -1 },
        end: { values, weight: 1 },
        deletion: { timestamp: 5n, time: 50 },
      },
    ],
    ['row deletion', row({ deletion: { timestamp: 5n, time: 50 } })],
    ['shadowable deletion', row({ shadowable: { timestamp: 5n, time: 50 } })],
    ['complex deletion', row({ complexDeletions: [{ column: 6, timestamp: 5n, time: 50 }] })],
    ['dead cell', row({ cells: [{ ...cell, deadAt: 50, value: new Uint8Array(0) }] })],
    ['dead element', row({ cells: [{ ...cell, column: 6, path: values[0], deadAt: 50, value: new Uint8Array(0) }] })],
    ['expired cell', row({ cells: [{ ...cell, ttl: 10, expiry: 60 }] })],
    ['expired liveness', row({ liveness: { timestamp: 5n, ttl: 10, expiry: 60 } })],
    ['marker of an expired liveness', row({ liveness: { timestamp: 5n, ttl: EXPIRED_LIVENESS_TTL, expiry: 50 } })],
  ];
  test.each(tombstones)('a %s goes when it is old enough and nothing outside could need it', async (_name, write) => {
    expect(await compact([write], { nowSeconds: 100, gcBefore: 51, ...outside(6n) })).toEqual([]);
    expect(await compact([write], { nowSeconds: 100, gcBefore: 51, ...outside(undefined) })).toEqual([]);
    expect(await compact([write], { nowSeconds: 100, gcBefore: 50, ...outside(undefined) })).not.toEqual([]);
    expect(await compact([write], { nowSeconds: 100, gcBefore: 51, ...outside(5n) })).not.toEqual([]);
  });

  test.each(tombstones)('a %s that is dropped has done its work', async (_name, write) => {
    const older = row({ cells: [{ ...cell, timestamp: 4n }] });
    const element = row({ cells: [{ ...cell, column: 6, path: values[0], timestamp: 4n }] });
    const survivors = await compact([older, element, write], { nowSeconds: 100, gcBefore: 51, ...outside(undefined) });
    const name = _name;
    const isWide = ['partition deletion', 'range deletion', 'row deletion', 'shadowable deletion'].includes(name);
    if (isWide) expect(survivors).toEqual([]);
    const seen = seenOf(survivors).flatMap(({ rows }) =>
      rows.flatMap(({ cells }) => cells.map(({ column }) => column)),
    );
    if (name === 'complex deletion' || name === 'dead element') expect(seen).toEqual([5]);
    if (name === 'dead cell' || name === 'expired cell') expect(seen).toEqual([6]);
  });

  test('what has expired becomes a tombstone of the time it was written', async () => {
    const write = row({
      liveness: { timestamp: 5n, ttl: 10, expiry: 60 },
      cells: [{ ...cell, ttl: 20, expiry: 65 }],
    });
    const written = await compact([write], { nowSeconds: 65, gcBefore: 0, ...outside(undefined) });
    const body = written.find(({ kind }) => kind === FragmentKind.Row)!.body;
    const reader = new RowReader();
    reader.open(body, 0, body.length);
    expect(reader.rowFlags).toBe(RowFlag.Liveness | RowFlag.LivenessExpiring);
    expect([reader.livenessTtl, reader.livenessExpiry]).toEqual([EXPIRED_LIVENESS_TTL, 50]);
    expect(reader.next()).toBe(true);
    expect([reader.flags & 1, reader.time]).toEqual([1, 45]);
  });

  test('cells of dropped columns go, and what they leave empty', async () => {
    const written = await compact([row({ cells: [{ ...cell, column: 8, timestamp: 10n ** 15n }] })], {
      nowSeconds: 100,
      gcBefore: 0,
      ...outside(undefined),
    });
    expect(written).toEqual([]);
  });

  test('of a boundary whose one side goes, the other side stays', async () => {
    const bound = (n: number) => ({ values: [new Uint8Array([0, 0, 0, n])], weight: -1 });
    const range = (from: number, to: number, time: number): ModelWrite => ({
      kind: 'range',
      key,
      start: bound(from),
      end: bound(to),
      deletion: { timestamp: BigInt(time), time },
    });
    const written = await compact([range(1, 2, 50), range(2, 3, 90), range(3, 4, 51)], {
      nowSeconds: 100,
      gcBefore: 60,
      ...outside(undefined),
    });
    const changes = written.filter(({ kind }) => kind === FragmentKind.RangeChange);
    expect(changes.map(({ position, body }) => [position[5], body.length])).toEqual([
      [2, 12],
      [3, 0],
    ]);
  });

  test('asks for the bound once per partition, with its key, and only for tombstones that are old enough', async () => {
    const asked: string[] = [];
    const policy: PurgePolicy = {
      nowSeconds: 100,
      gcBefore: 60,
      leastTimestampOutside: (_hi, _lo, bytes, start, end, into) => {
        asked.push(Buffer.from(bytes.slice(start, end)).toString());
        into.hi = INT64_MAX_HI;
        into.lo = INT64_MAX_LO;
      },
    };
    const young = row({ deletion: { timestamp: 5n, time: 70 } });
    const old = row({ cells: [{ ...cell, deadAt: 50, value: new Uint8Array(0) }] });
    const oldAgain = row({ cells: [{ ...cell, column: 9, deadAt: 50, value: new Uint8Array(0) }] });
    const other: ModelWrite = { ...young, key: new Uint8Array(Buffer.from('other')) };
    await compact([young, old, oldAgain, other], policy);
    expect(asked).toEqual([]); // the young deletion shadows what is old
    await compact([old, oldAgain, other], policy);
    expect(asked).toEqual(['k']);
  });
});
