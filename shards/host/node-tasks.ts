import { assert } from '../../core/assert.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { TaskClass, Tasks, TimerHandle } from '../../core/ports/tasks.ts';
import type { Heartbeat } from '../heartbeat.ts';
import { SliceScheduler } from '../scheduler.ts';
import { TimerWheel } from '../timer-wheel.ts';
import { TurnEnd } from '../turn-end.ts';
import type { TurnWatch } from '../turn-watch.ts';

/** The log's group window is 2 ms: timers must not be coarser. One real timer serves all, so a fine tick costs nothing. */
const TICK_MS = 1;
const FIRST_CAPACITY = 256;
/** Handles are slot + generation * 2^20, so that a handle kept too long never clears another's timer. */
const SLOT_BITS = 20;
const MAX_TIMERS: number = 1 << SLOT_BITS;
const GENERATIONS = 2 ** 32;
/** Longest delay that Node's own timer takes. */
const MAX_DELAY_MS = 2 ** 31 - 1;

/**
 * The event loop of a Node thread.
 *
 * A turn ends when the callback of the outside world has returned and its microtasks have run. The first `atTurnEnd` of a turn
 * queues a microtask, which queues a `nextTick`: Node runs tick callbacks only when the microtask queue is empty, and both
 * before any other callback of the loop. So the turn end is after every promise that this turn has settled, and before the
 * next socket, file, timer or immediate. It costs 70 ns a turn, where `setImmediate` costs 500 and would let other callbacks in.
 *
 * Timers sit in a wheel of 1 ms ticks under one real timer, armed for the next expiry only: an idle thread sleeps. That timer
 * does not keep the loop alive; listeners, ports and `keepAlive` do.
 */
export class NodeTasks implements Tasks {
  readonly #clock: Clock;
  readonly #turnEnd: TurnEnd;
  readonly #scheduler: SliceScheduler;
  readonly #heartbeat: Heartbeat | undefined;
  #watch: TurnWatch | undefined;
  #isTurnEndQueued: boolean;

  readonly #wheel: TimerWheel;
  #timerTasks: ((() => void) | undefined)[];
  #generations: Float64Array;
  readonly #freeSlots: number[];
  #realTimer: NodeJS.Timeout | undefined;
  #armedMs: number;

  #holder: NodeJS.Timeout | undefined;

  /** @param heartbeat told of every turn that ends here */
  constructor(clock: Clock, heartbeat?: Heartbeat) {
    this.#clock = clock;
    this.#turnEnd = new TurnEnd();
    this.#scheduler = new SliceScheduler(clock, this);
    this.#heartbeat = heartbeat;
    this.#watch = undefined;
    this.#isTurnEndQueued = false;
    this.#wheel = new TimerWheel(TICK_MS, clock.monotonicMs(), FIRST_CAPACITY);
    this.#timerTasks = new Array(FIRST_CAPACITY).fill(undefined);
    this.#generations = new Float64Array(FIRST_CAPACITY);
    this.#freeSlots = [];
    for (let slot = FIRST_CAPACITY - 1; slot > 0; slot--) this.#freeSlots.push(slot); // slot 0 is unused: handle 0 is none
    this.#realTimer = undefined;
    this.#armedMs = Infinity;
    this.#holder = undefined;
  }

  /** Shares of the background classes. */
  get scheduler(): SliceScheduler {
    return this.#scheduler;
  }

  /** Has the turns from now on timed: from their first `atTurnEnd`, or the first timer, to their end. */
  watchTurns(watch: TurnWatch): void {
    this.#watch = watch;
  }

  /** Holds the event loop open, or no longer. A thread whose only events are doorbells needs it. */
  keepAlive(isWanted: boolean): void {
    if (isWanted && this.#holder === undefined) this.#holder = setInterval(() => {}, MAX_DELAY_MS);
    else if (!isWanted && this.#holder !== undefined) {
      clearInterval(this.#holder);
      this.#holder = undefined;
    }
  }

  atTurnEnd(task: () => void): void {
    this.#turnEnd.add(task);
    if (this.#isTurnEndQueued) return;
    this.#isTurnEndQueued = true;
    this.#watch?.begin();
    queueMicrotask(this.#afterMicrotasks);
  }

  nextTurn(task: () => void): void {
    setImmediate(task);
  }

  yield(taskClass: TaskClass): Promise<void> {
    return this.#scheduler.yield(taskClass);
  }

  mustYield(): boolean {
    return this.#scheduler.mustYield();
  }

  setTimer(delayMs: number, task: () => void): TimerHandle {
    if (this.#freeSlots.length === 0) this.#growTimers();
    const slot = this.#freeSlots.pop()!;
    const atMs = this.#clock.monotonicMs() + Math.max(0, delayMs);
    this.#timerTasks[slot] = task;
    this.#wheel.schedule(slot, atMs);
    if (atMs < this.#armedMs) this.#arm(this.#wheel.nextMs());
    return slot + this.#generations[slot]! * MAX_TIMERS;
  }

  clearTimer(timer: TimerHandle): void {
    const slot = timer % MAX_TIMERS;
    if (this.#generations[slot] !== Math.floor(timer / MAX_TIMERS) || !this.#wheel.cancel(slot)) return;
    this.#freeTimer(slot);
    // A thread without timers sleeps until something happens. Else the real timer comes once for nothing and is armed anew.
    if (this.#wheel.count === 0) this.#arm(Infinity);
  }

  readonly #afterMicrotasks = (): void => process.nextTick(this.#runTurnEnd);

  readonly #runTurnEnd = (): void => {
    try {
      this.#turnEnd.run();
    } finally {
      this.#isTurnEndQueued = false;
      if (!this.#turnEnd.isEmpty) {
        this.#isTurnEndQueued = true;
        queueMicrotask(this.#afterMicrotasks);
      } else {
        this.#watch?.end();
      }
      this.#heartbeat?.beat();
    }
  };

  readonly #onRealTimer = (): void => {
    this.#realTimer = undefined;
    this.#armedMs = Infinity;
    this.#watch?.begin();
    try {
      this.#wheel.advance(this.#clock.monotonicMs(), this.#fire);
    } finally {
      this.#arm(this.#wheel.nextMs());
      if (!this.#isTurnEndQueued) this.#watch?.end();
      this.#heartbeat?.beat();
    }
  };

  readonly #fire = (slot: number): void => {
    const task = this.#timerTasks[slot];
    assert(task !== undefined, 'a timer has a task');
    this.#freeTimer(slot);
    task();
  };

  #freeTimer(slot: number): void {
    this.#timerTasks[slot] = undefined;
    this.#generations[slot] = (this.#generations[slot]! + 1) % GENERATIONS;
    this.#freeSlots.push(slot);
  }

  #arm(atMs: number): void {
    if (atMs === this.#armedMs) return;
    if (this.#realTimer !== undefined) clearTimeout(this.#realTimer);
    this.#realTimer = undefined;
    this.#armedMs = atMs;
    if (atMs === Infinity) return;
    const delayMs = Math.min(MAX_DELAY_MS, Math.max(1, Math.ceil(atMs - this.#clock.monotonicMs())));
    this.#realTimer = setTimeout(this.#onRealTimer, delayMs);
    this.#realTimer.unref();
  }

  #growTimers(): void {
    const old = this.#timerTasks.length;
    const capacity = old * 2;
    assert(capacity <= MAX_TIMERS, 'a thread has at most 2^20 timers');
    this.#wheel.grow(capacity);
    const generations = new Float64Array(capacity);
    generations.set(this.#generations);
    this.#generations = generations;
    for (let slot = capacity - 1; slot >= old; slot--) {
      this.#timerTasks[slot] = undefined;
      this.#freeSlots.push(slot);
    }
  }
}
