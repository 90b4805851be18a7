import type { RowBatch } from './row-batch.ts';

/** What `fill` returns when blocks must be read first: await `load()`, then `fill` again. */
export const NEEDS_LOAD = -1;

/**
 * A forward-only stream of fragments (`row-batch.ts`): of one partition, of a list of partitions or of a token range; from a
 * memtable, an SSTable, or their merge.
 * - Pull and batch: `fill` appends to `batch` until it is full or the cursor must stop; returns the number of fragments
 *   added. 0 is the end, and stays the end. The caller clears the batch between fills.
 * - Synchronous in memory: NEEDS_LOAD (nothing was added) means await `load()` once. One await per block, never per row.
 * - A fill may stop early for any reason but adds at least one fragment unless it is the end or NEEDS_LOAD.
 * - The direction is fixed when the cursor is opened.
 * - `close` releases what the cursor holds (block references, memtable references); closing twice is fine; nothing else may be
 *   called afterwards.
 */
export interface RowCursor {
  fill(batch: RowBatch): number;
  load(): Promise<void>;
  /** Drops the rest of the partition whose fragments were delivered last; the next fragment is a PartitionStart (no PartitionEnd comes). */
  skipPartition(): void;
  close(): void;
}
