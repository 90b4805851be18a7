import { assert } from '../../core/assert.ts';
import { RowMerger } from '../../core/mutation/merge-rows.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { mergeCursors } from '../../core/read/merge-cursor.ts';
import type { RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS, comparePartition, Token, tokenOf } from '../../core/token.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { FragmentStream } from './fragment-stream.ts';

const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

/** Several files of one table as one stream: what compaction would see before it drops anything. */
export class MergedFragments implements FragmentStream {
  readonly #table: TableDescriptor;
  readonly #merger: RowMerger;
  readonly #pool: RowBatchPool = new RowBatchPool();
  /** What opens the streams that come one after the other, the next one last. */
  readonly #openers: (() => RowCursor[])[];
  readonly #openerCount: number;
  #cursor: RowCursor | undefined;

  /** @param sstables opened blocking, for `table`; @param keys to show, undefined for all partitions */
  constructor(sstables: readonly SSTable[], table: TableDescriptor, keys: readonly Uint8Array[] | undefined) {
    this.#table = table;
    this.#merger = new RowMerger(table);
    if (keys === undefined) {
      this.#openers = [() => sstables.map((sstable) => sstable.openScan(ALL_TOKENS, WHOLE))];
    } else {
      this.#openers = inOrder(keys)
        .reverse()
        .map((key) => () => openPartitions(sstables, key));
    }
    this.#openerCount = this.#openers.length;
  }

  get progress(): number {
    return (this.#openerCount - this.#openers.length) / (this.#openerCount + 1);
  }

  position(): number {
    return -1;
  }

  fill(batch: RowBatch): number {
    batch.clear();
    for (;;) {
      this.#cursor ??= this.#open();
      if (this.#cursor === undefined) return 0;
      const count = this.#cursor.fill(batch);
      assert(count !== NEEDS_LOAD, 'blocking cursors need no load');
      if (count > 0) return count;
      this.close();
    }
  }

  close(): void {
    this.#cursor?.close();
    this.#cursor = undefined;
  }

  #open(): RowCursor | undefined {
    for (;;) {
      const open = this.#openers.pop();
      if (open === undefined) return undefined;
      const cursors = open();
      if (cursors.length === 0) continue;
      return mergeCursors(cursors, this.#table.comparator, this.#merger, this.#pool, false);
    }
  }
}

function openPartitions(sstables: readonly SSTable[], key: Uint8Array): RowCursor[] {
  const token = new Token();
  tokenOf(key, 0, key.length, token);
  return sstables.flatMap((sstable) => sstable.openPartition(token.hi, token.lo, key, 0, key.length, WHOLE) ?? []);
}

/** The keys in the order of partitions, each once. */
function inOrder(keys: readonly Uint8Array[]): Uint8Array[] {
  const placed = keys.map((key) => {
    const token = new Token();
    tokenOf(key, 0, key.length, token);
    return { key, token };
  });
  placed.sort((a, b) =>
    comparePartition(a.token.hi, a.token.lo, a.key, 0, a.key.length, b.token.hi, b.token.lo, b.key, 0, b.key.length),
  );
  return placed.map(({ key }) => key).filter((key, i, all) => i === 0 || Buffer.compare(key, all[i - 1]!) !== 0);
}
