import { type Log, LogLevel } from '../core/ports/log.ts';

const NAMES = ['TRACE', 'DEBUG', 'INFO ', 'WARN ', 'ERROR'];
const LEVELS: Readonly<Record<string, LogLevel>> = {
  trace: LogLevel.Trace,
  debug: LogLevel.Debug,
  info: LogLevel.Info,
  warn: LogLevel.Warn,
  error: LogLevel.Error,
};
/** Lines of one place a second; more are counted and told as one. */
const LINES_PER_SECOND = 10;
const WINDOW_MS = 1000;

/** Which lines are written: a level for all, and others by module. */
export interface LogLevels {
  readonly all: LogLevel;
  readonly modules: ReadonlyMap<string, LogLevel>;
}

/** Reads `TESSERA_LOG`: 'info,compaction=debug'. Words that are no level are left out and returned as `unknown`. */
export function parseLogLevels(text: string | undefined): LogLevels & { readonly unknown: readonly string[] } {
  let all: LogLevel = LogLevel.Info;
  const modules = new Map<string, LogLevel>();
  const unknown: string[] = [];
  for (const part of (text ?? '').split(',').filter((each) => each !== '')) {
    const [module, level] = part.includes('=') ? part.split('=', 2) : [undefined, part];
    const value = LEVELS[level!.toLowerCase()];
    if (value === undefined) unknown.push(part);
    else if (module === undefined) all = value;
    else modules.set(module, value);
  }
  return { all, modules, unknown };
}

interface Site {
  windowStartMs: number;
  lines: number;
  suppressed: number;
}

/**
 * Writes the log of all threads in the order in which lines arrive, in ScyllaDB's form, which log parsers know, or as JSON:
 *
 *   INFO  2026-11-21 02:00:00,123 [shard 0:main] module - message
 *
 * A place in the code that speaks more than 10 times a second is cut short, with a count.
 */
export class LogWriter {
  readonly #write: (line: string) => void;
  readonly #isJson: boolean;
  readonly #levels: LogLevels;
  readonly #nowMs: () => number;
  readonly #sites = new Map<string, Site>();

  constructor(levels: LogLevels, isJson: boolean, write: (line: string) => void, nowMs: () => number = Date.now) {
    this.#levels = levels;
    this.#isJson = isJson;
    this.#write = write;
    this.#nowMs = nowMs;
  }

  /** The least level that any module is written at: what shards need not send. */
  get lowestLevel(): LogLevel {
    return Math.min(this.#levels.all, ...this.#levels.modules.values()) as LogLevel;
  }

  /** @param thread 'shard 0', 'main' */
  line(level: LogLevel, thread: string, module: string, message: string): void {
    if (level < (this.#levels.modules.get(module) ?? this.#levels.all)) return;
    const nowMs = this.#nowMs();
    // Numbers differ between messages of one place.
    const name = `${level} ${module} ${message.replace(/\d+/g, '#').slice(0, 80)}`;
    let site = this.#sites.get(name);
    if (site === undefined || nowMs - site.windowStartMs >= WINDOW_MS) {
      if (site !== undefined && site.suppressed > 0) {
        this.#emit(level, nowMs, thread, module, `${message.slice(0, 80)} (suppressed ${site.suppressed})`);
      }
      if (this.#sites.size > 1000) this.#sites.clear();
      site = { windowStartMs: nowMs, lines: 0, suppressed: 0 };
      this.#sites.set(name, site);
    }
    if (site.lines >= LINES_PER_SECOND) {
      site.suppressed++;
      return;
    }
    site.lines++;
    this.#emit(level, nowMs, thread, module, message);
  }

  /** A Log port of one thread. */
  of(thread: string): Log {
    return { write: (level, module, message) => this.line(level, thread, module, message) };
  }

  #emit(level: LogLevel, nowMs: number, thread: string, module: string, message: string): void {
    const iso = new Date(nowMs).toISOString();
    if (this.#isJson) {
      const fields = { ts: iso, level: NAMES[level]!.trim().toLowerCase(), shard: thread, module, msg: message };
      this.#write(`${JSON.stringify(fields)}\n`);
      return;
    }
    const time = `${iso.slice(0, 10)} ${iso.slice(11, 19)},${iso.slice(20, 23)}`;
    this.#write(`${NAMES[level]} ${time} [${thread}] ${module} - ${message}\n`);
  }
}
