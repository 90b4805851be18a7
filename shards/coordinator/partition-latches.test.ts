import { expect, test } from 'vitest';
import { PartitionLatches } from './partition-latches.ts';

test('a partition has one holder at a time, in the order of asking; others do not wait', async () => {
  const latches = new PartitionLatches();
  const order: string[] = [];
  expect(latches.acquire('a')).toBeUndefined();
  const second = latches.acquire('a')!.then(() => order.push('second'));
  const third = latches.acquire('a')!.then(() => order.push('third'));
  expect(latches.acquire('b')).toBeUndefined();
  await Promise.resolve();
  expect(order).toEqual([]);
  latches.release('a');
  await second;
  expect(order).toEqual(['second']);
  latches.release('a');
  await third;
  latches.release('a');
  latches.release('b');
  expect(latches.heldCount).toBe(0);
});
