import { TesseraError } from '../../core/errors.ts';
import { Metric, type Metrics } from '../../core/metrics.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type Log, LogLevel } from '../../core/ports/log.ts';

/** A file is named again after this time, if reads still meet it. */
const REPEAT_MS = 60_000;
/** Files kept in mind; beyond it some are named more often. */
const MAX_FILES = 1000;

/**
 * Tells the node's log of files that a read could not use: the client's error names the file too, but who runs the node may never see it.
 * Every such read counts in the metric; each file has one line a minute, of which the path says the SSTable and its component.
 */
export class DamageLog {
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #metrics: Metrics;
  /** When a file was named last. */
  readonly #namedAtMs: Map<string, number> = new Map();

  constructor(clock: Clock, log: Log, metrics: Metrics) {
    this.#clock = clock;
    this.#log = log;
    this.#metrics = metrics;
  }

  /** A read of this shard ended in `error`; nothing happens if it is of another kind. */
  note(error: unknown): void {
    if (!(error instanceof TesseraError)) return;
    const { code, message, detail } = error;
    if (code !== 'CORRUPT_FILE' && code !== 'UNSUPPORTED_FORMAT' && code !== 'FILE_OPERATION') return;
    this.#metrics.add(Metric.SstableReadFailures, 1);
    const path = String(detail.path);
    const nowMs = this.#clock.monotonicMs();
    const namedAtMs = this.#namedAtMs.get(path);
    if (namedAtMs !== undefined && nowMs - namedAtMs < REPEAT_MS) return;
    if (this.#namedAtMs.size >= MAX_FILES) this.#namedAtMs.clear();
    this.#namedAtMs.set(path, nowMs);
    const advice =
      code === 'FILE_OPERATION'
        ? 'see what the system says of the disk'
        : `\`tessera sstable validate ${path.replace(/[^-/]*$/, 'Data.db')}\` shows what is wrong with it`;
    this.#log.write(LogLevel.Error, 'sstable', `a read failed: ${message}; ${advice}`);
  }
}
