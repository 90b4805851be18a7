/**
 * How a shard ends the process: an assertion outside a Raft group, or the death of a worker, ends it all, since a shard is
 * never restarted alone (settled question 35).
 */
export interface Exit {
  /** Reports `error` and ends the process with `code` (70 for a bug, 5 for damage). Does not return on a real host. */
  fatal(code: number, error: Error): void;
}
