import { describe, expect, test } from 'vitest';
import { candidateOf, contextAt, DAY_MS, MIB, tokens } from '../../test/support/compaction-model.ts';
import { Incremental } from './incremental.ts';
import type { Candidate } from './strategy.ts';

const NOW = 100 * DAY_MS;
const OPTIONS = { sstable_size_in_mb: '100' };
let made = 0;
/** A run of fragments side by side: 100 MiB each, from token 0 on, each 1000 tokens. */
const run = (name: string, fragments: number, megabytes = 100): Candidate[] =>
  Array.from({ length: fragments }, (_, i) =>
    candidateOf(++made, megabytes * MIB, { run: name, ...tokens(i * 1000, i * 1000 + 999) }),
  );
const idsOf = (files: readonly Candidate[]) => files.map(({ id }) => id).sort((a, b) => a - b);

describe('runs', () => {
  test('of similar size are merged, one range of tokens after the other, into one new run', () => {
    const strategy = new Incremental(OPTIONS);
    const runs = ['a', 'b', 'c', 'd'].map((name) => run(name, 3));
    let files = [...runs.flat(), ...run('far larger', 30)];
    const outputs: (string | undefined)[] = [];
    for (let slice = 0; slice < 3; slice++) {
      const task = strategy.next(files, contextAt(NOW))!;
      expect([...task.inputs].sort((a, b) => a - b)).toEqual(idsOf(runs.map((fragments) => fragments[slice]!)));
      expect(task).toMatchObject({ level: 0, cells: 16, maxOutputBytes: 125 * MIB });
      outputs.push(task.run);
      const inputs = files.filter(({ id }) => task.inputs.includes(id));
      const output = candidateOf(++made, 400 * MIB, { run: task.run!, ...tokens(slice * 1000, slice * 1000 + 999) });
      files = [...files.filter((file) => !inputs.includes(file)), output];
    }
    expect(new Set(outputs)).toEqual(new Set(['new 1']));
    expect(strategy.next(files, contextAt(NOW))).toBeUndefined();
  });

  test('are told by what they are together, not by their fragments', () => {
    const strategy = new Incremental(OPTIONS);
    const single = [run('a', 1), run('b', 1), run('c', 1)].flat();
    expect(strategy.next([...single, ...run('d', 40)], contextAt(NOW))).toBeUndefined();
    expect(strategy.next([...single, ...run('e', 1)], contextAt(NOW))?.inputs.length).toBe(4);
  });

  test('whose fragments do not meet at the same tokens are merged in wider ranges', () => {
    const across = candidateOf(++made, 300 * MIB, { run: 'd', ...tokens(500, 2500) });
    const files = [...['a', 'b', 'c'].flatMap((name) => run(name, 3)), across];
    expect(new Incremental(OPTIONS).next(files, contextAt(NOW))?.inputs.length).toBe(10);
  });

  test('of small fragments are merged in ranges that are worth a task', () => {
    const files = ['a', 'b', 'c', 'd'].flatMap((name) => run(name, 10, 10));
    expect(new Incremental(OPTIONS).next(files, contextAt(NOW))?.inputs.length).toBe(12);
  });

  test('after a restart the rest is merged into another run', () => {
    const left = ['a', 'b', 'c', 'd'].flatMap((name) => run(name, 3).slice(1));
    const task = new Incremental(OPTIONS).next([...left, ...run('partly made', 4).slice(0, 1)], contextAt(NOW));
    expect(task?.inputs.length).toBe(4);
    expect(task?.run).toBe('new 1');
  });
});

test('with a goal for space the two largest tiers are merged when the smaller one is too large', () => {
  const files = [...run('a', 20), ...run('b', 8), ...run('c', 1)];
  const next = (goal?: string) => {
    const options = goal === undefined ? OPTIONS : { ...OPTIONS, space_amplification_goal: goal };
    return new Incremental(options).next(files, contextAt(NOW))?.run;
  };
  expect(next()).toBeUndefined();
  expect(next('1.5')).toBeUndefined();
  expect(next('1.3')).toBe('new 1');
});

test('a fragment is rewritten for its tombstones within its run', () => {
  const files = run('a', 5).map((each, i) => ({ ...each, droppableShare: i === 2 ? 0.9 : 0 }));
  const task = new Incremental(OPTIONS).next(files, contextAt(NOW));
  expect(task).toMatchObject({ inputs: [files[2]!.id], run: 'a', cells: 1 });
});

test('a major compaction makes one run of all, a range of tokens at a time', () => {
  const files = [...run('a', 4), ...run('b', 2)];
  const tasks = new Incremental(OPTIONS).major(files, contextAt(NOW));
  expect(tasks.map(({ inputs }) => inputs.length)).toEqual([2, 2, 1, 1]);
  expect(new Set(tasks.map((task) => task.run)).size).toBe(1);
  expect(tasks[0]!.cells).toBe(8);
});
