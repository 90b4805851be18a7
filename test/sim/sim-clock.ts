import type { Clock } from '../../core/ports/clock.ts';

/** Wall time at which every simulation begins: 2026-01-01T00:00:00Z in milliseconds. */
export const SIM_EPOCH_MS = 1_767_225_600_000;

interface SimEvent {
  readonly atMs: number;
  /** Breaks ties: events of one moment happen in the order in which they were put. */
  readonly order: number;
  readonly run: () => void;
  isCancelled: boolean;
}

export interface EventHandle {
  isCancelled: boolean;
}

/**
 * The one time of a simulation and everything that will happen in it. Time stands still while an event runs and jumps to the next
 * one; nothing here reads a real clock.
 */
export class SimTime {
  #nowMs: number;
  #order: number;
  /** Binary heap by (atMs, order). */
  readonly #heap: SimEvent[];
  /** Called after each event has run: the turn end of the thread that it ran on. */
  readonly #afterEvent: (() => boolean)[];

  constructor() {
    this.#nowMs = 0;
    this.#order = 0;
    this.#heap = [];
    this.#afterEvent = [];
  }

  get nowMs(): number {
    return this.#nowMs;
  }

  /** Events that have not happened, cancelled ones included. */
  get pendingCount(): number {
    return this.#heap.length;
  }

  /** Puts an event `delayMs` from now, at least 0. Set `isCancelled` on the handle to take it back. */
  after(delayMs: number, run: () => void): EventHandle {
    const event = { atMs: this.#nowMs + Math.max(0, delayMs), order: this.#order++, run, isCancelled: false };
    this.#push(event);
    return event;
  }

  /** Registers what runs after every event, in the order of registration: a thread's turn end. It says whether it did anything. */
  onAfterEvent(task: () => boolean): void {
    this.#afterEvent.push(task);
  }

  /** Runs the next event and the turn ends it calls for; false when there is none. Microtasks do not run in between. */
  step(): boolean {
    const event = this.#pop();
    if (event === undefined) return false;
    this.#nowMs = event.atMs;
    event.run();
    this.endTurns();
    return true;
  }

  /** Ends the turns of all threads, for code that a test calls from outside of any event. True when any had something to do. */
  endTurns(): boolean {
    let didAny = false;
    for (const task of this.#afterEvent) if (task()) didAny = true;
    return didAny;
  }

  /**
   * Runs events until `untilMs` (time ends up there) or none is left. For code without promises.
   * @returns how many ran
   */
  run(untilMs: number, maxEvents: number = Infinity): number {
    let count = 0;
    this.endTurns();
    while (count < maxEvents && this.#peekMs() <= untilMs && this.step()) count++;
    if (count < maxEvents && untilMs !== Infinity) this.#nowMs = Math.max(this.#nowMs, untilMs);
    return count;
  }

  /** The same for code with promises: after each event and each turn end, everything that awaits a settled promise goes on. */
  async runAsync(untilMs: number, maxEvents: number = Infinity): Promise<number> {
    let count = 0;
    await this.#endTurnsAsync();
    while (count < maxEvents && this.#peekMs() <= untilMs) {
      const event = this.#pop();
      if (event === undefined) break;
      this.#nowMs = event.atMs;
      event.run();
      await this.#endTurnsAsync();
      count++;
    }
    if (count < maxEvents && untilMs !== Infinity) this.#nowMs = Math.max(this.#nowMs, untilMs);
    return count;
  }

  /**
   * Runs events until `promise` is settled, and returns what it is settled with.
   * @throws Error when nothing more can happen, or `limitMs` have passed
   */
  async runUntilSettled<Result>(promise: Promise<Result>, limitMs: number): Promise<Result> {
    let isSettled = false;
    const done = (): void => {
      isSettled = true;
    };
    promise.then(done, done);
    await Promise.resolve(); // it may be settled already
    const untilMs = this.#nowMs + limitMs;
    while (!isSettled) {
      // One event at a time: what comes after the answer, a timeout perhaps, has not happened yet.
      const count = await this.runAsync(untilMs, 1);
      if (count === 0 && !isSettled) throw new Error(`nothing more happens at ${this.#nowMs} ms`);
    }
    return promise;
  }

  async #endTurnsAsync(): Promise<void> {
    do await settle();
    while (this.endTurns());
  }

  #peekMs(): number {
    while (this.#heap.length > 0 && this.#heap[0]!.isCancelled) this.#popRoot();
    return this.#heap.length === 0 ? Infinity : this.#heap[0]!.atMs;
  }

  #pop(): SimEvent | undefined {
    return this.#peekMs() === Infinity ? undefined : this.#popRoot();
  }

  #push(event: SimEvent): void {
    const heap = this.#heap;
    let at = heap.length;
    heap.push(event);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (isBefore(heap[parent]!, event)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = event;
  }

  #popRoot(): SimEvent {
    const heap = this.#heap;
    const root = heap[0]!;
    const last = heap.pop()!;
    if (heap.length === 0) return root;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (isBefore(last, heap[child]!)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return root;
  }
}

function isBefore(a: SimEvent, b: SimEvent): boolean {
  return a.atMs < b.atMs || (a.atMs === b.atMs && a.order < b.order);
}

/** Lets the microtask queue run empty. Nothing else is in the event loop of a simulation, so this is deterministic. */
function settle(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** One node's view of the time: its wall clock may be off and drift, its monotonic clock starts anywhere. */
export class SimClock implements Clock {
  readonly #time: SimTime;
  readonly #startMs: number;
  #wallOffsetMs: number;
  #drift: number;

  /** @param startMs what the monotonic clock shows at the beginning */
  constructor(time: SimTime, startMs = 0, wallOffsetMs = 0, drift = 0) {
    this.#time = time;
    this.#startMs = startMs;
    this.#wallOffsetMs = wallOffsetMs;
    this.#drift = drift;
  }

  nowUs(): number {
    const nowMs = this.#time.nowMs;
    return Math.floor((SIM_EPOCH_MS + this.#wallOffsetMs + nowMs * (1 + this.#drift)) * 1000);
  }

  monotonicMs(): number {
    return this.#startMs + this.#time.nowMs;
  }

  /** Steps the wall clock. @param offsetMs to true time, negative is behind */
  setWallOffset(offsetMs: number): void {
    this.#wallOffsetMs = offsetMs;
  }

  /** Makes the wall clock fast or slow. @param drift 1e-4 gains 0.1 ms a second */
  setDrift(drift: number): void {
    this.#drift = drift;
  }
}
