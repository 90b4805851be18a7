import { INT64_MIN_HI, INT64_MIN_LO } from '../core/int64.ts';
import { FragmentKind, type RowBatch } from '../core/read/row-batch.ts';
import type { ClusteringSlice, PartitionSlice } from '../core/read/slice.ts';
import type { BlockWindow } from './block-window.ts';
import { Head } from './format/row-decoder.ts';
import type { PartitionStream } from './partition-stream.ts';
import type { RowBlockSearch } from './row-block-search.ts';

/** What `read` ended with: no room in the batch, a window that must load, or the partition's last fragment. */
export const Outcome = { Full: 1, NeedsLoad: 2, Done: 3 } as const;
export type Outcome = (typeof Outcome)[keyof typeof Outcome];

/** What reads the fragments of one partition in one direction. */
export interface PartitionReader {
  /** The window whose `load()` is needed, after NeedsLoad. */
  readonly pending: BlockWindow;
  /**
   * Turns to the partition whose header `stream` has just read.
   * @param blocks of its rows, undefined without an index of them; @param passesEnd move past the partition's end, for a scan
   */
  begin(blocks: RowBlockSearch | undefined, passesEnd: boolean): void;
  /** Appends fragments, PartitionStart to PartitionEnd. @throws CorruptFileError */
  read(batch: RowBatch): Outcome;
  /** Delivers nothing more of the partition. */
  skipRest(): void;
}

const Phase = { Start: 0, Statics: 1, Seek: 2, Rows: 3, End: 4, Skip: 5, Done: 6 } as const;
type Phase = (typeof Phase)[keyof typeof Phase];

/** What `#clip` says of a position: before the slice at hand, inside it, past all; or a RangeChange was added first. */
const Clip = { Before: 0, Inside: 1, Past: 2, Added: 3, Seek: 4 } as const;
type Clip = (typeof Clip)[keyof typeof Clip];

/** Reads a partition's fragments in clustering order, clipped to slices; jumps by the index of row blocks between them. */
export class ForwardReader implements PartitionReader {
  pending: BlockWindow;
  readonly #stream: PartitionStream;
  readonly #slice: PartitionSlice;
  readonly #slices: readonly ClusteringSlice[];
  /** One slice with all rows: nothing is compared. */
  readonly #isWhole: boolean;
  #search: RowBlockSearch | undefined;
  #phase: Phase = Phase.Done;
  #at = 0;
  /** The slice's start was passed and what is in force there told. */
  #isInside = false;
  #passesEnd = false;
  #isAtEnd = false;

  constructor(stream: PartitionStream, slice: PartitionSlice) {
    this.#stream = stream;
    this.pending = stream.window;
    this.#slice = slice;
    this.#slices = slice.slices;
    const only = slice.slices[0]!;
    this.#isWhole =
      slice.slices.length === 1 &&
      only.start.length === 0 &&
      only.startWeight < 0 &&
      only.end.length === 0 &&
      only.endWeight > 0;
  }

  begin(blocks: RowBlockSearch | undefined, passesEnd: boolean): void {
    this.#phase = Phase.Start;
    this.#at = 0;
    this.#isInside = false;
    this.#isAtEnd = false;
    this.#passesEnd = passesEnd;
    this.#search = this.#isWhole ? undefined : blocks;
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
          else this.#phase = this.#search === undefined ? Phase.Rows : Phase.Seek;
          break;
        case Phase.Seek:
          if (!this.#seek()) return this.#needs(this.#search!.window);
          break;
        case Phase.Rows: {
          const outcome = this.#isWhole ? this.#wholeRows(batch) : this.#clippedRows(batch);
          if (outcome !== Outcome.Done) return outcome;
          break;
        }
        case Phase.End:
          if (batch.isFull()) return Outcome.Full;
          batch.addPartitionEnd();
          this.#phase = this.#passesEnd && !this.#isAtEnd ? Phase.Skip : Phase.Done;
          break;
        case Phase.Skip:
          if (!this.#skip()) return this.#needs(stream.window);
          break;
        default:
          return Outcome.Done;
      }
    }
  }

  skipRest(): void {
    if (this.#phase === Phase.Done || this.#phase === Phase.Start) return; // of this one nothing was delivered yet
    this.#phase = this.#passesEnd && !this.#isAtEnd ? Phase.Skip : Phase.Done;
  }

  #needs(window: BlockWindow): Outcome {
    this.pending = window;
    return Outcome.NeedsLoad;
  }

  /** Done: the phase has changed. */
  #wholeRows(batch: RowBatch): Outcome {
    const stream = this.#stream;
    const { decoder } = stream;
    while (!batch.isFull()) {
      const head = stream.head();
      if (head === Head.Row) {
        stream.addRow(FragmentKind.Row, batch);
      } else if (head === Head.Marker) {
        decoder.readMarker();
        this.#addMarker(batch);
      } else if (head === Head.NeedsMore) {
        return this.#needs(stream.window);
      } else {
        this.#endOfRows(head);
        return Outcome.Done;
      }
    }
    return Outcome.Full;
  }

  /** Done: the phase has changed. */
  #clippedRows(batch: RowBatch): Outcome {
    const stream = this.#stream;
    const { decoder } = stream;
    while (!batch.isFull()) {
      const head = stream.head();
      if (head === Head.NeedsMore) return this.#needs(stream.window);
      if (head !== Head.Row && head !== Head.Marker) {
        this.#endOfRows(head);
        return Outcome.Done;
      }
      const clip = this.#clip(batch);
      if (clip === Clip.Added) continue;
      if (clip === Clip.Past) {
        this.#phase = Phase.End;
        return Outcome.Done;
      }
      if (clip === Clip.Seek) {
        this.#phase = Phase.Seek;
        return Outcome.Done;
      }
      if (head === Head.Row) {
        if (clip === Clip.Inside) stream.addRow(FragmentKind.Row, batch);
        else stream.pass();
      } else {
        decoder.readMarker();
        if (clip === Clip.Inside) this.#addMarker(batch);
        else stream.passMarker();
      }
    }
    return Outcome.Full;
  }

  #endOfRows(head: Head): void {
    const stream = this.#stream;
    if (head === Head.StaticRow) stream.corrupt('a static row after the start of a partition');
    stream.passEnd();
    this.#isAtEnd = true;
    this.#phase = Phase.End;
  }

  #addMarker(batch: RowBatch): void {
    const stream = this.#stream;
    const { decoder } = stream;
    const { position } = decoder;
    stream.passMarker();
    batch.addRangeChange(
      decoder.weight,
      position.bytes,
      0,
      position.length,
      decoder.openedHi,
      decoder.openedLo,
      decoder.openedTime,
    );
  }

  /** Where the unfiltered that was looked at lies; adds at most one RangeChange. */
  #clip(batch: RowBatch): Clip {
    const stream = this.#stream;
    const { position, weight } = stream.decoder;
    const { comparator } = stream.parts;
    const { bytes, length } = position;
    while (this.#at < this.#slices.length) {
      const slice = this.#slices[this.#at]!;
      const { start, startWeight, end, endWeight } = slice;
      const isPast = comparator.compare(bytes, 0, length, weight, end, 0, end.length, endWeight) >= 0;
      if (!this.#isInside) {
        if (!isPast && comparator.compare(bytes, 0, length, weight, start, 0, start.length, startWeight) <= 0) {
          return Clip.Before;
        }
        this.#isInside = true;
        if (stream.isOpen) {
          batch.addRangeChange(startWeight, start, 0, start.length, stream.openHi, stream.openLo, stream.openTime);
          return Clip.Added;
        }
      }
      if (!isPast) return Clip.Inside;
      this.#isInside = false;
      this.#at++;
      if (stream.isOpen) {
        batch.addRangeChange(endWeight, end, 0, end.length, INT64_MIN_HI, INT64_MIN_LO, 0);
        return Clip.Added;
      }
      if (this.#search !== undefined && this.#at < this.#slices.length) return Clip.Seek;
    }
    return Clip.Past;
  }

  /** Moves on to the block in which the slice at hand may begin. False: the search needs a load. */
  #seek(): boolean {
    const search = this.#search!;
    const stream = this.#stream;
    const { window } = stream;
    const slice = this.#slices[this.#at]!;
    if (slice.start.length > 0 || slice.startWeight >= 0) {
      if (!search.findAfter(slice.start, slice.startWeight)) return false;
      if (!search.hasBlock) {
        this.#phase = Phase.End; // nothing lies after the slice's start
        return true;
      }
      const target = stream.start + search.start;
      if (target > window.position) {
        if (target >= stream.parts.data.sizeBytes) stream.corrupt(`the index of row blocks leads to ${target}`);
        window.seek(target);
        stream.jump();
        stream.setOpen(search.openHi, search.openLo, search.openTime);
      }
    }
    this.#phase = Phase.Rows;
    return true;
  }

  /** Moves past the partition's end. False: the stream needs a load. */
  #skip(): boolean {
    const stream = this.#stream;
    for (;;) {
      const head = stream.head();
      if (head === Head.NeedsMore) return false;
      stream.pass();
      if (head === Head.End) break;
    }
    this.#phase = Phase.Done;
    return true;
  }
}
