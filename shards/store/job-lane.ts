import { assert } from '../../core/assert.ts';

/**
 * One kind of background work, one job at a time. Jobs that are started by themselves `take` a free lane; whoever must be alone
 * (truncation, a dropped table, a major compaction) waits for it in line and comes before them.
 */
export class JobLane {
  #isTaken = false;
  readonly #line: (() => void)[] = [];
  /** Nothing is started by itself before this time of the monotonic clock: the last job has failed. */
  retryAtMs = 0;

  /** True when no job runs and nobody waits for the lane. */
  get isFree(): boolean {
    return !this.#isTaken;
  }

  take(): void {
    assert(!this.#isTaken, 'a lane has one job');
    this.#isTaken = true;
  }

  /** Waits for the lane and takes it. */
  async acquire(): Promise<void> {
    if (this.#isTaken) await new Promise<void>((granted) => this.#line.push(granted));
    else this.#isTaken = true;
  }

  /** Gives the lane to the next in line, or frees it. */
  give(): void {
    assert(this.#isTaken, 'a lane that was taken is given back');
    const next = this.#line.shift();
    if (next === undefined) this.#isTaken = false;
    else next();
  }
}
