import { TesseraError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { Component, parseSSTableName, splitPath, sstablePrefix } from '../../sstable/format/names.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { ComponentCheck } from './check-components.ts';
import { componentPath } from './component-path.ts';
import { checkChunks, readCompressionInfo } from './compressed-chunks.ts';
import { Progress } from './progress.ts';
import { ValidationReport } from './validation-report.ts';

/** What the checksums of an SSTable say. */
export interface ChecksumVerdict {
  /** Chunks or blocks of Data.db have checksums: in its chunks, in CRC.db or in Tessera.db. */
  readonly hasChecksums: boolean;
  /** There is a checksum of the whole of Data.db. */
  readonly hasDigest: boolean;
  readonly errorCount: number;
}

/**
 * Compares every checksum that is kept of an SSTable's files with them, without looking at what they hold. What does not match
 * is told on stderr. @param dataPath of its Data.db
 * @throws FileOperationError when there is no Data.db
 */
export function validateChecksums(files: Files, dataPath: string, out: TextOutput): ChecksumVerdict {
  const report = new ValidationReport((text) => out.error(text));
  const isThere = (component: string) => files.status(componentPath(dataPath, component)) !== undefined;
  if (isThere(Component.Data)) {
    new ComponentCheck(files, dataPath, sstablePrefix(parseSSTableName(splitPath(dataPath).name)!), report).run();
  } else {
    report.error(dataPath, 0, 'component is missing');
  }
  const isCompressed = isThere(Component.CompressionInfo);
  if (isCompressed && isThere(Component.Data)) checkCompressed(files, dataPath, report, out);
  return {
    hasChecksums: isCompressed || isThere(Component.Crc) || isThere(Component.Tessera),
    hasDigest: isThere(Component.Digest) || isThere(Component.Tessera),
    errorCount: report.errorCount,
  };
}

function checkCompressed(files: Files, dataPath: string, report: ValidationReport, out: TextOutput): void {
  const progress = new Progress(out, `checking ${dataPath}`);
  try {
    const info = readCompressionInfo(files, dataPath)!;
    checkChunks(
      files,
      dataPath,
      info,
      (offset, why) => report.error(dataPath, offset, why),
      (fraction) => progress.at(fraction),
    );
  } catch (error) {
    if (!(error instanceof TesseraError)) throw error;
    report.failure(error);
  } finally {
    progress.done();
  }
}
