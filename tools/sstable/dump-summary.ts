import { readI32BE, readU32LE } from '../../core/bytes.ts';
import { int64ToBigInt } from '../../core/int64.ts';
import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Component } from '../../sstable/format/names.ts';
import { decodeSummary } from '../../sstable/format/summary.ts';
import { componentPath } from './component-path.ts';
import type { JsonText } from './json-text.ts';
import { writeKeyJson } from './key-json.ts';
import { readWhole } from './whole-file.ts';

/** Where the table of offsets begins; its size in bytes stands at 8. */
const TABLE_AT = 24;
const SIZE_AT = 8;

/** Summary.db as `scylla sstable dump-summary` prints it. @throws CorruptFileError, FileOperationError */
export function dumpSummary(
  files: Files,
  dataPath: string,
  table: TableDescriptor,
  hasTokens: boolean,
  json: JsonText,
): void {
  const path = componentPath(dataPath, Component.Summary);
  const bytes = readWhole(files, path);
  const index = files.status(componentPath(dataPath, Component.Index));
  const summary = decodeSummary(bytes, path, index?.sizeBytes ?? Number.POSITIVE_INFINITY);
  const { entries, firstKey, lastKey } = summary;
  const { partitionKey } = table;
  const integer = (key: string, value: number | bigint) => {
    json.key(key);
    json.number(value.toString());
  };
  json.beginObject();
  json.key('header');
  json.beginObject();
  integer('min_index_interval', summary.minIndexInterval);
  integer('size', entries.count);
  integer('memory_size', int64ToBigInt(readI32BE(bytes, SIZE_AT), readI32BE(bytes, SIZE_AT + 4)));
  integer('sampling_level', summary.samplingLevel);
  integer('size_at_full_sampling', summary.sizeAtFullSampling);
  json.end();
  json.key('positions');
  json.beginArray();
  for (let i = 0; i < entries.count; i++) json.number(String(readU32LE(bytes, TABLE_AT + i * 4)));
  json.end();
  json.key('entries');
  json.beginArray();
  for (let i = 0; i < entries.count; i++) {
    json.beginObject();
    writeKeyJson(json, 'key', partitionKey, entries.keys.bytes, entries.keyStart(i), entries.keyEnd(i), hasTokens);
    integer('position', entries.position(i));
    json.end();
  }
  json.end();
  writeKeyJson(json, 'first_key', partitionKey, firstKey, 0, firstKey.length, hasTokens);
  writeKeyJson(json, 'last_key', partitionKey, lastKey, 0, lastKey.length, hasTokens);
  json.end();
}
