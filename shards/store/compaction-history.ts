/** A compaction that is done or under way, as plain data that can cross threads. */
export interface CompactionEntry {
  /** UUID. */
  readonly id: string;
  readonly shard: number;
  readonly keyspace: string;
  readonly table: string;
  /** Rewritten, or SSTables that had expired removed. */
  readonly kind: 'merge' | 'drop';
  readonly startedMs: number;
  /** Milliseconds since 1970; 0 while it runs. */
  readonly finishedMs: number;
  readonly inputs: number;
  readonly outputs: number;
  /** On disk, all components. */
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** A compaction that runs, with how far it is; both in bytes of rows before compression. */
export interface RunningCompaction extends CompactionEntry {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** What a shard tells of its compactions. */
export interface CompactionReport {
  readonly running: readonly RunningCompaction[];
  /** Tables with tablets that have something to compact, or are still to be looked at. */
  readonly pending: readonly { readonly keyspace: string; readonly table: string; readonly tasks: number }[];
  /** Done last, oldest first. */
  readonly history: readonly CompactionEntry[];
}

/** The compactions that were done last, oldest first, of a shard or a node. In memory: a restart forgets them. */
export class CompactionHistory {
  readonly #limit: number;
  #entries: CompactionEntry[] = [];

  constructor(limit: number = MOST_ENTRIES) {
    this.#limit = limit;
  }

  add(entry: CompactionEntry): void {
    this.#entries.push(entry);
    // Not with each one: a shift of all.
    if (this.#entries.length > this.#limit * 2) this.#entries = this.#entries.slice(-this.#limit);
  }

  latest(): readonly CompactionEntry[] {
    return this.#entries.slice(-this.#limit);
  }
}

const MOST_ENTRIES = 1024;
