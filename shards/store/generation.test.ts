import { expect, test } from 'vitest';
import { SimClock, SimTime } from '../../test/sim/sim-clock.ts';
import { SimRandom } from '../../test/sim/sim-random.ts';
import { generationOfPrefix, newGeneration, prefixOfGeneration } from './generation.ts';

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
