import { expect, test } from 'vitest';
import { SimClock, SimTime } from '../../test/sim/sim-clock.ts';
import { SimRandom } from '../../test/sim/sim-random.ts';
import {
  generationOfPrefix,
  generationsOfRun,
  isMadeRun,
  newGeneration,
  newRun,
  prefixOfGeneration,
  runOfGeneration,
} from './generation.ts';

test('generations are new each time, and the names made of them lead back', () => {
  const time = new SimTime();
  const clock = new SimClock(time);
  const random = new SimRandom(1);
  const seen = new Set<string>();
  for (let i = 0; i < 500; i++) {
    const generation = newGeneration(clock, random, i % 3);
    expect(generationOfPrefix(prefixOfGeneration(generation))).toBe(generation);
    expect(prefixOfGeneration(generation)).toMatch(/^me-\w{4}_\w{4}_\w{18}-big$/);
    seen.add(generation);
  }
  expect(seen.size).toBe(500);
});

test('numbered files of others have names of their own, by version and number', () => {
  const prefixes = ['mc-1-big', 'nb-1-big', 'nb-2-big', 'da-1-bti', 'nb-4294967296-big', 'nb-18446744073709551615-big'];
  const generations = prefixes.map(generationOfPrefix);
  expect(new Set(generations).size).toBe(prefixes.length);
  for (const generation of generations)
    expect(generation).toMatch(/^0000[0-9a-f]{4}-0000-0000-[0-9a-f]{4}-[0-9a-f]{12}$/);
  expect(generations[0]).toBe('00006d63-0000-0000-0000-000000000001');
  expect(() => generationOfPrefix('nb-99999999999999999999999-big')).toThrow('too large');
  expect(() => generationOfPrefix('nothing')).toThrow('not the name');
});

test('generations of one run are told by it, are never given twice, and are in order', () => {
  const clock = new SimClock(new SimTime());
  const random = new SimRandom(2);
  const [run, other] = [newRun(random), newRun(random)];
  const first = generationsOfRun(clock, 1, run, 5, () => false);
  const second = generationsOfRun(clock, 1, run, 5, (generation) => first.includes(generation)); // at the same moment
  const all = [...first, ...second];
  expect(new Set(all).size).toBe(10);
  expect(new Set(all.map(runOfGeneration))).toEqual(new Set([run]));
  expect(all.map(prefixOfGeneration)).toEqual(all.map(prefixOfGeneration).toSorted());
  expect(other).not.toBe(run);
  expect(isMadeRun(run)).toBe(true);
  expect(generationsOfRun(clock, 1, other, 1, () => false)).not.toContain(all[0]);
});

test('a file of others is a run of its own', () => {
  const foreign = [generationOfPrefix('nb-1-big'), generationOfPrefix('me-3gsm_0lob_1zdg02we44my8dy25w-big')];
  for (const generation of foreign) {
    const run = runOfGeneration(generation);
    expect(run).toBe(generation);
    expect(isMadeRun(run)).toBe(false);
  }
});
