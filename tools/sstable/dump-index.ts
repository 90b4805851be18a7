import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Component } from '../../sstable/format/names.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { componentPath } from './component-path.ts';
import { indexFileEntries } from './index-file.ts';
import type { JsonText } from './json-text.ts';
import { writeKeyJson } from './key-json.ts';

/** Entries between two looks at whether the reader keeps up. */
const ENTRIES_PER_DRAIN = 1024;

/** Index.db as `scylla sstable dump-index` prints it; entries before damage are shown. @throws CorruptFileError, FileOperationError */
export async function dumpIndex(
  files: Files,
  dataPath: string,
  table: TableDescriptor,
  json: JsonText,
  out: TextOutput,
): Promise<void> {
  json.beginArray();
  let count = 0;
  for (const { bytes, entry } of indexFileEntries(files, componentPath(dataPath, Component.Index))) {
    json.beginObject();
    writeKeyJson(json, 'key', table.partitionKey, bytes, entry.keyStart, entry.keyEnd, false);
    json.key('pos');
    json.number(String(entry.dataPosition));
    json.end();
    if (++count % ENTRIES_PER_DRAIN === 0) await out.drain();
  }
  json.end();
}
