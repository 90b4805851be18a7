import { assert } from '../core/assert.ts';
import { equalBytes } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { compareInt64 } from '../core/int64.ts';
import type { RowBatch } from '../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../core/read/row-cursor.ts';
import type { PartitionSlice, TokenRange } from '../core/read/slice.ts';
import { isBeforeRange } from '../core/token.ts';
import type { BlockWindow } from './block-window.ts';
import { ForwardReader, Outcome, type PartitionReader } from './forward-reader.ts';
import { Walk } from './index-walker.ts';
import type { PartitionLocator } from './partition-index.ts';
import { PartitionStream } from './partition-stream.ts';
import { ReverseReader } from './reverse-reader.ts';
import type { SSTableParts } from './sstable-parts.ts';

/** The locator and stream of one cursor: kept by the SSTable for the next one. */
export class ReadSet {
  readonly locator: PartitionLocator;
  readonly stream: PartitionStream;

  /** @param firstReadBytes of the data: 0 reads single blocks at first */
  constructor(parts: SSTableParts, firstReadBytes: number) {
    this.locator = parts.index.makeLocator(parts);
    this.stream = new PartitionStream(parts, firstReadBytes);
  }

  close(): void {
    this.locator.close();
    this.stream.close();
  }
}

/** What decides which partitions a cursor reads. */
export interface PartitionSequence {
  readonly pending: BlockWindow;
  read(batch: RowBatch): Outcome;
  skipPartition(): void;
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

/** One partition, found by the index. */
export class SinglePartition implements PartitionSequence {
  pending: BlockWindow;
  readonly #parts: SSTableParts;
  readonly #set: ReadSet;
  readonly #reader: PartitionReader;
  readonly #key: Uint8Array;
  #step: Step = Step.Locate;
  readonly #wantsRows: boolean;

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
    this.#wantsRows = slice.wantsRows;
    this.pending = set.stream.window;
    this.#reader = makeReader(set.stream, slice);
    set.locator.seekKey(tokenHi, tokenLo, key);
  }

  read(batch: RowBatch): Outcome {
    const { stream, locator } = this.#set;
    if (this.#step === Step.Locate && !this.#locate()) {
      this.pending = locator.pending;
      return Outcome.NeedsLoad;
    }
    if (this.#step === Step.Header) {
      if (!stream.readHeader()) {
        this.pending = stream.window;
        return Outcome.NeedsLoad;
      }
      const { key } = stream;
      if (equalBytes(key.bytes, 0, key.length, this.#key, 0, this.#key.length)) {
        this.#reader.begin(this.#wantsRows ? locator.rowBlocks() : undefined, false);
        this.#step = Step.Rows;
      } else if (locator.isKeyKnown || !locator.agrees(stream.token.hi, stream.token.lo, key.bytes, key.length)) {
        const why = 'uncompressed data: not the key that the index has';
        throw new CorruptFileError(this.#parts.data.path, stream.start, why);
      } else {
        this.#step = Step.Done; // another one, that begins like it
      }
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

  /** Finds the partition and turns the stream to it. False: the index needs a load. */
  #locate(): boolean {
    const { locator, stream } = this.#set;
    const walk = locator.find();
    if (walk === Walk.NeedsLoad) return false;
    if (walk === Walk.End) {
      this.#step = Step.Done;
      return true;
    }
    stream.window.seek(locator.dataPosition);
    stream.window.limit = locator.nextDataPosition;
    this.#step = Step.Header;
    return true;
  }
}

/** Whether the partition whose header was read lies before a range's start. */
function liesBefore(range: TokenRange, { token, key }: PartitionStream): boolean {
  return isBeforeRange(range, token.hi, token.lo, key.bytes, 0, key.length);
}

/** @throws CorruptFileError when the header that was read cannot be that of the partition found */
function checkIndex(stream: PartitionStream, locator: PartitionLocator): void {
  const { token, key } = stream;
  if (!locator.agrees(token.hi, token.lo, key.bytes, key.length)) stream.corrupt('not the key that the index has');
}

function isAfterRange(range: TokenRange, { token }: PartitionStream): boolean {
  const { hi, lo } = token;
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
  #step: Step = Step.Locate;
  /** The stream was turned to where the index leads. */
  #isLocated = false;

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
      set.locator.seekRange(range);
    }
  }

  read(batch: RowBatch): Outcome {
    const { stream, locator } = this.#set;
    const { window } = stream;
    for (;;) {
      switch (this.#step) {
        case Step.Locate: {
          const walk = locator.next();
          if (walk === Walk.NeedsLoad) {
            this.pending = locator.pending;
            return Outcome.NeedsLoad;
          }
          if (walk === Walk.Entry) window.seek(locator.dataPosition);
          this.#step = walk === Walk.End ? Step.Done : Step.Header;
          this.#isLocated = true;
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
          if (this.#isLocated) {
            checkIndex(stream, locator);
            this.#isLocated = false;
            if (this.#parts.hasTokens && liesBefore(this.#range, stream)) {
              this.#step = Step.Locate;
              break;
            }
          }
          if (this.#parts.hasTokens && isAfterRange(this.#range, stream)) {
            this.#step = Step.Done;
            break;
          }
          this.#reader.begin(undefined, true);
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
}

/** All partitions of a token range by their index entries: for reads that leave most of the data out, or read it backwards. */
export class IndexScan implements PartitionSequence {
  pending: BlockWindow;
  readonly #parts: SSTableParts;
  readonly #set: ReadSet;
  readonly #range: TokenRange;
  readonly #reader: PartitionReader;
  readonly #wantsRows: boolean;
  #step: Step = Step.Locate;

  constructor(parts: SSTableParts, set: ReadSet, range: TokenRange, slice: PartitionSlice) {
    this.#parts = parts;
    this.#set = set;
    this.#range = range;
    this.#reader = makeReader(set.stream, slice);
    this.#wantsRows = slice.wantsRows;
    this.pending = set.stream.window;
    set.locator.seekRange(range);
  }

  read(batch: RowBatch): Outcome {
    const { stream, locator } = this.#set;
    for (;;) {
      switch (this.#step) {
        case Step.Locate: {
          const walk = locator.next();
          if (walk === Walk.NeedsLoad) {
            this.pending = locator.pending;
            return Outcome.NeedsLoad;
          }
          if (walk === Walk.End) {
            this.#step = Step.Done;
            break;
          }
          stream.window.limit = Number.POSITIVE_INFINITY;
          stream.window.seek(locator.dataPosition);
          this.#step = Step.Header;
          break;
        }
        case Step.Header: {
          if (!stream.readHeader()) {
            this.pending = stream.window;
            return Outcome.NeedsLoad;
          }
          checkIndex(stream, locator);
          if (this.#parts.hasTokens && liesBefore(this.#range, stream)) {
            this.#step = Step.Locate;
            break;
          }
          if (this.#parts.hasTokens && isAfterRange(this.#range, stream)) {
            this.#step = Step.Done;
            break;
          }
          this.#reader.begin(this.#wantsRows ? locator.rowBlocks() : undefined, false);
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
}
