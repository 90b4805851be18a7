import type { TokenRange } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { BeforeImages } from './before-images.ts';
import { PartitionIndex, type PartitionIndexHandle } from './partition-index.ts';
import { RangeBoundaries } from './range-boundaries.ts';
import { BARE_HEAD, CLUSTERED_HEAD, RowRecords } from './row-records.ts';
import { RowTree } from './row-tree.ts';
import type { SlabViews } from './slab-pool.ts';

/** How one thread looks at a memtable's memory: what a live memtable, a sealed one on another thread and their cursors share. */
export class MemtableView {
  readonly views: SlabViews;
  readonly index: PartitionIndex;
  readonly rows: RowTree;
  readonly boundaries: RangeBoundaries;
  readonly records: RowRecords;
  /** Head of a row record: tables without clustering columns keep no prefix. */
  readonly rowHead: number;
  /** Cursors that stand in the middle of a partition: what they have not delivered is kept for them when it changes. */
  readonly watchers: PartitionWatcher[] = [];
  /** What keeps the memory: every open cursor counts. */
  readonly #keeper: MemoryKeeper;
  table: TableDescriptor;

  constructor(
    views: SlabViews,
    table: TableDescriptor,
    range: TokenRange,
    keeper: MemoryKeeper,
    index?: PartitionIndexHandle,
  ) {
    this.views = views;
    this.table = table;
    this.index = index === undefined ? new PartitionIndex(views, range) : PartitionIndex.open(views, range, index);
    this.rows = new RowTree(views, table.comparator, false);
    this.boundaries = new RangeBoundaries(views, table.comparator);
    this.records = new RowRecords(views, table);
    this.rowHead = table.clustering.length === 0 ? BARE_HEAD : CLUSTERED_HEAD;
    this.#keeper = keeper;
  }

  retain(): void {
    this.#keeper.retain();
  }
  release(): void {
    this.#keeper.release();
  }
}

/** A cursor in the middle of a partition. */
export interface PartitionWatcher {
  /** The partition's current record. */
  record(): number;
  /** Where a writer puts what it is about to change. */
  images(): BeforeImages;
}

/** Counts the users of a memtable's memory. */
export interface MemoryKeeper {
  retain(): void;
  release(): void;
}
