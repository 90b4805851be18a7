import { TesseraError, UnsupportedFormatError } from '../../core/errors.ts';
import { type Files, OpenMode } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { type BlockChecksums, BlockFile } from '../../sstable/block-file.ts';
import type { CompressionInfo } from '../../sstable/format/compression-info.ts';
import { decodeCrc } from '../../sstable/format/crc.ts';
import { Component } from '../../sstable/format/names.ts';
import { MURMUR3_PARTITIONER, type Statistics } from '../../sstable/format/statistics.ts';
import { SummaryEntries } from '../../sstable/format/summary.ts';
import { decodeTessera, type TesseraChecksums } from '../../sstable/format/tessera.ts';
import { mapSchema } from '../../sstable/schema-header.ts';
import type { SSTableParts } from '../../sstable/sstable-parts.ts';
import { SummaryIndex } from '../../sstable/summary-index.ts';
import { componentPath, versionOf } from './component-path.ts';
import { readCompressionInfo } from './compressed-chunks.ts';
import { readStatistics, tableOfStatistics } from './read-statistics.ts';
import type { SchemaChoice } from './table-schema.ts';
import { checksumOf, readWhole } from './whole-file.ts';

/** An SSTable of which anything but Statistics.db, and CompressionInfo.db of a compressed one, may be damaged or gone. */
export interface DamagedSSTable {
  readonly path: string;
  readonly table: TableDescriptor;
  readonly statistics: Statistics;
  readonly compression: CompressionInfo | undefined;
  /** Order is not checked, and nothing is looked up by a summary. */
  readonly parts: SSTableParts;
  /** Data.db has a checksum for every block: what can be read of it is what was written. */
  readonly isDataChecked: boolean;
  /** Path of Index.db; undefined when it is gone or known to be damaged. */
  readonly indexPath: string | undefined;
  /** Index.db, or any file when `indexPath` is undefined. */
  readonly index: BlockFile;
  close(): void;
}

/**
 * Opens what is left of an SSTable. @param note told of components that are passed over
 * @throws CorruptFileError, FileOperationError, UnsupportedFormatError for what cannot be done without
 */
export function openDamaged(
  files: Files,
  dataPath: string,
  choice: SchemaChoice,
  note: (text: string) => void,
): DamagedSSTable {
  const statistics = readStatistics(files, dataPath);
  const statisticsPath = componentPath(dataPath, Component.Statistics);
  if (statistics.partitioner !== MURMUR3_PARTITIONER) {
    throw new UnsupportedFormatError(statisticsPath, `partitioner ${statistics.partitioner}`);
  }
  const table = tableOfStatistics(files, dataPath, statistics, choice);
  const { fixedLengths, statics, regulars } = mapSchema(statistics.header, table, statisticsPath);
  const compression = readCompressionInfo(files, dataPath);
  const tessera = unlessDamaged(note, () => readTessera(files, dataPath));
  const indexPath = usableIndex(files, dataPath, tessera, note);
  const opened: number[] = [];
  const open = (path: string) => {
    const file = files.open(path, OpenMode.Read);
    opened.push(file);
    return file;
  };
  const close = () => {
    for (const file of opened.splice(0)) files.close(file);
  };
  try {
    const file = open(dataPath);
    const sizeBytes = files.sizeOf(file);
    const checksums =
      compression === undefined
        ? unlessDamaged(note, () => blockChecksums(files, dataPath, sizeBytes, tessera))
        : undefined;
    const data = new BlockFile(dataPath, file, -1, sizeBytes, compression, checksums);
    let index = data; // nobody looks at it then
    if (indexPath !== undefined) {
      const indexFile = open(indexPath);
      index = new BlockFile(indexPath, indexFile, -1, files.sizeOf(indexFile), undefined, undefined);
    }
    return {
      path: dataPath,
      table,
      statistics,
      compression,
      isDataChecked: compression !== undefined || checksums !== undefined,
      indexPath,
      index,
      parts: {
        data,
        index: new SummaryIndex(index, new SummaryEntries()),
        source: { files, cache: undefined, isBlocking: true },
        version: versionOf(dataPath),
        header: statistics.header,
        fixedLengths,
        comparator: table.comparator,
        statics,
        regulars,
        hasTokens: true,
        checksOrder: false,
        raw: false,
      },
      close,
    };
  } catch (error) {
    close();
    throw error;
  }
}

function readTessera(files: Files, dataPath: string): TesseraChecksums | undefined {
  const path = componentPath(dataPath, Component.Tessera);
  return files.status(path) === undefined ? undefined : decodeTessera(readWhole(files, path), path);
}

/** Only when there is one for each block that is there: a file that was cut short has more. */
function blockChecksums(
  files: Files,
  dataPath: string,
  sizeBytes: number,
  tessera: TesseraChecksums | undefined,
): BlockChecksums | undefined {
  const path = componentPath(dataPath, Component.Crc);
  let checksums: BlockChecksums | undefined;
  if (tessera !== undefined && tessera.dataBlocks.length > 0) {
    checksums = { blockBytes: tessera.blockBytes, crcs: tessera.dataBlocks };
  } else if (files.status(path) !== undefined) {
    const { chunkBytes, crcs } = decodeCrc(readWhole(files, path), path, sizeBytes);
    checksums = { blockBytes: chunkBytes, crcs };
  }
  if (checksums === undefined) return undefined;
  const blocks = Math.ceil(sizeBytes / checksums.blockBytes);
  return blocks > checksums.crcs.length ? undefined : { ...checksums, crcs: checksums.crcs.subarray(0, blocks) };
}

function usableIndex(
  files: Files,
  dataPath: string,
  tessera: TesseraChecksums | undefined,
  note: (text: string) => void,
): string | undefined {
  const path = componentPath(dataPath, Component.Index);
  if (files.status(path) === undefined) {
    note(`${path} is not there: after damage in Data.db nothing can be found`);
    return undefined;
  }
  const expected = tessera?.components.get(Component.Index);
  if (expected === undefined) return path;
  const { sizeBytes, crc } = checksumOf(files, path);
  if (sizeBytes === expected.sizeBytes && crc === expected.crc) return path;
  note(`${path} is damaged and not looked at`);
  return undefined;
}

function unlessDamaged<T>(note: (text: string) => void, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TesseraError) || error.code !== 'CORRUPT_FILE') throw error;
    note(`${error.message}; going on without it`);
    return undefined;
  }
}
