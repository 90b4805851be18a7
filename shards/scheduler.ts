import type { Clock } from '../core/ports/clock.ts';
import type { TaskClass, Tasks } from '../core/ports/tasks.ts';

/** Time that background work runs before it must yield. */
export const SLICE_MS = 0.5;

/** Weight of each task class, by its number: twice the shares, twice the time when both have work. */
export const DEFAULT_SHARES: readonly number[] = [1000, 1000, 1000, 200, 200, 1000];

/**
 * Which background work of a thread runs next. Work waits here between its slices; one slice runs per turn, given to the
 * class that has had the least time per share so far. A class that comes back from idleness starts at the level of those
 * that are busy: it saves no time up.
 */
export class SliceScheduler {
  readonly #clock: Clock;
  readonly #tasks: Pick<Tasks, 'atTurnEnd' | 'nextTurn'>;
  readonly #shares: number[];
  /** Time used per share, in ms / share; comparable between classes. */
  readonly #used: Float64Array;
  readonly #waiting: (() => void)[][];
  #waitingCount: number;
  /** What the class that was chosen last had used: the level at which a class comes back. Never falls. */
  #level: number;
  /** The class whose slice runs; -1 when none does. */
  #current: number;
  #sliceStartMs: number;
  #isScheduled: boolean;

  constructor(clock: Clock, tasks: Pick<Tasks, 'atTurnEnd' | 'nextTurn'>, shares: readonly number[] = DEFAULT_SHARES) {
    this.#clock = clock;
    this.#tasks = tasks;
    this.#shares = [...shares];
    this.#used = new Float64Array(shares.length);
    this.#waiting = shares.map(() => []);
    this.#waitingCount = 0;
    this.#level = 0;
    this.#current = -1;
    this.#sliceStartMs = -Infinity;
    this.#isScheduled = false;
  }

  /** Work that waits for its next slice. */
  get waitingCount(): number {
    return this.#waitingCount;
  }

  /** Changes the weight of a class, say compaction's as its backlog grows. @param shares 1 or more */
  setShares(taskClass: TaskClass, shares: number): void {
    this.#shares[taskClass] = Math.max(1, shares);
  }

  /** Time that the class has used, in ms per share. */
  usedPerShare(taskClass: TaskClass): number {
    return this.#used[taskClass]!;
  }

  /** Ends the caller's slice; the promise resolves when its next one begins. */
  yield(taskClass: TaskClass): Promise<void> {
    this.#endSlice();
    const queue = this.#waiting[taskClass]!;
    if (queue.length === 0) this.#used[taskClass] = Math.max(this.#used[taskClass]!, this.#level);
    const { promise, resolve } = Promise.withResolvers<void>();
    queue.push(resolve);
    this.#waitingCount++;
    this.#schedule();
    return promise;
  }

  /** True when the slice is used up, or there is none: then a `yield` begins one. */
  mustYield(): boolean {
    return this.#clock.monotonicMs() - this.#sliceStartMs >= SLICE_MS;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    this.#tasks.nextTurn(this.#runOne);
  }

  readonly #runOne = (): void => {
    this.#isScheduled = false;
    let chosen = -1;
    for (let taskClass = 0; taskClass < this.#waiting.length; taskClass++) {
      if (this.#waiting[taskClass]!.length === 0) continue;
      if (chosen < 0 || this.#used[taskClass]! < this.#used[chosen]!) chosen = taskClass;
    }
    if (chosen < 0) return;
    const resume = this.#waiting[chosen]!.shift()!;
    this.#waitingCount--;
    this.#level = Math.max(this.#level, this.#used[chosen]!);
    this.#current = chosen;
    this.#sliceStartMs = this.#clock.monotonicMs();
    // The work runs in this turn's microtasks. If it does not yield (it ended, or waits for a file), the turn ends its slice.
    this.#tasks.atTurnEnd(this.#endSlice);
    resume();
    if (this.#waitingCount > 0) this.#schedule();
  };

  readonly #endSlice = (): void => {
    if (this.#current < 0) return;
    this.#used[this.#current]! += (this.#clock.monotonicMs() - this.#sliceStartMs) / this.#shares[this.#current]!;
    this.#current = -1;
    this.#sliceStartMs = -Infinity;
  };
}
