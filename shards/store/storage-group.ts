import { comparePositions } from '../../commitlog/replay-position.ts';
import { compareInt64, INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { RowMerger } from '../../core/mutation/merge-rows.ts';
import type { RowBatchPool } from '../../core/read/batch-pool.ts';
import { mergeCursors } from '../../core/read/merge-cursor.ts';
import type { RowCursor } from '../../core/read/row-cursor.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { PartitionSlice, TokenRange } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { tabletTokenRange } from '../../core/token.ts';
import type { Int64Halves } from '../../core/vint.ts';
import type { SSTable } from '../../sstable/reader.ts';
import { FlushedPositions } from './flushed-positions.ts';
import { Memtable } from './memtable.ts';
import type { SlabPool } from './slab-pool.ts';

/** What becomes of a memtable that is replaced: kept; to be decided by a truncation that is being logged; void. */
export const SlotFate = { Kept: 0, Open: 1, Void: 2 } as const;
export type SlotFate = (typeof SlotFate)[keyof typeof SlotFate];

/**
 * A memtable and what of the log it stands for.
 *
 * States: active -> closing (replaced; writes logged before still arrive) -> sealed (`pending` 0; being flushed) -> released.
 */
export class MemtableSlot {
  readonly group: StorageGroup;
  readonly memtable: Memtable;
  /** Owner of its records in the log's dirty tracker. */
  readonly key: number;
  /** Writes that are logged and not applied yet. */
  pending = 0;
  fate: SlotFate = SlotFate.Kept;
  /** Position of the last record in it; (0, 0) for none. */
  endSegment = 0;
  endOffset = 0;
  /** Position of the first record that was logged for it and went to its successor; (0, 0) for none. */
  #movedSegment = 0;
  #movedOffset = 0;
  /** Called once when the last pending write was applied, after the slot was replaced. */
  onSettled: (() => void) | undefined;
  /** Called once when the memtable has left the group: without an error when its content is in SSTables or void. */
  readonly onGone: ((error: Error | undefined) => void)[] = [];

  constructor(group: StorageGroup, memtable: Memtable, key: number) {
    this.group = group;
    this.memtable = memtable;
    this.key = key;
  }

  /** The same under another key: recovery fills memtables before the log that counts for them is open. */
  withKey(key: number): MemtableSlot {
    const slot = new MemtableSlot(this.group, this.memtable, key);
    slot.endSegment = this.endSegment;
    slot.endOffset = this.endOffset;
    return slot;
  }

  /** The record at this position is in the memtable. Records that waited for their own sync come late. */
  noteApplied(segmentId: number, offset: number): void {
    if (comparePositions(segmentId, offset, this.endSegment, this.endOffset) <= 0) return;
    this.endSegment = segmentId;
    this.endOffset = offset;
  }

  /** The record at this position went elsewhere. */
  noteMoved(segmentId: number, offset: number): void {
    const isFirst =
      this.#movedSegment === 0 || comparePositions(segmentId, offset, this.#movedSegment, this.#movedOffset) < 0;
    if (!isFirst) return;
    this.#movedSegment = segmentId;
    this.#movedOffset = offset;
  }

  /** One logged write fewer is on its way. */
  settle(): void {
    if (--this.pending > 0 || this.onSettled === undefined) return;
    const settled = this.onSettled;
    this.onSettled = undefined;
    settled();
  }

  /** Resolves when no logged write is on its way any more. For one caller at a time. */
  async settled(): Promise<void> {
    if (this.pending > 0) await new Promise<void>((done) => (this.onSettled = done));
  }

  /** Adds up to where the log is in this memtable and those before it: all that a replay may leave out. */
  addFlushedTo(positions: FlushedPositions): void {
    if (this.endSegment === 0) return;
    const isCut =
      this.#movedSegment > 0 &&
      comparePositions(this.#movedSegment, this.#movedOffset, this.endSegment, this.endOffset) <= 0;
    if (isCut) positions.add(this.#movedSegment, this.#movedOffset - 1);
    else positions.add(this.endSegment, this.endOffset);
  }
}

/** An SSTable of a group. */
export interface GroupFile {
  readonly sstable: SSTable;
  /** UUID of its generation. */
  readonly generation: string;
  readonly sizeBytes: number;
  readonly createdMs: number;
  /** A compaction found it damaged: no other one tries it. */
  isDamaged: boolean;
}

/**
 * The data of one tablet of a table: an active memtable, older ones on their way to disk, SSTables. A source of rows over all of
 * them. Cursors hold what they read: a memtable by its reference count, an SSTable by its count of cursors.
 */
export class StorageGroup implements RowSource {
  readonly tablet: number;
  readonly range: TokenRange;
  readonly flushed: FlushedPositions = new FlushedPositions();
  active: MemtableSlot;
  /** Replaced memtables, oldest first. */
  readonly older: MemtableSlot[] = [];
  files: readonly GroupFile[] = [];
  #table: TableDescriptor;
  #merger: RowMerger;
  readonly #batches: RowBatchPool;

  constructor(
    table: TableDescriptor,
    tablet: number,
    tabletCount: number,
    pool: SlabPool,
    key: number,
    batches: RowBatchPool,
  ) {
    this.tablet = tablet;
    this.range = tabletTokenRange(tablet, tabletCount);
    this.#table = table;
    this.#merger = new RowMerger(table);
    this.#batches = batches;
    this.active = new MemtableSlot(this, new Memtable(pool, table, this.range), key);
  }

  get table(): TableDescriptor {
    return this.#table;
  }

  /** Goes on under a newer version of the schema. */
  changeTable(table: TableDescriptor): void {
    this.#table = table;
    this.#merger = new RowMerger(table);
    this.active.memtable.changeTable(table);
  }

  /** Pool memory of all its memtables. */
  get memtableBytes(): number {
    let bytes = this.active.memtable.allocatedBytes;
    for (const slot of this.older) bytes += slot.memtable.allocatedBytes;
    return bytes;
  }

  /** Puts a new memtable in the active one's place; returns the old slot, which is now the last of `older`. */
  rotate(pool: SlabPool, key: number): MemtableSlot {
    const slot = this.active;
    this.older.push(slot);
    this.active = new MemtableSlot(this, new Memtable(pool, this.#table, this.range), key);
    return slot;
  }

  openPartition(
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    slice: PartitionSlice,
  ): RowCursor | undefined {
    const first = this.active.memtable.openPartition(tokenHi, tokenLo, key, keyStart, keyEnd, slice);
    if (this.older.length === 0 && this.files.length === 0) return first;
    const cursors: RowCursor[] = first === undefined ? [] : [first];
    try {
      for (const { memtable } of this.older) {
        const cursor = memtable.openPartition(tokenHi, tokenLo, key, keyStart, keyEnd, slice);
        if (cursor !== undefined) cursors.push(cursor);
      }
      for (const { sstable } of this.files) {
        const cursor = sstable.openPartition(tokenHi, tokenLo, key, keyStart, keyEnd, slice);
        if (cursor !== undefined) cursors.push(cursor);
      }
    } catch (error) {
      for (const cursor of cursors) cursor.close();
      throw error;
    }
    return cursors.length === 0 ? undefined : this.#merge(cursors, slice);
  }

  openScan(range: TokenRange, slice: PartitionSlice): RowCursor {
    const cursors = [this.active.memtable.openScan(range, slice)];
    for (const { memtable } of this.older) cursors.push(memtable.openScan(range, slice));
    for (const { sstable } of this.files) cursors.push(sstable.openScan(range, slice));
    return this.#merge(cursors, slice);
  }

  /**
   * Sets `into` to the least timestamp of what is in no SSTable: a compaction must not purge newer tombstones. The greatest int64
   * when there is nothing.
   */
  leastTimestampInMemory(into: Int64Halves): void {
    into.hi = INT64_MAX_HI;
    into.lo = INT64_MAX_LO;
    for (const { pending, memtable } of [this.active, ...this.older]) {
      // A logged write of unknown age is on its way.
      const hi = pending > 0 ? INT64_MIN_HI : memtable.stats.minTimestampHi;
      const lo = pending > 0 ? INT64_MIN_LO : memtable.stats.minTimestampLo;
      if (compareInt64(hi, lo, into.hi, into.lo) >= 0) continue;
      into.hi = hi;
      into.lo = lo;
    }
  }

  #merge(cursors: readonly RowCursor[], slice: PartitionSlice): RowCursor {
    return mergeCursors(cursors, this.#table.comparator, this.#merger, this.#batches, slice.isReversed);
  }
}
