import { expect, test, vi } from 'vitest';
import { bucketIndex, METRICS, Metric } from '../../core/metrics.ts';
import { LogLevel } from '../../core/ports/log.ts';
import { TaskClass } from '../../core/ports/tasks.ts';
import { createHeartbeatPage, Heartbeat } from '../heartbeat.ts';
import { createMetricsMemory, MetricsBlock } from '../metrics-block.ts';
import { TurnWatch } from '../turn-watch.ts';
import { NodeClock } from './node-clock.ts';
import { NodeTasks } from './node-tasks.ts';

const clock = new NodeClock();

function immediate(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

test('a turn ends after all its microtasks and ticks, before anything else of the loop', async () => {
  const tasks = new NodeTasks(clock);
  const ran: string[] = [];
  await new Promise<void>((resolve) => {
    // Two callbacks of one phase: the first one's turn end comes before the second.
    setImmediate(() => {
      tasks.atTurnEnd(() => {
        ran.push('turn end');
        queueMicrotask(() => ran.push('microtask of the turn end'));
      });
      void (async () => {
        for (let i = 0; i < 5; i++) await null;
        ran.push('promises');
        process.nextTick(() => ran.push('tick'));
      })();
      ran.push('callback');
    });
    setImmediate(() => {
      ran.push('next callback');
      resolve();
    });
  });
  expect(ran.slice(0, 2)).toEqual(['callback', 'promises']);
  expect(ran.indexOf('turn end')).toBeGreaterThan(ran.indexOf('promises'));
  expect(ran.slice(-2)).toEqual(['microtask of the turn end', 'next callback']);
  expect(ran.length).toBe(6);
});

test('what a microtask of a turn end asks for runs before the next callback', async () => {
  const tasks = new NodeTasks(clock);
  const ran: string[] = [];
  setImmediate(() => {
    tasks.atTurnEnd(() => {
      void Promise.resolve().then(() => tasks.atTurnEnd(() => ran.push('again')));
    });
  });
  setImmediate(() => ran.push('next callback'));
  await immediate();
  await immediate();
  expect(ran).toEqual(['again', 'next callback']);
});

test('a task asked for many times in a turn runs once', async () => {
  const tasks = new NodeTasks(clock);
  let count = 0;
  const task = (): number => count++;
  for (let i = 0; i < 10; i++) tasks.atTurnEnd(task);
  expect(count).toBe(0);
  await immediate();
  expect(count).toBe(1);
});

test('timers come in the order of their deadlines, never early, and not when cleared', async () => {
  const tasks = new NodeTasks(clock);
  const startMs = clock.monotonicMs();
  const fired: number[] = [];
  await new Promise<void>((resolve) => {
    for (const delayMs of [30, 5, 12, 1, 20]) {
      tasks.setTimer(delayMs, () => {
        expect(clock.monotonicMs() - startMs).toBeGreaterThanOrEqual(delayMs);
        fired.push(delayMs);
      });
    }
    const cleared = tasks.setTimer(8, () => fired.push(8));
    tasks.setTimer(2, () => tasks.clearTimer(cleared));
    const hold = setInterval(() => {}, 1000);
    tasks.setTimer(40, () => {
      clearInterval(hold);
      resolve();
    });
  });
  expect(fired).toEqual([1, 5, 12, 20, 30]);
});

test('an old handle does not clear the timer that took its place', async () => {
  const tasks = new NodeTasks(clock);
  let fired = 0;
  const old = tasks.setTimer(1000, () => fired--);
  tasks.clearTimer(old);
  const hold = setInterval(() => {}, 1000);
  await new Promise<void>((resolve) => {
    tasks.setTimer(1, () => {
      fired++;
      resolve();
    });
    tasks.clearTimer(old);
    tasks.clearTimer(0);
  });
  clearInterval(hold);
  expect(fired).toBe(1);
});

test('thousands of timers are one real timer', () => {
  const tasks = new NodeTasks(clock);
  const spy = vi.spyOn(globalThis, 'setTimeout');
  const timers = Array.from({ length: 3000 }, (_, i) => tasks.setTimer(10_000 + i, () => {}));
  expect(new Set(timers).size).toBe(3000);
  expect(timers.includes(0)).toBe(false);
  expect(spy.mock.calls.length).toBe(1);
  spy.mockRestore();
  for (const timer of timers) tasks.clearTimer(timer);
});

test('background slices let immediates in between', async () => {
  const tasks = new NodeTasks(clock);
  const ran: string[] = [];
  const work = async (): Promise<void> => {
    for (let i = 0; i < 3; i++) {
      await tasks.yield(TaskClass.Compaction);
      expect(tasks.mustYield()).toBe(false);
      ran.push('slice');
      setImmediate(() => ran.push('other'));
    }
  };
  await work();
  expect(ran.slice(0, 5)).toEqual(['slice', 'other', 'slice', 'other', 'slice']);
});

test('every turn end is a heartbeat', async () => {
  const page = createHeartbeatPage();
  const tasks = new NodeTasks(clock, new Heartbeat(page, 3));
  for (let i = 0; i < 4; i++) {
    tasks.atTurnEnd(() => {});
    await immediate();
  }
  expect(new Int32Array(page)[3 * 16]).toBe(4);
});

test('the wall clock agrees with the system and has microseconds', () => {
  const before = Date.now();
  const nowUs = new NodeClock().nowUs();
  expect(Number.isSafeInteger(nowUs)).toBe(true);
  expect(nowUs / 1000).toBeGreaterThanOrEqual(before - 3);
  expect(nowUs / 1000).toBeLessThanOrEqual(Date.now() + 3);
});

test('turns are timed, those that hold the loop for more than 25 ms reported', async () => {
  let nowMs = 1000;
  const slowClock = { nowUs: () => nowMs * 1000, monotonicMs: () => nowMs };
  const metrics = new MetricsBlock(createMetricsMemory());
  const lines: string[] = [];
  const tasks = new NodeTasks(slowClock);
  tasks.watchTurns(
    new TurnWatch(slowClock, metrics, { write: (level, module, text) => lines.push(`${level} ${module} ${text}`) }),
  );
  const turn = async (ms: number) => {
    setImmediate(() => {
      tasks.atTurnEnd(() => {});
      void Promise.resolve().then(() => {
        nowMs += ms; // in a microtask: it belongs to the turn
      });
    });
    await immediate();
    nowMs += 500; // idle time belongs to none
  };
  const { minUs, maxUs } = METRICS.TurnLatency;
  const counted = (us: number) => metrics.bucket(Metric.TurnLatency, bucketIndex(us, minUs, maxUs));
  await turn(2);
  await turn(25);
  expect([counted(2000), counted(25_000), metrics.value(Metric.StallsReported), lines]).toEqual([1, 1, 0, []]);
  await turn(26);
  await turn(0);
  expect(metrics.value(Metric.StallsReported)).toBe(1);
  expect(lines).toEqual([`${LogLevel.Warn} stall a turn held the event loop for 26 ms`]);
  expect(metrics.sum(Metric.TurnLatency)).toBe(53_000);
});

test('a timer that takes long is a turn that does', async () => {
  let nowMs = 1000;
  const slowClock = { nowUs: () => nowMs * 1000, monotonicMs: () => nowMs };
  const metrics = new MetricsBlock(createMetricsMemory());
  const tasks = new NodeTasks(slowClock);
  tasks.watchTurns(new TurnWatch(slowClock, metrics, { write: () => {} }));
  tasks.keepAlive(true);
  await new Promise<void>((done) => {
    tasks.setTimer(0, () => {
      nowMs += 40;
      done();
    });
    nowMs += 5;
  });
  await immediate();
  tasks.keepAlive(false);
  expect([metrics.value(Metric.StallsReported), metrics.sum(Metric.TurnLatency)]).toEqual([1, 40_000]);
});
