import type { TaskClass, Tasks, TimerHandle } from '../../core/ports/tasks.ts';
import { TurnEnd } from '../../shards/turn-end.ts';
import type { EventHandle, SimTime } from './sim-clock.ts';
import type { SimRandom } from './sim-random.ts';

/** Real timers come a little late, by as much as the loop is busy. */
const MAX_TIMER_DELAY_MS = 2;
const MAX_TURN_GAP_MS = 0.05;

/**
 * The event loop of one simulated thread. An event of `SimTime` is a turn; what runs when is drawn from the seed within what the
 * port promises: timers are never early, later turns come in any order with other threads' events, slices end anywhere.
 *
 * A stopped thread (`stop`) runs nothing more: the crash of its node.
 */
export class SimTasks implements Tasks {
  readonly #time: SimTime;
  readonly #random: SimRandom;
  readonly #turnEnd: TurnEnd;
  readonly #timers: Map<TimerHandle, EventHandle>;
  #lastTimer: TimerHandle;
  /** Tasks of `nextTurn` stay in order: the next is not before this. */
  #nextTurnMs: number;
  #isStopped: boolean;

  constructor(time: SimTime, random: SimRandom) {
    this.#time = time;
    this.#random = random;
    this.#turnEnd = new TurnEnd();
    this.#timers = new Map();
    this.#lastTimer = 0;
    this.#nextTurnMs = 0;
    this.#isStopped = false;
    time.onAfterEvent(() => {
      if (this.#isStopped || this.#turnEnd.isEmpty) return false;
      this.#turnEnd.run();
      return true;
    });
  }

  /** The simulation's time. */
  get nowMs(): number {
    return this.#time.nowMs;
  }

  get isStopped(): boolean {
    return this.#isStopped;
  }

  /** Timers that have not come. */
  get timerCount(): number {
    return this.#timers.size;
  }

  /** Runs `task` as a turn of this thread, `delayMs` from now: how the outside world calls in. */
  post(delayMs: number, task: () => void): EventHandle {
    return this.#time.after(delayMs, () => {
      if (!this.#isStopped) task();
    });
  }

  stop(): void {
    this.#isStopped = true;
  }

  atTurnEnd(task: () => void): void {
    this.#turnEnd.add(task);
  }

  nextTurn(task: () => void): void {
    const atMs = Math.max(this.#time.nowMs + this.#random.next() * MAX_TURN_GAP_MS, this.#nextTurnMs);
    this.#nextTurnMs = atMs;
    this.post(atMs - this.#time.nowMs, task);
  }

  yield(_taskClass: TaskClass): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.post(this.#random.next() * MAX_TURN_GAP_MS, resolve);
    return promise;
  }

  mustYield(): boolean {
    return this.#random.chance(0.2);
  }

  setTimer(delayMs: number, task: () => void): TimerHandle {
    const timer = ++this.#lastTimer;
    const event = this.post(Math.max(0, delayMs) + this.#random.next() * MAX_TIMER_DELAY_MS, () => {
      this.#timers.delete(timer);
      task();
    });
    this.#timers.set(timer, event);
    return timer;
  }

  clearTimer(timer: TimerHandle): void {
    const event = this.#timers.get(timer);
    if (event === undefined) return;
    event.isCancelled = true;
    this.#timers.delete(timer);
  }
}
