import { equalBytes } from '../../core/bytes.ts';
import { TesseraError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { Component, joinPath } from '../../sstable/format/names.ts';
import { decodeSummary, type Summary } from '../../sstable/format/summary.ts';
import type { IndexWalker } from '../../sstable/index-walker.ts';
import type { PartitionStream } from '../../sstable/partition-stream.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { SummaryIndex } from '../../sstable/summary-index.ts';
import { PromotedIndexCheck } from './check-promoted-index.ts';
import { indexEntries } from './file-fragments.ts';
import type { IndexFollower } from './index-follower.ts';
import type { ValidationReport } from './validation-report.ts';
import { readWhole } from './whole-file.ts';

/** Follows Index.db and Summary.db while the partitions of Data.db pass: an entry for each, and nothing else. */
export class IndexCheck implements IndexFollower {
  readonly blocks: PromotedIndexCheck;
  readonly #sstable: SSTable;
  readonly #index: SummaryIndex;
  readonly #report: ValidationReport;
  readonly #summary: Summary | undefined;
  readonly #entries: Generator<IndexWalker, void, void>;
  #summaryAt = 0;
  #isFollowing = true;

  constructor(files: Files, sstable: SSTable, index: SummaryIndex, report: ValidationReport) {
    this.#sstable = sstable;
    this.#index = index;
    this.#report = report;
    this.blocks = new PromotedIndexCheck(sstable.parts, index.file, report);
    this.#entries = indexEntries(sstable.parts, index);
    this.#summary = this.#readSummary(files);
  }

  /** The partition whose header `stream` has just read. */
  partition(stream: PartitionStream): void {
    this.blocks.begin(0, 0, stream.start);
    if (!this.#isFollowing) return;
    const walker = this.#next();
    if (walker === undefined) {
      if (this.#isFollowing)
        this.#wrong(this.#index.file.sizeBytes, 'no entry for the partitions that follow in the data');
      return;
    }
    const { key } = stream;
    const { entry, window, position } = walker;
    if (!equalBytes(window.bytes, entry.keyStart, entry.keyEnd, key.bytes, 0, key.length)) {
      this.#wrong(position, `the entry has another key than the partition at byte ${stream.start} of the data`);
    } else if (entry.dataPosition !== stream.start) {
      this.#wrong(position, `the entry leads to byte ${entry.dataPosition}, its partition is at ${stream.start}`);
    } else {
      this.#checkSummary(walker);
      this.blocks.begin(walker.promotedPosition, entry.promotedBytes, stream.start);
    }
  }

  /** All partitions have passed; the first and the last had these keys. */
  end(firstKey: Uint8Array, lastKey: Uint8Array): void {
    const { path, statistics } = this.#sstable;
    const extra = this.#isFollowing ? this.#next() : undefined;
    if (extra !== undefined) this.#wrong(extra.position, 'an entry without a partition');
    const summary = this.#summary;
    if (summary !== undefined) {
      if (this.#isFollowing && this.#summaryAt < summary.entries.count) {
        this.#summaryError(`entry ${this.#summaryAt} leads to no entry of Index.db`);
      }
      if (Buffer.compare(summary.firstKey, firstKey) !== 0) this.#summaryError('another first key than the data has');
      if (Buffer.compare(summary.lastKey, lastKey) !== 0) this.#summaryError('another last key than the data has');
    }
    const { firstKey: namedFirst, lastKey: namedLast } = statistics.stats;
    if (namedFirst !== undefined && namedLast !== undefined && namedFirst.length + namedLast.length > 0) {
      const isRight = Buffer.compare(namedFirst, firstKey) === 0 && Buffer.compare(namedLast, lastKey) === 0;
      if (!isRight) this.#report.error(path, 0, 'uncompressed data: other first or last key than Statistics.db names');
    }
  }

  close(): void {
    this.#entries.return();
    this.blocks.close();
  }

  #next(): IndexWalker | undefined {
    try {
      const next = this.#entries.next();
      return next.done === true ? undefined : next.value;
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      this.#isFollowing = false;
      this.#report.failure(error);
      return undefined;
    }
  }

  #checkSummary({ position, entry, window }: IndexWalker): void {
    const entries = this.#summary?.entries;
    if (entries === undefined || this.#summaryAt >= entries.count) return;
    const at = this.#summaryAt;
    if (entries.position(at) > position) return;
    this.#summaryAt++;
    if (entries.position(at) < position) {
      this.#summaryError(`entry ${at} leads into the middle of an entry of Index.db`);
      return;
    }
    const start = entries.keyStart(at);
    if (!equalBytes(entries.keys.bytes, start, entries.keyEnd(at), window.bytes, entry.keyStart, entry.keyEnd)) {
      this.#summaryError(`entry ${at} has another key than the entry of Index.db that it leads to`);
    }
  }

  /** Undefined when there is none, or none that can be read: that is reported. */
  #readSummary(files: Files): Summary | undefined {
    const path = this.#summaryPath;
    if (files.status(path) === undefined) return undefined;
    try {
      return decodeSummary(readWhole(files, path), path, this.#index.file.sizeBytes);
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      this.#report.failure(error);
      return undefined;
    }
  }

  get #summaryPath(): string {
    return joinPath(this.#sstable.directory, `${this.#sstable.prefix}-${Component.Summary}`);
  }

  #summaryError(why: string): void {
    this.#report.error(this.#summaryPath, 0, why);
  }

  /** The entries that follow are not compared: they would all be wrong. */
  #wrong(position: number, why: string): void {
    this.#isFollowing = false;
    this.#report.error(this.#index.file.path, position, why);
  }
}
