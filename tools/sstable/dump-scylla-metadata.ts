import { ByteCursor, readI32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { int64ToBigInt } from '../../core/int64.ts';
import type { Files } from '../../core/ports/files.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import { readBytes16, readBytes32, readU8, readU32, take } from '../../sstable/format/fields.ts';
import { componentPath } from './component-path.ts';
import type { JsonText } from './json-text.ts';
import { scyllaEntries } from './scylla-component.ts';
import { readWhole } from './whole-file.ts';

const SCYLLA_COMPONENT = 'Scylla.db';

/** Names of the bits of the feature mask, from the lowest on. */
const FEATURES: readonly string[] = [
  'NonCompoundPIEntries',
  'NonCompoundRangeTombstones',
  'ShadowableTombstones',
  'CorrectStaticCompact',
  'CorrectEmptyCounters',
  'CorrectUDTsInCollections',
  'CorrectLastPiBlockWidth',
];
/** Kinds of large data, and of timestamps, by their number. */
const LARGE_DATA: readonly string[] = [
  '',
  'partition_size',
  'row_size',
  'cell_size',
  'rows_in_partition',
  'elements_in_collection',
];
const TIMESTAMPS: readonly string[] = ['', 'min_live_timestamp', 'min_live_row_marker_timestamp'];

type Payload = (cursor: ByteCursor, json: JsonText) => void;

/** What is shown, by tag: the name and how its payload is read. */
const SHOWN: ReadonlyMap<number, readonly [string, Payload]> = new Map<number, readonly [string, Payload]>([
  [1, ['sharding', writeSharding]],
  [2, ['features', writeFeatures]],
  [3, ['extension_attributes', writeAttributes]],
  [4, ['run_identifier', writeUuid]],
  [5, ['large_data_stats', writeLargeData]],
  [6, ['sstable_origin', writeText]],
  [7, ['scylla_build_id', writeText]],
  [8, ['scylla_version', writeText]],
  [9, ['ext_timestamp_stats', writeTimestamps]],
  [10, ['sstable_identifier', writeUuid]],
]);
/** Entries that ScyllaDB's newest tool shows too, in a form that is not documented: left out, and said so. */
const LEFT_OUT: ReadonlyMap<number, string> = new Map([
  [11, 'schema'],
  [12, 'components_digests'],
  [13, 'large_data_records'],
]);

/**
 * Scylla.db as `scylla sstable dump-scylla-metadata` prints it; an empty object when there is none. Tokens are decimal.
 * @returns names of what is in the file and not shown
 * @throws CorruptFileError, FileOperationError
 */
export function dumpScyllaMetadata(files: Files, dataPath: string, json: JsonText): readonly string[] {
  const path = componentPath(dataPath, SCYLLA_COMPONENT);
  json.beginObject();
  const leftOut: string[] = [];
  if (files.status(path) !== undefined) {
    const bytes = readWhole(files, path);
    for (const { tag, start, end } of scyllaEntries(bytes, path)) {
      const shown = SHOWN.get(tag);
      if (shown === undefined) {
        leftOut.push(LEFT_OUT.get(tag) ?? `tag ${tag}`);
        continue;
      }
      const cursor = new ByteCursor(bytes, path, start, end);
      json.key(shown[0]);
      shown[1](cursor, json);
      if (cursor.pos !== end)
        throw new CorruptFileError(path, cursor.pos, `${end - cursor.pos} bytes after ${shown[0]}`);
    }
  }
  json.end();
  return leftOut;
}

function writeSharding(cursor: ByteCursor, json: JsonText): void {
  json.beginArray();
  for (let left = readU32(cursor); left > 0; left--) {
    json.beginObject();
    for (const side of ['left', 'right']) {
      json.key(side);
      json.beginObject();
      json.key('exclusive');
      json.boolean(readU8(cursor) !== 0);
      json.key('token');
      const at = cursor.pos;
      const token = readBytes16(cursor);
      if (token.length !== 8) throw new CorruptFileError(cursor.path, at, `token of ${token.length} bytes`);
      json.string(int64ToBigInt(readI32BE(token, 0), readI32BE(token, 4)).toString());
      json.end();
    }
    json.end();
  }
  json.end();
}

function writeFeatures(cursor: ByteCursor, json: JsonText): void {
  const mask = readUnsigned64(cursor);
  json.beginObject();
  json.key('mask');
  json.number(mask.toString());
  json.key('features');
  json.beginArray();
  for (const [bit, name] of FEATURES.entries()) if ((mask >> BigInt(bit)) & 1n) json.string(name);
  json.end();
  json.end();
}

function writeAttributes(cursor: ByteCursor, json: JsonText): void {
  json.beginObject();
  for (let left = readU32(cursor); left > 0; left--) {
    json.key(readText(cursor));
    json.string(readText(cursor));
  }
  json.end();
}

function writeLargeData(cursor: ByteCursor, json: JsonText): void {
  json.beginObject();
  for (let left = readU32(cursor); left > 0; left--) {
    json.key(kindName(LARGE_DATA, readU32(cursor)));
    json.beginObject();
    json.key('max_value');
    json.number(readUnsigned64(cursor).toString());
    json.key('threshold');
    json.number(readUnsigned64(cursor).toString());
    json.key('above_threshold');
    json.number(String(readU32(cursor)));
    json.end();
  }
  json.end();
}

function writeTimestamps(cursor: ByteCursor, json: JsonText): void {
  json.beginObject();
  for (let left = readU32(cursor); left > 0; left--) {
    json.key(kindName(TIMESTAMPS, readU32(cursor)));
    json.number(BigInt.asIntN(64, readUnsigned64(cursor)).toString());
  }
  json.end();
}

function writeUuid(cursor: ByteCursor, json: JsonText): void {
  json.string(uuidText(cursor.bytes, take(cursor, 16)));
}

function writeText(cursor: ByteCursor, json: JsonText): void {
  json.string(readText(cursor));
}

function readText(cursor: ByteCursor): string {
  return new TextDecoder().decode(readBytes32(cursor));
}

function readUnsigned64(cursor: ByteCursor): bigint {
  const at = take(cursor, 8);
  return BigInt.asUintN(64, int64ToBigInt(readI32BE(cursor.bytes, at), readI32BE(cursor.bytes, at + 4)));
}

/** A kind that is newer than this program is shown by its number. */
function kindName(names: readonly string[], kind: number): string {
  const name = names[kind];
  return name === undefined || name === '' ? `unknown_${kind}` : name;
}
