import { assert } from '../../core/assert.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { MutationReader, PartKind } from '../../core/mutation/frozen-mutation.ts';
import { reconcileDeletions } from '../../core/mutation/reconcile.ts';
import type { RowCursor } from '../../core/read/row-cursor.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { PartitionSlice, TokenRange } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Arena, blockBytes } from './arena.ts';
import type { BeforeImages } from './before-images.ts';
import { MemtableCursor } from './memtable-cursor.ts';
import { MemtableStats } from './memtable-stats.ts';
import { MemtableView } from './memtable-view.ts';
import {
  EXTENDED_KEY_AT,
  isExtended,
  keyLengthOf,
  keyStartOf,
  markMoved,
  PartitionWord,
  plainHeadBytes,
  plainRowOf,
  writeExtendedHead,
  writePlainHead,
} from './partition-record.ts';
import { boundaryBytes, RANGE_INSERT_BYTES } from './range-boundaries.ts';
import {
  BARE_HEAD,
  chainedRowBytes,
  inlineRowBytes,
  isSmallRow,
  MERGE_GROWTH,
  ROW_UPDATE_BYTES,
  versionBytes,
} from './row-records.ts';
import { treeInsertBytes } from './row-tree.ts';
import type { MemtableHandle } from './sealed-memtable.ts';
import { NO_ROOM, PAGE_BYTES, type SlabPool } from './slab-pool.ts';

/** Partitions with a longer key begin as extended records: a plain one stays within a page. */
const MAX_PLAIN_KEY = 4096;
/** What every mutation may need: a first table of heads and room in the index, an extended record for a plain one. */
const BASE_BYTES: number = 2 * PAGE_BYTES;
/** Mutations up to this length are let in by one comparison while the pool has room for the worst of them. */
const QUICK_LENGTH = 2048;
const LEAST_PART_BYTES = 9;
/** A version's head, and the rounding of its block. */
const MERGED_HEAD_BYTES = 16;
const QUICK_BYTES: number =
  Math.ceil(QUICK_LENGTH / LEAST_PART_BYTES) * (ROW_UPDATE_BYTES + RANGE_INSERT_BYTES) + 4 * QUICK_LENGTH + BASE_BYTES;

/**
 * The writes of one storage group (a tablet of a table) since its last flush, in the shard's slab pool: partitions by token
 * (partition-index.ts), their rows in clustering order (row-tree.ts), range deletions (range-boundaries.ts).
 *
 * Nothing is ever removed, only merged with newer writes, so records keep their places. After `seal` nothing changes any more and the
 * pool thread may read the memory by `handle()`. The memory is reference counted: the maker holds the first reference, every open
 * cursor one; when the last is released the pages return to the pool.
 */
export class Memtable implements RowSource {
  readonly stats: MemtableStats = new MemtableStats();
  readonly #arena: Arena;
  readonly #view: MemtableView;
  readonly #range: TokenRange;
  readonly #reader: MutationReader = new MutationReader();
  #isSealed = false;
  #references = 1;
  /** Bytes that must stay free for the rest of the mutation that is being applied. */
  #promised = 0;
  /** Room that a mutation is found to need: pieces of up to a page, runs of pages; see `#measure`. */
  #smallBytes = 0;
  #largeBytes = 0;
  /** Of cursors in the middle of the partition that is being written. */
  #watching: readonly BeforeImages[] = NOBODY;

  /** @param range the tokens of the tablet */
  constructor(pool: SlabPool, table: TableDescriptor, range: TokenRange) {
    this.#arena = new Arena(pool);
    this.#range = range;
    this.#view = new MemtableView(pool.views, table, range, this);
  }

  get table(): TableDescriptor {
    return this.#view.table;
  }
  get isSealed(): boolean {
    return this.#isSealed;
  }
  get isEmpty(): boolean {
    return this.#view.index.count === 0;
  }
  get partitionCount(): number {
    return this.#view.index.count;
  }
  /** Pool memory that this memtable holds: what a flush gives back. */
  get allocatedBytes(): number {
    return this.#arena.allocatedBytes;
  }
  /** The part of it that holds something. */
  get usedBytes(): number {
    return this.#arena.allocatedBytes - this.#arena.unusedBytes;
  }
  /** Bytes that merging versions of rows has written so far. */
  get mergedBytes(): number {
    return this.#view.records.mergedBytes;
  }

  /** Goes on under another version of the schema. Column ids are never used again, so what is there stays valid. */
  changeTable(table: TableDescriptor): void {
    assert(!this.#isSealed, 'a sealed memtable does not change');
    this.#view.table = table;
    this.#view.records.setTable(table);
  }

  /**
   * Merges a frozen mutation that `MutationChecker` accepted for this table and whose token the tablet owns.
   * @returns false when the pool has no room for it: nothing was changed, and the writer waits for a flush
   */
  apply(bytes: Uint8Array, start: number, end: number): boolean {
    assert(!this.#isSealed, 'a sealed memtable does not change');
    const reader = this.#reader;
    if (!this.#admit(bytes, start, end)) return false;
    reader.open(bytes, start, end);
    assert(this.#view.index.owns(reader.tokenHi), 'the tablet owns the token');
    let record = 0;
    if (this.#view.watchers.length > 0) this.#findWatching();
    while (reader.next()) {
      if (this.#isNothing()) continue;
      if (record === 0) {
        record = this.#view.index.find(reader.tokenHi, reader.tokenLo, bytes, reader.keyStart, reader.keyEnd);
        if (record === 0 && this.#fitsPlainRecord()) {
          record = this.#createPlain();
          continue; // with this part
        }
        if (record === 0) record = this.#createExtended();
      }
      record = this.#applyPart(record);
    }
    this.#arena.dropReserved();
    if (this.#watching !== NOBODY) this.#setWatching(NOBODY);
    return true;
  }

  /**
   * Pool memory that must be free for a mutation to be let in while this memtable is empty. A mutation that needs more than
   * the pool has can never be applied.
   */
  roomFor(bytes: Uint8Array, start: number, end: number): number {
    this.#reader.open(bytes, start, end);
    this.#measure(0);
    return 2 * this.#smallBytes + PAGE_BYTES + this.#largeBytes;
  }

  /** The record of a partition, 0 when there is none. Good until the memtable is released. */
  findPartition(tokenHi: number, tokenLo: number, key: Uint8Array, keyStart: number, keyEnd: number): number {
    return this.#view.index.find(tokenHi, tokenLo, key, keyStart, keyEnd);
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

  /** Ends writing. */
  seal(): void {
    this.#isSealed = true;
  }

  /** How another thread finds the content. The reference that the caller holds must last until that thread is done. */
  handle(): MemtableHandle {
    assert(this.#isSealed, 'only a sealed memtable is read by other threads');
    const { startHi, startLo, endHi, endLo } = this.#range;
    return { startHi, startLo, endHi, endLo, index: this.#view.index.handle(), stats: this.stats.values() };
  }

  retain(): void {
    assert(this.#references > 0, 'a memtable is not used after its release');
    this.#references++;
  }

  release(): void {
    assert(this.#references > 0, 'a reference is released once');
    if (--this.#references === 0) {
      this.#isSealed = true;
      this.#arena.release();
    }
  }

  /** Makes sure that the whole mutation will find room. False: nothing is held. */
  #admit(bytes: Uint8Array, start: number, end: number): boolean {
    const arena = this.#arena;
    if (end - start <= QUICK_LENGTH && arena.canAllocate(QUICK_BYTES)) {
      this.#promised = QUICK_BYTES;
      return this.#view.index.prepare(arena);
    }
    this.#reader.open(bytes, start, end);
    this.#measure(arena.allocatedBytes);
    this.#promised = this.#smallBytes;
    let isPossible = true;
    if (this.#largeBytes > 0) {
      this.#reader.open(bytes, start, end);
      isPossible = this.#reserveLarge();
    }
    if (isPossible && arena.canAllocate(this.#promised) && this.#view.index.prepare(arena)) return true;
    arena.dropReserved();
    return false;
  }

  /**
   * Finds what the reader's mutation may need at worst.
   * @param heldBytes memory of the rows that it may be merged with
   */
  #measure(heldBytes: number): void {
    const reader = this.#reader;
    this.#smallBytes = BASE_BYTES;
    this.#largeBytes = 0;
    this.#need(EXTENDED_KEY_AT + reader.keyEnd - reader.keyStart);
    let rows = 0;
    let bodies = 0;
    let disordered = 0;
    let lastStart = -1;
    let lastEnd = 0;
    const { comparator } = this.#view.table;
    while (reader.next()) {
      const { kind, bytes, positionStart, positionEnd, endPositionStart, endPositionEnd, bodyStart, bodyEnd } = reader;
      if (kind === PartKind.PartitionDeletion) continue;
      if (kind === PartKind.RangeDeletion) {
        this.#smallBytes += RANGE_INSERT_BYTES;
        this.#need(boundaryBytes(positionEnd - positionStart));
        this.#need(boundaryBytes(endPositionEnd - endPositionStart));
        continue;
      }
      rows++;
      bodies += bodyEnd - bodyStart;
      this.#need(versionBytes(bodyEnd - bodyStart));
      if (!isSmallRow(positionEnd - positionStart, bodyEnd - bodyStart)) {
        this.#need(chainedRowBytes(this.#view.rowHead, positionEnd - positionStart));
      }
      const isAscending =
        kind === PartKind.Row &&
        (lastStart < 0 || comparator.compare(bytes, lastStart, lastEnd, 0, bytes, positionStart, positionEnd, 0) < 0);
      if (!isAscending) disordered++;
      lastStart = positionStart;
      lastEnd = positionEnd;
    }
    // A row that comes once is merged once with what the memtable holds of it; one that comes again may grow each time.
    const merged = blockBytes(MERGE_GROWTH * (heldBytes + bodies)) + rows * MERGED_HEAD_BYTES;
    this.#smallBytes += Math.min(rows * ROW_UPDATE_BYTES, merged + disordered * ROW_UPDATE_BYTES);
    this.#smallBytes += treeInsertBytes(rows, heldBytes);
  }

  /** Counts a block. */
  #need(size: number): void {
    if (size > PAGE_BYTES) this.#largeBytes += Math.ceil(size / PAGE_BYTES) * PAGE_BYTES;
    else this.#smallBytes += size + 3;
  }

  /** Sets the blocks aside that `#measure` has counted as large; false when one cannot be had. */
  #reserveLarge(): boolean {
    const reader = this.#reader;
    const arena = this.#arena;
    if (!arena.reserve(EXTENDED_KEY_AT + reader.keyEnd - reader.keyStart)) return false;
    while (reader.next()) {
      const { kind, positionStart, positionEnd, endPositionStart, endPositionEnd, bodyStart, bodyEnd } = reader;
      if (kind === PartKind.PartitionDeletion) continue;
      const prefixLength = positionEnd - positionStart;
      if (kind === PartKind.RangeDeletion) {
        if (!arena.reserve(boundaryBytes(prefixLength))) return false;
        if (!arena.reserve(boundaryBytes(endPositionEnd - endPositionStart))) return false;
        continue;
      }
      if (!arena.reserve(versionBytes(bodyEnd - bodyStart))) return false;
      if (isSmallRow(prefixLength, bodyEnd - bodyStart)) continue;
      if (!arena.reserve(chainedRowBytes(this.#view.rowHead, prefixLength))) return false;
    }
    return true;
  }

  /** Finds the cursors that must go on seeing the partition of the reader's mutation as it is now. */
  #findWatching(): void {
    const { index, watchers } = this.#view;
    const { tokenHi, tokenLo, bytes, keyStart, keyEnd } = this.#reader;
    const record = index.find(tokenHi, tokenLo, bytes, keyStart, keyEnd);
    if (record === 0) return;
    const watching: BeforeImages[] = [];
    for (const watcher of watchers) if (watcher.record() === record) watching.push(watcher.images());
    if (watching.length > 0) this.#setWatching(watching);
  }

  #setWatching(watching: readonly BeforeImages[]): void {
    this.#watching = watching;
    this.#view.boundaries.watching = watching;
  }

  /** Keeps a row for the cursors before it changes. */
  #keepRow(row: number, head: number): void {
    if (this.#watching.every((images) => images.hasRow(row))) return;
    const body = this.#view.records.copyBody(row, head);
    for (const images of this.#watching) images.keepRow(row, body);
  }

  /** True for a part that says nothing: it must not make a partition. */
  #isNothing(): boolean {
    const reader = this.#reader;
    const { bytes, bodyStart, bodyEnd, kind } = reader;
    if (kind === PartKind.Row || kind === PartKind.StaticRow) {
      return bodyEnd === bodyStart || (bodyEnd === bodyStart + 1 && bytes[bodyStart] === 0);
    }
    if (reader.deletionHi === INT64_MIN_HI && reader.deletionLo === INT64_MIN_LO) return true;
    if (kind === PartKind.PartitionDeletion) return false;
    const { positionStart, positionEnd, startWeight, endPositionStart, endPositionEnd, endWeight } = reader;
    const { comparator } = this.#view.table;
    return (
      comparator.compare(
        bytes,
        positionStart,
        positionEnd,
        startWeight,
        bytes,
        endPositionStart,
        endPositionEnd,
        endWeight,
      ) >= 0
    );
  }

  #fitsPlainRecord(): boolean {
    const { kind, keyStart, keyEnd, positionStart, positionEnd, bodyStart, bodyEnd } = this.#reader;
    return (
      kind === PartKind.Row &&
      keyEnd - keyStart <= MAX_PLAIN_KEY &&
      isSmallRow(positionEnd - positionStart, bodyEnd - bodyStart)
    );
  }

  #createPlain(): number {
    const { bytes, tokenHi, tokenLo, keyStart, keyEnd, positionStart, positionEnd, bodyStart, bodyEnd } = this.#reader;
    const { views, index, records, rowHead } = this.#view;
    const prefixLength = rowHead === BARE_HEAD ? 0 : positionEnd - positionStart;
    const headBytes = plainHeadBytes(keyEnd - keyStart);
    const record = this.#arena.allocate(headBytes + inlineRowBytes(rowHead, prefixLength, bodyEnd - bodyStart));
    assert(record !== NO_ROOM, 'room for a partition was made sure of');
    writePlainHead(views, record, tokenHi, tokenLo, bytes, keyStart, keyEnd);
    records.writeInline(record + headBytes, rowHead, bytes, positionStart, positionEnd, bodyStart, bodyEnd);
    index.insert(record, this.#arena);
    this.stats.partitionCount++;
    this.stats.rowCount++;
    this.stats.addBody(bytes, bodyStart, bodyEnd);
    return record;
  }

  #createExtended(): number {
    const { bytes, tokenHi, tokenLo, keyStart, keyEnd } = this.#reader;
    const record = this.#arena.allocate(EXTENDED_KEY_AT + keyEnd - keyStart);
    assert(record !== NO_ROOM, 'room for a partition was made sure of');
    writeExtendedHead(this.#view.views, record, tokenHi, tokenLo, bytes, keyStart, keyEnd);
    this.#view.index.insert(record, this.#arena);
    this.stats.partitionCount++;
    return record;
  }

  /** The extended record of a partition, made in the plain one's place if need be. */
  #extend(record: number): number {
    const { views, index } = this.#view;
    if (isExtended(views, record)) return record;
    const { u8, i32 } = views;
    const word = record >> 2;
    const tokenHi = i32[word + PartitionWord.TokenHi]!;
    const tokenLo = i32[word + PartitionWord.TokenLo]!;
    const keyStart = keyStartOf(views, record);
    const keyEnd = keyStart + keyLengthOf(views, record);
    const extended = this.#arena.allocate(EXTENDED_KEY_AT + keyEnd - keyStart);
    assert(extended !== NO_ROOM, 'room for a partition was made sure of');
    writeExtendedHead(views, extended, tokenHi, tokenLo, u8, keyStart, keyEnd);
    i32[(extended >> 2) + PartitionWord.Rows] = plainRowOf(views, record);
    const found = index.find(tokenHi, tokenLo, u8, keyStart, keyEnd);
    assert(found === record, 'the plain record is in the index');
    index.replaceFound(extended);
    markMoved(views, record, extended);
    return extended;
  }

  /** @returns the partition's record from now on */
  #applyPart(record: number): number {
    switch (this.#reader.kind) {
      case PartKind.Row:
        return this.#applyRow(record);
      case PartKind.StaticRow:
        return this.#applyStatic(this.#extend(record));
      case PartKind.PartitionDeletion:
        return this.#applyPartitionDeletion(this.#extend(record));
      default:
        return this.#applyRangeDeletion(this.#extend(record));
    }
  }

  #applyRow(plainOrExtended: number): number {
    const { bytes, positionStart, positionEnd, bodyStart, bodyEnd } = this.#reader;
    const { views, rows, records, rowHead } = this.#view;
    const arena = this.#arena;
    this.stats.addBody(bytes, bodyStart, bodyEnd);
    let record = plainOrExtended;
    if (!isExtended(views, record)) {
      const row = plainRowOf(views, record);
      if (rowHead === BARE_HEAD || rows.compare(row, bytes, positionStart, positionEnd, 0) === 0) {
        this.#keepRow(row, rowHead);
        records.update(arena, row, rowHead, bytes, bodyStart, bodyEnd, this.#promised);
        return record;
      }
      record = this.#extend(record);
    }
    const rootWord = (record >> 2) + PartitionWord.Rows;
    const root = views.i32[rootWord]!;
    const found = rowHead === BARE_HEAD ? root : rows.find(root, bytes, positionStart, positionEnd, 0);
    if (found !== 0) {
      this.#keepRow(found, rowHead);
      records.update(arena, found, rowHead, bytes, bodyStart, bodyEnd, this.#promised);
      return record;
    }
    const row = records.create(arena, rowHead, bytes, positionStart, positionEnd, bodyStart, bodyEnd);
    for (const images of this.#watching) images.addRow(row);
    views.i32[rootWord] = root === 0 ? row : rows.insert(arena, root, row);
    this.stats.rowCount++;
    return record;
  }

  #applyStatic(record: number): number {
    const { bytes, bodyStart, bodyEnd } = this.#reader;
    const { views, records } = this.#view;
    const word = (record >> 2) + PartitionWord.Static;
    const row = views.i32[word]!;
    this.stats.addBody(bytes, bodyStart, bodyEnd);
    if (row === 0) {
      const created = records.create(this.#arena, BARE_HEAD, bytes, 0, 0, bodyStart, bodyEnd);
      for (const images of this.#watching) images.addRow(created);
      views.i32[word] = created;
      this.stats.rowCount++;
    } else {
      this.#keepRow(row, BARE_HEAD);
      records.update(this.#arena, row, BARE_HEAD, bytes, bodyStart, bodyEnd, this.#promised);
    }
    return record;
  }

  #applyPartitionDeletion(record: number): number {
    const { deletionHi, deletionLo, deletionTime } = this.#reader;
    const { i32 } = this.#view.views;
    const word = record >> 2;
    const hi = i32[word + PartitionWord.DeletionHi]!;
    const lo = i32[word + PartitionWord.DeletionLo]!;
    const time = i32[word + PartitionWord.DeletionTime]! >>> 0;
    if (reconcileDeletions(hi, lo, time, deletionHi, deletionLo, deletionTime) < 0) {
      i32[word + PartitionWord.DeletionHi] = deletionHi;
      i32[word + PartitionWord.DeletionLo] = deletionLo;
      i32[word + PartitionWord.DeletionTime] = deletionTime;
    }
    this.stats.partitionDeletionCount++;
    this.stats.addDeletion(deletionHi, deletionLo, deletionTime);
    return record;
  }

  #applyRangeDeletion(record: number): number {
    const reader = this.#reader;
    const { boundaries, views } = this.#view;
    const word = (record >> 2) + PartitionWord.Boundaries;
    views.i32[word] = boundaries.insert(
      this.#arena,
      views.i32[word]!,
      reader.bytes,
      reader.positionStart,
      reader.positionEnd,
      reader.startWeight,
      reader.endPositionStart,
      reader.endPositionEnd,
      reader.endWeight,
      reader.deletionHi,
      reader.deletionLo,
      reader.deletionTime,
    );
    this.stats.rangeDeletionCount++;
    this.stats.addDeletion(reader.deletionHi, reader.deletionLo, reader.deletionTime);
    return record;
  }
}

const NOBODY: readonly BeforeImages[] = [];
