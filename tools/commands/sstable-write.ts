import { UnsupportedFormatError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { ExitCode } from '../../daemon/exit-code.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { joinPath, parseSSTableName, splitPath } from '../../sstable/format/names.ts';
import { fileFeed, standardInputFeed } from '../sstable/byte-feed.ts';
import { readCompressionInfo } from '../sstable/compressed-chunks.ts';
import { compressionLike, withFileOptions } from '../sstable/output-options.ts';
import { readStatistics, tableOfStatistics } from '../sstable/read-statistics.ts';
import { type SchemaChoice, tableFor } from '../sstable/table-schema.ts';
import { writeFromJson } from '../sstable/write-json.ts';
import { parseOptions, UsageError } from './parse-options.ts';
import { findSSTables, SCHEMA_OPTIONS, schemaChoice } from './sstable-arguments.ts';
import { compressionAsked, OUTPUT_OPTIONS, outputSettings } from './sstable-output.ts';
import type { TextOutput } from './text-output.ts';

const SCHEMA_FILE = 'schema.cql';

/** `tessera sstable write`: one SSTable from JSON; prints its identifier. */
export async function writeCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      ...OUTPUT_OPTIONS,
      ...SCHEMA_OPTIONS,
      'input-file': { type: 'string' },
      'input-format': { type: 'string', default: 'json' },
      'validation-level': { type: 'string', default: 'clustering_key' },
    },
  });
  const format = values['input-format'];
  if (format !== 'json' && format !== 'jsonl')
    throw new UsageError(`--input-format ${format}: not supported; json or jsonl`);
  const level = values['validation-level'];
  if (level !== 'clustering_key') {
    throw new UsageError(
      `--validation-level ${level}: not supported; no SSTable is written whose rows are out of order`,
    );
  }
  const input = values['input-file'];
  if (input === undefined) throw new UsageError('write: what? --input-file F, - for standard input');
  const files = new NodeFiles();
  const settings = outputSettings(values);
  const table = tableToWrite(files, positionals, settings.directory, schemaChoice(values, out), out);
  const compression = compressionAsked(values);
  const made = await writeFromJson(
    files,
    input === '-' ? standardInputFeed() : fileFeed(files, input),
    format === 'jsonl',
    compression === undefined ? table : withFileOptions(table, compression, table.options.bloomFilterFpChance),
    settings,
    out,
  );
  if (made === undefined) out.error(`note: no partition is in ${input}, so no SSTable was written`);
  else out.line(parseSSTableName(splitPath(made.dataPath).name)!.identifier);
  return ExitCode.Done;
}

/**
 * The table of a schema file, by default schema.cql in the working directory or the output directory; or of an SSTable that is named as
 * an example, whose compression is taken over too.
 */
function tableToWrite(
  files: Files,
  examples: readonly string[],
  directory: string,
  choice: SchemaChoice,
  out: TextOutput,
): TableDescriptor {
  if (examples.length > 0) {
    const { paths } = findSSTables(files, examples, out);
    if (paths.length !== 1) throw new UsageError(`write: one SSTable as an example, not ${paths.length}`);
    const statistics = readStatistics(files, paths[0]!);
    const compression = compressionLike(readCompressionInfo(files, paths[0]!));
    const table = tableOfStatistics(files, paths[0]!, statistics, choice);
    return withFileOptions(table, compression, statistics.bloomFilterFpChance);
  }
  if (choice.isFromHeader) throw new UsageError('--sstable-schema: of which SSTable? name one as FILE');
  const beside = [SCHEMA_FILE, joinPath(directory, SCHEMA_FILE)].find((path) => files.status(path) !== undefined);
  const file = choice.file ?? beside;
  if (file === undefined)
    throw new UsageError(`write: no schema: --schema-file F, a ${SCHEMA_FILE}, or an SSTable as an example`);
  const table = tableFor(files, joinPath(directory, SCHEMA_FILE), { ...choice, file });
  if (table === undefined) throw new UnsupportedFormatError(file, 'describes no table');
  return table;
}
