import { readFileSync } from 'node:fs';
import { FileOperationError } from '../../core/errors.ts';
import { bigIntHi, bigIntLo } from '../../core/int64.ts';
import type { Files } from '../../core/ports/files.ts';
import { ExitCode } from '../../daemon/exit-code.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { parseSSTableName, splitPath } from '../../sstable/format/names.ts';
import { WRITTEN_VERSION } from '../../sstable/format/version.ts';
import type { SSTableSummaryInfo } from '../../sstable/writer.ts';
import { decompressData } from '../sstable/decompress.ts';
import { inheritAll, inheritPart } from '../sstable/output-options.ts';
import { openInputs, type RewriteInputs, type RewriteSettings, rewriteWhole } from '../sstable/rewrite.ts';
import { ScrubMode, scrubSSTable } from '../sstable/scrub-sstable.ts';
import { type SplitToken, splitByTokens } from '../sstable/split-tokens.ts';
import { wantedKeys } from '../sstable/wanted-keys.ts';
import { parseOptions, UsageError } from './parse-options.ts';
import { eachSSTable, type FoundSSTables, findSSTables, SCHEMA_OPTIONS, schemaChoice } from './sstable-arguments.ts';
import { validateCommand } from './sstable-check.ts';
import { compressionAsked, OUTPUT_OPTIONS, outputSettings, tellOutputs } from './sstable-output.ts';
import type { TextOutput } from './text-output.ts';
import { worse } from './with-exit-code.ts';

/** The operations of `tessera sstable` that make files out of SSTables. */

const REWRITE_OPTIONS = { ...OUTPUT_OPTIONS, ...SCHEMA_OPTIONS };
type RewriteValues = Parameters<typeof outputSettings>[0] & Parameters<typeof schemaChoice>[0];

function settingsOf(values: RewriteValues, out: TextOutput): RewriteSettings {
  return { ...outputSettings(values), compression: compressionAsked(values), schema: schemaChoice(values, out) };
}

/** Settings of each rewrite of an operation: numbers go on where the one before ended. */
function* numbered(settings: RewriteSettings): Generator<RewriteSettings, never, number> {
  let next = settings.firstGeneration;
  for (;;) {
    const used = yield { ...settings, firstGeneration: next };
    if (next !== undefined) next += used;
  }
}

/** Runs once for each SSTable, or with --merge once for all. */
async function eachInput(
  found: FoundSSTables,
  isMerged: boolean,
  settings: RewriteSettings,
  out: TextOutput,
  run: (dataPaths: readonly string[], settings: RewriteSettings) => Promise<readonly SSTableSummaryInfo[]>,
): Promise<ExitCode> {
  const all = numbered(settings);
  let next = all.next(0).value;
  const rewriteOne = async (dataPaths: readonly string[]) => {
    const made = await run(dataPaths, next);
    next = all.next(made.length).value;
    tellOutputs(dataPaths, made, out);
    return ExitCode.Done;
  };
  if (!isMerged) return eachSSTable(found, out, (dataPath) => rewriteOne([dataPath]));
  if (found.code !== ExitCode.Done) return found.code; // a merge of what is left would lack rows
  return rewriteOne(found.paths);
}

export async function decompressCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: { 'output-dir': { type: 'string' } },
  });
  const files = new NodeFiles();
  return eachSSTable(findSSTables(files, positionals, out), out, async (dataPath) => {
    const target = await decompressData(files, dataPath, values['output-dir'], out);
    out.error(target === undefined ? `${dataPath} is not compressed: nothing to do` : `${dataPath} -> ${target}`);
    return ExitCode.Done;
  });
}

export async function filterCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      ...REWRITE_OPTIONS,
      include: { type: 'boolean', default: false },
      exclude: { type: 'boolean', default: false },
      partition: { type: 'string', multiple: true, default: [] },
      'partitions-file': { type: 'string' },
      merge: { type: 'boolean', default: false },
    },
  });
  if (values.include === values.exclude) throw new UsageError('filter: one of --include and --exclude');
  const wanted = [...values.partition, ...keysInFile(values['partitions-file'])];
  if (wanted.length === 0) throw new UsageError('filter: which partitions? --partition HEX or --partitions-file F');
  const files = new NodeFiles();
  const found = findSSTables(files, positionals, out);
  return eachInput(found, values.merge, settingsOf(values, out), out, async (dataPaths, settings) => {
    const inputs = await openInputs(files, dataPaths, settings, inheritPart);
    const keys = orClose(inputs, () => wantedKeys(wanted, inputs.table.partitionKey.length));
    if (values.include) return rewriteWhole(files, inputs, keys, settings, out);
    const excluded = new Set(keys.map((key) => Buffer.from(key).toString('latin1')));
    return rewriteWhole(files, inputs, undefined, settings, out, (bytes, start, end) => {
      return !excluded.has(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString('latin1'));
    });
  });
}

export async function splitCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: joinNegativeTokens(args),
    allowPositionals: true,
    options: {
      ...REWRITE_OPTIONS,
      'split-token': { type: 'string', short: 't', multiple: true, default: [] },
      merge: { type: 'boolean', default: false },
    },
  });
  const tokens = splitTokens(values['split-token']);
  const files = new NodeFiles();
  const found = findSSTables(files, positionals, out);
  return eachInput(found, values.merge, settingsOf(values, out), out, async (dataPaths, settings) => {
    const inputs = await openInputs(files, dataPaths, settings, inheritPart);
    return splitByTokens(files, inputs, tokens, settings, out);
  });
}

export async function mergeCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({ args: [...args], allowPositionals: true, options: REWRITE_OPTIONS });
  const files = new NodeFiles();
  const found = findSSTables(files, positionals, out);
  return eachInput(found, true, settingsOf(values, out), out, (dataPaths, settings) =>
    rewriteOf(files, dataPaths, settings, out),
  );
}

export async function upgradeCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: { ...REWRITE_OPTIONS, all: { type: 'boolean', default: false } },
  });
  const files = new NodeFiles();
  const found = findSSTables(files, positionals, out);
  const paths = found.paths.filter((dataPath) => {
    const { version } = parseSSTableName(splitPath(dataPath).name)!;
    if (values.all || version !== WRITTEN_VERSION) return true;
    out.error(`${dataPath} is of version ${WRITTEN_VERSION} already: nothing to do without --all`);
    return false;
  });
  return eachInput({ ...found, paths }, false, settingsOf(values, out), out, (dataPaths, settings) =>
    rewriteOf(files, dataPaths, settings, out),
  );
}

export async function recompressCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({ args: [...args], allowPositionals: true, options: REWRITE_OPTIONS });
  if (values.compressor === undefined)
    throw new UsageError('recompress: --compressor lz4, snappy, deflate, zstd or none');
  const files = new NodeFiles();
  const found = findSSTables(files, positionals, out);
  return eachInput(found, false, settingsOf(values, out), out, (dataPaths, settings) =>
    rewriteOf(files, dataPaths, settings, out),
  );
}

export async function scrubCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      ...REWRITE_OPTIONS,
      mode: { type: 'string' },
      'scrub-mode': { type: 'string' },
      'unsafe-accept-nonempty-output-dir': { type: 'boolean', default: false },
    },
  });
  const mode = values.mode ?? values['scrub-mode'];
  if (mode === 'validate') return validateCommand(positionals, out);
  if (mode !== ScrubMode.Abort && mode !== ScrubMode.Skip && mode !== ScrubMode.Segregate) {
    throw new UsageError('scrub: --mode abort, skip, segregate or validate');
  }
  const files = new NodeFiles();
  const settings = settingsOf(values, out);
  const found = findSSTables(files, positionals, out);
  if (files.status(settings.directory)?.isDirectory === true && !values['unsafe-accept-nonempty-output-dir']) {
    if (files.list(settings.directory).length > 0)
      throw new UsageError(`--output-dir ${settings.directory}: must be empty`);
  }
  let losses = 0;
  const code = await eachInput(found, false, settings, out, async ([dataPath], numberedSettings) => {
    const { made, lossCount } = await scrubSSTable(files, dataPath!, mode, numberedSettings, out);
    losses += lossCount;
    if (lossCount > 0) out.error(`${dataPath}: something is lost in ${lossCount} places`);
    return made;
  });
  return losses > 0 ? worse(code, ExitCode.Corrupt) : code;
}

/** All rows of the inputs in one new SSTable. */
async function rewriteOf(
  files: Files,
  dataPaths: readonly string[],
  settings: RewriteSettings,
  out: TextOutput,
): Promise<readonly SSTableSummaryInfo[]> {
  const inputs = await openInputs(files, dataPaths, settings, (sstables) =>
    sstables.length === 1 ? inheritAll(sstables[0]!) : inheritPart(sstables),
  );
  return rewriteWhole(files, inputs, undefined, settings, out);
}

/** Lines of a file of keys. @throws FileOperationError */
function keysInFile(path: string | undefined): string[] {
  if (path === undefined) return [];
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new FileOperationError('read', path, (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN', { cause: error });
  }
  return text.split(/\s+/).filter((line) => line !== '');
}

/** Runs while the inputs are open; closes them when it fails. */
function orClose<T>(inputs: RewriteInputs, run: () => T): T {
  try {
    return run();
  } catch (error) {
    for (const sstable of inputs.sstables) sstable.close();
    throw error;
  }
}

/** Half of all tokens begin with a dash, which `parseArgs` takes for an option unless the value is joined to its name. */
function joinNegativeTokens(args: readonly string[]): string[] {
  const joined: string[] = [];
  for (const arg of args) {
    const before = joined.at(-1);
    if (/^-\d+$/.test(arg) && (before === '-t' || before === '--split-token'))
      joined[joined.length - 1] = `--split-token=${arg}`;
    else joined.push(arg);
  }
  return joined;
}

/** Ascending, each once. @throws UsageError */
function splitTokens(texts: readonly string[]): SplitToken[] {
  if (texts.length === 0) throw new UsageError('split: at which tokens? -t TOKEN');
  const tokens = texts.map((text) => {
    const token = /^-?\d{1,19}$/.test(text) ? BigInt(text) : undefined;
    if (token === undefined || BigInt.asIntN(64, token) !== token)
      throw new UsageError(`--split-token ${text}: not a token`);
    return token;
  });
  const sorted = [...new Set(tokens)].sort((a, b) => (a < b ? -1 : 1));
  return sorted.map((token) => ({ hi: bigIntHi(token), lo: bigIntLo(token) }));
}
