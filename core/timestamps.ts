import { compareInt64, INT64_MAX_HI, INT64_MAX_LO, int64Hi, int64Lo } from './int64.ts';
import type { Clock } from './ports/clock.ts';

/**
 * Write timestamps of one shard: microseconds since 1970, each later than the one before even while the wall clock stands
 * still or goes back. `next` moves on; `hi` and `lo` are the timestamp then.
 */
export class TimestampSource {
  readonly #clock: Clock;
  hi = 0;
  lo = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /**
   * The wall clock, or one past the last timestamp when that is later.
   * @param nowUs what the wall clock has just said, for who has asked it
   */
  next(nowUs: number = this.#clock.nowUs()): void {
    const nowHi = int64Hi(nowUs);
    const nowLo = int64Lo(nowUs);
    if (compareInt64(nowHi, nowLo, this.hi, this.lo) > 0) {
      this.hi = nowHi;
      this.lo = nowLo;
    } else {
      this.lo = (this.lo + 1) | 0;
      if (this.lo === 0) this.hi++;
    }
  }

  /**
   * Makes every further timestamp later than (hi, lo): of data read by a conditional write, of a log replayed, of a Raft
   * group taken over. The greatest int64 has nothing later and is left out.
   */
  advancePast(hi: number, lo: number): void {
    if (hi === INT64_MAX_HI && lo === INT64_MAX_LO) return;
    if (compareInt64(hi, lo, this.hi, this.lo) > 0) {
      this.hi = hi;
      this.lo = lo;
    }
  }
}
