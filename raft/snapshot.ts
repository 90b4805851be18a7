import type { Configuration } from './configuration.ts';

/**
 * What a snapshot stands for; the data itself travels beside Raft and lies with the host. It replaces everything up to
 * `index`: log and state machine.
 */
export interface SnapshotDescriptor {
  readonly index: number;
  readonly term: number;
  /** As of `index`, not the newest (bug B-31). */
  readonly configuration: Configuration;
  /** The host's own facts about the state at `index`, for instance the last write timestamp; not looked into. */
  readonly attachment: Uint8Array;
}

/** A state that the host can hand to a member that lags. */
export interface AvailableSnapshot {
  /** Applied by this host; at least the index up to which the log was cut. */
  readonly index: number;
  readonly attachment: Uint8Array;
}
