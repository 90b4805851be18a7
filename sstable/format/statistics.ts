import { crc32 } from 'node:zlib';
import { ByteCursor, ByteWriter, readI32BE, readU32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { bigIntHi, bigIntLo, int64ToBigInt } from '../../core/int64.ts';
import { uuidText, writeUuid } from '../../core/uuid-bytes.ts';
import { Int64Halves, readUnsignedVint, readVint64 } from '../../core/vint.ts';
import { decodeHistogram, type EstimatedHistogram, encodeHistogram } from './estimated-histogram.ts';
import {
  readBytes16,
  readBytes32,
  readF64,
  readI32,
  readSafeI64,
  readU8,
  readU16,
  readU32,
  readUtf,
  readVintBytes,
  take,
  writeF64,
  writeSafeI64,
  writeUtf,
} from './fields.ts';
import {
  decodeSerializationHeader,
  encodeSerializationHeader,
  type SerializationHeader,
} from './serialization-header.ts';
import { decodeTombstoneHistogram, encodeTombstoneHistogram, type TombstoneHistogram } from './tombstone-histogram.ts';
import type { VersionFeatures } from './version.ts';

/**
 * Statistics.db: metadata, and the header without which Data.db cannot be read. Big endian.
 *
 *   i32  components (4)
 *  [u32  CRC-32 of those 4 bytes]                                  from `na` on
 *   components x (i32 type | i32 offset in the file)
 *  [u32  CRC-32 of the count and the table]                        from `na` on
 *   components, each with a u32 CRC-32 after it from `na` on
 *
 * Types: 0 validation  utf partitioner | f64 bloom filter chance
 *        1 compaction  i32 length, HyperLogLog++ of the keys (cardinality.ts; empty in some files of others)
 *        2 stats       the fields of `TableStatistics`, in the order of `encodeStats`
 *        3 header      serialization-header.ts
 *
 * A component ends where the next begins; bytes left over at its end are ignored, as other readers do.
 * @see Cassandra `MetadataSerializer`, `StatsMetadata`; spec/sstable.md §14
 */
export interface Statistics {
  readonly partitioner: string;
  readonly bloomFilterFpChance: number;
  /** HyperLogLog++ bytes, perhaps none. */
  readonly cardinality: Uint8Array;
  readonly stats: TableStatistics;
  readonly header: SerializationHeader;
}

/** A place in a commit log: (segment id, byte). */
export interface LogPosition {
  /** ScyllaDB's ids use all 64 bits. */
  readonly segment: bigint;
  readonly position: number;
}

/** What of a commit log an SSTable holds; the positions count on the host that wrote it only. */
export interface LogInterval {
  readonly start: LogPosition;
  readonly end: LogPosition;
}

export interface TableStatistics {
  readonly partitionSizes: EstimatedHistogram;
  readonly cellCounts: EstimatedHistogram;
  readonly minTimestampHi: number;
  readonly minTimestampLo: number;
  readonly maxTimestampHi: number;
  readonly maxTimestampLo: number;
  /** Seconds; "none" is 2^31 - 1 before `oa` and 2^32 - 1 from it on, as in the file. */
  readonly minLocalDeletionTime: number;
  readonly maxLocalDeletionTime: number;
  readonly minTtl: number;
  readonly maxTtl: number;
  /** Compressed by uncompressed size; -1 without compression. */
  readonly compressionRatio: number;
  readonly tombstones: TombstoneHistogram;
  readonly level: number;
  /** Milliseconds; 0 is unrepaired. */
  readonly repairedAtMs: number;
  /** Clustering values of the least and greatest position, as `hasAccurateMinMax` says; empty from `oa` on. */
  readonly minClustering: readonly Uint8Array[];
  readonly maxClustering: readonly Uint8Array[];
  readonly hasLegacyCounterShards: boolean;
  readonly cellCount: number;
  readonly rowCount: number;
  readonly logIntervals: readonly LogInterval[];
  /** What the file says besides the intervals; writers derive both from them. Undefined where the version does not say. */
  readonly logLowerBound?: LogPosition | undefined;
  readonly logUpperBound?: LogPosition | undefined;
  /** Files of others: UUID text of the repair session that has the file, and whether it is a transient replica's. Not written. */
  readonly pendingRepair?: string | undefined;
  readonly isTransient?: boolean | undefined;
  /** UUID text of the host that wrote the file. */
  readonly hostId: string | undefined;
  /** Files from `nc` on: first and last key. */
  readonly firstKey: Uint8Array | undefined;
  readonly lastKey: Uint8Array | undefined;
  /** Undefined where the version does not say. */
  readonly hasPartitionDeletions: boolean | undefined;
}

export const MURMUR3_PARTITIONER = 'org.apache.cassandra.dht.Murmur3Partitioner';

const ComponentType = { Validation: 0, Compaction: 1, Stats: 2, Header: 3 } as const;
const COMPONENT_COUNT = 4;
/** Commit log position "none". */
const NO_POSITION: LogPosition = { segment: -1n, position: 0 };

/** The bytes of version `me`. */
export function encodeStatistics(statistics: Statistics): Uint8Array {
  const out = new ByteWriter(8192);
  out.i32BE(COMPONENT_COUNT);
  const table = out.length;
  for (let type = 0; type < COMPONENT_COUNT; type++) {
    out.i32BE(type);
    out.i32BE(0);
  }
  const begin = (type: number) => {
    const offset = out.length;
    out.length = table + type * 8 + 4;
    out.i32BE(offset);
    out.length = offset;
  };
  begin(ComponentType.Validation);
  writeUtf(out, statistics.partitioner);
  writeF64(out, statistics.bloomFilterFpChance);
  begin(ComponentType.Compaction);
  out.i32BE(statistics.cardinality.length);
  out.raw(statistics.cardinality);
  begin(ComponentType.Stats);
  encodeStats(statistics.stats, out);
  begin(ComponentType.Header);
  encodeSerializationHeader(statistics.header, out);
  return out.toBytes();
}

function encodeStats(stats: TableStatistics, out: ByteWriter): void {
  encodeHistogram(stats.partitionSizes, out);
  encodeHistogram(stats.cellCounts, out);
  const intervals = stats.logIntervals;
  writePosition(out, intervals.at(-1)?.end ?? NO_POSITION);
  out.i64BE(stats.minTimestampHi, stats.minTimestampLo);
  out.i64BE(stats.maxTimestampHi, stats.maxTimestampLo);
  out.i32BE(stats.minLocalDeletionTime);
  out.i32BE(stats.maxLocalDeletionTime);
  out.i32BE(stats.minTtl);
  out.i32BE(stats.maxTtl);
  writeF64(out, stats.compressionRatio);
  encodeTombstoneHistogram(stats.tombstones, out);
  out.i32BE(stats.level);
  writeSafeI64(out, stats.repairedAtMs);
  for (const values of [stats.minClustering, stats.maxClustering]) {
    out.i32BE(values.length);
    for (const value of values) {
      out.u16BE(value.length);
      out.raw(value);
    }
  }
  out.u8(stats.hasLegacyCounterShards ? 1 : 0);
  writeSafeI64(out, stats.cellCount);
  writeSafeI64(out, stats.rowCount);
  writePosition(out, intervals[0]?.start ?? NO_POSITION);
  out.i32BE(intervals.length);
  for (const { start, end } of intervals) {
    writePosition(out, start);
    writePosition(out, end);
  }
  out.u8(stats.hostId === undefined ? 0 : 1);
  if (stats.hostId !== undefined) {
    const at = out.reserve(16);
    writeUuid(stats.hostId, out.bytes, at);
    out.length = at + 16;
  }
}

/** @throws CorruptFileError */
export function decodeStatistics(bytes: Uint8Array, path: string, version: VersionFeatures): Statistics {
  const frame = new ByteCursor(bytes, path);
  const starts = readFrame(frame, version);
  const component = (type: number): ByteCursor => {
    const start = starts.get(type);
    if (start === undefined) throw new CorruptFileError(path, 0, `component ${type} is missing`);
    let end = bytes.length;
    for (const other of starts.values()) if (other > start && other < end) end = other;
    if (version.hasModernFrame) {
      end -= 4;
      if (end < start || readU32BE(bytes, end) !== crc32(bytes.subarray(start, end))) {
        throw new CorruptFileError(path, start, `checksum of component ${type} does not match`);
      }
    }
    return new ByteCursor(bytes, path, start, end);
  };
  const validation = component(ComponentType.Validation);
  const partitioner = readUtf(validation);
  const bloomFilterFpChance = readF64(validation);
  const cardinality = starts.has(ComponentType.Compaction)
    ? readBytes32(component(ComponentType.Compaction))
    : new Uint8Array(0);
  const stats = decodeStats(component(ComponentType.Stats), version);
  const header = decodeSerializationHeader(component(ComponentType.Header));
  return { partitioner, bloomFilterFpChance, cardinality, stats, header };
}

/** Component offsets by type. */
function readFrame(cursor: ByteCursor, version: VersionFeatures): ReadonlyMap<number, number> {
  const { bytes, path } = cursor;
  const count = readI32(cursor);
  if (count <= 0 || count > 16) throw new CorruptFileError(path, 0, `${count} components`);
  let crc = crc32(bytes.subarray(0, 4));
  if (version.hasModernFrame && readU32(cursor) !== crc) {
    throw new CorruptFileError(path, 4, 'checksum of the component count does not match');
  }
  const table = cursor.pos;
  const starts = new Map<number, number>();
  for (let i = 0; i < count; i++) {
    const type = readI32(cursor);
    const offset = readI32(cursor);
    if (offset < table + count * 8 || offset > bytes.length) {
      throw new CorruptFileError(path, cursor.pos - 4, `component ${type} at ${offset}`);
    }
    starts.set(type, offset);
  }
  if (version.hasModernFrame) {
    crc = crc32(bytes.subarray(table, cursor.pos), crc);
    if (readU32(cursor) !== crc) throw new CorruptFileError(path, table, 'checksum of the table does not match');
  }
  return starts;
}

function decodeStats(cursor: ByteCursor, version: VersionFeatures): TableStatistics {
  const partitionSizes = decodeHistogram(cursor);
  const cellCounts = decodeHistogram(cursor);
  const logUpperBound = readPosition(cursor);
  const minAt = take(cursor, 8);
  const maxAt = take(cursor, 8);
  const int = (at: number) => readU32BE(cursor.bytes, at) | 0;
  const readTime = version.hasUnsignedDeletionTime ? readU32 : readI32;
  const minLocalDeletionTime = readTime(cursor);
  const maxLocalDeletionTime = readTime(cursor);
  const minTtl = readI32(cursor);
  const maxTtl = readI32(cursor);
  const compressionRatio = readF64(cursor);
  const tombstones = decodeTombstoneHistogram(cursor, version);
  const level = readI32(cursor);
  const repairedAtMs = readSafeI64(cursor);
  let minClustering: readonly Uint8Array[] = [];
  let maxClustering: readonly Uint8Array[] = [];
  if (version.hasLegacyMinMax) {
    minClustering = readClusteringValues(cursor);
    maxClustering = readClusteringValues(cursor);
  } else {
    skipCoveredClustering(cursor);
  }
  const hasLegacyCounterShards = readU8(cursor) !== 0;
  const cellCount = readSafeI64(cursor);
  const rowCount = readSafeI64(cursor);
  const logLowerBound = version.hasCommitLogLowerBound ? readPosition(cursor) : undefined;
  const logIntervals = version.hasCommitLogIntervals ? readIntervals(cursor) : [];
  let pendingRepair: string | undefined;
  let isTransient = false;
  if (version.hasModernFrame) {
    if (readU8(cursor) !== 0) pendingRepair = uuidText(cursor.bytes, take(cursor, 16));
    isTransient = readU8(cursor) !== 0;
  }
  let hostId: string | undefined;
  if (version.hasHostId && readU8(cursor) !== 0) hostId = uuidText(cursor.bytes, take(cursor, 16));
  let hasPartitionDeletions: boolean | undefined;
  let firstKey: Uint8Array | undefined;
  let lastKey: Uint8Array | undefined;
  if (version.hasImprovedMinMax) {
    hasPartitionDeletions = readU8(cursor) !== 0;
    if (version.hasLegacyMinMax) skipCoveredClustering(cursor);
    firstKey = readVintBytes(cursor);
    lastKey = readVintBytes(cursor);
  }
  return {
    partitionSizes,
    cellCounts,
    minTimestampHi: int(minAt),
    minTimestampLo: int(minAt + 4),
    maxTimestampHi: int(maxAt),
    maxTimestampLo: int(maxAt + 4),
    minLocalDeletionTime,
    maxLocalDeletionTime,
    minTtl,
    maxTtl,
    compressionRatio,
    tombstones,
    level,
    repairedAtMs,
    minClustering,
    maxClustering,
    hasLegacyCounterShards,
    cellCount,
    rowCount,
    logIntervals,
    logLowerBound,
    logUpperBound,
    pendingRepair,
    isTransient,
    hostId,
    firstKey,
    lastKey,
    hasPartitionDeletions,
  };
}

function readClusteringValues(cursor: ByteCursor): Uint8Array[] {
  const at = cursor.pos;
  const count = readI32(cursor);
  if (count < 0 || count * 2 > cursor.end - cursor.pos) {
    throw new CorruptFileError(cursor.path, cursor.base + at, `${count} clustering values`);
  }
  const values: Uint8Array[] = [];
  for (let i = 0; i < count; i++) values.push(readBytes16(cursor));
  return values;
}

/** Types, and two bounds whose values are read by those types' lengths. Nothing uses them yet: skipping is by keys. */
function skipCoveredClustering(cursor: ByteCursor): void {
  const typeCount = readUnsignedVint(cursor);
  if (typeCount > cursor.end - cursor.pos) {
    throw new CorruptFileError(cursor.path, cursor.base + cursor.pos, `${typeCount} clustering types`);
  }
  const fixed: number[] = [];
  for (let i = 0; i < typeCount; i++) fixed.push(fixedLengthOfClass(new TextDecoder().decode(readVintBytes(cursor))));
  for (let bound = 0; bound < 2; bound++) {
    readU8(cursor);
    const count = readU16(cursor);
    if (count > typeCount)
      throw new CorruptFileError(cursor.path, cursor.base + cursor.pos, `bound of ${count} values`);
    skipValues(cursor, count, fixed);
  }
}

function skipValues(cursor: ByteCursor, count: number, fixed: readonly number[]): void {
  let bits = 0n;
  for (let i = 0; i < count; i++) {
    if (i % 32 === 0) bits = readBits(cursor);
    if (((bits >> BigInt((i % 32) * 2)) & 3n) !== 0n) continue;
    const length = fixed[i]!;
    take(cursor, length >= 0 ? length : readUnsignedVint(cursor));
  }
}

function readBits(cursor: ByteCursor): bigint {
  const halves = new Int64Halves();
  readVint64(cursor, halves);
  return int64ToBigInt(halves.hi, halves.lo);
}

/** Bytes of every value of a type as Statistics.db names it, or -1 (spec/sstable.md §5.1). */
function fixedLengthOfClass(className: string): number {
  const reversed = /^(?:[\w.]*\.)?(?:ReversedType|FrozenType)\((.*)\)$/.exec(className);
  if (reversed !== null) return fixedLengthOfClass(reversed[1]!);
  return FIXED_LENGTHS[className.slice(className.lastIndexOf('.') + 1)] ?? -1;
}

const FIXED_LENGTHS: Readonly<Record<string, number>> = {
  BooleanType: 1,
  DateType: 8,
  DoubleType: 8,
  EmptyType: 0,
  FloatType: 4,
  Int32Type: 4,
  LexicalUUIDType: 16,
  LongType: 8,
  TimestampType: 8,
  TimeUUIDType: 16,
  UUIDType: 16,
};

function readIntervals(cursor: ByteCursor): LogInterval[] {
  const at = cursor.pos;
  const count = readI32(cursor);
  if (count < 0 || count * 24 > cursor.end - cursor.pos) {
    throw new CorruptFileError(cursor.path, cursor.base + at, `${count} commit log intervals`);
  }
  const intervals: LogInterval[] = [];
  for (let i = 0; i < count; i++) {
    const start = readPosition(cursor);
    intervals.push({ start, end: readPosition(cursor) });
  }
  return intervals;
}

function readPosition(cursor: ByteCursor): LogPosition {
  const at = take(cursor, 8);
  const segment = int64ToBigInt(readI32BE(cursor.bytes, at), readI32BE(cursor.bytes, at + 4));
  return { segment, position: readI32(cursor) };
}

function writePosition(out: ByteWriter, position: LogPosition): void {
  out.i64BE(bigIntHi(position.segment), bigIntLo(position.segment));
  out.i32BE(position.position);
}
