import { Metric, type Metrics } from '../core/metrics.ts';
import type { Clock } from '../core/ports/clock.ts';
import { type Log, LogLevel } from '../core/ports/log.ts';

/** A turn that takes longer is reported (settled question 18). In wall time: what a busy machine takes away counts too. */
export const HOLD_MS = 25;

const NO_TURN = -1;

/**
 * How long a thread's turns take: the metric, and a line of the log for each that held the loop for too long. A turn counts from
 * where the loop's owner first hears of it. A thread that does not come back at all is found by `HeartbeatSampler`.
 */
export class TurnWatch {
  readonly #clock: Clock;
  readonly #metrics: Metrics;
  readonly #log: Log;
  #startMs: number;

  constructor(clock: Clock, metrics: Metrics, log: Log) {
    this.#clock = clock;
    this.#metrics = metrics;
    this.#log = log;
    this.#startMs = NO_TURN;
  }

  /** A turn is under way; does nothing when that is known. */
  begin(): void {
    if (this.#startMs === NO_TURN) this.#startMs = this.#clock.monotonicMs();
  }

  /** The turn is over, with everything that it caused. */
  end(): void {
    if (this.#startMs === NO_TURN) return;
    const ms = this.#clock.monotonicMs() - this.#startMs;
    this.#startMs = NO_TURN;
    this.#metrics.observe(Metric.TurnLatency, ms * 1000);
    if (ms <= HOLD_MS) return;
    this.#metrics.add(Metric.StallsReported, 1);
    this.#log.write(LogLevel.Warn, 'stall', `a turn held the event loop for ${Math.round(ms)} ms`);
  }
}
