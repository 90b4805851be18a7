import { INT64_MIN_HI, INT64_MIN_LO } from '../core/int64.ts';
import { NO_DELETION_TIME } from '../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../core/read/row-batch.ts';
import type { ClusteringSlice, PartitionSlice } from '../core/read/slice.ts';
import type { BlockWindow } from './block-window.ts';
import { Head } from './format/row-decoder.ts';
import { Outcome, type PartitionReader } from './forward-reader.ts';
import type { PartitionStream } from './partition-stream.ts';
import type { RowBlockSearch } from './row-block-search.ts';

const Phase = {
  Start: 0,
  Statics: 1,
  FindBlock: 2,
  Collect: 3,
  Emit: 4,
  End: 5,
  Done: 6,
} as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/**
 * Reads a partition's fragments against clustering order, clipped to slices. The rows of one indexed block (or of the
 * whole partition when it has no index, mostly because it is small) are decoded forwards into batches that are then walked backwards.
 */
export class ReverseReader implements PartitionReader {
  pending: BlockWindow;
  readonly #stream: PartitionStream;
  readonly #slice: PartitionSlice;
  readonly #slices: readonly ClusteringSlice[];
  #search: RowBlockSearch | undefined;
  #phase: Phase = Phase.Done;
  /** The slice at hand, from the last to the first. */
  #at = 0;
  #isInside = false;
  /** There is no index, and the whole partition was read. */
  #wasRead = false;
  #blockEnd = 0;
  /** Rows of the block and its markers, each with the deletion that lies before it. */
  readonly #batches: RowBatch[] = [];
  #batchCount = 0;
  #batchAt = 0;
  #fragmentAt = 0;
  /** The deletion in force between what was delivered last and what lies before it. */
  #openHi: number = INT64_MIN_HI;
  #openLo: number = INT64_MIN_LO;
  #openTime: number = NO_DELETION_TIME;

  constructor(stream: PartitionStream, slice: PartitionSlice) {
    this.#stream = stream;
    this.pending = stream.window;
    this.#slice = slice;
    this.#slices = slice.slices;
  }

  /** Scans that read backwards go by the index, so the partition's end is never passed. */
  begin(blocks: RowBlockSearch | undefined): void {
    this.#phase = Phase.Start;
    this.#at = this.#slices.length - 1;
    this.#isInside = false;
    this.#search = blocks;
    this.#wasRead = false;
    this.#batchCount = 0;
    this.#setOpen(INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
  }

  read(batch: RowBatch): Outcome {
    const stream = this.#stream;
    for (;;) {
      switch (this.#phase) {
        case Phase.Start:
          if (batch.isFull()) return Outcome.Full;
          stream.addStart(batch);
          this.#phase = Phase.Statics;
          break;
        case Phase.Statics:
          if (batch.isFull()) return Outcome.Full;
          if (!stream.passStatics(this.#slice.wantsStatics, batch)) return this.#needs(stream.window);
          if (!this.#slice.wantsRows) this.#phase = Phase.End;
          else this.#beginBlock();
          break;
        case Phase.FindBlock:
          if (!this.#nextBlock()) return this.#needs(this.#search!.window);
          break;
        case Phase.Collect:
          if (!this.#collect()) return this.#needs(stream.window);
          break;
        case Phase.Emit:
          if (!this.#emit(batch)) return Outcome.Full;
          break;
        case Phase.End:
          if (batch.isFull()) return Outcome.Full;
          batch.addPartitionEnd();
          this.#phase = Phase.Done;
          break;
        default:
          return Outcome.Done;
      }
    }
  }

  skipRest(): void {
    if (this.#phase !== Phase.Start) this.#phase = Phase.Done; // of this one nothing was delivered yet
  }

  #needs(window: BlockWindow): Outcome {
    this.pending = window;
    return Outcome.NeedsLoad;
  }

  #setOpen(hi: number, lo: number, time: number): void {
    this.#openHi = hi;
    this.#openLo = lo;
    this.#openTime = time;
  }

  get #isOpen(): boolean {
    return this.#openHi !== INT64_MIN_HI || this.#openLo !== INT64_MIN_LO;
  }

  /** Goes on with the block before the one at hand; without an index there is one, which begins at the window's place. */
  #beginBlock(): void {
    if (this.#at < 0) {
      this.#phase = Phase.End;
    } else if (this.#search !== undefined) {
      this.#phase = Phase.FindBlock;
    } else if (this.#wasRead) {
      this.#phase = Phase.End;
    } else {
      this.#wasRead = true;
      this.#blockEnd = Number.POSITIVE_INFINITY;
      this.#phase = Phase.Collect;
    }
  }

  /** Finds the last block before the one at hand that the slice may reach. False: the search needs a load. */
  #nextBlock(): boolean {
    const search = this.#search!;
    const stream = this.#stream;
    const { end, endWeight } = this.#slices[this.#at]!;
    if (!search.findBefore(end, endWeight)) return false;
    if (!search.hasBlock) {
      this.#phase = Phase.End;
      return true;
    }
    const start = stream.start + search.start;
    this.#blockEnd = stream.start + search.end;
    const { sizeBytes } = stream.parts.data;
    if (start >= sizeBytes || (this.#blockEnd > sizeBytes && search.end !== Number.POSITIVE_INFINITY)) {
      stream.corrupt(`the index of row blocks leads to [${start}, ${this.#blockEnd})`);
    }
    stream.window.seek(start);
    stream.jump();
    stream.window.limit = this.#blockEnd;
    this.#setOpen(search.endHi, search.endLo, search.endTime);
    stream.setOpen(search.openHi, search.openLo, search.openTime);
    this.#phase = Phase.Collect;
    return true;
  }

  /** Decodes the block's rows into #batches. False: the stream needs a load; what was collected stays. */
  #collect(): boolean {
    const stream = this.#stream;
    const { decoder, window } = stream;
    while (window.position < this.#blockEnd) {
      const head = stream.head();
      if (head === Head.NeedsMore) return false;
      if (head === Head.End) {
        stream.passEnd();
        break;
      }
      const into = this.#batchWithRoom();
      if (head === Head.Row) {
        stream.addRow(FragmentKind.Row, into);
      } else if (head === Head.Marker) {
        decoder.readMarker();
        const { position, weight, closedHi, closedLo, closedTime } = decoder;
        stream.passMarker();
        into.addRangeChange(weight, position.bytes, 0, position.length, closedHi, closedLo, closedTime);
      } else {
        stream.corrupt('a static row after the start of a partition');
      }
    }
    if (stream.openHi !== this.#openHi || stream.openLo !== this.#openLo) {
      stream.corrupt('the index of row blocks tells of another open range than the rows');
    }
    this.#batchAt = this.#batchCount - 1;
    this.#fragmentAt = this.#batchCount === 0 ? -1 : this.#batches[this.#batchAt]!.count - 1;
    this.#phase = Phase.Emit;
    return true;
  }

  #batchWithRoom(): RowBatch {
    if (this.#batchCount > 0 && !this.#batches[this.#batchCount - 1]!.isFull()) {
      return this.#batches[this.#batchCount - 1]!;
    }
    if (this.#batchCount === this.#batches.length) this.#batches.push(new RowBatch());
    const batch = this.#batches[this.#batchCount++]!;
    batch.clear();
    return batch;
  }

  /** Delivers collected fragments from the last to the first. False: the batch is full. */
  #emit(batch: RowBatch): boolean {
    while (this.#batchAt >= 0) {
      const from = this.#batches[this.#batchAt]!;
      while (this.#fragmentAt >= 0) {
        if (batch.isFull()) return false;
        if (this.#at < 0) {
          this.#phase = Phase.End;
          return true;
        }
        if (this.#emitOne(batch, from, this.#fragmentAt)) this.#fragmentAt--;
      }
      this.#batchAt--;
      if (this.#batchAt >= 0) this.#fragmentAt = this.#batches[this.#batchAt]!.count - 1;
    }
    this.#batchCount = 0;
    this.#beginBlock();
    return true;
  }

  /** Adds at most one fragment; true when fragment i is dealt with. */
  #emitOne(batch: RowBatch, from: RowBatch, i: number): boolean {
    const { comparator } = this.#stream.parts;
    const { start, startWeight, end, endWeight } = this.#slices[this.#at]!;
    const { bytes } = from;
    const positionStart = from.positionStart[i]!;
    const positionEnd = from.positionEnd[i]!;
    const weight = from.weight[i]!;
    const isPast =
      comparator.compare(bytes, positionStart, positionEnd, weight, start, 0, start.length, startWeight) <= 0;
    if (!this.#isInside) {
      if (
        !isPast &&
        comparator.compare(bytes, positionStart, positionEnd, weight, end, 0, end.length, endWeight) >= 0
      ) {
        this.#passMarker(from, i);
        return true;
      }
      this.#isInside = true;
      if (this.#isOpen) {
        batch.addRangeChange(endWeight, end, 0, end.length, this.#openHi, this.#openLo, this.#openTime);
        return false;
      }
    }
    if (isPast) {
      this.#isInside = false;
      this.#at--;
      if (this.#isOpen) batch.addRangeChange(startWeight, start, 0, start.length, INT64_MIN_HI, INT64_MIN_LO, 0);
      return false;
    }
    batch.addFragment(
      from.kind[i]! as FragmentKind,
      weight,
      bytes,
      positionStart,
      positionEnd,
      from.bodyStart[i]!,
      from.bodyEnd[i]!,
    );
    this.#passMarker(from, i);
    return true;
  }

  #passMarker(from: RowBatch, i: number): void {
    if (from.kind[i] === FragmentKind.RangeChange) {
      this.#setOpen(from.deletionHi(i), from.deletionLo(i), from.deletionTime(i));
    }
  }
}
