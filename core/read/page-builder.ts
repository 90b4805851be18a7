import { ByteWriter, equalBytes, writeI32LE } from '../bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../int64.ts';
import { NO_DELETION_TIME } from '../mutation/row-body.ts';
import { FRAGMENT_HEAD_BYTES, PAGE_FORMAT, PageFlag } from './page.ts';
import type { ReadCommand } from './read-command.ts';
import { FragmentKind, RowBatch } from './row-batch.ts';

/** What `append` wants next. */
export const PageState = {
  /** The next batch. */
  More: 0,
  /** `skipPartition` on the cursor, then the next batch: the partition's row limit is reached. */
  SkipPartition: 1,
  /** Nothing: the page is full, `finish`. */
  Full: 2,
} as const;
export type PageState = (typeof PageState)[keyof typeof PageState];

/**
 * Makes one page of a command's answer (`page.ts`) out of the batches of a cursor: applies the limits and notes where the
 * next page begins. Usage: `append` batch after batch until it says Full or the cursor is at its end; then `finish`.
 *
 * A page that ends inside a partition closes the range deletion in force and the partition, so that each page is a stream by
 * itself. A partition with a static row and no rows counts as one row. Limits are at least 1. In a stream with deletions rows
 * are counted dead or alive, and the limit per partition cuts deletions behind it off: leave it away there.
 */
export class PageBuilder {
  #command: ReadCommand;
  readonly #heads: ByteWriter = new ByteWriter(1024);
  readonly #bytes: ByteWriter = new ByteWriter(8192);
  #fragments = 0;
  #rows = 0;
  /** Partitions that the page began; not the one that it resumed. */
  #partitions = 0;
  /** Rows of the current partition, those of earlier pages too. */
  #partitionRows = 0;
  #hasStatic = false;
  /** The page has the start of the current partition and not its end. */
  #isInside = false;
  #isSkipping = false;
  #isFull = false;
  #rangeIsOpen = false;
  /** The current or last partition, and its last row. */
  readonly #key: ByteWriter = new ByteWriter(64);
  #tokenHi = 0;
  #tokenLo = 0;
  readonly #position: ByteWriter = new ByteWriter(64);
  #hasPosition = false;
  /** The page ended inside the partition: the next one goes on there. */
  #endsInside = false;
  /** For fragments that the builder adds itself. */
  readonly #own: RowBatch = new RowBatch(1, 64);

  constructor(command: ReadCommand) {
    this.#command = command;
  }

  /** Begins another page, of this command. The buffers stay. */
  restart(command: ReadCommand): void {
    this.#command = command;
    this.#heads.clear();
    this.#bytes.clear();
    this.#fragments = 0;
    this.#rows = 0;
    this.#partitions = 0;
    this.#partitionRows = 0;
    this.#hasStatic = false;
    this.#isInside = false;
    this.#isSkipping = false;
    this.#isFull = false;
    this.#rangeIsOpen = false;
    this.#hasPosition = false;
    this.#endsInside = false;
  }

  /** Memory that the page's bytes hold. */
  get capacityBytes(): number {
    return this.#bytes.bytes.length;
  }

  /** Rows taken so far. */
  get rows(): number {
    return this.#rows;
  }

  append(batch: RowBatch): PageState {
    if (this.#isFull) return PageState.Full;
    const { rowLimit, partitionLimit, perPartitionRowLimit, pageBytes } = this.#command;
    let from = 0; // fragments [from, i) are accepted and not copied yet
    for (let i = 0; i < batch.count; i++) {
      const kind = batch.kind[i]!;
      if (this.#isSkipping) {
        from = i;
        if (kind !== FragmentKind.PartitionStart) {
          from = i + 1;
          this.#isSkipping = kind !== FragmentKind.PartitionEnd;
          continue;
        }
        this.#isSkipping = false;
      }
      let isLast = false;
      switch (kind) {
        case FragmentKind.PartitionStart:
          if (this.#partitions === partitionLimit || this.#rows >= rowLimit) {
            this.#copy(batch, from, i);
            return this.#full();
          }
          this.#startPartition(batch, i);
          break;
        case FragmentKind.StaticRow:
          this.#hasStatic = true;
          break;
        case FragmentKind.RangeChange:
        case FragmentKind.Row:
          if (this.#partitionRows >= perPartitionRowLimit) {
            this.#copy(batch, from, i);
            this.#endPartition();
            this.#isSkipping = true;
            from = i + 1;
            continue;
          }
          if (this.#rows >= rowLimit) {
            this.#copy(batch, from, i);
            this.#endPartition();
            this.#endsInside = true;
            return this.#full();
          }
          if (kind === FragmentKind.RangeChange) {
            this.#rangeIsOpen = batch.bodyEnd[i]! > batch.bodyStart[i]!;
            break;
          }
          this.#rows++;
          this.#partitionRows++;
          this.#position.clear();
          this.#position.raw(batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
          this.#hasPosition = true;
          isLast = this.#bytes.length + batch.bodyEnd[i]! - batch.positionStart[from]! >= pageBytes;
          break;
        default: // PartitionEnd
          if (this.#partitionRows === 0 && this.#hasStatic) this.#rows++;
          this.#isInside = false;
          isLast = this.#rows > 0 && this.#bytes.length + batch.bodyEnd[i]! - batch.positionStart[from]! >= pageBytes;
      }
      if (isLast) {
        this.#copy(batch, from, i + 1);
        this.#endsInside = this.#isInside && this.#partitionRows < perPartitionRowLimit;
        if (this.#isInside) this.#endPartition();
        return this.#full();
      }
    }
    this.#copy(batch, from, batch.count);
    return this.#isSkipping ? PageState.SkipPartition : PageState.More;
  }

  /** Appends the page to `out`. */
  finish(out: ByteWriter): void {
    const isInside = this.#isFull && this.#endsInside;
    out.u8(PAGE_FORMAT);
    out.u8((this.#isFull ? PageFlag.HasMore : 0) | (isInside ? PageFlag.Inside : 0));
    out.u16LE(0);
    out.i32LE(this.#fragments);
    out.i32LE(this.#heads.length);
    out.i32LE(this.#bytes.length);
    out.i32LE(this.#rows);
    out.raw(this.#heads.bytes, 0, this.#heads.length);
    out.raw(this.#bytes.bytes, 0, this.#bytes.length);
    if (!this.#isFull) return;
    out.i64LE(this.#tokenHi, this.#tokenLo);
    out.u16LE(this.#key.length);
    out.raw(this.#key.bytes, 0, this.#key.length);
    if (!isInside) return;
    out.u8(0);
    out.i32LE(this.#partitionRows);
    out.i32LE(this.#position.length);
    out.raw(this.#position.bytes, 0, this.#position.length);
  }

  #full(): PageState {
    this.#isFull = true;
    return PageState.Full;
  }

  #startPartition(batch: RowBatch, i: number): void {
    this.#tokenHi = batch.tokenHi[i]!;
    this.#tokenLo = batch.tokenLo[i]!;
    this.#key.clear();
    this.#key.raw(batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
    this.#hasPosition = false;
    this.#hasStatic = false;
    this.#rangeIsOpen = false;
    this.#isInside = true;
    const { resume, range, partitions } = this.#command;
    const begun = range === undefined ? partitions[0]?.key : range.startKey;
    const isBegun =
      resume !== undefined &&
      begun !== undefined &&
      this.#fragments === 0 &&
      equalBytes(this.#key.bytes, 0, this.#key.length, begun, 0, begun.length);
    this.#partitionRows = isBegun ? resume.rowsTaken : 0;
    if (!isBegun) this.#partitions++;
  }

  /** Ends the partition before its time, after its last row. */
  #endPartition(): void {
    const own = this.#own;
    const { bytes, length } = this.#position;
    if (this.#rangeIsOpen && this.#hasPosition) {
      const weight = this.#command.slice.isReversed ? -1 : 1;
      own.clear();
      own.addRangeChange(weight, bytes, 0, length, INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
      this.#copy(own, 0, 1);
    }
    own.clear();
    own.addPartitionEnd();
    this.#copy(own, 0, 1);
    this.#isInside = false;
  }

  /** Takes fragments [from, to). */
  #copy(batch: RowBatch, from: number, to: number): void {
    if (to <= from) return;
    const heads = this.#heads;
    for (let i = from; i < to; i++) {
      const kind = batch.kind[i]!;
      const at = heads.reserve(FRAGMENT_HEAD_BYTES);
      heads.length = at + FRAGMENT_HEAD_BYTES;
      heads.bytes[at] = kind;
      heads.bytes[at + 1] = batch.weight[i]!;
      writeI32LE(heads.bytes, at + 2, batch.positionEnd[i]! - batch.positionStart[i]!);
      writeI32LE(heads.bytes, at + 6, batch.bodyEnd[i]! - batch.bodyStart[i]!);
      if (kind === FragmentKind.PartitionStart) heads.i64LE(batch.tokenHi[i]!, batch.tokenLo[i]!);
    }
    this.#bytes.raw(batch.bytes, batch.positionStart[from]!, batch.bodyEnd[to - 1]!);
    this.#fragments += to - from;
  }
}
