import { expect, test } from 'vitest';
import { Fifo } from './fifo.ts';
import { JobLane } from './job-lane.ts';

test('a lane has one holder; who waits comes in order, before what starts by itself', async () => {
  const lane = new JobLane();
  const order: string[] = [];
  lane.take();
  expect(() => lane.take()).toThrow('one job');
  const waiting = ['a', 'b', 'c'].map(async (name) => {
    await lane.acquire();
    order.push(name);
    expect(lane.isFree).toBe(false);
    await Promise.resolve();
    order.push(`${name} ends`);
    lane.give();
  });
  expect(lane.isFree).toBe(false);
  lane.give();
  expect(lane.isFree).toBe(false);
  await Promise.all(waiting);
  expect(order).toEqual(['a', 'a ends', 'b', 'b ends', 'c', 'c ends']);
  expect(lane.isFree).toBe(true);
  expect(() => lane.give()).toThrow('taken');
});

test('a queue keeps its order through any mix of pushes, shifts and put-backs', () => {
  const queue = new Fifo<number>();
  const model: number[] = [];
  let n = 0;
  for (let round = 0; round < 20_000; round++) {
    const dice = (round * 7919) % 11;
    if (dice < 6) {
      queue.push(n);
      model.push(n++);
    } else if (dice < 10) {
      expect(queue.first()).toBe(model[0]);
      expect(queue.shift()).toBe(model.shift());
    } else {
      const item = queue.shift();
      if (item !== undefined) queue.putBack(item);
    }
    expect(queue.count).toBe(model.length);
  }
  expect(queue.takeAll()).toEqual(model);
  expect(queue.shift()).toBeUndefined();
  queue.putBack(5);
  expect(queue.takeAll()).toEqual([5]);
});
