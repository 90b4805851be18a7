import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { candidateOf, contextAt, DAY_MS, MIB, tokens, writtenUntil } from '../../test/support/compaction-model.ts';
import { bucketOptions } from './size-buckets.ts';
import { SizeTiered } from './size-tiered.ts';
import type { Candidate } from './strategy.ts';
import { tombstoneOptions } from './tombstones.ts';

const NOW = 100 * DAY_MS;

const ofSizes = (...megabytes: number[]): Candidate[] => megabytes.map((size, id) => candidateOf(id, size * MIB));
const next = (candidates: readonly Candidate[], options: Record<string, string> = {}) =>
  new SizeTiered(options).next(candidates, contextAt(NOW))?.inputs;

describe('what is merged', () => {
  const cases: readonly [string, Record<string, string>, number[], number[] | undefined][] = [
    ['nothing of nothing', {}, [], undefined],
    ['three of a size are too few', {}, [100, 101, 102], undefined],
    ['four of a size', {}, [100, 101, 102, 99], [3, 0, 1, 2]],
    ['four of a size among others', {}, [1000, 100, 101, 9000, 102, 99], [5, 1, 2, 4]],
    ['small ones are alike, whatever their sizes', {}, [1, 5, 20, 49], [0, 1, 2, 3]],
    ['small ones are those below min_sstable_size', { min_sstable_size: `${10 * MIB}` }, [1, 5, 20, 49], undefined],
    ['a size at the edge of a bucket is outside', {}, [100, 100, 100, 150], undefined],
    ['a size just inside', {}, [100, 100, 100, 149], [0, 1, 2, 3]],
    ['buckets as told', { bucket_low: '0.9', bucket_high: '1.1' }, [100, 100, 100, 120], undefined],
    ['as few as told', { min_threshold: '2' }, [100, 101], [0, 1]],
    ['no more than told, the smallest', { min_threshold: '2', max_threshold: '3' }, [103, 100, 101, 102], [1, 2, 3]],
    ['small buckets before large ones', { min_threshold: '2' }, [1000, 1001, 100, 101], [2, 3]],
  ];
  test.each(cases)('%s', (_name, options, sizes, expected) => {
    expect(next(ofSizes(...sizes), options)).toEqual(expected);
  });
});

describe('a single SSTable with many droppable tombstones', () => {
  /** Of sizes that are not similar; what is older has lower ids. */
  const old = (id: number, droppableShare: number, createdMs = 0): Candidate =>
    candidateOf(id, 100 * 4 ** id * MIB, {
      droppableShare,
      createdMs,
      ...writtenUntil(id * 1000),
      minTimestampLo: id * 1000,
    });
  const cases: readonly [string, Record<string, string>, Candidate[], number[] | undefined][] = [
    ['is rewritten', {}, [old(0, 0.3), old(1, 0.1)], [0]],
    ['the one with most', {}, [old(0, 0.5), old(1, 0.3)], [0]],
    ['not at the threshold', {}, [old(0, 0.2)], undefined],
    ['at a threshold as told', { tombstone_threshold: '0.05' }, [old(0, 0.1)], [0]],
    ['not before a day', {}, [old(0, 0.9, NOW - DAY_MS + 1)], undefined],
    ['after a day', {}, [old(0, 0.9, NOW - DAY_MS)], [0]],
    ['at an age as told', { tombstone_compaction_interval: '10' }, [old(0, 0.9, NOW - 11_000)], [0]],
    ['not when what is older may need them', {}, [old(0, 0.1), old(1, 0.9)], undefined],
    ['though what is older may need them', { unchecked_tombstone_compaction: 'true' }, [old(0, 0), old(1, 0.9)], [1]],
    [
      'when what is older has other tokens',
      {},
      [
        { ...old(0, 0.1), ...tokens(0, 99) },
        { ...old(1, 0.9), ...tokens(100, 200) },
      ],
      [1],
    ],
    [
      'when what is older has few of its tokens',
      {},
      [
        { ...old(0, 0.1), ...tokens(0, 110) },
        { ...old(1, 0.9), ...tokens(100, 200) },
      ],
      [1],
    ],
    [
      'not when what is older has most of its tokens',
      {},
      [
        { ...old(0, 0.1), ...tokens(0, 190) },
        { ...old(1, 0.9), ...tokens(100, 200) },
      ],
      undefined,
    ],
  ];
  test.each(cases)('%s', (_name, options, candidates, expected) => {
    expect(next(candidates, options)).toEqual(expected);
  });

  test('not while nothing may be purged', () => {
    const strategy = new SizeTiered({});
    expect(strategy.next([old(0, 0.9)], contextAt(NOW, { gcBefore: 0 }))).toBeUndefined();
  });

  test('gives way to a merge', () => {
    expect(next([...ofSizes(100, 100, 100, 100), old(4, 0.9)])).toEqual([0, 1, 2, 3]);
  });
});

test('options have the defaults of Cassandra', () => {
  expect({ ...bucketOptions({}), ...tombstoneOptions({}) }).toEqual({
    minThreshold: 4,
    maxThreshold: 32,
    bucketLow: 0.5,
    bucketHigh: 1.5,
    minSstableBytes: 50 * MIB,
    threshold: 0.2,
    intervalMs: DAY_MS,
    isUnchecked: false,
  });
});

test('a task names candidates once, within the thresholds, all of like size', () => {
  const candidate = fc.record({
    sizeBytes: fc.integer({ min: 1, max: 500 * MIB }),
    droppableShare: fc.double({ min: 0, max: 1, noNaN: true }),
    createdMs: fc.integer({ min: 0, max: NOW }),
  });
  fc.assert(
    fc.property(fc.array(candidate, { maxLength: 50 }), (list) => {
      const candidates = list.map((each, id) => candidateOf(id * 3, each.sizeBytes, each));
      const inputs = next(candidates, { max_threshold: '8' });
      if (inputs === undefined) return;
      const chosen = candidates.filter(({ id }) => inputs.includes(id));
      expect(chosen.length).toBe(inputs.length);
      if (inputs.length === 1) {
        expect(chosen[0]!.droppableShare).toBeGreaterThan(0.2);
        return;
      }
      expect(inputs.length).toBeGreaterThanOrEqual(4);
      expect(inputs.length).toBeLessThanOrEqual(8);
      const sizes = chosen.map(({ sizeBytes }) => sizeBytes);
      const average = sizes.reduce((a, b) => a + b, 0) / sizes.length;
      if (average >= 50 * MIB) expect(Math.max(...sizes)).toBeLessThan(3 * Math.min(...sizes));
    }),
    { numRuns: 500 },
  );
});
