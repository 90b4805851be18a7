import type { RowCursor } from '../../core/read/row-cursor.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { PartitionSlice, TokenRange } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { MemtableCursor } from './memtable-cursor.ts';
import { MemtableStats, type MemtableStatsValues } from './memtable-stats.ts';
import { MemtableView } from './memtable-view.ts';
import type { PartitionIndexHandle } from './partition-index.ts';
import type { SlabViews } from './slab-pool.ts';

/** A sealed memtable in plain numbers, to be sent to the thread that has the pool's memory. */
export interface MemtableHandle {
  /** Tokens of the tablet. */
  readonly startHi: number;
  readonly startLo: number;
  readonly endHi: number;
  readonly endLo: number;
  readonly index: PartitionIndexHandle;
  readonly stats: MemtableStatsValues;
}

/**
 * A sealed memtable as another thread reads it. It holds no reference: the thread that owns the memtable keeps one until this
 * thread has said that it is done.
 */
export class SealedMemtable implements RowSource {
  readonly stats: MemtableStats;
  readonly #view: MemtableView;

  private constructor(view: MemtableView, stats: MemtableStats) {
    this.#view = view;
    this.stats = stats;
  }

  /** @param views of the memory of the pool that the memtable lives in; @param table as the memtable has it */
  static open(views: SlabViews, handle: MemtableHandle, table: TableDescriptor): SealedMemtable {
    const { startHi, startLo, endHi, endLo } = handle;
    const range: TokenRange = {
      startHi,
      startLo,
      startKey: undefined,
      startInclusive: true,
      endHi,
      endLo,
      endInclusive: true,
    };
    const view = new MemtableView(views, table, range, NOBODY, handle.index);
    return new SealedMemtable(view, MemtableStats.from(handle.stats));
  }

  get partitionCount(): number {
    return this.#view.index.count;
  }

  openPartition(
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    slice: PartitionSlice,
  ): RowCursor | undefined {
    const record = this.#view.index.find(tokenHi, tokenLo, key, keyStart, keyEnd);
    return record === 0 ? undefined : MemtableCursor.ofPartition(this.#view, record, slice);
  }

  openScan(range: TokenRange, slice: PartitionSlice): RowCursor {
    return MemtableCursor.ofRange(this.#view, range, slice);
  }
}

const NOBODY = { retain: () => {}, release: () => {} };
