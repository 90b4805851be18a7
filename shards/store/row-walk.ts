import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { ClusteringSlice, PartitionSlice } from '../../core/read/slice.ts';
import type { BeforeImages } from './before-images.ts';
import type { MemtableView } from './memtable-view.ts';
import { isExtended, PartitionWord, plainRowOf } from './partition-record.ts';
import { BARE_HEAD } from './row-records.ts';
import { TreePosition } from './row-tree.ts';

/**
 * Walks the rows and range deletions of one partition of a memtable, slice by slice, in either direction.
 *
 * Between fills the partition may be written. Records of rows and boundaries keep their places and are never removed, so the
 * walk remembers the last position it delivered (in the memtable's bytes or the slice's) and searches for what comes strictly
 * after it; what has changed meanwhile it takes from the before-images.
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
  /** What has changed since the partition began; undefined while nothing has. */
  #images: BeforeImages | undefined = undefined;

  constructor(view: MemtableView, slice: PartitionSlice) {
    this.#view = view;
    this.#slice = slice;
  }

  /** Begins another partition. */
  begin(): void {
    this.#sliceCount = 0;
    this.#isInSlice = false;
  }

  /**
   * Delivers rows and range changes until the batch is full.
   * @param record the partition's current record
   * @param images what has changed in it since `begin`
   * @returns true when nothing is left
   */
  fill(record: number, images: BeforeImages | undefined, batch: RowBatch): boolean {
    const { slices, isReversed } = this.#slice;
    this.#record = record;
    this.#images = images;
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
      this.#skipNewBoundaries();
      this.#setCurrent(at.item);
    } else {
      boundaries.tree.seekBackward(at, boundaryRoot, bytes, start, end, weight, false);
      while (this.#isNewBoundary(at.item)) boundaries.tree.previous(at);
      this.#setCurrent(at.item);
      boundaries.tree.seekForward(at, boundaryRoot, bytes, start, end, weight, true);
      this.#skipNewBoundaries();
    }
  }

  #isNewBoundary(boundary: number): boolean {
    return this.#images?.boundary(boundary)?.wasThere === false;
  }

  /** Goes on to a boundary that was there when the partition began. */
  #skipNewBoundaries(): void {
    const { tree } = this.#view.boundaries;
    const at = this.#boundaryAt;
    while (this.#isNewBoundary(at.item)) {
      if (this.#slice.isReversed) tree.previous(at);
      else tree.next(at);
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
          this.#skipNewBoundaries();
          this.#setCurrent(boundaryAt.item);
        } else {
          boundaries.tree.next(boundaryAt);
          this.#skipNewBoundaries();
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
      this.#addRow(batch, row, start, end);
      this.#setLast(u8, start, end, 0);
      if (isReversed) rows.previous(rowAt);
      else rows.next(rowAt);
    }
    if (isDeletion(this.#toldHi, this.#toldLo)) {
      batch.addRangeChange(stopWeight, stop, 0, stop.length, INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
    }
    return true;
  }

  #addRow(batch: RowBatch, row: number, start: number, end: number): void {
    const { records, rowHead, views } = this.#view;
    const body = this.#images?.rowBody(row);
    if (body === undefined) {
      records.addTo(batch, FragmentKind.Row, row, rowHead);
    } else if (body.length > 0) {
      batch.beginFragment(FragmentKind.Row, 0, views.u8, start, end);
      batch.writer.raw(body, 0, body.length);
      batch.endFragment();
    }
  }

  /** Sets the deletion in force behind a boundary. */
  #setCurrent(boundary: number): void {
    const { boundaries } = this.#view;
    const image = this.#images?.boundary(boundary);
    if (image === undefined) boundaries.load(boundary);
    const { hi, lo, time } = image ?? boundaries;
    this.#currentHi = hi;
    this.#currentLo = lo;
    this.#currentTime = time;
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
}

function isDeletion(hi: number, lo: number): boolean {
  return hi !== INT64_MIN_HI || lo !== INT64_MIN_LO;
}

const NOTHING = new Uint8Array(0);
