import fc from 'fast-check';
import { expect, test } from 'vitest';
import { WaiterQueue } from './waiter-queue.ts';

test('serves in order, up to the batch, whatever the pushes and wraps', () => {
  const command = fc.oneof(
    fc.record({ push: fc.nat(3) }),
    fc.record({ serve: fc.nat(5) }),
    fc.record({ move: fc.nat(3) }),
  );
  fc.assert(
    fc.property(fc.array(command, { maxLength: 200 }), (commands) => {
      const queue = new WaiterQueue(2);
      const refused = new WaiterQueue(2);
      const told: number[] = [];
      let model: { tag: number; batch: number }[] = [];
      let batch = 0;
      let tag = 0;
      for (const step of commands) {
        if ('push' in step) {
          batch += step.push;
          queue.push((_error, which) => told.push(which), ++tag, batch);
          model.push({ tag, batch });
        } else if ('serve' in step) {
          const upTo = batch - step.serve;
          const expected = model.filter((waiter) => waiter.batch <= upTo).map((waiter) => waiter.tag);
          model = model.filter((waiter) => waiter.batch > upTo);
          told.length = 0;
          queue.serve(upTo, undefined);
          expect(told).toEqual(expected);
        } else {
          const from = batch - step.move;
          const expected = model.filter((waiter) => waiter.batch >= from).map((waiter) => waiter.tag);
          model = model.filter((waiter) => waiter.batch < from);
          queue.moveFrom(from, refused);
          told.length = 0;
          refused.serve(0, undefined);
          expect(told).toEqual(expected);
        }
        expect(queue.count).toBe(model.length);
        expect(queue.lastBatch).toBe(model.at(-1)?.batch ?? -1);
      }
    }),
  );
});

test('a callback may wait again', () => {
  const queue = new WaiterQueue(1);
  const told: string[] = [];
  queue.push(
    (error) => {
      told.push(`first ${error?.message}`);
      queue.push(() => told.push('second'), 0, 2);
    },
    0,
    1,
  );
  queue.serve(1, new Error('no'));
  expect(told).toEqual(['first no']);
  queue.serve(2, undefined);
  expect(told).toEqual(['first no', 'second']);
});
