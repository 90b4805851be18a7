import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { SimRandom } from '../../test/sim/sim-random.ts';
import { CompactionModel, type ModelFile } from '../../test/support/compaction-model.ts';
import { strategyOf } from './strategy-of.ts';
import { isBefore } from './token-span.ts';

/** What holds under every schedule of flushes, whatever the strategy: the same keys, an end, bounded writes. */

const KEYS = 4000;
const KEY_STEP: number = 2 ** 32 / KEYS;
const keyOf = (n: number): number => Math.floor(n * KEY_STEP) - 2 ** 31;

const STRATEGIES: readonly [string, Record<string, string>][] = [
  ['SizeTieredCompactionStrategy', { min_sstable_size: '0' }],
  ['LeveledCompactionStrategy', { sstable_size_in_mb: '20', fanout_size: '4' }],
  ['LeveledCompactionStrategy', { sstable_size_in_mb: '50', fanout_size: '10' }],
  ['TimeWindowCompactionStrategy', {}],
  ['IncrementalCompactionStrategy', { sstable_size_in_mb: '20' }],
  ['IncrementalCompactionStrategy', { sstable_size_in_mb: '40', space_amplification_goal: '1.5' }],
];
const made = ([name, options]: readonly [string, Record<string, string>]): CompactionModel =>
  new CompactionModel(strategyOf({ class: `org.apache.cassandra.db.compaction.${name}`, ...options }));

/** Files of each level from 1 on that overlap the one before them. */
function overlapping(files: readonly ModelFile[]): ModelFile[] {
  const wrong: ModelFile[] = [];
  for (let level = 1; level <= 8; level++) {
    const sorted = files.filter((file) => file.level === level).sort((a, b) => a.firstHi - b.firstHi);
    wrong.push(...sorted.filter((file, i) => i > 0 && !isBefore(sorted[i - 1]!, file)));
  }
  return wrong;
}

const runSpans = (files: readonly ModelFile[]): ModelFile[] => {
  const sorted = files.toSorted((a, b) => (a.run < b.run ? -1 : a.run > b.run ? 1 : a.firstHi - b.firstHi));
  return sorted.filter((file, i) => i > 0 && sorted[i - 1]!.run === file.run && !isBefore(sorted[i - 1]!, file));
};

const flushes = fc.array(
  fc.record({
    from: fc.nat(KEYS - 1),
    width: fc.constantFrom(1, 10, 200, KEYS),
    count: fc.integer({ min: 1, max: 60 }),
    next: fc.constantFrom('nothing', 'one', 'all', 'all', 'major'),
  }),
  { maxLength: 60 },
);

describe.each(STRATEGIES)('%s %j', (name, options) => {
  test('keeps all keys, levels and runs without overlaps, and comes to an end', () => {
    fc.assert(
      fc.property(flushes, fc.nat(), (schedule, seed) => {
        const model = made([name, options]);
        const random = new SimRandom(seed);
        const expected = new Set<number>();
        const check = (): void => {
          expect(overlapping(model.files)).toEqual([]);
          expect(runSpans(model.files)).toEqual([]);
        };
        for (const { from, width, count, next } of schedule) {
          const keys = Array.from({ length: count }, () => keyOf((from + random.integer(0, width)) % KEYS));
          model.flush(keys);
          for (const key of keys) expected.add(key);
          if (next === 'one') {
            const task = strategyOf({ class: name, ...options }).next(model.files, model.context());
            if (task !== undefined) model.carryOut(task);
          } else if (next === 'all') {
            model.settle(check);
          } else if (next === 'major') {
            model.major();
          }
          check();
        }
        model.settle(check);
        expect(new Set(model.files.flatMap((file) => file.keys))).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  test('rewrites what was flushed a bounded number of times', () => {
    const model = made([name, options]);
    const random = new SimRandom(7);
    for (let i = 0; i < 400; i++) {
      model.flush(Array.from({ length: 10 }, () => keyOf(random.integer(0, KEYS))));
      model.settle();
    }
    const amplification = model.rewrittenBytes / model.flushedBytes;
    expect(amplification).toBeGreaterThan(0.5);
    // Leveled: about fanout / 2 + 1 per level, of which there are three here; the others: one per tier.
    expect(amplification).toBeLessThan(name.startsWith('Leveled') ? 16 : 7);
  });
});

test('a leveled table is read from few files', () => {
  const model = made(['LeveledCompactionStrategy', { sstable_size_in_mb: '20', fanout_size: '10' }]);
  const random = new SimRandom(3);
  for (let i = 0; i < 500; i++) {
    model.flush(Array.from({ length: 10 }, () => keyOf(random.integer(0, KEYS))));
    model.settle();
  }
  const ofKey = (key: number): number =>
    model.files.filter(({ firstHi, lastHi }) => firstHi <= key && key <= lastHi).length;
  const most = Math.max(...Array.from({ length: 100 }, (_, i) => ofKey(keyOf(i * 40))));
  expect(most).toBeLessThan(8);
});

test('incremental compaction needs far less room than size-tiered while it merges everything', () => {
  const peak = (name: string, options: Record<string, string>): number => {
    const model = made([name, options]);
    for (let i = 0; i < 4; i++) {
      model.flush(Array.from({ length: 1000 }, (_, n) => keyOf(n * 4 + i)));
      // The runs are cut as a former merge would have cut them.
      model.major();
    }
    for (const file of model.files) expect(file.keys.length).toBeGreaterThan(0);
    const before = model.bytes;
    model.peakBytes = 0;
    model.major();
    return model.peakBytes / before;
  };
  expect(peak('SizeTieredCompactionStrategy', {})).toBe(2);
  expect(peak('IncrementalCompactionStrategy', { sstable_size_in_mb: '100' })).toBeLessThan(1.1);
});
