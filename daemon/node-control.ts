import type { CompactionReport } from '../shards/store/compaction-history.ts';

/** What the node lets its administration API do and ask. */
export interface NodeControl {
  /** Undefined when requests are served, else why not: 'starting', 'draining'. */
  readonly notReadyBecause: string | undefined;
  /** True while every thread answered its last look. */
  isAlive(): boolean;
  /** Flushes a keyspace's tables, or all. @throws TesseraError */
  flush(keyspace: string | undefined, tables: readonly string[]): Promise<void>;
  /** Major compaction. @throws TesseraError */
  compact(keyspace: string | undefined, tables: readonly string[]): Promise<void>;
  /** What all shards compact, have to compact and have compacted last. @throws TesseraError */
  compactions(): Promise<CompactionReport>;
  /** 'keyspace:table' of every table. */
  tableNames(): readonly string[];
  /** Prometheus text 0.0.4. */
  metrics(): string;
  readonly version: string;
}
