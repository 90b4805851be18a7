import { assert } from '../../core/assert.ts';
import { ByteWriter, compareBytes } from '../../core/bytes.ts';
import { Murmur3Hash, murmur3 } from '../../core/murmur3.ts';
import { checkPartitionKey } from '../../core/partition-key.ts';
import type { Files } from '../../core/ports/files.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { comparePartition, Token } from '../../core/token.ts';
import { Head } from '../../sstable/format/row-decoder.ts';
import { PartitionStream } from '../../sstable/partition-stream.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { SummaryIndex } from '../../sstable/summary-index.ts';
import { TrieIndex } from '../../sstable/trie-index.ts';
import { IndexCheck } from './check-index.ts';
import { RowCheck } from './check-row.ts';
import { TrieCheck } from './check-tries.ts';
import type { IndexFollower } from './index-follower.ts';
import { PreviousSizeReader } from './previous-size.ts';
import type { Progress } from './progress.ts';
import { StatisticsBounds } from './statistics-bounds.ts';
import type { ValidationReport } from './validation-report.ts';

const SCAN_READ_BYTES: number = 256 * 1024;
const BYTE_ORDERED = 'org.apache.cassandra.dht.ByteOrderedPartitioner';

/**
 * Reads every partition of an SSTable and checks it against itself and against index, summary, filter and statistics.
 * The SSTable must have been opened blocking and raw, with its own schema.
 */
export class DataCheck {
  readonly #sstable: SSTable;
  readonly #report: ValidationReport;
  readonly #progress: Progress;
  readonly #stream: PartitionStream;
  readonly #index: IndexFollower;
  readonly #bounds: StatisticsBounds;
  readonly #rows: RowCheck;
  readonly #batch: RowBatch = new RowBatch(1);
  readonly #previousSizes: PreviousSizeReader;
  readonly #hash: Murmur3Hash = new Murmur3Hash();
  /** The partition before. */
  readonly #lastKey: ByteWriter = new ByteWriter(64);
  readonly #lastToken: Token = new Token();
  /** The row or marker before. */
  readonly #last: ByteWriter = new ByteWriter(64);
  #lastWeight = 0;
  #hasLast = false;
  #previousStart = 0;
  #partitionCount = 0;
  #rowCount = 0;

  constructor(files: Files, sstable: SSTable, report: ValidationReport, progress: Progress) {
    this.#sstable = sstable;
    this.#report = report;
    this.#progress = progress;
    this.#stream = new PartitionStream(sstable.parts, SCAN_READ_BYTES);
    const { index } = sstable.parts;
    if (index instanceof TrieIndex) this.#index = new TrieCheck(sstable, index, report);
    else this.#index = new IndexCheck(files, sstable, index as SummaryIndex, report);
    this.#bounds = new StatisticsBounds(sstable, report);
    this.#rows = new RowCheck(sstable, report, this.#bounds);
    this.#previousSizes = new PreviousSizeReader(sstable.parts);
  }

  /** @throws CorruptFileError when the data cannot be read on */
  run(): void {
    const { window } = this.#stream;
    const { sizeBytes } = this.#sstable.parts.data;
    let firstKey: Uint8Array | undefined;
    window.seek(0);
    while (window.position < sizeBytes) {
      this.#partition();
      firstKey ??= this.#lastKey.toBytes();
      this.#progress.at(window.position / sizeBytes);
    }
    if (firstKey !== undefined) this.#index.end(firstKey, this.#lastKey.toBytes());
    if (this.#sstable.checksums !== undefined) this.#checkCounts();
  }

  close(): void {
    this.#stream.close();
    this.#index.close();
  }

  #partition(): void {
    const stream = this.#stream;
    assert(stream.readHeader(), 'a blocking window needs no load');
    this.#checkKey();
    this.#bounds.at = stream.start;
    this.#bounds.deletion(stream.deletionHi, stream.deletionLo, stream.deletionTime);
    this.#index.partition(stream);
    this.#partitionCount++;
    this.#hasLast = false;
    this.#previousStart = stream.start;
    for (let isFirst = true; ; isFirst = false) {
      const head = stream.head();
      assert(head !== Head.NeedsMore, 'a blocking window needs no load');
      const start = stream.window.position;
      if (head === Head.End) {
        this.#index.blocks.end(stream, start);
        stream.passEnd();
        return;
      }
      this.#checkPreviousSize(start, head);
      if (head === Head.StaticRow) {
        if (!isFirst) stream.corrupt('a static row after the start of a partition');
        this.#row(FragmentKind.StaticRow, start);
      } else {
        this.#clustered(head, start);
        this.#previousStart = start;
      }
    }
  }

  #clustered(head: Head, start: number): void {
    const stream = this.#stream;
    const { decoder } = stream;
    const { position, weight } = decoder;
    const { comparator } = this.#sstable.table;
    const last = this.#last;
    if (this.#hasLast) {
      const order = comparator.compare(
        last.bytes,
        0,
        last.length,
        this.#lastWeight,
        position.bytes,
        0,
        position.length,
        weight,
      );
      if (order >= 0) this.#error(start, order === 0 ? 'the same clustering position twice' : 'rows out of order');
    }
    this.#hasLast = true;
    last.clear();
    last.raw(position.bytes, 0, position.length);
    this.#lastWeight = weight;
    this.#bounds.at = start;
    this.#bounds.position(position.bytes, 0, position.length, weight);
    this.#rows.clustering(position.bytes, 0, position.length, start);
    this.#index.blocks.unfiltered(stream, start);
    if (head === Head.Row) {
      this.#row(FragmentKind.Row, start);
      return;
    }
    decoder.readMarker();
    this.#bounds.deletion(decoder.closedHi, decoder.closedLo, decoder.closedTime);
    this.#bounds.deletion(decoder.openedHi, decoder.openedLo, decoder.openedTime);
    stream.passMarker();
  }

  #row(kind: FragmentKind, start: number): void {
    const batch = this.#batch;
    batch.clear();
    this.#stream.addRow(kind, batch);
    if (this.#rows.body(batch, 0, start)) this.#rowCount++;
  }

  #checkKey(): void {
    const { key, token, start } = this.#stream;
    const { table, filter, statistics } = this.#sstable;
    const why = checkPartitionKey(key.bytes, 0, key.length, table.partitionKey.length);
    if (why !== undefined) this.#report.errorOnce('key form', this.#sstable.path, start, `uncompressed data: ${why}`);
    this.#rows.partitionKey(key.bytes, 0, key.length, start);
    if (filter !== undefined) {
      murmur3(key.bytes, 0, key.length, this.#hash);
      if (!filter.mayContain(this.#hash)) this.#error(start, 'the key is not in Filter.db');
    }
    const last = this.#lastKey;
    if (this.#partitionCount > 0) {
      let order = -1;
      if (this.#sstable.parts.hasTokens) {
        const before = this.#lastToken;
        order = comparePartition(
          before.hi,
          before.lo,
          last.bytes,
          0,
          last.length,
          token.hi,
          token.lo,
          key.bytes,
          0,
          key.length,
        );
      } else if (statistics.partitioner === BYTE_ORDERED) {
        order = compareBytes(last.bytes, 0, last.length, key.bytes, 0, key.length);
      }
      if (order >= 0) this.#error(start, order === 0 ? 'the same partition twice' : 'partitions out of order');
    }
    last.clear();
    last.raw(key.bytes, 0, key.length);
    this.#lastToken.hi = token.hi;
    this.#lastToken.lo = token.lo;
  }

  /** What the unfiltered that was looked at says of the one before; readers that go forward do not need it. */
  #checkPreviousSize(start: number, head: Head): void {
    const named = this.#previousSizes.read(this.#stream.window);
    const expected = head === Head.StaticRow ? 0 : start - this.#previousStart;
    if (named === expected) return;
    const why = `uncompressed data: size ${named} of what comes before, which has ${expected} bytes`;
    this.#report.warningOnce('previous size', this.#sstable.path, start, why);
  }

  /** Files of our own count exactly; other writers count each in their own way. */
  #checkCounts(): void {
    const { path, partitionCount, statistics } = this.#sstable;
    const { rowCount } = statistics.stats;
    if (partitionCount !== this.#partitionCount) {
      this.#report.error(path, 0, `${this.#partitionCount} partitions, Statistics.db counts ${partitionCount}`);
    }
    if (rowCount !== this.#rowCount) {
      this.#report.error(path, 0, `${this.#rowCount} rows, Statistics.db counts ${rowCount}`);
    }
  }

  #error(at: number, why: string): void {
    this.#report.error(this.#sstable.path, at, `uncompressed data: ${why}`);
  }
}
