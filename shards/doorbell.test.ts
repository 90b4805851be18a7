import { expect, test } from 'vitest';
import { SimTime } from '../test/sim/sim-clock.ts';
import { SimRandom } from '../test/sim/sim-random.ts';
import { SimTasks } from '../test/sim/sim-tasks.ts';
import { createDoorbellPage, Doorbell, FALLBACK_MS, ringDoorbell } from './doorbell.ts';

interface Fixture {
  readonly time: SimTime;
  readonly words: Int32Array;
  readonly doorbell: Doorbell;
  readonly rings: boolean[];
}

function open(): Fixture {
  const time = new SimTime();
  const page = createDoorbellPage();
  const rings: boolean[] = [];
  const tasks = new SimTasks(time, new SimRandom(1));
  const doorbell = new Doorbell(page, 5, tasks, (isFallback) => rings.push(isFallback));
  return { time, words: new Int32Array(page), doorbell, rings };
}

/** A notified wait resolves in a task of its own: a few rounds of the loop are enough. */
async function settle(): Promise<void> {
  for (let i = 0; i < 5; i++) await new Promise((resolve) => setImmediate(resolve));
}

test('a sleeping thread is woken once, however often it is rung', async () => {
  const { words, doorbell, rings } = open();
  doorbell.asleep();
  ringDoorbell(words, 5);
  ringDoorbell(words, 5);
  await settle();
  expect(rings).toEqual([false]);
  doorbell.close();
});

test('a thread that is awake is not woken', async () => {
  const { words, doorbell, rings } = open();
  doorbell.asleep();
  doorbell.awake();
  ringDoorbell(words, 5);
  await settle();
  expect(rings).toEqual([]);
  doorbell.close();
});

test('one wait serves many sleeps', async () => {
  const { words, doorbell, rings } = open();
  for (let i = 0; i < 5; i++) {
    doorbell.asleep();
    doorbell.awake();
  }
  doorbell.asleep();
  expect(Atomics.notify(words, 5 * 16)).toBe(1); // how many waits there were
  await settle();
  expect(rings).toEqual([false]);
  doorbell.asleep();
  ringDoorbell(words, 5);
  await settle();
  expect(rings).toEqual([false, false]);
  doorbell.close();
});

test('other threads have other words', async () => {
  const { words, doorbell, rings } = open();
  doorbell.asleep();
  ringDoorbell(words, 4);
  doorbell.ring(6);
  await settle();
  expect(rings).toEqual([]);
  doorbell.close();
});

test('now and then the thread looks without being rung, until it closes', async () => {
  const { time, doorbell, rings } = open();
  time.run(3.5 * FALLBACK_MS);
  expect(rings).toEqual([true, true, true]);
  doorbell.close();
  time.run(10 * FALLBACK_MS);
  doorbell.asleep();
  await settle();
  expect(rings.length).toBe(3);
});
