export const LogLevel = { Trace: 0, Debug: 1, Info: 2, Warn: 3, Error: 4 } as const;
export type LogLevel = (typeof LogLevel)[keyof typeof LogLevel];

/** Log lines of this thread. Never blocks; lines that do not fit are counted and dropped. */
export interface Log {
  /** @param module the part that speaks: 'commitlog', 'compaction', 'cql_server' ... */
  write(level: LogLevel, module: string, message: string): void;
}
