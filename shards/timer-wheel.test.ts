import fc from 'fast-check';
import { expect, test } from 'vitest';
import { AssertionError } from '../core/assert.ts';
import { TimerWheel } from './timer-wheel.ts';

const TIMERS = 12;

type Step =
  | { readonly kind: 'schedule'; readonly timer: number; readonly delayMs: number }
  | { readonly kind: 'cancel'; readonly timer: number }
  | { readonly kind: 'advance'; readonly ms: number }
  | { readonly kind: 'hop' };

/** Delays of every wheel: within a tick up to beyond all of them. */
const delays = fc.oneof(
  fc.integer({ min: -50, max: 200 }),
  fc.integer({ min: 0, max: 10_000 }),
  fc.integer({ min: 0, max: 400_000_000 }),
  fc.integer({ min: 0, max: 30_000_000_000 }),
  fc.double({ min: 0, max: 100, noNaN: true }),
);
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    fc.record({ kind: fc.constant('schedule' as const), timer: fc.nat(TIMERS - 1), delayMs: delays }),
    fc.record({ kind: fc.constant('cancel' as const), timer: fc.nat(TIMERS - 1) }),
    fc.record({ kind: fc.constant('advance' as const), ms: delays.map(Math.abs) }),
    fc.constant({ kind: 'hop' as const }),
  ),
  { maxLength: 80 },
);

interface Entry {
  readonly timer: number;
  readonly tick: number;
  readonly order: number;
}

test('a wheel expires what a sorted list expires, in its order', () => {
  fc.assert(
    fc.property(steps, fc.constantFrom(1, 10, 4), fc.nat(10_000_000_000), (sequence, tickMs, startMs) => {
      const wheel = new TimerWheel(tickMs, startMs, TIMERS);
      let nowMs = startMs;
      let nowTick = Math.floor(startMs / tickMs);
      let order = 0;
      let model: Entry[] = [];
      const advance = (): void => {
        const fired: number[] = [];
        wheel.advance(nowMs, (timer) => fired.push(timer));
        nowTick = Math.floor(nowMs / tickMs);
        const due = model.filter((entry) => entry.tick <= nowTick);
        due.sort((a, b) => a.tick - b.tick || a.order - b.order);
        model = model.filter((entry) => entry.tick > nowTick);
        expect(fired).toEqual(due.map((entry) => entry.timer));
      };
      for (const step of sequence) {
        if (step.kind === 'schedule' && !wheel.isScheduled(step.timer)) {
          wheel.schedule(step.timer, nowMs + step.delayMs);
          const tick = Math.max(Math.ceil((nowMs + step.delayMs) / tickMs), nowTick + 1);
          model.push({ timer: step.timer, tick, order: order++ });
        } else if (step.kind === 'cancel') {
          expect(wheel.cancel(step.timer)).toBe(model.some((entry) => entry.timer === step.timer));
          model = model.filter((entry) => entry.timer !== step.timer);
        } else if (step.kind === 'advance') {
          nowMs += step.ms;
          advance();
        } else if (step.kind === 'hop' && wheel.nextMs() !== Infinity) {
          nowMs = Math.max(nowMs, wheel.nextMs());
          advance();
        }
        expect(wheel.count).toBe(model.length);
        const first = Math.min(...model.map((entry) => entry.tick));
        // Never later than the first deadline, and never in the past: who sleeps until then misses nothing and makes progress.
        if (model.length === 0) expect(wheel.nextMs()).toBe(Infinity);
        else {
          expect(wheel.nextMs()).toBeLessThanOrEqual(first * tickMs);
          expect(wheel.nextMs()).toBeGreaterThan(nowTick * tickMs);
          if (first - nowTick < 2) expect(wheel.nextMs()).toBe(first * tickMs);
        }
      }
    }),
    { numRuns: 500 },
  );
});

test('sleeping from one nextMs to the next, a timer costs a wake-up per wheel at most', () => {
  for (const delayMs of [1, 63, 64, 1000, 70_000, 5_000_000, 900_000_000, 3_000_000_000]) {
    const wheel = new TimerWheel(1, 12_345, 1);
    wheel.schedule(0, 12_345 + delayMs);
    let wakeUps = 0;
    let firedAtMs = -1;
    while (firedAtMs < 0) {
      const nowMs = wheel.nextMs();
      wakeUps++;
      wheel.advance(nowMs, () => {
        firedAtMs = nowMs;
      });
    }
    expect(firedAtMs).toBe(12_345 + delayMs);
    expect(wakeUps).toBeLessThanOrEqual(5 + Math.ceil(delayMs / 2 ** 30));
  }
});

test('what is scheduled while the wheel advances expires in a later advance', () => {
  const wheel = new TimerWheel(1, 0, 2);
  let count = 0;
  wheel.schedule(0, 1);
  const again = (timer: number): void => {
    count++;
    wheel.schedule(timer, 0);
  };
  expect(wheel.advance(1000, again)).toBe(1);
  expect(wheel.advance(1001, again)).toBe(1);
  expect(count).toBe(2);
});

test('a timer that another one cancels in the same advance does not expire', () => {
  const wheel = new TimerWheel(10, 0, 3);
  for (let timer = 0; timer < 3; timer++) wheel.schedule(timer, 15);
  const fired: number[] = [];
  wheel.advance(20, (timer) => {
    fired.push(timer);
    if (timer === 0) wheel.cancel(1);
  });
  expect(fired).toEqual([0, 2]);
});

test('growing keeps what is scheduled', () => {
  const wheel = new TimerWheel(10, 0, 1);
  wheel.schedule(0, 100);
  wheel.grow(100);
  wheel.schedule(99, 50);
  const fired: number[] = [];
  wheel.advance(200, (timer) => fired.push(timer));
  expect(fired).toEqual([99, 0]);
});

test('scheduling a timer twice is an assertion', () => {
  const wheel = new TimerWheel(10, 0, 1);
  wheel.schedule(0, 100);
  expect(() => wheel.schedule(0, 100)).toThrow(AssertionError);
});
