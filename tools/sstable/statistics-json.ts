import { readI32BE } from '../../core/bytes.ts';
import { int64ToBigInt } from '../../core/int64.ts';
import type { EstimatedHistogram } from '../../sstable/format/estimated-histogram.ts';
import {
  DELETION_TIME_EPOCH,
  type HeaderColumn,
  type SerializationHeader,
} from '../../sstable/format/serialization-header.ts';
import type { LogPosition, Statistics, TableStatistics } from '../../sstable/format/statistics.ts';
import type { VersionFeatures } from '../../sstable/format/version.ts';
import type { JsonText } from './json-text.ts';

const TIMESTAMP_EPOCH = 1_442_880_000_000_000n;
/** Components of Statistics.db by their type in the file. */
const COMPONENT_NAMES = ['validation', 'compaction', 'stats', 'serialization'];
const NO_POSITION: LogPosition = { segment: -1n, position: 0 };

/**
 * Statistics.db as `scylla sstable dump-statistics` prints it.
 * @param bytes the file, which `decodeStatistics` has made `statistics` from
 * @see spec/sstable.md §20.3
 */
export function writeStatistics(
  json: JsonText,
  bytes: Uint8Array,
  statistics: Statistics,
  version: VersionFeatures,
): void {
  json.beginObject();
  json.key('offsets');
  writeOffsets(json, bytes, version);
  json.key('validation');
  json.beginObject();
  stringField(json, 'partitioner', statistics.partitioner);
  floatField(json, 'filter_chance', statistics.bloomFilterFpChance);
  json.end();
  json.key('compaction');
  json.beginObject();
  if (!version.hasCommitLogIntervals) {
    json.key('ancestors');
    json.beginArray();
    json.end();
  }
  json.key('cardinality');
  json.beginArray();
  for (const byte of statistics.cardinality) json.number(String(byte));
  json.end();
  json.end();
  json.key('stats');
  writeStats(json, statistics.stats, version);
  json.key('serialization_header');
  writeHeader(json, statistics.header);
  json.end();
}

/** The table of components, which the decoder has checked. */
function writeOffsets(json: JsonText, bytes: Uint8Array, version: VersionFeatures): void {
  const count = readI32BE(bytes, 0);
  const table = version.hasModernFrame ? 8 : 4; // a checksum of the count comes first
  json.beginObject();
  for (let at = table; at < table + count * 8; at += 8) {
    const type = readI32BE(bytes, at);
    integerField(json, COMPONENT_NAMES[type] ?? `unknown_${type}`, readI32BE(bytes, at + 4));
  }
  json.end();
}

function writeStats(json: JsonText, stats: TableStatistics, version: VersionFeatures): void {
  json.beginObject();
  json.key('estimated_partition_size');
  writeHistogram(json, stats.partitionSizes);
  json.key('estimated_cells_count');
  writeHistogram(json, stats.cellCounts);
  json.key('position');
  writePosition(json, stats.logUpperBound ?? NO_POSITION);
  integerField(json, 'min_timestamp', int64ToBigInt(stats.minTimestampHi, stats.minTimestampLo));
  integerField(json, 'max_timestamp', int64ToBigInt(stats.maxTimestampHi, stats.maxTimestampLo));
  integerField(json, 'min_local_deletion_time', stats.minLocalDeletionTime);
  integerField(json, 'max_local_deletion_time', stats.maxLocalDeletionTime);
  integerField(json, 'min_ttl', stats.minTtl);
  integerField(json, 'max_ttl', stats.maxTtl);
  floatField(json, 'compression_ratio', stats.compressionRatio);
  json.key('estimated_tombstone_drop_time');
  json.beginObject();
  for (let i = 0; i < stats.tombstones.size; i++) {
    integerField(json, String(stats.tombstones.time(i)), stats.tombstones.count(i));
  }
  json.end();
  integerField(json, 'sstable_level', stats.level);
  integerField(json, 'repaired_at', stats.repairedAtMs);
  hexList(json, 'min_column_names', stats.minClustering);
  hexList(json, 'max_column_names', stats.maxClustering);
  json.key('has_legacy_counter_shards');
  json.boolean(stats.hasLegacyCounterShards);
  integerField(json, 'columns_count', stats.cellCount);
  integerField(json, 'rows_count', stats.rowCount);
  if (version.hasCommitLogLowerBound) {
    json.key('commitlog_lower_bound');
    writePosition(json, stats.logLowerBound ?? NO_POSITION);
  }
  if (version.hasCommitLogIntervals) {
    json.key('commitlog_intervals');
    json.beginArray();
    for (const { start, end } of stats.logIntervals) {
      json.beginObject();
      json.key('start');
      writePosition(json, start);
      json.key('end');
      writePosition(json, end);
      json.end();
    }
    json.end();
  }
  if (version.hasHostId) {
    json.key('originating_host_id');
    if (stats.hostId === undefined) json.number('null');
    else json.string(stats.hostId);
  }
  json.end();
}

/** The bases as the file has them: deltas to the epoch, as unsigned numbers of 64 bits. */
function writeHeader(json: JsonText, header: SerializationHeader): void {
  const { minTimestampHi, minTimestampLo, minLocalDeletionTime, minTtl } = header;
  json.beginObject();
  const timestampDelta = int64ToBigInt(minTimestampHi, minTimestampLo) - TIMESTAMP_EPOCH;
  integerField(json, 'min_timestamp_base', BigInt.asUintN(64, timestampDelta));
  const timeDelta = BigInt((minLocalDeletionTime - DELETION_TIME_EPOCH) | 0);
  integerField(json, 'min_local_deletion_time_base', BigInt.asUintN(64, timeDelta));
  integerField(json, 'min_ttl_base', BigInt.asUintN(64, BigInt(minTtl)));
  stringField(json, 'pk_type_name', header.partitionKeyType);
  json.key('clustering_key_types_names');
  json.beginArray();
  for (const name of header.clusteringTypes) json.string(name);
  json.end();
  writeColumns(json, 'static_columns', header.statics);
  writeColumns(json, 'regular_columns', header.regulars);
  json.end();
}

function writeColumns(json: JsonText, key: string, columns: readonly HeaderColumn[]): void {
  json.key(key);
  json.beginArray();
  for (const { name, typeName } of columns) {
    json.beginObject();
    stringField(json, 'name', name);
    stringField(json, 'type_name', typeName);
    json.end();
  }
  json.end();
}

/** Entries as in the file: each with the greatest value that the entry before counts. */
function writeHistogram(json: JsonText, { offsets, counts }: EstimatedHistogram): void {
  json.beginArray();
  for (const [i, count] of counts.entries()) {
    json.beginObject();
    integerField(json, 'offset', offsets[Math.max(0, i - 1)]!);
    integerField(json, 'value', count);
    json.end();
  }
  json.end();
}

function writePosition(json: JsonText, { segment, position }: LogPosition): void {
  json.beginObject();
  integerField(json, 'id', segment);
  integerField(json, 'pos', position);
  json.end();
}

function hexList(json: JsonText, key: string, values: readonly Uint8Array[]): void {
  json.key(key);
  json.beginArray();
  for (const value of values) json.string(Buffer.from(value).toString('hex'));
  json.end();
}

function stringField(json: JsonText, key: string, value: string): void {
  json.key(key);
  json.string(value);
}

function integerField(json: JsonText, key: string, value: number | bigint): void {
  json.key(key);
  json.number(value.toString());
}

/** JSON has no NaN: it is a string then. */
function floatField(json: JsonText, key: string, value: number): void {
  json.key(key);
  if (Number.isFinite(value)) json.number(String(value));
  else json.string(String(value));
}
