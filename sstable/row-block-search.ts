import type { BlockWindow } from './block-window.ts';

/**
 * Finds row blocks of one partition without reading what lies between. Each question answers false when `window.load()` is
 * needed first, and is then asked again with the same arguments: it goes on where it was. Two implementations: the promoted
 * index of Index.db, the row tries of Rows.db.
 */
export interface RowBlockSearch {
  readonly window: BlockWindow;
  /** False: no block is what was asked for. Else `start` and the deletion in force there are those of one. */
  readonly hasBlock: boolean;
  /** Bounds of the block from the partition's start; Infinity where it is not known to end before the partition. */
  readonly start: number;
  readonly end: number;
  /** The range deletion in force where the block begins, and where it ends; (-2^63) for none. */
  readonly openHi: number;
  readonly openLo: number;
  readonly openTime: number;
  readonly endHi: number;
  readonly endLo: number;
  readonly endTime: number;

  /** The block from which on to read for what lies after a position: no row or marker after it comes earlier. Of the fields for its end none is set. */
  findAfter(prefix: Uint8Array, weight: number): boolean;
  /** The last block that may have anything before a position, of those before the one that it found last. */
  findBefore(prefix: Uint8Array, weight: number): boolean;
  close(): void;
}
