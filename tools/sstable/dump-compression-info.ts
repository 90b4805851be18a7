import { ByteCursor } from '../../core/bytes.ts';
import type { Files } from '../../core/ports/files.ts';
import { decodeCompressionInfo } from '../../sstable/format/compression-info.ts';
import { readUtf } from '../../sstable/format/fields.ts';
import { Component } from '../../sstable/format/names.ts';
import { componentPath, versionOf } from './component-path.ts';
import type { JsonText } from './json-text.ts';
import { readWhole } from './whole-file.ts';

/** CompressionInfo.db as `scylla sstable dump-compression-info` prints it. @throws CorruptFileError, FileOperationError */
export function dumpCompressionInfo(files: Files, dataPath: string, json: JsonText): void {
  const path = componentPath(dataPath, Component.CompressionInfo);
  const bytes = readWhole(files, path);
  const data = files.status(dataPath);
  const info = decodeCompressionInfo(bytes, path, versionOf(dataPath), data?.sizeBytes ?? Number.POSITIVE_INFINITY);
  json.beginObject();
  json.key('name');
  json.string(readUtf(new ByteCursor(bytes, path))); // as the file has it: some writers put a package in front
  json.key('options');
  json.beginObject();
  for (const [key, value] of Object.entries(info.options)) {
    json.key(key);
    json.string(value);
  }
  json.end();
  json.key('chunk_len');
  json.number(String(info.chunkBytes));
  json.key('data_len');
  json.number(String(info.dataBytes));
  json.key('offsets');
  json.beginArray();
  for (let i = 0; i < info.offsets.length; i++) json.number(String(info.offsets[i]!));
  json.end();
  json.end();
}
