/**
 * Which part of the data a read wants. Plain data, made once per request by the CQL binder, encoded for rings by
 * `read-command.ts`.
 */

/** A range of clustering positions: from start (inclusive as a position) to end. Positions as in `ClusteringComparator`. */
export interface ClusteringSlice {
  /** Prefix bytes of the start; empty and weight -1: from the first row. */
  readonly start: Uint8Array;
  /** -1 includes rows that begin with the prefix, +1 excludes them. */
  readonly startWeight: number;
  readonly end: Uint8Array;
  /** +1 includes rows that begin with the prefix, -1 excludes them. */
  readonly endWeight: number;
}

/** Bounds of a scan over partitions in (token, key) order. */
export interface TokenRange {
  /** The start token as halves; with a key: that partition's place among equal tokens. */
  readonly startHi: number;
  readonly startLo: number;
  /** Set when a page continues at or after a partition: its key. Else undefined: before (inclusive) or after all keys of the token. */
  readonly startKey: Uint8Array | undefined;
  /** True: partitions with the start token (or start key) itself belong to the range. */
  readonly startInclusive: boolean;
  readonly endHi: number;
  readonly endLo: number;
  readonly endInclusive: boolean;
}

/** The rows and columns that a read of a partition takes. */
export interface PartitionSlice {
  /** In table order, neither overlapping nor touching, at least one; reversed reads walk them backwards. One open slice means all rows. */
  readonly slices: readonly ClusteringSlice[];
  readonly isReversed: boolean;
  /** False: no clustering rows at all (SELECT DISTINCT of keys and statics). */
  readonly wantsRows: boolean;
  readonly wantsStatics: boolean;
}

const NOTHING = new Uint8Array(0);

/** Every row of a partition. */
export const ALL_ROWS: ClusteringSlice = { start: NOTHING, startWeight: -1, end: NOTHING, endWeight: 1 };
