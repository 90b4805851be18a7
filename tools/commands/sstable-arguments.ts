import { TesseraError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { ExitCode } from '../../daemon/exit-code.ts';
import { JsonStyle, JsonText } from '../sstable/json-text.ts';
import { sstablesAt } from '../sstable/sstable-paths.ts';
import type { SchemaChoice } from '../sstable/table-schema.ts';
import { UsageError } from './parse-options.ts';
import type { TextOutput } from './text-output.ts';
import { exitCodeOf, worse } from './with-exit-code.ts';

/** Options of `parseArgs` by which a schema is chosen. */
export const SCHEMA_OPTIONS = {
  'schema-file': { type: 'string' },
  'sstable-schema': { type: 'boolean', default: false },
} as const;

/** The schema that these options choose; what cannot be used of it is told on stderr. */
export function schemaChoice(
  values: { readonly 'schema-file'?: string | undefined; readonly 'sstable-schema': boolean },
  out: TextOutput,
): SchemaChoice {
  return {
    file: values['schema-file'],
    isFromHeader: values['sstable-schema'],
    onUnusable: (why) => out.error(`note: ${why}`),
  };
}

export interface FoundSSTables {
  /** Of their Data.db, each once. */
  readonly paths: readonly string[];
  /** Failed when something that was named is not there. */
  readonly code: ExitCode;
}

/** The SSTables that the arguments name. @throws UsageError when there are no arguments */
export function findSSTables(files: Files, given: readonly string[], out: TextOutput): FoundSSTables {
  if (given.length === 0) throw new UsageError('no FILE is given; `tessera sstable help` tells more');
  const paths = new Set<string>();
  let code: ExitCode = ExitCode.Done;
  for (const path of given) {
    try {
      for (const dataPath of sstablesAt(files, path)) paths.add(dataPath);
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      out.error(error.message);
      code = ExitCode.Failed;
    }
  }
  return { paths: [...paths], code };
}

/** Runs for each SSTable. One that fails is told on stderr and does not stop the others. @returns the worst exit code */
export async function eachSSTable(
  { paths, code }: FoundSSTables,
  out: TextOutput,
  run: (dataPath: string) => Promise<ExitCode> | ExitCode,
): Promise<ExitCode> {
  let worst = code;
  for (const path of paths) {
    try {
      worst = worse(worst, await run(path));
    } catch (error) {
      if (!(error instanceof TesseraError) || error instanceof UsageError) throw error;
      out.error(error.message);
      worst = worse(worst, exitCodeOf(error));
    }
  }
  return worst;
}

/** One member of `{"sstables": {...}}` for each SSTable; the JSON is whole whatever happens. */
export async function eachAsJson(
  found: FoundSSTables,
  out: TextOutput,
  run: (dataPath: string, json: JsonText) => Promise<ExitCode> | ExitCode,
): Promise<ExitCode> {
  if (found.paths.length === 0) return found.code;
  const json = new JsonText(JsonStyle.Compact, (piece) => out.writeBytes(piece));
  json.beginObject();
  json.key('sstables');
  json.beginObject();
  const { depth } = json;
  const worst = await eachSSTable(found, out, async (path) => {
    try {
      return await run(path, json);
    } finally {
      json.endTo(depth);
    }
  });
  json.endTo(0);
  json.raw('\n');
  json.flush();
  await out.drain();
  return worst;
}
