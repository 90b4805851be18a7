import { assert } from '../../core/assert.ts';
import { compareInt64, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { RowCursor } from '../../core/read/row-cursor.ts';
import type { PartitionSlice, TokenRange } from '../../core/read/slice.ts';
import { BeforeImages } from './before-images.ts';
import type { MemtableView, PartitionWatcher } from './memtable-view.ts';
import {
  currentRecord,
  isExtended,
  keyLengthOf,
  keyStartOf,
  PartitionWord,
  PLAIN_KEY_AT,
  plainRowOf,
} from './partition-record.ts';
import { BARE_HEAD } from './row-records.ts';
import { RowWalk } from './row-walk.ts';

/** What comes next. */
const Phase = { NextPartition: 0, PartitionStart: 1, StaticRow: 2, Rows: 3, PartitionEnd: 4, Done: 5 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/**
 * Reads a memtable, live or sealed, by `core/read/row-cursor.ts`. A fill never waits. Between fills a live memtable may be
 * written: partitions keep their places in the index's order; the one that is being delivered is shown to its end as it was
 * when it began, so that no mutation is ever seen half (before-images.ts).
 */
export class MemtableCursor implements RowCursor, PartitionWatcher {
  readonly #view: MemtableView;
  readonly #slice: PartitionSlice;
  readonly #range: TokenRange | undefined;
  /** All rows are wanted: a partition of one row needs no search. */
  readonly #isWhole: boolean;
  #phase: Phase;
  #isOpen = true;
  /** The current partition; 0 before the first of a scan. */
  #record = 0;
  /** Made when a partition needs it. */
  #walk: RowWalk | undefined = undefined;
  #isWatching = false;
  #images: BeforeImages | undefined = undefined;

  private constructor(
    view: MemtableView,
    record: number,
    range: TokenRange | undefined,
    slice: PartitionSlice,
    phase: Phase,
  ) {
    this.#view = view;
    this.#record = record;
    this.#range = range;
    this.#slice = slice;
    const { slices, wantsRows } = slice;
    const first = slices[0];
    this.#isWhole =
      wantsRows && slices.length === 1 && first !== undefined && first.start.length === 0 && first.end.length === 0;
    this.#phase = phase;
    view.retain();
  }

  /** @param record from `PartitionIndex.find` */
  static ofPartition(view: MemtableView, record: number, slice: PartitionSlice): MemtableCursor {
    return new MemtableCursor(view, record, undefined, slice, Phase.PartitionStart);
  }

  static ofRange(view: MemtableView, range: TokenRange, slice: PartitionSlice): MemtableCursor {
    return new MemtableCursor(view, 0, range, slice, Phase.NextPartition);
  }

  fill(batch: RowBatch): number {
    assert(this.#isOpen, 'a closed cursor is not read');
    assert(!batch.isFull(), 'the batch has room');
    const before = batch.count;
    this.#images?.assureComplete();
    if (this.#record !== 0) this.#record = currentRecord(this.#view.views, this.#record);
    while (this.#phase !== Phase.Done && !batch.isFull()) {
      switch (this.#phase) {
        case Phase.NextPartition:
          this.#nextPartition();
          break;
        case Phase.PartitionStart:
          this.#startPartition(batch);
          break;
        case Phase.StaticRow:
          this.#staticRow(batch);
          break;
        case Phase.Rows:
          if (this.#walk!.fill(this.#record, this.#images, batch)) this.#phase = Phase.PartitionEnd;
          break;
        default:
          batch.addPartitionEnd();
          this.#leavePartition();
      }
    }
    if (this.#phase > Phase.PartitionStart && this.#phase < Phase.Done && !this.#isWatching) this.#watch();
    return batch.count - before;
  }

  record(): number {
    return currentRecord(this.#view.views, this.#record);
  }

  images(): BeforeImages {
    this.#images ??= new BeforeImages();
    return this.#images;
  }

  load(): Promise<void> {
    return Promise.resolve();
  }

  skipPartition(): void {
    if (this.#phase > Phase.PartitionStart && this.#phase < Phase.Done) this.#leavePartition();
  }

  close(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#phase = Phase.Done;
    this.#unwatch();
    this.#walk = undefined;
    this.#view.release();
  }

  #watch(): void {
    this.#isWatching = true;
    this.#view.watchers.push(this);
  }

  #unwatch(): void {
    if (!this.#isWatching) return;
    this.#isWatching = false;
    this.#images = undefined;
    const { watchers } = this.#view;
    const last = watchers.pop()!;
    if (last !== this) watchers[watchers.indexOf(this)] = last;
  }

  #leavePartition(): void {
    this.#unwatch();
    this.#phase = this.#range === undefined ? Phase.Done : Phase.NextPartition;
  }

  #nextPartition(): void {
    const range = this.#range!;
    const { index, views } = this.#view;
    this.#record =
      this.#record === 0
        ? index.seek(range.startHi, range.startLo, range.startKey, !range.startInclusive)
        : index.next(this.#record);
    this.#phase = Phase.Done;
    if (this.#record === 0) return;
    const word = this.#record >> 2;
    const { i32 } = views;
    const order = compareInt64(
      i32[word + PartitionWord.TokenHi]!,
      i32[word + PartitionWord.TokenLo]!,
      range.endHi,
      range.endLo,
    );
    if (order < 0 || (order === 0 && range.endInclusive)) this.#phase = Phase.PartitionStart;
  }

  #startPartition(batch: RowBatch): void {
    const { views } = this.#view;
    const { i32, u8 } = views;
    const record = this.#record;
    const word = record >> 2;
    const isPlain = !isExtended(views, record);
    if (isPlain && this.#isWhole && batch.count + 2 < batch.capacity) {
      this.#plainPartition(batch);
      return;
    }
    const hi = isPlain ? INT64_MIN_HI : i32[word + PartitionWord.DeletionHi]!;
    const lo = isPlain ? INT64_MIN_LO : i32[word + PartitionWord.DeletionLo]!;
    const time = isPlain ? NO_DELETION_TIME : i32[word + PartitionWord.DeletionTime]! >>> 0;
    const start = keyStartOf(views, record);
    const end = start + keyLengthOf(views, record);
    const tokenHi = i32[word + PartitionWord.TokenHi]!;
    const tokenLo = i32[word + PartitionWord.TokenLo]!;
    batch.addPartitionStart(tokenHi, tokenLo, u8, start, end, hi, lo, time);
    this.#phase = this.#slice.wantsStatics ? Phase.StaticRow : this.#rowsPhase();
    if (!this.#slice.wantsRows) return;
    this.#walk ??= new RowWalk(this.#view, this.#slice);
    this.#walk.begin();
  }

  /** Start, row and end in one. May pass the batch's limit of bytes by a small row. */
  #plainPartition(batch: RowBatch): void {
    const { views, records, rowHead } = this.#view;
    const { i32, u8 } = views;
    const record = this.#record;
    const word = record >> 2;
    const start = record + PLAIN_KEY_AT;
    const end = start + keyLengthOf(views, record);
    const tokenHi = i32[word + PartitionWord.TokenHi]!;
    const tokenLo = i32[word + PartitionWord.TokenLo]!;
    batch.addPartitionStart(tokenHi, tokenLo, u8, start, end, INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
    records.addTo(batch, FragmentKind.Row, plainRowOf(views, record), rowHead);
    batch.addPartitionEnd();
    this.#leavePartition();
  }

  #rowsPhase(): Phase {
    return this.#slice.wantsRows ? Phase.Rows : Phase.PartitionEnd;
  }

  #staticRow(batch: RowBatch): void {
    this.#phase = this.#rowsPhase();
    const { views, records } = this.#view;
    if (!isExtended(views, this.#record)) return;
    const row = views.i32[(this.#record >> 2) + PartitionWord.Static]!;
    if (row === 0) return;
    const body = this.#images?.rowBody(row);
    if (body === undefined) records.addTo(batch, FragmentKind.StaticRow, row, BARE_HEAD);
    else if (body.length > 0) batch.addFragment(FragmentKind.StaticRow, 0, body, 0, 0, 0, body.length);
  }
}
