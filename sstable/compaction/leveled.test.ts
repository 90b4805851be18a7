import { describe, expect, test } from 'vitest';
import { candidateOf, contextAt, DAY_MS, MIB, tokens } from '../../test/support/compaction-model.ts';
import { Leveled, levelsOf } from './leveled.ts';
import type { Candidate } from './strategy.ts';

const NOW = 100 * DAY_MS;
const OPTIONS = { sstable_size_in_mb: '10', fanout_size: '4' };
let made = 0;
const file = (level: number, megabytes: number, first: number, last: number, changes: Partial<Candidate> = {}) =>
  candidateOf(++made, megabytes * MIB, { level, createdMs: made, ...tokens(first, last), ...changes });
/** Files of one level with so many megabytes each, side by side. */
const level = (number: number, count: number, megabytes = 10, from = 0): Candidate[] =>
  Array.from({ length: count }, (_, i) => file(number, megabytes, from + i * 100, from + i * 100 + 99));
const idsOf = (files: readonly Candidate[]) => files.map(({ id }) => id).sort((a, b) => a - b);
const next = (files: readonly Candidate[], options: Record<string, string> = OPTIONS) => {
  const task = new Leveled(options).next(files, contextAt(NOW));
  return task && { inputs: [...task.inputs].sort((a, b) => a - b), level: task.level, max: task.maxOutputBytes / MIB };
};

describe('level 0', () => {
  test('of less than a file stays, unless it has many of a size', () => {
    const few = [file(0, 3, 0, 999), file(0, 3, 0, 999), file(0, 3, 0, 999)];
    expect(next(few)).toBeUndefined();
    const four = [...few, file(0, 1, 0, 999)];
    expect(next(four)).toEqual({ inputs: idsOf(four), level: 0, max: Number.POSITIVE_INFINITY });
  });

  test('with enough for a file goes to level 1 with what it overlaps there, and nothing else', () => {
    const fresh = [file(0, 6, 100, 250), file(0, 6, 120, 299)];
    const [, hit, alsoHit, , far] = level(1, 5);
    expect(next([...fresh, hit!, alsoHit!, far!])).toEqual({
      inputs: idsOf([...fresh, hit!, alsoHit!]),
      level: 1,
      max: 10,
    });
  });

  test('takes what of level 1 lies between its files, too', () => {
    const fresh = [file(0, 6, 0, 50), file(0, 6, 400, 450)];
    const [first, second, third] = level(1, 3);
    expect(next([...fresh, first!, second!, third!])?.inputs).toEqual(idsOf([...fresh, first!, second!, third!]));
  });

  test('a single file that is large enough is cut into level 1', () => {
    const large = file(0, 25, 0, 999);
    expect(next([large])).toEqual({ inputs: [large.id], level: 1, max: 10 });
  });

  test('that is behind is merged within itself before anything else', () => {
    const fresh = Array.from({ length: 33 }, () => file(0, 2, 0, 999));
    const task = next([...fresh, ...level(1, 20)])!;
    expect(task.level).toBe(0);
    expect(task.inputs.length).toBe(32);
  });

  test('goes up oldest first, no more than 32 at once', () => {
    const fresh = Array.from({ length: 40 }, (_, i) => file(0, 3 ** (i % 12) / 100, 0, 999, { createdMs: 1000 - i }));
    const task = next(fresh, { ...OPTIONS, min_threshold: '32', min_sstable_size: '0' })!;
    expect(task.level).toBe(1);
    expect(task.inputs).toEqual(idsOf(fresh.slice(8)));
  });
});

describe('a full level', () => {
  test('moves the file that takes the least of the next one with it', () => {
    const ones = level(1, 5);
    const twos = [file(2, 10, 0, 120), file(2, 10, 130, 180), file(2, 3, 210, 290), file(2, 10, 300, 499)];
    expect(next([...ones, ...twos])).toEqual({ inputs: idsOf([ones[2]!, twos[2]!]), level: 2, max: 10 });
  });

  test('is not full at its limit', () => {
    expect(next(level(1, 4))).toBeUndefined();
    expect(next(level(2, 16))).toBeUndefined();
    expect(next(level(2, 17))?.level).toBe(3);
  });

  test('comes before level 0, the highest first', () => {
    const files = [...level(1, 5), ...level(2, 17), file(0, 20, 0, 99)];
    expect(next(files)?.level).toBe(3);
    expect(next(level(8, 400))).toBeUndefined();
  });

  test('that nothing has moved for long gives a file to the merges below', () => {
    const strategy = new Leveled(OPTIONS);
    const ones = level(1, 5);
    const starved = [file(4, 10, 10, 20), file(4, 10, 210, 220), file(4, 10, 310, 390)];
    const twos = [file(2, 30, 0, 120), file(2, 30, 130, 180), file(2, 1, 210, 290), file(2, 30, 300, 499)];
    const drawn: number[][] = [];
    for (let i = 0; i < 60; i++) {
      const task = strategy.next([...ones, ...twos, ...starved], contextAt(NOW))!;
      expect(task.level).toBe(2);
      if (task.inputs.includes(starved[1]!.id)) drawn.push([i]);
      expect(task.inputs).not.toContain(starved[0]!.id);
      expect(task.inputs).not.toContain(starved[2]!.id);
    }
    expect(drawn.length).toBe(2);
  });
});

test('files that overlap their level count as level 0, those of impossible levels too', () => {
  const [a, b] = level(1, 2);
  const across = file(1, 5, 50, 150);
  const levels = levelsOf([b!, across, a!, file(99, 1, 0, 9), file(-3, 1, 0, 9)]);
  expect(levels[1]!.map(({ id }) => id)).toEqual([a!.id, b!.id]);
  expect(levels[0]!.map(({ id }) => id)).toContain(across.id);
  expect(levels[0]!.length).toBe(2);
  expect(levels[8]!.length).toBe(1);
});

test('a file is rewritten for its tombstones at its own level', () => {
  const files = level(2, 5).map((each, i) => ({ ...each, droppableShare: i === 3 ? 0.8 : 0.1 }));
  expect(next(files)).toEqual({ inputs: [files[3]!.id], level: 2, max: 10 });
});

test('a major compaction fills the lowest level that has room for everything', () => {
  const major = (files: readonly Candidate[]) =>
    new Leveled(OPTIONS).major(files).map(({ inputs, level: to }) => [inputs.length, to]);
  expect(major([])).toEqual([]);
  expect(major(level(0, 3))).toEqual([[3, 1]]);
  expect(major([...level(0, 3), ...level(1, 3), ...level(2, 3)])).toEqual([[9, 2]]);
  expect(major([...level(3, 60)])).toEqual([[60, 3]]);
});
