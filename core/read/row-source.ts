import type { RowCursor } from './row-cursor.ts';
import type { PartitionSlice, TokenRange } from './slice.ts';

/**
 * Something that holds partitions: a memtable, an SSTable, a set of them. It may be written while a cursor is open: the cursor
 * shows each partition as it was when it began to deliver it, so every mutation whole or not at all.
 *
 * What every cursor of a source delivers:
 * - All columns, tombstones included, nothing expired or purged: that is done above (`live-cursor.ts`, compaction).
 * - Clipped to the slices: rows inside them only. Where a range deletion is in force at a slice's beginning (in the
 *   cursor's direction), a RangeChange stands at that bound; where one is in force at its end, a closing RangeChange.
 * - The partition deletion and, if wanted, the static row, whatever the slices.
 * - A partition without anything inside the slices: PartitionStart and PartitionEnd when it has a deletion or a wanted static
 *   row; otherwise it may be left out or delivered empty.
 */
export interface RowSource {
  /** One partition; undefined when the source certainly does not hold it. Borrows the key during the call only. */
  openPartition(
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    slice: PartitionSlice,
  ): RowCursor | undefined;

  /** All partitions of a token range, in (token, key) order. */
  openScan(range: TokenRange, slice: PartitionSlice): RowCursor;
}
