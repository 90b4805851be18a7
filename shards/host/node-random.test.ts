import { expect, test } from 'vitest';
import { NodeRandom } from './node-random.ts';

test('numbers are in [0, 1) and differ', () => {
  const random = new NodeRandom();
  const numbers = Array.from({ length: 1000 }, () => random.next());
  for (const number of numbers) expect(number >= 0 && number < 1).toBe(true);
  expect(new Set(numbers).size).toBeGreaterThan(990);
});

test('fill overwrites everything', () => {
  const target = new Uint8Array(4096);
  new NodeRandom().fill(target);
  expect(new Set(target).size).toBe(256);
});
