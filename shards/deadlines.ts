import type { Clock } from '../core/ports/clock.ts';
import type { Tasks, TimerHandle } from '../core/ports/tasks.ts';
import { TimerWheel } from './timer-wheel.ts';

/** Request deadlines need no better. */
const TICK_MS = 10;

/**
 * Deadlines of pooled records, by their slot, with at most one timer of the thread armed for all of them. Setting and clearing
 * cost no allocation: most deadlines are cleared before they come.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #tasks: Tasks;
  readonly #wheel: TimerWheel;
  readonly #expire: (slot: number) => void;
  #timer: TimerHandle;
  /** When the armed timer comes; Infinity while none is armed. */
  #armedMs: number;

  /** @param expire called once when a deadline passed, up to 10 ms late; the slot is free to be set again */
  constructor(clock: Clock, tasks: Tasks, capacity: number, expire: (slot: number) => void) {
    this.#clock = clock;
    this.#tasks = tasks;
    this.#wheel = new TimerWheel(TICK_MS, clock.monotonicMs(), capacity);
    this.#expire = expire;
    this.#timer = 0;
    this.#armedMs = Infinity;
  }

  /** Deadlines that are set. */
  get count(): number {
    return this.#wheel.count;
  }

  grow(capacity: number): void {
    this.#wheel.grow(capacity);
  }

  /** @param deadlineMs on the monotonic clock; Infinity sets nothing */
  set(slot: number, deadlineMs: number): void {
    if (deadlineMs === Infinity) return;
    this.#wheel.schedule(slot, deadlineMs);
    if (deadlineMs < this.#armedMs) this.#arm(deadlineMs);
  }

  /** Fine when nothing is set. The armed timer stays: it finds nothing and arms itself for what is left. */
  clear(slot: number): void {
    this.#wheel.cancel(slot);
  }

  #arm(atMs: number): void {
    if (this.#timer !== 0) this.#tasks.clearTimer(this.#timer);
    // The wheel expires at ticks only: a timer before the tick would find nothing and have to come again.
    const tickMs = Math.ceil(atMs / TICK_MS) * TICK_MS;
    this.#armedMs = tickMs;
    this.#timer = this.#tasks.setTimer(Math.max(0, tickMs - this.#clock.monotonicMs()), this.#onTimer);
  }

  readonly #onTimer = (): void => {
    this.#timer = 0;
    this.#armedMs = Infinity;
    this.#wheel.advance(this.#clock.monotonicMs(), this.#expire);
    const next = this.#wheel.nextMs();
    if (next < this.#armedMs) this.#arm(next);
  };
}
