import { int64ToBigInt } from '../../core/int64.ts';
import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { parseClusteringClassName } from '../../core/types/parse-class-name.ts';
import type { EstimatedHistogram } from '../../sstable/format/estimated-histogram.ts';
import { Component, joinPath, parseSSTableName, splitPath, sstablePrefix } from '../../sstable/format/names.ts';
import type { HeaderColumn } from '../../sstable/format/serialization-header.ts';
import { type LogPosition, MURMUR3_PARTITIONER, type TableStatistics } from '../../sstable/format/statistics.ts';
import { decodeSummary } from '../../sstable/format/summary.ts';
import { SSTable } from '../../sstable/reader.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { componentPath, versionOf } from './component-path.ts';
import { readCompressionInfo } from './compressed-chunks.ts';
import { estimatedCardinality } from './estimated-cardinality.ts';
import { indexFileEntries } from './index-file.ts';
import { byteCount, durationWords, javaDate } from './java-text.ts';
import { keyText, partitionKeyValues } from './key-text.ts';
import { readStatistics, tableOfStatistics } from './read-statistics.ts';
import { type Leader, scanTotals } from './scan-totals.ts';
import type { SchemaChoice } from './table-schema.ts';
import { termHistogram } from './term-histogram.ts';
import { readWhole } from './whole-file.ts';

export interface MetadataOptions {
  readonly isColored: boolean;
  readonly isUnicode: boolean;
  readonly gcGraceSeconds: number;
  /** Units of write timestamps that a second has. */
  readonly timestampsPerSecond: number;
  /** All rows are read, for totals. */
  readonly scans: boolean;
  readonly nowSeconds: number;
}

/** "No deletion time" in files before `oa`, and from it on. */
const NO_TIME: readonly number[] = [0x7fff_ffff, 0xffff_ffff];
const NEVER = 0x7fff_ffff;
const BLUE = '\x1b[34m';
const CYAN = '\x1b[36m';
const WHITE = '\x1b[37m';
const RESET = '\x1b[0m';
const COMPRESSORS = 'org.apache.cassandra.io.compress.';

/**
 * What sstablemetadata of Cassandra prints of an SSTable, line by line; times in UTC. `--` is what is not there.
 * @see spec/tools.md §6
 */
export class MetadataText {
  readonly #files: Files;
  readonly #out: TextOutput;
  readonly #options: MetadataOptions;
  readonly #schema: SchemaChoice;

  constructor(files: Files, out: TextOutput, options: MetadataOptions, schema: SchemaChoice) {
    this.#files = files;
    this.#out = out;
    this.#options = options;
    this.#schema = schema;
  }

  /** @throws CorruptFileError, FileOperationError, UnsupportedFormatError */
  async print(dataPath: string): Promise<void> {
    const files = this.#files;
    const statistics = readStatistics(files, dataPath);
    const version = versionOf(dataPath);
    const table = tableOfStatistics(files, dataPath, statistics, this.#schema);
    const { stats, header } = statistics;
    const { directory, name } = splitPath(dataPath);
    this.#field('SSTable', joinPath(directory, sstablePrefix(parseSSTableName(name)!)));
    if (this.#options.scans) await this.#scan(dataPath);
    this.#field('Partitioner', statistics.partitioner);
    this.#field('Bloom Filter FP chance', javaNumber(statistics.bloomFilterFpChance));
    const min = int64ToBigInt(stats.minTimestampHi, stats.minTimestampLo);
    const max = int64ToBigInt(stats.maxTimestampHi, stats.maxTimestampLo);
    this.#field('Minimum timestamp', this.#timestamp(min), String(min));
    this.#field('Maximum timestamp', this.#timestamp(max), String(max));
    this.#field('Duration', this.#duration(max - min));
    this.#deletionTime('SSTable min local deletion time', stats.minLocalDeletionTime);
    this.#deletionTime('SSTable max local deletion time', stats.maxLocalDeletionTime);
    const compression = readCompressionInfo(files, dataPath);
    this.#field('Compressor', compression === undefined ? '-' : COMPRESSORS + compression.compressor);
    if (compression !== undefined) this.#field('Compression ratio', javaNumber(stats.compressionRatio));
    this.#field('TTL min', String(stats.minTtl), ttlWords(stats.minTtl));
    this.#field('TTL max', String(stats.maxTtl), ttlWords(stats.maxTtl));
    this.#keys(dataPath, stats, table, statistics.partitioner === MURMUR3_PARTITIONER);
    this.#field(
      'Covered clusterings',
      version.hasLegacyMinMax ? covered(stats, header.clusteringTypes, version.hasAccurateMinMax) : undefined,
    );
    const gcBefore = this.#options.nowSeconds - this.#options.gcGraceSeconds;
    this.#field('Estimated droppable tombstones', javaNumber(droppableShare(stats, gcBefore)));
    this.#field('SSTable Level', String(stats.level));
    const repairedAt = stats.repairedAtMs === 0 ? undefined : javaDate(Math.floor(stats.repairedAtMs / 1000));
    this.#field('Repaired at', String(stats.repairedAtMs), repairedAt);
    this.#field('Originating host id', stats.hostId);
    this.#field('Pending repair', stats.pendingRepair);
    this.#field('Replay positions covered', intervals(stats));
    this.#field('totalColumnsSet', String(stats.cellCount));
    this.#field('totalRows', String(stats.rowCount));
    this.#histograms(stats);
    const cardinality = estimatedCardinality(statistics.cardinality, componentPath(dataPath, Component.Statistics));
    this.#field('Estimated cardinality', cardinality === undefined ? undefined : String(cardinality));
    this.#field('EncodingStats minTTL', String(header.minTtl), ttlWords(header.minTtl));
    const base = version.hasUnsignedDeletionTime ? header.minLocalDeletionTime >>> 0 : header.minLocalDeletionTime;
    this.#field('EncodingStats minLocalDeletionTime', javaDate(base), String(base));
    const minBase = int64ToBigInt(header.minTimestampHi, header.minTimestampLo);
    this.#field('EncodingStats minTimestamp', this.#timestamp(minBase), String(minBase));
    this.#field('KeyType', header.partitionKeyType);
    this.#field('ClusteringTypes', `[${header.clusteringTypes.join(', ')}]`);
    this.#field('StaticColumns', columnList(header.statics));
    this.#field('RegularColumns', columnList(header.regulars));
    this.#field('IsTransient', String(stats.isTransient === true));
    await this.#out.drain();
  }

  async #scan(dataPath: string): Promise<void> {
    const sstable = await SSTable.open(this.#files, dataPath, { isBlocking: true, anyPartitioner: true, raw: true });
    try {
      const totals = await scanTotals(sstable, this.#out);
      this.#field('Size', String(sstable.dataBytes));
      this.#field('Partitions', String(totals.partitions));
      this.#field('Rows', String(totals.rows));
      this.#field('Tombstones', String(totals.tombstones));
      this.#field('Cells', String(totals.cells));
      this.#leaders('Widest Partitions', totals.widest, () => '');
      this.#leaders('Largest Partitions', totals.largest, (value) => ` (${byteCount(value) ?? '0 B'})`);
      if (totals.tombstoneLeaders.length > 0) this.#leaders('Tombstone Leaders', totals.tombstoneLeaders, () => '');
    } finally {
      sstable.close();
    }
  }

  #leaders(name: string, leaders: readonly Leader[], comment: (value: number) => string): void {
    this.#field(name, '');
    for (const { key, value } of leaders) this.#out.line(`  [${key}] ${value}${comment(value)}`);
  }

  #keys(dataPath: string, stats: TableStatistics, { partitionKey }: TableDescriptor, hasTokens: boolean): void {
    const keys = this.#keyRange(dataPath, stats);
    if (keys === undefined) return;
    for (const [i, key] of keys.entries()) {
      const token = new Token();
      tokenOf(key, 0, key.length, token);
      const text = keyText(partitionKeyValues(key, 0, key.length, partitionKey.length), partitionKey);
      const shown = hasTokens ? String(int64ToBigInt(token.hi, token.lo)) : undefined;
      this.#field(i === 0 ? 'First token' : 'Last token', shown, text);
    }
  }

  /** First and last key: of the statistics, else of the summary, else of the index. */
  #keyRange(dataPath: string, { firstKey, lastKey }: TableStatistics): readonly Uint8Array[] | undefined {
    if (firstKey !== undefined && lastKey !== undefined) return [firstKey, lastKey];
    const files = this.#files;
    const summaryPath = componentPath(dataPath, Component.Summary);
    if (files.status(summaryPath) !== undefined) {
      const summary = decodeSummary(readWhole(files, summaryPath), summaryPath, Number.POSITIVE_INFINITY);
      return [summary.firstKey, summary.lastKey];
    }
    const indexPath = componentPath(dataPath, Component.Index);
    if (files.status(indexPath) === undefined) return undefined;
    let first: Uint8Array | undefined;
    let last: Uint8Array | undefined;
    for (const { bytes, entry } of indexFileEntries(files, indexPath)) {
      last = bytes.slice(entry.keyStart, entry.keyEnd);
      first ??= last;
    }
    return first === undefined || last === undefined ? undefined : [first, last];
  }

  #histograms(stats: TableStatistics): void {
    const print = (name: string, lines: readonly string[]) => {
      this.#field(name, '');
      for (const line of lines) this.#out.line(line);
    };
    const { isUnicode } = this.#options;
    const drops: [number, number][] = [];
    for (let i = 0; i < stats.tombstones.size; i++) {
      drops.push([Math.trunc(stats.tombstones.time(i)), stats.tombstones.count(i)]);
    }
    const dateOf = (seconds: number) => `${seconds} ${seconds === 0 ? '' : `(${javaDate(seconds)})`}`;
    print('Estimated tombstone drop times', termHistogram(drops, 'Drop Time', dateOf, isUnicode));
    const sizeOf = (bytes: number) => `${bytes} ${bytes === 0 ? '' : `(${byteCount(bytes)})`}`;
    print('Partition Size', termHistogram(filledBins(stats.partitionSizes), 'Size (bytes)', sizeOf, isUnicode));
    print('Column Count', termHistogram(filledBins(stats.cellCounts), 'Columns', String, isUnicode));
  }

  #deletionTime(name: string, seconds: number): void {
    const isNone = seconds === 0 || NO_TIME.includes(seconds);
    this.#field(name, isNone ? 'no tombstones' : javaDate(seconds), String(seconds));
  }

  /** Undefined for 0, and beyond what a calendar is for. */
  #timestamp(value: bigint): string | undefined {
    if (value === 0n) return undefined;
    const perSecond = BigInt(this.#options.timestampsPerSecond);
    const seconds = (value - (((value % perSecond) + perSecond) % perSecond)) / perSecond;
    return javaDate(Number(seconds));
  }

  #duration(value: bigint): string {
    const seconds = value / BigInt(this.#options.timestampsPerSecond);
    const of = (size: bigint, within: bigint) => (seconds / size) % within;
    return `Days: ${seconds / 86_400n} Hours: ${of(3600n, 24n)} Minutes: ${of(60n, 60n)} Seconds: ${seconds % 60n}`;
  }

  #field(name: string, value: string | undefined, comment?: string): void {
    const text = value ?? '--';
    if (this.#options.isColored) {
      const note = comment === undefined ? '' : `${WHITE} (${comment})${RESET}`;
      this.#out.line(`${BLUE}${name}${CYAN}: ${RESET}${text}${note}`);
    } else {
      this.#out.line(`${name}: ${text}${comment === undefined ? '' : ` (${comment})`}`);
    }
  }
}

function ttlWords(seconds: number): string | undefined {
  if (seconds <= 0) return undefined;
  return seconds === NEVER ? 'never' : durationWords(seconds);
}

/** A double as Java writes one, for the few magnitudes that occur. */
function javaNumber(value: number): string {
  if (!Number.isFinite(value)) return String(value);
  if (value !== 0 && (Math.abs(value) < 1e-3 || Math.abs(value) >= 1e7)) {
    const [mantissa, power] = value.toExponential().split('e') as [string, string];
    return `${mantissa.includes('.') ? mantissa : `${mantissa}.0`}E${Number(power)}`;
  }
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

/** The first and last clustering position, or everything where the version's cannot be relied on. */
function covered(stats: TableStatistics, types: readonly string[], isAccurate: boolean): string {
  const text = (values: readonly Uint8Array[]) =>
    values.map((value, i) => parseClusteringClassName(types[i]!).type.toText(value, 0, value.length)).join(':');
  return isAccurate ? `[${text(stats.minClustering)}, ${text(stats.maxClustering)}]` : '[, ]';
}

function filledBins({ offsets, counts }: EstimatedHistogram): [number, number][] {
  const bins: [number, number][] = [];
  for (let i = 0; i < offsets.length; i++) if (counts[i]! > 0) bins.push([offsets[i]!, counts[i]!]);
  return bins;
}

/** Tombstones that are old enough, by the number of cells that the histogram estimates. */
function droppableShare({ cellCounts, tombstones }: TableStatistics, gcBefore: number): number {
  let partitions = 0;
  let cells = 0;
  for (const [offset, count] of filledBins(cellCounts)) {
    partitions += count;
    cells += offset * count;
  }
  if (partitions === 0 || cells === 0) return 0;
  return tombstones.countBefore(gcBefore) / (Math.ceil(cells / partitions) * partitions);
}

function intervals({ logIntervals }: TableStatistics): string {
  const position = ({ segment, position: at }: LogPosition) =>
    `CommitLogPosition(segmentId=${segment}, position=${at})`;
  return `{${logIntervals.map(({ start, end }) => `${position(start)}=${position(end)}`).join(', ')}}`;
}

function columnList(columns: readonly HeaderColumn[]): string {
  return columns.map(({ name, typeName }) => `${name}:${typeName}`).join(', ');
}
