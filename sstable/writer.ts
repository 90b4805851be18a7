import { assert } from '../core/assert.ts';
import { ByteWriter } from '../core/bytes.ts';
import { FileOperationError } from '../core/errors.ts';
import { compareInt64, INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI, INT64_MIN_LO, int64ToBigInt } from '../core/int64.ts';
import { Murmur3Hash, murmur3 } from '../core/murmur3.ts';
import type { Files } from '../core/ports/files.ts';
import { FragmentKind, type RowBatch } from '../core/read/row-batch.ts';
import type { TableDescriptor } from '../core/schema/table.ts';
import { comparePartition } from '../core/token.ts';
import { unsignedVintSize, writeUnsignedVint } from '../core/vint.ts';
import { commitSSTables } from './commit.ts';
import { chunkCodec } from './compress.ts';
import { compressionChoice } from './compression-options.ts';
import { DataOutput } from './data-output.ts';
import { FileOutput } from './file-output.ts';
import { ClusteringCodec, prefixValueCount } from './format/clustering.ts';
import { encodeCompressionInfo } from './format/compression-info.ts';
import { encodeCrc } from './format/crc.ts';
import { BoundKind, ExtendedFlag, MAX_KEY_BYTES, markerKind, UnfilteredFlag } from './format/data.ts';
import { timeToFile, writeDeletionTime } from './format/deletion-time.ts';
import { encodeDigest } from './format/digest.ts';
import { type BloomFilter, encodeFilter, makeFilter } from './format/filter.ts';
import { writeIndexEntry } from './format/index-entry.ts';
import { Component, joinPath, TOC_STAGED } from './format/names.ts';
import { INDEX_BLOCK_BYTES, PromotedIndexBuilder } from './format/promoted-index.ts';
import { type EncodingBase, RowEncoder, WrittenColumns } from './format/row-encoder.ts';
import { encodeStatistics, type LogInterval, MURMUR3_PARTITIONER } from './format/statistics.ts';
import { encodeSummary, FULL_SAMPLING, INDEX_INTERVAL, SummaryEntries } from './format/summary.ts';
import { CHECKSUM_BLOCK_BYTES, type ComponentChecksum, encodeTessera } from './format/tessera.ts';
import { encodeToc } from './format/toc.ts';
import { versionFeatures, WRITTEN_VERSION } from './format/version.ts';
import { writtenHeader } from './schema-header.ts';
import { StatisticsCollector } from './statistics-collector.ts';

export interface SSTableWriterOptions {
  /** The table's directory; it must be there. */
  readonly directory: string;
  /** From `identifierOfUuid`, or a decimal generation. Must be new in the directory. */
  readonly identifier: string;
  /** About how many partitions will come: sizes the bloom filter. */
  readonly expectedPartitions: number;
  /** Minima of what will come, from the memtable's or the inputs' statistics. */
  readonly base: EncodingBase;
  /** UUID of this node; with it, intervals of its commit log that the data comes from. */
  readonly hostId?: string | undefined;
  readonly logIntervals?: readonly LogInterval[];
  readonly level?: number;
  readonly repairedAtMs?: number;
  /** Bytes of one block of the promoted index; 64 KiB unless told. */
  readonly indexBlockBytes?: number;
}

/** What a finished SSTable is, as plain data that can cross threads. */
export interface SSTableSummaryInfo {
  readonly directory: string;
  /** What the names of all its components begin with, for `commitSSTables` and `SSTable.open`. */
  readonly prefix: string;
  /** Path of Data.db. */
  readonly dataPath: string;
  /** All components on disk. */
  readonly sizeBytes: number;
  /** Data.db before compression. */
  readonly dataBytes: number;
  readonly partitionCount: number;
  readonly rowCount: number;
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
  readonly firstTokenHi: number;
  readonly firstTokenLo: number;
  readonly lastTokenHi: number;
  readonly lastTokenLo: number;
  /** Microseconds; exact. */
  readonly minTimestampUs: bigint;
  readonly maxTimestampUs: bigint;
}

/**
 * Writes one SSTable of version `me` from fragments in order. Blocking: for pool threads. Holds one buffer per file, the
 * promoted index of the partition at hand, the filter and the summary.
 *
 * Usage: `append` batches, then `finish`, then `commit` (or commitSSTables for several at once). After a failure or
 * instead of finishing: `abort`, which removes what was written.
 */
export class SSTableWriter {
  readonly #files: Files;
  readonly #table: TableDescriptor;
  readonly #options: SSTableWriterOptions;
  readonly #prefix: string;
  readonly #outputs: FileOutput[] = [];
  readonly #dataFile: FileOutput;
  readonly #data: DataOutput;
  readonly #index: FileOutput;
  readonly #filter: BloomFilter | undefined;
  readonly #summary: SummaryEntries = new SummaryEntries();
  readonly #statistics: StatisticsCollector;
  readonly #codec: ClusteringCodec;
  readonly #encoder: RowEncoder;
  readonly #promoted: PromotedIndexBuilder;
  readonly #statics: WrittenColumns;
  readonly #regulars: WrittenColumns;
  readonly #hash: Murmur3Hash = new Murmur3Hash();
  readonly #head: ByteWriter = new ByteWriter(1024);
  readonly #body: ByteWriter = new ByteWriter(64);
  readonly #promotedBytes: ByteWriter = new ByteWriter(1024);
  /** Content of the static row of a partition that has none, written when the file has static columns. */
  readonly #emptyStatics: ByteWriter = new ByteWriter(16);
  #emptyStaticsFlags = 0;

  readonly #firstKey: ByteWriter = new ByteWriter(64);
  #firstTokenHi = 0;
  #firstTokenLo = 0;
  /** Key and token of the partition that was written last, or is being written. */
  readonly #key: ByteWriter = new ByteWriter(64);
  #tokenHi: number = INT64_MIN_HI;
  #tokenLo: number = INT64_MIN_LO;
  #inPartition = false;
  /** The partition's header is written when something comes that needs it: a partition of nothing is left out. */
  #isBegun = false;
  readonly #pendingKey: ByteWriter = new ByteWriter(64);
  #pendingTokenHi = 0;
  #pendingTokenLo = 0;
  #deletionHi: number = INT64_MIN_HI;
  #deletionLo: number = INT64_MIN_LO;
  #deletionTime = 0;
  #partitionStart = 0;
  /** Start of the unfiltered before, or of the partition. */
  #previousStart = 0;
  #unfilteredCount = 0;
  readonly #last: ByteWriter = new ByteWriter(64);
  #lastWeight = 0;
  /** The range deletion in force, (-2^63) for none. */
  #openHi: number = INT64_MIN_HI;
  #openLo: number = INT64_MIN_LO;
  #openTime = 0;
  #isFinished = false;

  /** @throws FileOperationError; ConfigurationError, UnsupportedFormatError for options that cannot be followed */
  constructor(files: Files, table: TableDescriptor, options: SSTableWriterOptions) {
    this.#files = files;
    this.#table = table;
    this.#options = options;
    this.#prefix = `${WRITTEN_VERSION}-${options.identifier}-big`;
    const choice = compressionChoice(table.options.compression);
    const codec =
      choice.className === '' ? undefined : chunkCodec(choice.className, choice.options, this.#path(Component.Data));
    this.#dataFile = this.#create(Component.Data, codec === undefined);
    this.#data = new DataOutput(this.#dataFile, codec, choice.options, choice.chunkBytes);
    try {
      this.#index = this.#create(Component.Index, true);
    } catch (error) {
      this.abort();
      throw error;
    }
    const { bloomFilterFpChance } = table.options;
    if (bloomFilterFpChance < 1) this.#filter = makeFilter(options.expectedPartitions, bloomFilterFpChance);
    this.#statistics = new StatisticsCollector(table.comparator);
    this.#codec = new ClusteringCodec(table.clustering.map((column) => column.type.fixedLength));
    const { nextColumnId } = table.definition;
    this.#statics = new WrittenColumns(table.statics, nextColumnId);
    this.#regulars = new WrittenColumns(table.regulars, nextColumnId);
    const mostColumns = Math.max(table.statics.length, table.regulars.length);
    this.#encoder = new RowEncoder(options.base, this.#statistics, mostColumns);
    this.#promoted = new PromotedIndexBuilder(this.#codec, options.indexBlockBytes ?? INDEX_BLOCK_BYTES);
    this.#encoder.encode(NOTHING, 0, 0, this.#statics);
    this.#emptyStatics.raw(this.#encoder.content.bytes, 0, this.#encoder.content.length);
    this.#emptyStaticsFlags = this.#encoder.flags;
  }

  /** Bytes before compression so far. */
  get dataBytes(): number {
    return this.#data.position;
  }

  /** Bytes of rows and index that are on their way to the disk, about: what a large SSTable takes there. */
  get diskBytes(): number {
    return this.#dataFile.sizeBytes + this.#index.sizeBytes;
  }

  get partitionCount(): number {
    return this.#statistics.partitionCount;
  }

  /**
   * Writes fragments [start, end) of a batch, which continue those before; borrows the batch during the call. All of it unless
   * told otherwise.
   */
  append(batch: RowBatch, start = 0, end: number = batch.count): void {
    const { kind } = batch;
    for (let i = start; i < end; i++) {
      switch (kind[i]) {
        case FragmentKind.PartitionStart:
          this.#startPartition(batch, i);
          break;
        case FragmentKind.StaticRow:
          this.#staticRow(batch, i);
          break;
        case FragmentKind.Row:
          this.#row(batch, i);
          break;
        case FragmentKind.RangeChange:
          this.#rangeChange(batch, i);
          break;
        default:
          this.#endPartition();
      }
    }
  }

  /**
   * Ends the files and stages them: everything synced, the TOC under its temporary name.
   * @returns undefined when no partition came: nothing is left on disk then
   */
  finish(): SSTableSummaryInfo | undefined {
    assert(!this.#inPartition && !this.#isFinished, 'an SSTable is finished once, between partitions');
    if (this.#statistics.partitionCount === 0) {
      this.abort();
      return undefined;
    }
    this.#isFinished = true;
    this.#data.finish();
    this.#dataFile.finish();
    this.#index.finish();
    const checksums = this.#writeComponents();
    let sizeBytes = 0;
    for (const { sizeBytes: bytes } of checksums.values()) sizeBytes += bytes;
    this.#files.syncDirectory(this.#options.directory);
    const statistics = this.#statistics;
    return {
      directory: this.#options.directory,
      prefix: this.#prefix,
      dataPath: this.#path(Component.Data),
      sizeBytes,
      dataBytes: this.#data.position,
      partitionCount: statistics.partitionCount,
      rowCount: statistics.rowCount,
      firstKey: this.#firstKey.toBytes(),
      lastKey: this.#key.toBytes(),
      firstTokenHi: this.#firstTokenHi,
      firstTokenLo: this.#firstTokenLo,
      lastTokenHi: this.#tokenHi,
      lastTokenLo: this.#tokenLo,
      minTimestampUs: int64ToBigInt(statistics.minTimestampHi, statistics.minTimestampLo),
      maxTimestampUs: int64ToBigInt(statistics.maxTimestampHi, statistics.maxTimestampLo),
    };
  }

  /** Makes a finished SSTable visible and durable. */
  commit(): void {
    assert(this.#isFinished, 'only a finished SSTable is committed');
    commitSSTables(this.#files, this.#options.directory, [this.#prefix]);
  }

  /** Removes the files of an SSTable that is not to be. @throws FileOperationError when some could not be removed */
  abort(): void {
    this.#isFinished = true;
    let failure: FileOperationError | undefined;
    for (const output of this.#outputs) {
      try {
        output.close();
        if (this.#files.status(output.path) !== undefined) this.#files.unlink(output.path);
      } catch (error) {
        if (!(error instanceof FileOperationError)) throw error;
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
  }

  #startPartition(batch: RowBatch, i: number): void {
    assert(!this.#inPartition, 'a partition ends before the next starts');
    const start = batch.positionStart[i]!;
    const end = batch.positionEnd[i]!;
    assert(end - start <= MAX_KEY_BYTES, 'a partition key has at most 65535 bytes');
    const tokenHi = batch.tokenHi[i]!;
    const tokenLo = batch.tokenLo[i]!;
    const key = this.#key;
    if (this.#statistics.partitionCount > 0) {
      const order = comparePartition(
        this.#tokenHi,
        this.#tokenLo,
        key.bytes,
        0,
        key.length,
        tokenHi,
        tokenLo,
        batch.bytes,
        start,
        end,
      );
      assert(order < 0, 'partitions come in order of token and key');
    }
    this.#inPartition = true;
    this.#isBegun = false;
    this.#openHi = INT64_MIN_HI;
    this.#openLo = INT64_MIN_LO;
    this.#deletionHi = batch.deletionHi(i);
    this.#deletionLo = batch.deletionLo(i);
    this.#deletionTime = batch.deletionTime(i);
    this.#pendingKey.clear();
    this.#pendingKey.raw(batch.bytes, start, end);
    this.#pendingTokenHi = tokenHi;
    this.#pendingTokenLo = tokenLo;
    if (isDeletion(this.#deletionHi, this.#deletionLo)) this.#begin();
  }

  /** Writes the header of the partition at hand. */
  #begin(): void {
    this.#isBegun = true;
    const pending = this.#pendingKey;
    const key = this.#key;
    key.clear();
    key.raw(pending.bytes, 0, pending.length);
    this.#tokenHi = this.#pendingTokenHi;
    this.#tokenLo = this.#pendingTokenLo;
    if (this.#statistics.partitionCount === 0) {
      this.#firstKey.raw(key.bytes, 0, key.length);
      this.#firstTokenHi = this.#tokenHi;
      this.#firstTokenLo = this.#tokenLo;
    }
    this.#partitionStart = this.#data.position;
    this.#previousStart = this.#partitionStart;
    this.#unfilteredCount = -1; // until the static row is written or known to be absent
    const head = this.#head;
    head.clear();
    head.u16BE(key.length);
    head.raw(key.bytes, 0, key.length);
    writeDeletionTime(head, this.#deletionHi, this.#deletionLo, this.#deletionTime);
    this.#data.write(head.bytes, 0, head.length);
    if (isDeletion(this.#deletionHi, this.#deletionLo)) {
      this.#statistics.deletion(this.#deletionHi, this.#deletionLo, timeToFile(this.#deletionTime));
    }
  }

  #staticRow(batch: RowBatch, i: number): void {
    assert(this.#inPartition && (!this.#isBegun || this.#unfilteredCount < 0), 'a static row follows its start');
    const columns = this.#statics;
    if (!this.#encoder.encode(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!, columns)) return;
    assert(columns.columns.length > 0, 'a table with static rows has static columns');
    if (!this.#isBegun) this.#begin();
    this.#writeStaticRow(this.#encoder.flags, this.#encoder.extendedFlags, this.#encoder.content);
    this.#statistics.rowCount++;
  }

  /** Before the first row or marker and at the end: the empty static row that files with static columns have. */
  #endStatics(): void {
    if (this.#unfilteredCount >= 0) return;
    if (this.#statics.columns.length > 0) {
      this.#writeStaticRow(this.#emptyStaticsFlags, 0, this.#emptyStatics);
    } else {
      this.#endHeader();
    }
  }

  #writeStaticRow(flags: number, extendedFlags: number, content: ByteWriter): void {
    const head = this.#head;
    head.clear();
    head.u8(flags | UnfilteredFlag.Extended);
    head.u8(extendedFlags | ExtendedFlag.IsStatic);
    writeUnsignedVint(head, 1 + content.length);
    head.u8(0); // previous size
    this.#data.write(head.bytes, 0, head.length);
    this.#data.write(content.bytes, 0, content.length);
    this.#endHeader();
  }

  #endHeader(): void {
    this.#unfilteredCount = 0;
    this.#promoted.begin(this.#data.position - this.#partitionStart);
  }

  #row(batch: RowBatch, i: number): void {
    assert(this.#inPartition, 'a row lies in a partition');
    const encoder = this.#encoder;
    const { bytes } = batch;
    const start = batch.positionStart[i]!;
    const end = batch.positionEnd[i]!;
    if (!encoder.encode(bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!, this.#regulars)) return;
    if (!this.#isBegun) this.#begin();
    this.#endStatics();
    this.#checkOrder(bytes, start, end, 0);
    const rowStart = this.#data.position;
    const head = this.#head;
    head.clear();
    if (encoder.extendedFlags === 0) {
      head.u8(encoder.flags);
    } else {
      head.u8(encoder.flags | UnfilteredFlag.Extended);
      head.u8(encoder.extendedFlags);
    }
    this.#codec.encode(bytes, start, end, this.#codec.columnCount, head);
    this.#writeUnfiltered(encoder.content, rowStart);
    this.#statistics.rowCount++;
    this.#noteUnfiltered(BoundKind.Clustering, bytes, start, end, 0);
  }

  #rangeChange(batch: RowBatch, i: number): void {
    assert(this.#inPartition, 'a range change lies in a partition');
    const hi = batch.deletionHi(i);
    const lo = batch.deletionLo(i);
    const time = batch.deletionTime(i);
    const closes = isDeletion(this.#openHi, this.#openLo);
    const opens = isDeletion(hi, lo);
    if (!closes && !opens) return;
    if (closes && opens && hi === this.#openHi && lo === this.#openLo && time === this.#openTime) return;
    const { bytes } = batch;
    const start = batch.positionStart[i]!;
    const end = batch.positionEnd[i]!;
    const weight = batch.weight[i]!;
    if (!this.#isBegun) this.#begin();
    this.#endStatics();
    this.#checkOrder(bytes, start, end, weight);
    const kind = markerKind(weight, closes, opens);
    const markerStart = this.#data.position;
    const head = this.#head;
    head.clear();
    head.u8(UnfilteredFlag.IsMarker);
    head.u8(kind);
    const count = prefixValueCount(bytes, start, end);
    head.u16BE(count);
    this.#codec.encode(bytes, start, end, count, head);
    const body = this.#body;
    body.clear();
    if (closes) this.#encoder.deletion(body, this.#openHi, this.#openLo, this.#openTime);
    if (opens) {
      this.#encoder.deletion(body, hi, lo, time);
      this.#statistics.deletion(hi, lo, timeToFile(time));
    }
    this.#openHi = hi;
    this.#openLo = lo;
    this.#openTime = time;
    this.#writeUnfiltered(body, markerStart);
    this.#noteUnfiltered(kind, bytes, start, end, weight);
  }

  /** Ends `#head` with the sizes and writes it with the content. */
  #writeUnfiltered(content: ByteWriter, start: number): void {
    const head = this.#head;
    const previousSize = start - this.#previousStart;
    writeUnsignedVint(head, unsignedVintSize(previousSize) + content.length);
    writeUnsignedVint(head, previousSize);
    this.#data.write(head.bytes, 0, head.length);
    this.#data.write(content.bytes, 0, content.length);
    this.#previousStart = start;
  }

  #noteUnfiltered(kind: number, bytes: Uint8Array, start: number, end: number, weight: number): void {
    if (this.#unfilteredCount++ === 0) this.#statistics.position(bytes, start, end, weight);
    const endOffset = this.#data.position - this.#partitionStart;
    this.#promoted.add(kind, bytes, start, end, endOffset, this.#openHi, this.#openLo, this.#openTime);
    const last = this.#last;
    last.clear();
    last.raw(bytes, start, end);
    this.#lastWeight = weight;
  }

  #checkOrder(bytes: Uint8Array, start: number, end: number, weight: number): void {
    if (this.#unfilteredCount <= 0) return;
    const last = this.#last;
    const { comparator } = this.#table;
    const order = comparator.compare(last.bytes, 0, last.length, this.#lastWeight, bytes, start, end, weight);
    assert(order < 0, 'rows come in clustering order');
  }

  #endPartition(): void {
    assert(this.#inPartition, 'a partition ends once');
    assert(!isDeletion(this.#openHi, this.#openLo), 'no range is open at the end of a partition');
    this.#inPartition = false;
    if (!this.#isBegun) return;
    this.#endStatics();
    this.#data.write(END, 0, 1);
    if (this.#unfilteredCount > 0) {
      this.#statistics.position(this.#last.bytes, 0, this.#last.length, this.#lastWeight);
    }
    this.#statistics.endPartition(this.#key, this.#data.position - this.#partitionStart);
    this.#writeIndexEntry();
  }

  #writeIndexEntry(): void {
    const key = this.#key;
    if ((this.#statistics.partitionCount - 1) % INDEX_INTERVAL === 0) {
      this.#summary.add(key.bytes, 0, key.length, this.#index.sizeBytes);
    }
    if (this.#filter !== undefined) {
      murmur3(key.bytes, 0, key.length, this.#hash);
      this.#filter.add(this.#hash);
    }
    const promoted = this.#promotedBytes;
    promoted.clear();
    const size = this.#promoted.finish(
      this.#data.position - this.#partitionStart,
      this.#deletionHi,
      this.#deletionLo,
      this.#deletionTime,
      promoted,
    );
    const head = this.#head;
    head.clear();
    writeIndexEntry(head, key.bytes, 0, key.length, this.#partitionStart, size);
    this.#index.write(head.bytes, 0, head.length);
    this.#index.write(promoted.bytes, 0, promoted.length);
  }

  /** Writes and syncs all components but Data and Index, the TOC last and under its temporary name. */
  #writeComponents(): ReadonlyMap<string, ComponentChecksum> {
    const checksums = new Map<string, ComponentChecksum>();
    for (const output of [this.#dataFile, this.#index]) {
      const name = output === this.#index ? Component.Index : Component.Data;
      checksums.set(name, { sizeBytes: output.sizeBytes, crc: output.crc });
    }
    const write = (name: string, bytes: Uint8Array) => {
      const output = this.#create(name, false, bytes.length);
      output.write(bytes, 0, bytes.length);
      output.finish();
      const component = name === TOC_STAGED ? Component.Toc : name;
      checksums.set(component, { sizeBytes: output.sizeBytes, crc: output.crc });
    };
    write(
      Component.Summary,
      encodeSummary({
        minIndexInterval: INDEX_INTERVAL,
        samplingLevel: FULL_SAMPLING,
        sizeAtFullSampling: this.#summary.count,
        entries: this.#summary,
        firstKey: this.#firstKey.toBytes(),
        lastKey: this.#key.toBytes(),
      }),
    );
    if (this.#filter !== undefined) write(Component.Filter, encodeFilter(this.#filter));
    write(Component.Statistics, this.#encodeStatistics());
    write(Component.Digest, encodeDigest(this.#dataFile.crc));
    const compression = this.#data.compressionInfo();
    if (compression === undefined) {
      write(Component.Crc, encodeCrc(CHECKSUM_BLOCK_BYTES, this.#dataFile.blockCrcs));
    } else {
      const features = versionFeatures(WRITTEN_VERSION, 'big', this.#prefix);
      write(Component.CompressionInfo, encodeCompressionInfo(compression, features));
    }
    const toc = encodeToc([...checksums.keys(), Component.Tessera, Component.Toc]);
    write(TOC_STAGED, toc);
    write(
      Component.Tessera,
      encodeTessera({
        components: checksums,
        blockBytes: CHECKSUM_BLOCK_BYTES,
        indexBlocks: Uint32Array.from(this.#index.blockCrcs),
        dataBlocks: Uint32Array.from(this.#dataFile.blockCrcs),
      }),
    );
    return checksums;
  }

  #encodeStatistics(): Uint8Array {
    const statistics = this.#statistics;
    const { hasTimestamp } = statistics;
    const options = this.#options;
    const isCompressed = this.#data.compressionInfo() !== undefined;
    return encodeStatistics({
      partitioner: MURMUR3_PARTITIONER,
      bloomFilterFpChance: this.#table.options.bloomFilterFpChance,
      cardinality: statistics.cardinality.encode(),
      stats: {
        partitionSizes: statistics.partitionSizes,
        cellCounts: statistics.cellCounts,
        minTimestampHi: hasTimestamp ? statistics.minTimestampHi : INT64_MIN_HI,
        minTimestampLo: hasTimestamp ? statistics.minTimestampLo : INT64_MIN_LO,
        maxTimestampHi: hasTimestamp ? statistics.maxTimestampHi : INT64_MAX_HI,
        maxTimestampLo: hasTimestamp ? statistics.maxTimestampLo : INT64_MAX_LO,
        minLocalDeletionTime: statistics.minTime,
        maxLocalDeletionTime: statistics.maxTime,
        minTtl: statistics.minTtl,
        maxTtl: statistics.maxTtl,
        compressionRatio: isCompressed ? this.#dataFile.sizeBytes / this.#data.position : -1,
        tombstones: statistics.tombstones,
        level: options.level ?? 0,
        repairedAtMs: options.repairedAtMs ?? 0,
        minClustering: statistics.minClustering(),
        maxClustering: statistics.maxClustering(),
        hasLegacyCounterShards: false,
        cellCount: statistics.cellCount,
        rowCount: statistics.rowCount,
        logIntervals: options.hostId === undefined ? [] : (options.logIntervals ?? []),
        hostId: options.hostId,
        firstKey: undefined,
        lastKey: undefined,
        hasPartitionDeletions: undefined,
      },
      header: writtenHeader(this.#table, this.#statics, this.#regulars, options.base),
    });
  }

  #path(component: string): string {
    return joinPath(this.#options.directory, `${this.#prefix}-${component}`);
  }

  #create(component: string, wantsBlocks: boolean, expectedBytes?: number): FileOutput {
    const path = this.#path(component);
    const output = new FileOutput(this.#files, path, wantsBlocks, expectedBytes);
    this.#outputs.push(output);
    return output;
  }
}

const NOTHING = new Uint8Array(0);
const END: Uint8Array = Uint8Array.of(UnfilteredFlag.EndOfPartition);

function isDeletion(hi: number, lo: number): boolean {
  return compareInt64(hi, lo, INT64_MIN_HI, INT64_MIN_LO) !== 0;
}
