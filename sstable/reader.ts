import { assert } from '../core/assert.ts';
import { compareInt64 } from '../core/int64.ts';
import { Murmur3Hash, murmur3 } from '../core/murmur3.ts';
import type { Files } from '../core/ports/files.ts';
import type { RowCursor } from '../core/read/row-cursor.ts';
import type { RowSource } from '../core/read/row-source.ts';
import type { PartitionSlice, TokenRange } from '../core/read/slice.ts';
import { clusteringPrefix } from '../core/schema/clustering-prefix.ts';
import type { TableDescriptor } from '../core/schema/table.ts';
import { isBeforeRange, Token, tokenOf } from '../core/token.ts';
import { FileScan, IndexScan, type PartitionSequence, ReadSet, SinglePartition, SSTableCursor } from './cursor.ts';
import type { BloomFilter } from './format/filter.ts';
import type { Statistics } from './format/statistics.ts';
import type { TesseraChecksums } from './format/tessera.ts';
import type { VersionFeatures } from './format/version.ts';
import { type LoadedSSTable, type OpenOptions, SSTableLoader } from './loader.ts';
import type { SSTableParts } from './sstable-parts.ts';

/** Data that a scan reads at first; doubles up to 256 KiB. */
const SCAN_READ_BYTES: number = 64 * 1024;
/** Walkers and streams kept for the next point reads. */
const MAX_IDLE_SETS = 4;

/**
 * One open, immutable SSTable. Small components are in memory and were verified whole; Data.db and the index are verified
 * block by block as they are read. Cursors hold it open: `close` takes effect when the last one is closed.
 */
export class SSTable implements RowSource {
  /** Path of Data.db. */
  readonly path: string;
  readonly directory: string;
  /** What the names of its components begin with. */
  readonly prefix: string;
  readonly version: VersionFeatures;
  readonly components: readonly string[];
  readonly table: TableDescriptor;
  readonly statistics: Statistics;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
  /** Tokens of the first and last key; meaningless under another partitioner. */
  readonly firstToken: Token = new Token();
  readonly lastToken: Token = new Token();
  /** Data.db before compression. */
  readonly dataBytes: number;
  readonly filter: BloomFilter | undefined;
  /** Checksums of our own files; undefined for those of others. */
  readonly checksums: TesseraChecksums | undefined;
  readonly parts: SSTableParts;
  readonly #files: Files;
  readonly #hash: Murmur3Hash = new Murmur3Hash();
  readonly #idle: ReadSet[] = [];
  #cursorCount = 0;
  #isClosed = false;

  private constructor(loaded: LoadedSSTable) {
    this.path = loaded.parts.data.path;
    this.directory = loaded.directory;
    this.prefix = loaded.prefix;
    this.version = loaded.parts.version;
    this.components = loaded.components;
    this.table = loaded.table;
    this.statistics = loaded.statistics;
    this.firstKey = loaded.firstKey;
    this.lastKey = loaded.lastKey;
    tokenOf(this.firstKey, 0, this.firstKey.length, this.firstToken);
    tokenOf(this.lastKey, 0, this.lastKey.length, this.lastToken);
    this.dataBytes = loaded.parts.data.sizeBytes;
    this.filter = loaded.filter;
    this.checksums = loaded.checksums;
    this.parts = loaded.parts;
    this.#files = loaded.parts.source.files;
  }

  /**
   * Opens the SSTable that the file at `path`, any of its components, belongs to.
   * @throws CorruptFileError, FileOperationError; UnsupportedFormatError for a version, compressor or partitioner that is
   * not read, and for columns that the table does not have (also as rejections)
   */
  static async open(files: Files, path: string, options: OpenOptions = {}): Promise<SSTable> {
    const loader = new SSTableLoader(files, path, options);
    try {
      return new SSTable(await loader.load());
    } catch (error) {
      loader.closeFiles();
      throw error;
    }
  }

  /** Number of partitions, from the statistics. */
  get partitionCount(): number {
    let count = 0;
    for (const bucket of this.statistics.stats.partitionSizes.counts) count += bucket;
    return count;
  }

  /** False: no partition of this key is in the file. Borrows the key. */
  mayContain(tokenHi: number, tokenLo: number, key: Uint8Array, keyStart: number, keyEnd: number): boolean {
    const { firstToken, lastToken } = this;
    if (this.parts.hasTokens) {
      if (compareInt64(tokenHi, tokenLo, firstToken.hi, firstToken.lo) < 0) return false;
      if (compareInt64(tokenHi, tokenLo, lastToken.hi, lastToken.lo) > 0) return false;
    }
    if (this.filter === undefined) return true;
    murmur3(key, keyStart, keyEnd, this.#hash);
    return this.filter.mayContain(this.#hash);
  }

  /**
   * Under another partitioner than Murmur3 the token is ignored.
   * @throws UnsupportedFormatError when keys cannot be found under the file's partitioner
   */
  openPartition(
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    slice: PartitionSlice,
  ): RowCursor | undefined {
    assert(!this.#isClosed, 'a closed SSTable is not read');
    if (!this.mayContain(tokenHi, tokenLo, key, keyStart, keyEnd)) return undefined;
    if (this.#isOutsideClustering(slice)) return undefined;
    const set = this.#idle.pop() ?? new ReadSet(this.parts, 0);
    const ownKey = key.slice(keyStart, keyEnd);
    return this.#cursor(new SinglePartition(this.parts, set, tokenHi, tokenLo, ownKey, slice), set, true);
  }

  openScan(range: TokenRange, slice: PartitionSlice): RowCursor {
    assert(!this.#isClosed, 'a closed SSTable is not read');
    const { firstToken, firstKey, parts } = this;
    const { hi, lo } = firstToken;
    const fromFirst = !parts.hasTokens || !isBeforeRange(range, hi, lo, firstKey, 0, firstKey.length);
    const set = new ReadSet(parts, slice.isReversed || !slice.wantsRows ? 0 : SCAN_READ_BYTES);
    const sequence =
      slice.isReversed || !slice.wantsRows
        ? new IndexScan(parts, set, range, slice)
        : new FileScan(parts, set, range, slice, fromFirst);
    return this.#cursor(sequence, set, false);
  }

  /** Closes the files once no cursor is open. Closing twice is fine. */
  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    if (this.#cursorCount === 0) this.#closeFiles();
  }

  #cursor(sequence: PartitionSequence, set: ReadSet, isPoint: boolean): SSTableCursor {
    this.#cursorCount++;
    return new SSTableCursor(sequence, () => {
      set.close();
      if (isPoint && this.#idle.length < MAX_IDLE_SETS) this.#idle.push(set);
      this.#cursorCount--;
      if (this.#isClosed && this.#cursorCount === 0) this.#closeFiles();
    });
  }

  #closeFiles(): void {
    const { data, index, source } = this.parts;
    let failure: unknown;
    for (const { cacheId, file } of [data, ...index.files]) {
      source.cache?.forget(cacheId);
      try {
        this.#files.close(file);
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  /** True when all slices lie outside the file's clustering range and there is nothing else that the read would want. */
  #isOutsideClustering(slice: PartitionSlice): boolean {
    const { minClustering, maxClustering, minLocalDeletionTime } = this.statistics.stats;
    if (!this.version.hasAccurateMinMax || !this.version.hasLegacyMinMax) return false;
    if (minClustering.length === 0 || maxClustering.length === 0) return false;
    // Without any deletion time there is no partition deletion; a static row belongs to every partition.
    if (minLocalDeletionTime !== NO_TIME || this.parts.statics.count > 0 || !slice.wantsRows) return false;
    const { comparator } = this.table;
    const min = clusteringPrefix(minClustering);
    const max = clusteringPrefix(maxClustering);
    return slice.slices.every(
      ({ start, startWeight, end, endWeight }) =>
        comparator.compare(end, 0, end.length, endWeight, min, 0, min.length, -1) <= 0 ||
        comparator.compare(start, 0, start.length, startWeight, max, 0, max.length, 1) >= 0,
    );
  }
}

/** "No deletion time" before `oa`, the versions whose min and max clustering are used. */
const NO_TIME = 0x7fff_ffff;
