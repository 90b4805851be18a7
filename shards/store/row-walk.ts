import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { reconcileDeletions } from '../../core/mutation/reconcile.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { ClusteringSlice, PartitionSlice } from '../../core/read/slice.ts';
import type { MemtableView } from './memtable-view.ts';
import { isExtended, PartitionWord, plainRowOf } from './partition-record.ts';
import { BARE_HEAD } from './row-records.ts';
import { TreePosition } from './row-tree.ts';

/**
 * Walks the rows and range deletions of one partition of a memtable, slice by slice, in either direction.
 *
 * Between fills the partition may be written. Records of rows and boundaries keep their places and are never removed, so the
 * walk remembers the last position it delivered (in the memtable's bytes or the slice's) and searches for what comes strictly
 * after it. What it has told of deletions may be out of date by then; the next row that needs it is preceded by a RangeChange:
 * - A range deletion that came since: at that row, as before it nothing is left to deliver.
 * - A partition deletion that came since: as a range deletion over all that is left.
 * - Where the last fragment stands at that very position already: as that row's own deletion, which says the same.
 */
export class RowWalk {
  readonly #view: MemtableView;
  readonly #slice: PartitionSlice;
  #record = 0;

  /** Slices done, counted in the walk's direction, and whether the beginning of the next has been passed. */
  #sliceCount = 0;
  #isInSlice = false;
  readonly #rowAt: TreePosition = new TreePosition();
  readonly #boundaryAt: TreePosition = new TreePosition();
  /** The last position delivered in this slice, or its beginning. */
  #lastBytes: Uint8Array = NOTHING;
  #lastStart = 0;
  #lastEnd = 0;
  #lastWeight = 0;

  /** The deletion that the reader believes to be in force. */
  #toldHi: number = INT64_MIN_HI;
  #toldLo: number = INT64_MIN_LO;
  #toldTime: number = NO_DELETION_TIME;
  /** The one that is. */
  #currentHi: number = INT64_MIN_HI;
  #currentLo: number = INT64_MIN_LO;
  #currentTime: number = NO_DELETION_TIME;
  /** The partition deletion that the PartitionStart told; and a newer one, if there is one by now. */
  #startHi: number = INT64_MIN_HI;
  #startLo: number = INT64_MIN_LO;
  #startTime: number = NO_DELETION_TIME;
  #coverHi: number = INT64_MIN_HI;
  #coverLo: number = INT64_MIN_LO;
  #coverTime: number = NO_DELETION_TIME;

  constructor(view: MemtableView, slice: PartitionSlice) {
    this.#view = view;
    this.#slice = slice;
  }

  /** Begins a partition whose PartitionStart tells this deletion. */
  begin(deletionHi: number, deletionLo: number, deletionTime: number): void {
    this.#startHi = deletionHi;
    this.#startLo = deletionLo;
    this.#startTime = deletionTime;
    this.#coverHi = INT64_MIN_HI;
    this.#coverLo = INT64_MIN_LO;
    this.#coverTime = NO_DELETION_TIME;
    this.#sliceCount = 0;
    this.#isInSlice = false;
  }

  /**
   * Delivers rows and range changes until the batch is full.
   * @param record the partition's current record
   * @returns true when nothing is left
   */
  fill(record: number, batch: RowBatch): boolean {
    const { slices, isReversed } = this.#slice;
    this.#record = record;
    this.#loadCover();
    if (this.#isInSlice) this.#resume();
    while (this.#sliceCount < slices.length) {
      const slice = slices[isReversed ? slices.length - 1 - this.#sliceCount : this.#sliceCount]!;
      if (!this.#isInSlice && !this.#enterSlice(slice, batch)) return false;
      if (!this.#walkSlice(slice, batch)) return false;
      this.#isInSlice = false;
      this.#sliceCount++;
    }
    this.#lastBytes = NOTHING;
    return true;
  }

  /** Takes up a partition deletion that is newer than the one told. */
  #loadCover(): void {
    const { views } = this.#view;
    if (!isExtended(views, this.#record)) return;
    const { i32 } = views;
    const word = this.#record >> 2;
    const hi = i32[word + PartitionWord.DeletionHi]!;
    const lo = i32[word + PartitionWord.DeletionLo]!;
    const time = i32[word + PartitionWord.DeletionTime]! >>> 0;
    if (reconcileDeletions(hi, lo, time, this.#startHi, this.#startLo, this.#startTime) <= 0) return;
    this.#coverHi = hi;
    this.#coverLo = lo;
    this.#coverTime = time;
  }

  /** Stands at the beginning of a slice, and tells which deletion is in force there. */
  #enterSlice(slice: ClusteringSlice, batch: RowBatch): boolean {
    if (batch.isFull()) return false;
    const { isReversed } = this.#slice;
    const bound = isReversed ? slice.end : slice.start;
    this.#toldHi = INT64_MIN_HI;
    this.#toldLo = INT64_MIN_LO;
    this.#toldTime = NO_DELETION_TIME;
    this.#isInSlice = true;
    this.#setLast(bound, 0, bound.length, isReversed ? slice.endWeight : slice.startWeight);
    this.#resume();
    if (!this.#isTold()) this.#tell(batch, bound, 0, bound.length, this.#lastWeight);
    return true;
  }

  /** Searches for what comes after the last position, and for the deletion in force there. */
  #resume(): void {
    const { views, rows, boundaries } = this.#view;
    const { isReversed } = this.#slice;
    const record = this.#record;
    const bytes = this.#lastBytes;
    const start = this.#lastStart;
    const end = this.#lastEnd;
    const weight = this.#lastWeight;
    let root: number;
    let boundaryRoot = 0;
    if (isExtended(views, record)) {
      root = views.i32[(record >> 2) + PartitionWord.Rows]!;
      boundaryRoot = views.i32[(record >> 2) + PartitionWord.Boundaries]!;
    } else {
      root = plainRowOf(views, record);
    }
    if (this.#view.rowHead === BARE_HEAD) {
      // The only row has no prefix: it lies between the two open bounds.
      this.#rowAt.leaf = 0;
      this.#rowAt.item = isReversed ? (weight > 0 ? root : 0) : weight < 0 ? root : 0;
    } else if (isReversed) {
      rows.seekBackward(this.#rowAt, root, bytes, start, end, weight, true);
    } else {
      rows.seekForward(this.#rowAt, root, bytes, start, end, weight, true);
    }
    const at = this.#boundaryAt;
    if (boundaryRoot === 0) {
      at.leaf = 0;
      at.item = 0;
      this.#setCurrent(0);
    } else if (isReversed) {
      boundaries.tree.seekBackward(at, boundaryRoot, bytes, start, end, weight, true);
      this.#setCurrent(at.item);
    } else {
      boundaries.tree.seekBackward(at, boundaryRoot, bytes, start, end, weight, false);
      this.#setCurrent(at.item);
      boundaries.tree.seekForward(at, boundaryRoot, bytes, start, end, weight, true);
    }
  }

  /** Delivers what is left of a slice; false when the batch is full. */
  #walkSlice(slice: ClusteringSlice, batch: RowBatch): boolean {
    const { rows, boundaries, rowHead } = this.#view;
    const { u8 } = this.#view.views;
    const { isReversed } = this.#slice;
    const rowAt = this.#rowAt;
    const boundaryAt = this.#boundaryAt;
    const stop = isReversed ? slice.start : slice.end;
    const stopWeight = isReversed ? slice.startWeight : slice.endWeight;
    const isBare = rowHead === BARE_HEAD;
    for (;;) {
      if (batch.isFull()) return false; // what comes next is looked for at the next fill
      const row = rowAt.item;
      const boundary = boundaryAt.item;
      let takesBoundary = boundary !== 0;
      if (boundary !== 0 && row !== 0) {
        const rowStart = row + rowHead;
        const rowEnd = isBare ? rowStart : rowStart + this.#view.records.prefixLength(row, rowHead);
        takesBoundary = boundaries.tree.compare(boundary, u8, rowStart, rowEnd, 0) < 0 !== isReversed;
      }
      if (takesBoundary) {
        const order = boundaries.tree.compare(boundary, stop, 0, stop.length, stopWeight);
        if (isReversed ? order <= 0 : order >= 0) break;
        if (isReversed) {
          boundaries.tree.previous(boundaryAt);
          this.#setCurrent(boundaryAt.item);
        } else {
          boundaries.tree.next(boundaryAt);
          this.#setCurrent(boundary);
        }
        if (!this.#isTold()) {
          const start = boundaries.prefixStart(boundary);
          this.#tell(batch, u8, start, boundaries.prefixEnd(boundary), boundaries.weightOf(boundary));
        }
        continue;
      }
      if (row === 0) break;
      if (stop.length > 0 && !isBare) {
        const order = rows.compare(row, stop, 0, stop.length, stopWeight);
        if (isReversed ? order < 0 : order > 0) break;
      }
      const start = row + rowHead;
      const end = isBare ? start : start + this.#view.records.prefixLength(row, rowHead);
      let isHidden = false;
      if (!this.#isTold()) {
        const weight = isReversed ? 1 : -1;
        isHidden = this.#isLast(start, end, weight);
        if (!isHidden) {
          this.#tell(batch, u8, start, end, weight);
          if (batch.isFull()) return false;
        }
      }
      this.#addRow(batch, row, isHidden);
      this.#setLast(u8, start, end, 0);
      if (isReversed) rows.previous(rowAt);
      else rows.next(rowAt);
    }
    if (isDeletion(this.#toldHi, this.#toldLo)) {
      batch.addRangeChange(stopWeight, stop, 0, stop.length, INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
    }
    return true;
  }

  /** Adds a row. `isHidden`: the current deletion could not be told and becomes the row's own. */
  #addRow(batch: RowBatch, row: number, isHidden: boolean): void {
    const { records, rowHead } = this.#view;
    if (isHidden) records.addDeletedTo(batch, row, rowHead, this.#currentHi, this.#currentLo, this.#currentTime);
    else records.addTo(batch, FragmentKind.Row, row, rowHead);
  }

  /** Sets the deletion in force behind a boundary, or the partition's newer one. */
  #setCurrent(boundary: number): void {
    const { boundaries } = this.#view;
    boundaries.load(boundary);
    const isCovered =
      reconcileDeletions(boundaries.hi, boundaries.lo, boundaries.time, this.#coverHi, this.#coverLo, this.#coverTime) <
      0;
    this.#currentHi = isCovered ? this.#coverHi : boundaries.hi;
    this.#currentLo = isCovered ? this.#coverLo : boundaries.lo;
    this.#currentTime = isCovered ? this.#coverTime : boundaries.time;
  }

  #isTold(): boolean {
    return this.#currentHi === this.#toldHi && this.#currentLo === this.#toldLo && this.#currentTime === this.#toldTime;
  }

  #tell(batch: RowBatch, bytes: Uint8Array, start: number, end: number, weight: number): void {
    this.#toldHi = this.#currentHi;
    this.#toldLo = this.#currentLo;
    this.#toldTime = this.#currentTime;
    batch.addRangeChange(weight, bytes, start, end, this.#toldHi, this.#toldLo, this.#toldTime);
    this.#setLast(bytes, start, end, weight);
  }

  #setLast(bytes: Uint8Array, start: number, end: number, weight: number): void {
    this.#lastBytes = bytes;
    this.#lastStart = start;
    this.#lastEnd = end;
    this.#lastWeight = weight;
  }

  /** True when the position delivered last is this one. */
  #isLast(start: number, end: number, weight: number): boolean {
    if (this.#lastWeight !== weight) return false;
    const { table, views } = this.#view;
    const { comparator } = table;
    const bytes = this.#lastBytes;
    return comparator.compare(bytes, this.#lastStart, this.#lastEnd, weight, views.u8, start, end, weight) === 0;
  }
}

function isDeletion(hi: number, lo: number): boolean {
  return hi !== INT64_MIN_HI || lo !== INT64_MIN_LO;
}

const NOTHING = new Uint8Array(0);
