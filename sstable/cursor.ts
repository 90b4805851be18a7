import { assert } from '../core/assert.ts';
import { compareBytes, equalBytes } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { compareInt64 } from '../core/int64.ts';
import type { RowBatch } from '../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../core/read/row-cursor.ts';
import type { PartitionSlice, TokenRange } from '../core/read/slice.ts';
import { isBeforeRange, Token, tokenOf } from '../core/token.ts';
import type { BlockWindow } from './block-window.ts';
import { ForwardReader, Outcome, type PartitionReader } from './forward-reader.ts';
import { IndexWalker, Walk } from './index-walker.ts';
import { PartitionStream } from './partition-stream.ts';
import { ReverseReader } from './reverse-reader.ts';
import type { SSTableParts } from './sstable-parts.ts';

/** The walker and stream of one cursor: kept by the SSTable for the next one. */
export class ReadSet {
  readonly walker: IndexWalker;
  readonly stream: PartitionStream;

  /** @param firstReadBytes of the data: 0 reads single blocks at first */
  constructor(parts: SSTableParts, firstReadBytes: number) {
    this.walker = new IndexWalker(parts, 0);
    this.stream = new PartitionStream(parts, firstReadBytes);
  }

  close(): void {
    this.walker.close();
    this.stream.close();
  }
}

/** What decides which partitions a cursor reads. */
export interface PartitionSequence {
  readonly pending: BlockWindow;
  read(batch: RowBatch): Outcome;
  skipPartition(): void;
  close(): void;
}

/** A cursor over one SSTable. Fails for good at the first error. */
export class SSTableCursor implements RowCursor {
  readonly #sequence: PartitionSequence;
  readonly #onClose: () => void;
  #failure: unknown;
  #isFailed = false;
  #isClosed = false;

  constructor(sequence: PartitionSequence, onClose: () => void) {
    this.#sequence = sequence;
    this.#onClose = onClose;
  }

  /** @throws CorruptFileError, FileOperationError; the same one ever after */
  fill(batch: RowBatch): number {
    assert(!this.#isClosed && !batch.isFull(), 'a cursor that is open fills a batch that has room');
    if (this.#isFailed) throw this.#failure;
    const before = batch.count;
    let outcome: Outcome;
    try {
      outcome = this.#sequence.read(batch);
    } catch (error) {
      throw this.#fail(error);
    }
    if (batch.count > before) return batch.count - before;
    return outcome === Outcome.NeedsLoad ? NEEDS_LOAD : 0;
  }

  async load(): Promise<void> {
    if (this.#isFailed) throw this.#failure;
    try {
      await this.#sequence.pending.load();
    } catch (error) {
      throw this.#fail(error);
    }
  }

  skipPartition(): void {
    this.#sequence.skipPartition();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#sequence.close();
    this.#onClose();
  }

  #fail(error: unknown): unknown {
    this.#isFailed = true;
    this.#failure = error;
    return error;
  }
}

function makeReader(stream: PartitionStream, slice: PartitionSlice): PartitionReader {
  return slice.isReversed ? new ReverseReader(stream, slice) : new ForwardReader(stream, slice);
}

const Step = { Locate: 0, Header: 1, Rows: 2, Done: 3 } as const;
type Step = (typeof Step)[keyof typeof Step];

/** One partition, found by summary and index. */
export class SinglePartition implements PartitionSequence {
  pending: BlockWindow;
  readonly #parts: SSTableParts;
  readonly #set: ReadSet;
  readonly #reader: PartitionReader;
  readonly #key: Uint8Array;
  #step: Step = Step.Locate;
  #isFirst = true;
  readonly #summaryAt: number;
  readonly #indexEnd: number;
  #promotedPosition = 0;
  #promotedBytes = 0;

  /** @param key kept */
  constructor(
    parts: SSTableParts,
    set: ReadSet,
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    slice: PartitionSlice,
  ) {
    this.#parts = parts;
    this.#set = set;
    this.#key = key;
    this.pending = set.walker.window;
    this.#reader = makeReader(set.stream, slice);
    const { summary } = parts;
    const at = summary.floor(tokenHi, tokenLo, key, 0, key.length);
    this.#summaryAt = at;
    this.#indexEnd = at + 1 < summary.count ? summary.position(at + 1) : parts.index.sizeBytes;
    if (at < 0) this.#step = Step.Done;
    else set.walker.seek(summary.position(at));
  }

  read(batch: RowBatch): Outcome {
    const { stream } = this.#set;
    if (this.#step === Step.Locate && !this.#locate()) {
      this.pending = this.#set.walker.window;
      return Outcome.NeedsLoad;
    }
    if (this.#step === Step.Header) {
      if (!stream.readHeader()) {
        this.pending = stream.window;
        return Outcome.NeedsLoad;
      }
      const { key } = stream;
      if (!equalBytes(key.bytes, 0, key.length, this.#key, 0, this.#key.length)) {
        throw new CorruptFileError(
          this.#parts.data.path,
          stream.start,
          'uncompressed data: not the key that the index has',
        );
      }
      this.#reader.begin(this.#promotedPosition, this.#promotedBytes, false);
      this.#step = Step.Rows;
    }
    if (this.#step === Step.Done) return Outcome.Done;
    const outcome = this.#reader.read(batch);
    if (outcome === Outcome.Done) this.#step = Step.Done;
    else this.pending = this.#reader.pending;
    return outcome;
  }

  skipPartition(): void {
    if (this.#step === Step.Rows) this.#reader.skipRest();
  }

  close(): void {
    this.#reader.close();
  }

  /** Finds the index entry and turns the stream to its partition. False: the index needs a load. */
  #locate(): boolean {
    const { walker, stream } = this.#set;
    const { window, entry } = walker;
    const key = this.#key;
    for (;;) {
      const walk = walker.next();
      if (walk === Walk.NeedsLoad) return false;
      if (walk === Walk.End || walker.position >= this.#indexEnd) {
        this.#step = Step.Done;
        return true;
      }
      if (this.#isFirst) this.#checkSummary();
      this.#isFirst = false;
      if (equalBytes(window.bytes, entry.keyStart, entry.keyEnd, key, 0, key.length)) break;
      walker.skipOthers(key, this.#indexEnd);
    }
    this.#promotedPosition = walker.promotedPosition;
    this.#promotedBytes = entry.promotedBytes;
    stream.window.seek(entry.dataPosition);
    // The next entry, if it is at hand, tells where reading ahead may stop.
    const next = walker.next();
    if (next === Walk.Entry) stream.window.limit = entry.dataPosition;
    this.#step = Step.Header;
    return true;
  }

  /** The entry that the summary leads to has the key that it names. */
  #checkSummary(): void {
    const { walker } = this.#set;
    const { entry, window } = walker;
    const { keys } = this.#parts.summary;
    const start = this.#parts.summary.keyStart(this.#summaryAt);
    const end = this.#parts.summary.keyEnd(this.#summaryAt);
    if (!equalBytes(window.bytes, entry.keyStart, entry.keyEnd, keys.bytes, start, end)) {
      throw new CorruptFileError(this.#parts.index.path, walker.position, 'not the key that the summary has');
    }
  }
}

/** Walks the index until the first entry of a token range. */
class RangeStart {
  readonly #walker: IndexWalker;
  readonly #range: TokenRange;
  readonly #hasTokens: boolean;
  readonly #token: Token = new Token();

  constructor(parts: SSTableParts, walker: IndexWalker, range: TokenRange) {
    this.#walker = walker;
    this.#range = range;
    this.#hasTokens = parts.hasTokens;
    const { summary } = parts;
    const key = range.startKey ?? NO_KEY;
    const at = parts.hasTokens ? summary.floor(range.startHi, range.startLo, key, 0, key.length) : -1;
    walker.seek(at < 0 ? 0 : summary.position(at));
  }

  /** Entry: the walker stands at the first entry inside or after the range's start. */
  find(): Walk {
    const { window, entry } = this.#walker;
    for (;;) {
      const walk = this.#walker.next();
      if (walk !== Walk.Entry || !this.#hasTokens) return walk;
      const { keyStart, keyEnd } = entry;
      tokenOf(window.bytes, keyStart, keyEnd, this.#token);
      const { hi, lo } = this.#token;
      if (!isBeforeRange(this.#range, hi, lo, window.bytes, keyStart, keyEnd)) return Walk.Entry;
    }
  }
}

function isAfterRange(range: TokenRange, hi: number, lo: number): boolean {
  const order = compareInt64(hi, lo, range.endHi, range.endLo);
  return range.endInclusive ? order > 0 : order >= 0;
}

/** All partitions of a token range in the order of Data.db, which is read from end to end. */
export class FileScan implements PartitionSequence {
  pending: BlockWindow;
  readonly #parts: SSTableParts;
  readonly #set: ReadSet;
  readonly #range: TokenRange;
  readonly #reader: PartitionReader;
  readonly #start: RangeStart | undefined;
  #step: Step = Step.Locate;

  /** @param fromFirst nothing in the file lies before the range */
  constructor(parts: SSTableParts, set: ReadSet, range: TokenRange, slice: PartitionSlice, fromFirst: boolean) {
    this.#parts = parts;
    this.#set = set;
    this.#range = range;
    this.#reader = new ForwardReader(set.stream, slice);
    this.pending = set.stream.window;
    if (fromFirst) {
      set.stream.window.seek(0);
      this.#step = Step.Header;
    } else {
      this.#start = new RangeStart(parts, set.walker, range);
    }
  }

  read(batch: RowBatch): Outcome {
    const { stream, walker } = this.#set;
    const { window } = stream;
    for (;;) {
      switch (this.#step) {
        case Step.Locate: {
          const walk = this.#start!.find();
          if (walk === Walk.NeedsLoad) {
            this.pending = walker.window;
            return Outcome.NeedsLoad;
          }
          window.seek(walker.entry.dataPosition);
          this.#step = walk === Walk.End ? Step.Done : Step.Header;
          break;
        }
        case Step.Header:
          if (window.position >= this.#parts.data.sizeBytes) {
            this.#step = Step.Done;
            break;
          }
          if (!stream.readHeader()) {
            this.pending = window;
            return Outcome.NeedsLoad;
          }
          if (this.#parts.hasTokens && isAfterRange(this.#range, stream.token.hi, stream.token.lo)) {
            this.#step = Step.Done;
            break;
          }
          this.#reader.begin(0, 0, true);
          this.#step = Step.Rows;
          break;
        case Step.Rows: {
          const outcome = this.#reader.read(batch);
          if (outcome !== Outcome.Done) {
            this.pending = this.#reader.pending;
            return outcome;
          }
          this.#step = Step.Header;
          break;
        }
        default:
          return Outcome.Done;
      }
    }
  }

  skipPartition(): void {
    if (this.#step === Step.Rows) this.#reader.skipRest();
  }

  close(): void {
    this.#reader.close();
  }
}

/** All partitions of a token range by their index entries: for reads that leave most of the data out, or read it backwards. */
export class IndexScan implements PartitionSequence {
  pending: BlockWindow;
  readonly #parts: SSTableParts;
  readonly #set: ReadSet;
  readonly #range: TokenRange;
  readonly #reader: PartitionReader;
  readonly #start: RangeStart;
  /** The key of the entry at hand: the walker's window may move before the header is read. */
  #key: Uint8Array = NO_KEY;
  #step: Step = Step.Locate;
  #isFirst = true;

  constructor(parts: SSTableParts, set: ReadSet, range: TokenRange, slice: PartitionSlice) {
    this.#parts = parts;
    this.#set = set;
    this.#range = range;
    this.#reader = makeReader(set.stream, slice);
    this.pending = set.walker.window;
    this.#start = new RangeStart(parts, set.walker, range);
  }

  read(batch: RowBatch): Outcome {
    const { stream, walker } = this.#set;
    for (;;) {
      switch (this.#step) {
        case Step.Locate: {
          const walk = this.#isFirst ? this.#start.find() : walker.next();
          if (walk === Walk.NeedsLoad) {
            this.pending = walker.window;
            return Outcome.NeedsLoad;
          }
          this.#isFirst = false;
          if (walk === Walk.End) {
            this.#step = Step.Done;
            break;
          }
          const { entry, window } = walker;
          this.#key = window.bytes.slice(entry.keyStart, entry.keyEnd);
          stream.window.limit = Number.POSITIVE_INFINITY;
          stream.window.seek(entry.dataPosition);
          this.#step = Step.Header;
          break;
        }
        case Step.Header: {
          if (!stream.readHeader()) {
            this.pending = stream.window;
            return Outcome.NeedsLoad;
          }
          const { key, token } = stream;
          if (compareBytes(key.bytes, 0, key.length, this.#key, 0, this.#key.length) !== 0) {
            stream.corrupt('not the key that the index has');
          }
          if (this.#parts.hasTokens && isAfterRange(this.#range, token.hi, token.lo)) {
            this.#step = Step.Done;
            break;
          }
          this.#reader.begin(walker.promotedPosition, walker.entry.promotedBytes, false);
          this.#step = Step.Rows;
          break;
        }
        case Step.Rows: {
          const outcome = this.#reader.read(batch);
          if (outcome !== Outcome.Done) {
            this.pending = this.#reader.pending;
            return outcome;
          }
          this.#step = Step.Locate;
          break;
        }
        default:
          return Outcome.Done;
      }
    }
  }

  skipPartition(): void {
    if (this.#step === Step.Rows) this.#reader.skipRest();
  }

  close(): void {
    this.#reader.close();
  }
}

const NO_KEY = new Uint8Array(0);
