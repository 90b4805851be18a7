/**
 * CPU work beside the request path: flush, compaction, export, password hashing. One pool thread per shard at a lower
 * priority (settled question 4). Jobs carry plain data: paths, numbers, encoded descriptors, names of slabs.
 */

export interface OffloadJob {
  /** Name of the job's kind: 'flush', 'compact' ... */
  readonly kind: string;
  readonly payload: unknown;
}

export interface Offload {
  /** Runs one job; jobs of one shard run one after the other. Rejects with the job's TesseraError. */
  run(job: OffloadJob): Promise<unknown>;
  /** Hands a SharedArrayBuffer to the pool thread under `name`, once; jobs then speak of it by name. */
  share(name: string, memory: SharedArrayBuffer): void;
  close(): Promise<void>;
}
