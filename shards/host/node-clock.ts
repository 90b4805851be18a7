// The global is a getter, which costs as much as the clock.
import { performance } from 'node:perf_hooks';
import type { Clock } from '../../core/ports/clock.ts';

/** How often the wall clock is compared with the system's. */
const CHECK_MS = 1000;
/** The system's wall clock is read in whole milliseconds: less than this is no difference. */
const TOLERANCE_MS = 2;

/**
 * Time on Node. The wall clock is the monotonic one plus an offset, which gives it microseconds; once a second the offset is
 * compared with `Date.now()`, so that a stepped or slewed system clock is followed within a second, to 2 ms.
 */
export class NodeClock implements Clock {
  #offsetMs: number;
  #checkAtMs: number;

  constructor() {
    this.#offsetMs = performance.timeOrigin;
    this.#checkAtMs = 0;
  }

  nowUs(): number {
    const monotonicMs = performance.now();
    if (monotonicMs >= this.#checkAtMs) this.#check(monotonicMs);
    return Math.floor((monotonicMs + this.#offsetMs) * 1000);
  }

  monotonicMs(): number {
    return performance.now();
  }

  #check(monotonicMs: number): void {
    const offsetMs = Date.now() - monotonicMs;
    if (Math.abs(offsetMs - this.#offsetMs) >= TOLERANCE_MS) this.#offsetMs = offsetMs;
    this.#checkAtMs = monotonicMs + CHECK_MS;
  }
}
