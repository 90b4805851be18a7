/** An SSTable as a strategy sees it. */
export interface Candidate {
  /** Names it to the caller. */
  readonly id: number;
  readonly sizeBytes: number;
  /** Share of its data that tombstones past gc grace are estimated to be, 0 to 1. */
  readonly droppableShare: number;
  /** When it was made, milliseconds since 1970. */
  readonly createdMs: number;
}

/** What a strategy wants done now. */
export interface CompactionTask {
  /** Ids of the inputs, at least one. */
  readonly inputs: readonly number[];
}

/** Chooses; does nothing itself. One per storage group, so that tiers are per tablet. */
export interface CompactionStrategy {
  /** The most useful task among SSTables that are in no other task, or undefined. */
  next(candidates: readonly Candidate[], nowMs: number): CompactionTask | undefined;
}
