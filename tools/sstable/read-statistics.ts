import { UnsupportedFormatError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { Component } from '../../sstable/format/names.ts';
import { decodeStatistics, type Statistics } from '../../sstable/format/statistics.ts';
import { mapSchema, tableOfHeader } from '../../sstable/schema-header.ts';
import { componentPath, versionOf } from './component-path.ts';
import { type SchemaChoice, tableFor } from './table-schema.ts';
import { readWhole } from './whole-file.ts';

/** Statistics.db of an SSTable, by the path of its Data.db. @throws CorruptFileError, FileOperationError, UnsupportedFormatError */
export function readStatistics(files: Files, dataPath: string): Statistics {
  const path = componentPath(dataPath, Component.Statistics);
  return decodeStatistics(readWhole(files, path), path, versionOf(dataPath));
}

/**
 * The table that an SSTable's keys are shown for, from the chosen schema or its header; no other component is read, so that one can be
 * looked at when the rest is damaged. @throws as `readStatistics`
 */
export function tableOfStatistics(
  files: Files,
  dataPath: string,
  statistics: Statistics,
  choice: SchemaChoice,
): TableDescriptor {
  const path = componentPath(dataPath, Component.Statistics);
  const table = tableFor(files, dataPath, choice);
  if (table === undefined) return tableOfHeader(statistics.header, path);
  try {
    mapSchema(statistics.header, table, path);
    return table;
  } catch (error) {
    if (choice.file !== undefined || !(error instanceof UnsupportedFormatError)) throw error;
    choice.onUnusable(`${error.message}; going by the SSTable's own header instead`);
    return tableOfHeader(statistics.header, path);
  }
}
