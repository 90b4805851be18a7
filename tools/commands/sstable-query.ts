import { readFileSync } from 'node:fs';
import { FileOperationError } from '../../core/errors.ts';
import { ExitCode } from '../../daemon/exit-code.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { SSTableQuery } from '../sstable/query.ts';
import { jsonWriter, tableWriter } from '../sstable/query-writers.ts';
import { parseOptions, UsageError } from './parse-options.ts';
import { findSSTables, SCHEMA_OPTIONS, schemaChoice } from './sstable-arguments.ts';
import type { TextOutput } from './text-output.ts';

const DEFAULT_PAGE_ROWS = '1000';

/** `tessera sstable query`: a SELECT over SSTables. */
export async function queryCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      ...SCHEMA_OPTIONS,
      query: { type: 'string', short: 'q' },
      'query-file': { type: 'string' },
      output: { type: 'string', short: 'F' },
      'output-format': { type: 'string' },
      'page-size': { type: 'string', default: DEFAULT_PAGE_ROWS },
    },
  });
  const format = values.output ?? values['output-format'] ?? 'text';
  if (format !== 'text' && format !== 'json' && format !== 'jsonl') {
    throw new UsageError(`--output ${format}: text, json or jsonl`);
  }
  if (values.query !== undefined && values['query-file'] !== undefined) {
    throw new UsageError('--query and --query-file exclude each other');
  }
  if (!/^\d{1,9}$/.test(values['page-size'])) throw new UsageError(`--page-size ${values['page-size']}: rows, or 0`);
  const text = values['query-file'] === undefined ? values.query : readQuery(values['query-file']);
  const files = new NodeFiles();
  const { paths, code } = findSSTables(files, positionals, out);
  if (code !== ExitCode.Done) return code; // a result that lacks the rows of a file would be wrong
  const query = await SSTableQuery.open(files, paths, schemaChoice(values, out));
  try {
    const plan = query.plan(text ?? `SELECT * FROM ${query.tableName}`);
    const { resultColumns } = plan;
    const writer =
      format === 'text' ? tableWriter(resultColumns, out) : jsonWriter(resultColumns, format === 'jsonl', out);
    await query.run(plan, Number(values['page-size']), writer, out);
  } finally {
    query.close();
  }
  await out.drain();
  return ExitCode.Done;
}

function readQuery(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new FileOperationError('read', path, (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN', { cause: error });
  }
}
