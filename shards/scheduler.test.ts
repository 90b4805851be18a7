import { expect, test } from 'vitest';
import { TaskClass } from '../core/ports/tasks.ts';
import { SLICE_MS, SliceScheduler } from './scheduler.ts';
import { TurnEnd } from './turn-end.ts';

/** A loop that is stepped by hand, with a clock that only work moves. */
class ManualLoop {
  nowMs = 0;
  readonly turns: (() => void)[] = [];
  readonly turnEnd: TurnEnd = new TurnEnd();
  readonly clock = { monotonicMs: (): number => this.nowMs, nowUs: (): number => 0 };

  atTurnEnd(task: () => void): void {
    this.turnEnd.add(task);
  }
  nextTurn(task: () => void): void {
    this.turns.push(task);
  }
  /** Runs one turn, its microtasks and its end. */
  async step(): Promise<boolean> {
    const turn = this.turns.shift();
    if (turn === undefined) return false;
    turn();
    await new Promise((resolve) => setImmediate(resolve));
    this.turnEnd.run();
    return true;
  }
}

async function work(
  loop: ManualLoop,
  scheduler: SliceScheduler,
  taskClass: TaskClass,
  slices: number,
  done: TaskClass[],
  sliceMs: number = SLICE_MS,
): Promise<void> {
  for (let i = 0; i < slices; i++) {
    await scheduler.yield(taskClass);
    loop.nowMs += sliceMs;
    done.push(taskClass);
  }
}

function count(done: readonly TaskClass[], taskClass: TaskClass): number {
  return done.filter((one) => one === taskClass).length;
}

test('busy classes get time by their shares', async () => {
  const loop = new ManualLoop();
  const scheduler = new SliceScheduler(loop.clock, loop, [1000, 1000, 1000, 250, 250, 1000]);
  const done: TaskClass[] = [];
  const all = [
    work(loop, scheduler, TaskClass.Flush, 300, done),
    work(loop, scheduler, TaskClass.Compaction, 300, done),
  ];
  for (let i = 0; i < 100; i++) await loop.step();
  expect(count(done, TaskClass.Flush)).toBeGreaterThanOrEqual(79);
  expect(count(done, TaskClass.Flush)).toBeLessThanOrEqual(81);
  while (await loop.step());
  await Promise.all(all);
});

test('long slices count for what they took', async () => {
  const loop = new ManualLoop();
  const scheduler = new SliceScheduler(loop.clock, loop, [1000, 1000, 1000, 1000, 1000, 1000]);
  const done: TaskClass[] = [];
  void work(loop, scheduler, TaskClass.Flush, 1000, done, 0.5);
  void work(loop, scheduler, TaskClass.Streaming, 1000, done, 2);
  for (let i = 0; i < 100; i++) await loop.step();
  expect(count(done, TaskClass.Streaming)).toBeGreaterThanOrEqual(19);
  expect(count(done, TaskClass.Streaming)).toBeLessThanOrEqual(21);
});

test('a class that was idle does not catch up', async () => {
  const loop = new ManualLoop();
  const scheduler = new SliceScheduler(loop.clock, loop, [1000, 1000, 1000, 1000, 1000, 1000]);
  const done: TaskClass[] = [];
  void work(loop, scheduler, TaskClass.Flush, 1000, done);
  for (let i = 0; i < 100; i++) await loop.step();
  done.length = 0;
  void work(loop, scheduler, TaskClass.Raft, 1000, done);
  for (let i = 0; i < 20; i++) await loop.step();
  expect(count(done, TaskClass.Raft)).toBeLessThanOrEqual(11);
  expect(count(done, TaskClass.Raft)).toBeGreaterThanOrEqual(9);
});

test('a slice begins with yield, and ends after 0.5 ms or with its turn', async () => {
  const loop = new ManualLoop();
  const scheduler = new SliceScheduler(loop.clock, loop);
  expect(scheduler.mustYield()).toBe(true);
  const seen: boolean[] = [];
  const job = async (): Promise<void> => {
    await scheduler.yield(TaskClass.Flush);
    seen.push(scheduler.mustYield());
    loop.nowMs += 0.4;
    seen.push(scheduler.mustYield());
    loop.nowMs += 0.1;
    seen.push(scheduler.mustYield());
  };
  const running = job();
  while (await loop.step());
  await running;
  expect(seen).toEqual([false, false, true]);
  expect(scheduler.mustYield()).toBe(true);
  expect(scheduler.usedPerShare(TaskClass.Flush)).toBeCloseTo(0.5 / 1000, 9);
  loop.nowMs += 1000; // sleeping is not charged
  expect(scheduler.usedPerShare(TaskClass.Flush)).toBeCloseTo(0.5 / 1000, 9);
});

test('one slice runs per turn', async () => {
  const loop = new ManualLoop();
  const scheduler = new SliceScheduler(loop.clock, loop);
  const done: TaskClass[] = [];
  for (let i = 0; i < 5; i++) void work(loop, scheduler, TaskClass.Control, 1, done);
  for (let i = 1; i <= 5; i++) {
    await loop.step();
    expect(done.length).toBe(i);
  }
  expect(scheduler.waitingCount).toBe(0);
  expect(await loop.step()).toBe(false);
});
