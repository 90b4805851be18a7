import { CorruptFileError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { parseSSTableName, splitPath, sstablePrefix } from '../../sstable/format/names.ts';
import { SSTable } from '../../sstable/reader.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { ComponentCheck } from './check-components.ts';
import { DataCheck } from './check-data.ts';
import { Progress } from './progress.ts';
import { ValidationReport } from './validation-report.ts';

/**
 * Looks for everything that can be wrong with an SSTable (spec/sstable.md §21) and tells it on stderr, one line each.
 * @param dataPath of its Data.db
 * @returns the number of errors
 * @throws UnsupportedFormatError when its version is not read; FileOperationError
 */
export async function validateSSTable(files: Files, dataPath: string, out: TextOutput): Promise<number> {
  const report = new ValidationReport((text) => out.error(text));
  const prefix = sstablePrefix(parseSSTableName(splitPath(dataPath).name)!);
  new ComponentCheck(files, dataPath, prefix, report).run();
  try {
    const sstable = await SSTable.open(files, dataPath, { isBlocking: true, anyPartitioner: true, raw: true });
    try {
      checkData(files, sstable, report, out);
    } finally {
      sstable.close();
    }
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    report.failure(error);
  }
  return report.errorCount;
}

function checkData(files: Files, sstable: SSTable, report: ValidationReport, out: TextOutput): void {
  const progress = new Progress(out, `validating ${sstable.path}`);
  const check = new DataCheck(files, sstable, report, progress);
  try {
    check.run();
  } finally {
    check.close();
    progress.done();
  }
}
