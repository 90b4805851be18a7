import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TaskClass } from '../../core/ports/tasks.ts';
import { SIM_EPOCH_MS, SimClock, SimTime } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { SimTasks } from './sim-tasks.ts';

test('events happen in the order of their time, those of one moment in the order of putting', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(20), { maxLength: 60 }), fc.nat(59), (delays, cancelled) => {
      const time = new SimTime();
      const ran: number[] = [];
      const handles = delays.map((delayMs, i) => time.after(delayMs, () => ran.push(i)));
      if (handles[cancelled] !== undefined) handles[cancelled].isCancelled = true;
      time.run(Infinity);
      const expected = delays.map((delayMs, i) => ({ delayMs, i })).filter(({ i }) => i !== cancelled);
      expected.sort((a, b) => a.delayMs - b.delayMs || a.i - b.i);
      expect(ran).toEqual(expected.map(({ i }) => i));
    }),
  );
});

test('time stands still in an event and ends where it was told to', () => {
  const time = new SimTime();
  const clock = new SimClock(time, 100, -5, 0.5);
  const seen: number[] = [];
  time.after(10, () => seen.push(clock.monotonicMs(), clock.nowUs() - SIM_EPOCH_MS * 1000));
  time.run(20);
  expect(seen).toEqual([110, 10_000]);
  expect(time.nowMs).toBe(20);
  clock.setDrift(0);
  clock.setWallOffset(1);
  expect(clock.nowUs()).toBe((SIM_EPOCH_MS + 21) * 1000);
});

test('turn ends run after each event, promises before them in runAsync', async () => {
  const time = new SimTime();
  const tasks = new SimTasks(time, new SimRandom(1));
  const ran: string[] = [];
  tasks.post(1, () => {
    void (async () => {
      await null;
      await null;
      ran.push('promise');
    })();
    tasks.atTurnEnd(() => {
      ran.push('turn end');
      void Promise.resolve().then(() => tasks.atTurnEnd(() => ran.push('turn end of a promise')));
    });
  });
  tasks.post(1, () => ran.push('next'));
  await time.runAsync(10);
  expect(ran).toEqual(['promise', 'turn end', 'turn end of a promise', 'next']);
});

test('timers are never early and can be cleared; a stopped thread runs nothing', async () => {
  const time = new SimTime();
  const tasks = new SimTasks(time, new SimRandom(2));
  const fired: number[] = [];
  for (let i = 0; i < 50; i++) tasks.setTimer(i, () => fired.push(time.nowMs - i));
  tasks.clearTimer(tasks.setTimer(5, () => fired.push(-1)));
  void tasks.yield(TaskClass.Flush).then(() => fired.push(0));
  await time.runAsync(40);
  expect(fired.every((lateMs) => lateMs >= 0 && lateMs <= 2 + 40)).toBe(true);
  expect(fired.length).toBeGreaterThan(35);
  tasks.stop();
  const before = fired.length;
  await time.runAsync(1000);
  expect(fired.length).toBe(before);
});

test('a seed gives one sequence, spread over the range', () => {
  const draw = (seed: number): number[] => {
    const random = new SimRandom(seed);
    return Array.from({ length: 2000 }, () => random.next());
  };
  expect(draw(0)).toEqual(draw(0));
  expect(draw(1)).not.toEqual(draw(2));
  const tenths = new Array<number>(10).fill(0);
  for (const number of draw(3)) tenths[Math.floor(number * 10)]!++;
  for (const count of tenths) expect(count).toBeGreaterThan(140);
});
