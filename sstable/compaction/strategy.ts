/** An SSTable as a strategy sees it. Tokens and timestamps are int64 as halves; no two files need to be told apart but by `id`. */
export interface Candidate {
  /** Names it to the caller. */
  readonly id: number;
  /** All components on disk. */
  readonly sizeBytes: number;
  /** Share of its data that tombstones past gc grace are estimated to be, 0 to 1. May be computed when it is read. */
  readonly droppableShare: number;
  /** When it was made, milliseconds since 1970. */
  readonly createdMs: number;
  /** As its statistics say; 0 for what was flushed. */
  readonly level: number;
  /** The SSTables that one compaction has cut its output into have this in common. */
  readonly run: string;
  /** Tokens of the first and last partition. */
  readonly firstHi: number;
  readonly firstLo: number;
  readonly lastHi: number;
  readonly lastLo: number;
  /** Write timestamps; the least and greatest int64 where nothing is known. */
  readonly minTimestampHi: number;
  readonly minTimestampLo: number;
  readonly maxTimestampHi: number;
  readonly maxTimestampLo: number;
  /** Seconds since 1970 before which everything in it was deleted or has expired; Infinity when something lives for ever. */
  readonly maxDeletionTime: number;
}

/** The moment at which a strategy chooses. */
export interface CompactionContext {
  readonly nowMs: number;
  /** Deletions and expiries of before, seconds since 1970, are past gc grace. 0: nothing may be purged. */
  readonly gcBefore: number;
  /** The least timestamp that is not in an SSTable yet; the greatest int64 when nothing is. */
  readonly leastInMemoryHi: number;
  readonly leastInMemoryLo: number;
  /** False when SSTables cannot go without a successor yet: what they know of the log is still needed. */
  mayDrop(candidates: readonly Candidate[]): boolean;
  /** A `run` that no SSTable has. */
  newRun(): string;
}

/** What a strategy wants done now. */
export interface CompactionTask {
  /** Merge: rewrite the inputs; Drop: remove them, they hold nothing that anybody needs. */
  readonly kind: TaskKind;
  /** Ids of the inputs, each once, at least one. */
  readonly inputs: readonly number[];
  /** Of the outputs. */
  readonly level: number;
  /** An output ends with the first partition that takes it there. Infinity: one output. */
  readonly maxOutputBytes: number;
  /** Outputs end also where one of so many equal parts of the tablet's tokens ends: a power of two. */
  readonly cells: number;
  /** Of the outputs; undefined: one of their own. */
  readonly run: string | undefined;
}

export const TaskKind = { Merge: 'merge', Drop: 'drop' } as const;
export type TaskKind = (typeof TaskKind)[keyof typeof TaskKind];

/**
 * Chooses; does nothing itself. One per storage group, so that levels and tiers are per tablet; it may remember what it has chosen,
 * but whatever it remembers, its choices are right for the candidates that it is shown.
 */
export interface CompactionStrategy {
  /** The most useful task. No candidate is in another one. Undefined: nothing to do until SSTables change or `lookMs` pass. */
  next(candidates: readonly Candidate[], context: CompactionContext): CompactionTask | undefined;
  /** Tasks, to be done in their order, of a compaction that the operator asks for. */
  major(candidates: readonly Candidate[], context: CompactionContext): CompactionTask[];
  /** Time after which tombstones and expired data are looked at again, milliseconds. */
  readonly lookMs: number;
}

/** A merge into one SSTable of level 0. */
export function mergeOf(candidates: readonly Candidate[]): CompactionTask {
  return {
    kind: TaskKind.Merge,
    inputs: candidates.map(({ id }) => id),
    level: 0,
    maxOutputBytes: Number.POSITIVE_INFINITY,
    cells: 1,
    run: undefined,
  };
}

export function bytesOf(candidates: Iterable<{ readonly sizeBytes: number }>): number {
  let sum = 0;
  for (const { sizeBytes } of candidates) sum += sizeBytes;
  return sum;
}
