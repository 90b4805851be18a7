import { describe, expect, test } from 'vitest';
import { RandomGroup } from '../test/support/raft/random-group.ts';

/** Seeds of every run, in shares so that a failure names few; `TESSERA_SEED=n` runs that one alone. */
const SEEDS = 400;
const SHARES = 8;
const STEPS = 900;
const HEAL_STEPS = 400;
const ONLY: string | undefined = process.env.TESSERA_SEED;

function run(seed: number): RandomGroup {
  const group = new RandomGroup(seed, seed % 2 === 0 ? { sendsAtOnce: true } : {});
  try {
    group.run(STEPS);
    group.heal(HEAL_STEPS);
  } catch (error) {
    throw new Error(`TESSERA_SEED=${seed}`, { cause: error });
  }
  return group;
}

describe('a group under drops, repetitions, delays, partitions, crashes and changes keeps every invariant, and recovers', () => {
  const seen: Record<string, number> = {};
  for (let share = 0; share < SHARES; share++) {
    const first = 1 + (share * SEEDS) / SHARES;
    const last = ((share + 1) * SEEDS) / SHARES;
    const seeds = ONLY === undefined ? Array.from({ length: last - first + 1 }, (_, i) => first + i) : [Number(ONLY)];
    test(`TESSERA_SEED=${seeds[0]} to ${seeds.at(-1)}`, () => {
      for (const seed of seeds) {
        const group = run(seed);
        for (const [what, count] of Object.entries(group.seen)) seen[what] = (seen[what] ?? 0) + count;
      }
    });
  }

  test.skipIf(ONLY !== undefined)('the seeds reach the states that matter', () => {
    const states = [
      'leader',
      'batch',
      'truncate',
      'crash',
      'compact',
      'snapshot',
      'change',
      'joint',
      'transfer',
      'read',
    ];
    expect(states.filter((state) => (seen[state] ?? 0) < 20)).toEqual([]);
  });

  test('the same seed gives the same history', () => {
    for (const seed of [3, 14, 15]) expect(run(seed).trace).toBe(run(seed).trace);
  });
});
