import { RowMerger } from '../../core/mutation/merge-rows.ts';
import type { RowBatchPool } from '../../core/read/batch-pool.ts';
import { mergeCursors } from '../../core/read/merge-cursor.ts';
import type { RowCursor } from '../../core/read/row-cursor.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { PartitionSlice, TokenRange } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { SSTable } from '../../sstable/reader.ts';

/** SSTables of one table as one source of rows. */
export class MergedSource implements RowSource {
  readonly #sstables: readonly SSTable[];
  readonly #table: TableDescriptor;
  readonly #merger: RowMerger;
  readonly #pool: RowBatchPool;

  /** @param sstables opened for `table`; the caller closes them */
  constructor(sstables: readonly SSTable[], table: TableDescriptor, pool: RowBatchPool) {
    this.#sstables = sstables;
    this.#table = table;
    this.#merger = new RowMerger(table);
    this.#pool = pool;
  }

  openPartition(
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    slice: PartitionSlice,
  ): RowCursor | undefined {
    const cursors = this.#sstables.flatMap(
      (sstable) => sstable.openPartition(tokenHi, tokenLo, key, keyStart, keyEnd, slice) ?? [],
    );
    return cursors.length === 0 ? undefined : this.#merge(cursors, slice);
  }

  openScan(range: TokenRange, slice: PartitionSlice): RowCursor {
    return this.#merge(
      this.#sstables.map((sstable) => sstable.openScan(range, slice)),
      slice,
    );
  }

  #merge(cursors: readonly RowCursor[], { isReversed }: PartitionSlice): RowCursor {
    return mergeCursors(cursors, this.#table.comparator, this.#merger, this.#pool, isReversed);
  }
}
