import { assert } from '../../core/assert.ts';
import { equalBytes } from '../../core/bytes.ts';
import { TesseraError } from '../../core/errors.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { checkPartitionKey } from '../../core/partition-key.ts';
import type { Files } from '../../core/ports/files.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { Head } from '../../sstable/format/row-decoder.ts';
import { PartitionStream } from '../../sstable/partition-stream.ts';
import { PromotedIndexSearch } from '../../sstable/promoted-index-search.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { type IndexedPartition, IndexPositions } from './index-positions.ts';
import type { LossReport } from './loss-report.ts';
import type { DamagedSSTable } from './open-damaged.ts';
import { PreviousSizeReader } from './previous-size.ts';
import { Progress } from './progress.ts';
import type { ScrubSink } from './scrub-sink.ts';
import { Turns } from './turns.ts';

/**
 * Reads everything of a damaged Data.db that can be read. After damage it goes on, in this order: at the next row, when the damaged one's
 * end is known and what stands there says that a row of this size came before it; at the next block of the partition's promoted
 * index; at the next partition that Index.db names.
 */
export class Scrub {
  readonly #sstable: DamagedSSTable;
  readonly #sink: ScrubSink;
  readonly #report: LossReport;
  readonly #index: IndexPositions;
  readonly #promoted: PromotedIndexSearch;
  readonly #previousSizes: PreviousSizeReader;
  readonly #batch: RowBatch = new RowBatch(1);
  readonly #dataBytes: number;
  readonly #turns: Turns = new Turns();
  #stream: PartitionStream;

  constructor(
    files: Files,
    sstable: DamagedSSTable,
    sink: ScrubSink,
    report: LossReport,
    note: (text: string) => void,
  ) {
    this.#sstable = sstable;
    this.#sink = sink;
    this.#report = report;
    this.#dataBytes = sstable.parts.data.sizeBytes;
    this.#index = new IndexPositions(files, sstable.indexPath, note);
    this.#promoted = new PromotedIndexSearch(sstable.parts, sstable.index);
    this.#previousSizes = new PreviousSizeReader(sstable.parts);
    this.#stream = this.#newStream();
  }

  /** @throws FileOperationError; what the report throws */
  async run(out: TextOutput): Promise<void> {
    const progress = new Progress(out, `scrubbing ${this.#sstable.path}`);
    try {
      for (let position = 0; position < this.#dataBytes; ) {
        position = this.#partition(position) ?? this.#index.atOrAfter(position + 1)?.dataPosition ?? this.#dataBytes;
        progress.at(position / this.#dataBytes);
        await this.#turns.next();
        await out.drain();
      }
    } finally {
      progress.done();
      this.#stream.close();
      this.#promoted.close();
      this.#index.close();
    }
  }

  /** A partition that begins at `start`. Returns where it ends; undefined when that is lost. */
  #partition(start: number): number | undefined {
    const entry = this.#index.atOrAfter(start);
    const failure = attempt(() => this.#readHeader(start, entry));
    if (failure !== undefined) {
      this.#report.add(failure, `what begins at byte ${start}`);
      this.#stream = this.#newStream();
      return undefined;
    }
    const stream = this.#stream;
    const batch = this.#batch;
    batch.clear();
    stream.addStart(batch);
    this.#sink.startPartition(batch, start);
    const indexed = entry?.dataPosition === start ? entry : undefined;
    let mayBeStatic = true;
    let end: number | undefined;
    for (;;) {
      const at = this.#stream.window.position;
      let isEnd = false;
      const problem = attempt(() => {
        isEnd = this.#unfiltered(at, mayBeStatic);
      });
      mayBeStatic = false;
      if (isEnd) {
        end = this.#stream.window.position;
        break;
      }
      if (problem === undefined) continue;
      this.#sink.breakRange();
      const resumed = this.#resumeAfterRow(at) || this.#resumeAtBlock(start, at, indexed);
      const to = resumed ? `to ${this.#stream.window.position}` : 'on';
      this.#report.add(problem, `partition ${this.#sink.keyText} from byte ${at} ${to}`);
      if (!resumed) break;
    }
    this.#sink.endPartition();
    if (end === undefined) this.#stream = this.#newStream();
    return end;
  }

  /** @throws CorruptFileError */
  #readHeader(start: number, entry: IndexedPartition | undefined): void {
    const stream = this.#stream;
    stream.window.seek(start);
    assert(stream.readHeader(), 'a blocking window needs no load');
    const { key } = stream;
    const why = checkPartitionKey(key.bytes, 0, key.length, this.#sstable.table.partitionKey.length);
    if (why !== undefined) stream.corrupt(why);
    if (this.#sstable.isDataChecked || entry === undefined) return;
    // Bytes without a checksum: the index must know the partition.
    if (entry.dataPosition !== start) stream.corrupt(`no partition of Index.db begins at ${start}`);
    if (!equalBytes(key.bytes, 0, key.length, entry.key, 0, entry.key.length))
      stream.corrupt('not the key that the index has');
  }

  /** Passes on what stands at the window's position. True at the partition's end, which is passed. @throws CorruptFileError */
  #unfiltered(at: number, mayBeStatic: boolean): boolean {
    const stream = this.#stream;
    const batch = this.#batch;
    const { decoder } = stream;
    const head = stream.head();
    batch.clear();
    switch (head) {
      case Head.StaticRow:
        if (!mayBeStatic) stream.corrupt('a static row after the start of a partition');
        if (this.#sstable.table.statics.length === 0) stream.corrupt('a static row in a table without static columns');
        stream.addRow(FragmentKind.StaticRow, batch);
        if (batch.count > 0) this.#sink.staticRow(batch);
        return false;
      case Head.Row:
        stream.addRow(FragmentKind.Row, batch);
        if (batch.count > 0) this.#sink.row(batch, at);
        return false;
      case Head.Marker: {
        const { position, weight } = decoder;
        decoder.readMarker();
        stream.passMarker();
        this.#sink.change(position.bytes, position.length, weight, stream.openHi, stream.openLo, stream.openTime, at);
        return false;
      }
      default:
        assert(head === Head.End, 'a blocking window needs no load');
        if (stream.isOpen)
          this.#report.lost(this.#sstable.path, at, 'a range is open at the end of a partition', 'the end of a range');
        stream.pass();
        return true;
    }
  }

  /** The row or marker at `at` is damaged inside: goes on behind it. False when that cannot be. */
  #resumeAfterRow(at: number): boolean {
    const stream = this.#newStream();
    stream.window.seek(at);
    const { openHi, openLo, openTime } = this.#stream;
    let size = 0;
    const failure = attempt(() => {
      const head = stream.head();
      size = stream.decoder.unfilteredEnd - stream.window.pos;
      if (head === Head.End) stream.corrupt('an end');
      stream.pass();
      const next = stream.head();
      if (next === Head.End) {
        const end = stream.window.position + 1;
        if (end !== this.#dataBytes && this.#index.atOrAfter(end)?.dataPosition !== end)
          stream.corrupt('no end of a partition');
      } else if (next === Head.StaticRow || this.#previousSizes.read(stream.window) !== size) {
        stream.corrupt('not what follows a row of this size');
      }
    });
    if (failure !== undefined) {
      stream.close();
      return false;
    }
    stream.setOpen(openHi, openLo, openTime);
    this.#take(stream);
    if (stream.isOpen) this.#reopen(at);
    return true;
  }

  /** Goes on at the first block of the promoted index after `at` that can be read. */
  #resumeAtBlock(start: number, at: number, entry: IndexedPartition | undefined): boolean {
    if (entry === undefined || entry.promotedBytes === 0 || this.#sstable.indexPath === undefined) return false;
    const search = this.#promoted;
    const { block } = search;
    const stream = this.#newStream();
    search.open(entry.promotedPosition, entry.promotedBytes);
    let found = false;
    const failure = attempt(() => {
      assert(search.readBlock(0), 'a blocking window needs no load');
      for (let i = 1; i < search.blockCount && !found; i++) {
        const { openHi, openLo, openTime } = block;
        assert(search.readBlock(i), 'a blocking window needs no load');
        if (start + block.offset <= at) continue;
        found = attempt(() => this.#enterBlock(stream, start + block.offset, search)) === undefined;
        if (found) stream.setOpen(openHi, openLo, openTime);
      }
    });
    if (failure !== undefined || !found) {
      stream.close();
      return false;
    }
    this.#take(stream);
    if (stream.isOpen) this.#reopen(at);
    return true;
  }

  /** @throws CorruptFileError when the block's first position does not stand there */
  #enterBlock(stream: PartitionStream, position: number, { block }: PromotedIndexSearch): void {
    stream.window.seek(position);
    const head = stream.head();
    const { decoder } = stream;
    const { comparator } = this.#sstable.table;
    const isThere =
      (head === Head.Row || head === Head.Marker) &&
      comparator.compare(
        decoder.position.bytes,
        0,
        decoder.position.length,
        decoder.weight,
        block.first.bytes,
        0,
        block.first.length,
        block.firstWeight,
      ) === 0;
    if (!isThere) stream.corrupt('not the position that the promoted index has');
  }

  /** The range in force where reading goes on begins again there, before a row; a marker says what is in force after it. */
  #reopen(at: number): void {
    const stream = this.#stream;
    const { decoder } = stream;
    if (stream.head() !== Head.Row) return;
    const { position } = decoder;
    this.#sink.change(position.bytes, position.length, -1, stream.openHi, stream.openLo, stream.openTime, at);
  }

  #take(stream: PartitionStream): void {
    this.#stream.close();
    this.#stream = stream;
  }

  /** One that reads a block at a time, so that damage of a later block does not hide an earlier one. */
  #newStream(): PartitionStream {
    const stream = new PartitionStream(this.#sstable.parts, 0);
    stream.window.limit = 0;
    stream.setOpen(INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
    return stream;
  }
}

/** What is wrong, when the data is. */
function attempt(run: () => void): string | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    if (!(error instanceof TesseraError) || error.code !== 'CORRUPT_FILE') throw error;
    return error.message;
  }
}
