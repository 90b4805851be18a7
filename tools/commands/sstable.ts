import { TesseraError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { ExitCode } from '../../daemon/exit-code.ts';
import { suggestion } from '../../daemon/near-names.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { Component, joinPath, parseSSTableName, splitPath, sstablePrefix } from '../../sstable/format/names.ts';
import { decodeStatistics } from '../../sstable/format/statistics.ts';
import { versionFeatures } from '../../sstable/format/version.ts';
import { DataDump } from '../sstable/dump-data.ts';
import { DumpFormat } from '../sstable/dump-options.ts';
import { JsonStyle, JsonText } from '../sstable/json-text.ts';
import { sstablesAt } from '../sstable/sstable-paths.ts';
import { writeStatistics } from '../sstable/statistics-json.ts';
import { validateSSTable } from '../sstable/validate.ts';
import { readWhole } from '../sstable/whole-file.ts';
import { parseOptions, UsageError } from './parse-options.ts';
import type { TextOutput } from './text-output.ts';
import { exitCodeOf, withExitCode, worse } from './with-exit-code.ts';

export const SSTABLE_USAGE = `usage: tessera sstable OPERATION [options] FILE...
  FILE is any component of an SSTable, or a directory of SSTables.

  dump-data          content as JSON; alias dump
    --format F         scylla (default), or sstabledump (also: cassandra) for one FILE
    --partition HEX    only this partition, repeatable: the key's \`raw\` form
    --merge            all FILEs as one stream
    -e                 keys only
    -t                 times as numbers
    -l                 a line of JSON for each partition
    --schema-file F    CREATE statements; schema.cql beside the SSTable if not given
    --sstable-schema   by the SSTable's own header, whatever is beside it
    --cassandra-version N  of sstabledump: 3, 4 or 5 (default)
  dump-statistics    Statistics.db as JSON
  validate           {errors, valid} for each SSTable; what is wrong on stderr`;

/** Operations of the peers' tools that are not there yet: refused by name. */
const NOT_YET = (
  'dump-index dump-summary dump-compression-info dump-scylla-metadata dump-filter dump-components dump-schema metadata ' +
  'validate-checksums verify scrub decompress recompress write filter split merge upgrade query shard-of script stats'
).split(' ');

const OPERATIONS: Readonly<Record<string, (args: readonly string[], out: TextOutput) => Promise<ExitCode>>> = {
  'dump-data': dumpData,
  dump: dumpData,
  'dump-statistics': dumpStatistics,
  validate,
};

/** `tessera sstable`. @returns the exit code */
export function sstableCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  return withExitCode(out, () => {
    const [name, ...rest] = args;
    if (name === undefined) throw new UsageError(SSTABLE_USAGE);
    if (name === '-h' || name === '--help' || name === 'help') {
      out.line(SSTABLE_USAGE);
      return ExitCode.Done;
    }
    if (Object.hasOwn(OPERATIONS, name)) return OPERATIONS[name]!(rest, out);
    if (NOT_YET.includes(name)) throw new UsageError(`sstable ${name}: not supported yet`);
    throw new UsageError(`sstable ${name}: unknown operation${suggestion(name, Object.keys(OPERATIONS))}`);
  });
}

async function dumpData(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      format: { type: 'string', default: 'scylla' },
      partition: { type: 'string', multiple: true, default: [] },
      merge: { type: 'boolean', default: false },
      'keys-only': { type: 'boolean', short: 'e', default: false },
      'raw-timestamps': { type: 'boolean', short: 't', default: false },
      'json-lines': { type: 'boolean', short: 'l', default: false },
      'schema-file': { type: 'string' },
      'sstable-schema': { type: 'boolean', default: false },
      'cassandra-version': { type: 'string', default: '5' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) return help(out);
  const format = formatOf(values.format);
  if (!/^[345]$/.test(values['cassandra-version'])) throw new UsageError('--cassandra-version: 3, 4 or 5');
  if (format === DumpFormat.Sstabledump && values.merge) {
    throw new UsageError('--merge: the sstabledump format shows positions, which a merged stream does not have');
  }
  if (values.merge && values['keys-only']) throw new UsageError('--merge and -e exclude each other');
  const files = new NodeFiles();
  const { paths, code } = findSSTables(files, positionals, out);
  if (format === DumpFormat.Sstabledump && !values['json-lines'] && paths.length > 1) {
    throw new UsageError(`--format sstabledump takes one SSTable (or -l), not ${paths.length}`);
  }
  if (paths.length === 0) return code;
  const dump = new DataDump(
    files,
    out,
    {
      format,
      partitions: values.partition,
      keysOnly: values['keys-only'],
      rawTimes: values['raw-timestamps'],
      asLines: values['json-lines'],
      merge: values.merge,
      cassandraVersion: Number(values['cassandra-version']),
      nowSeconds: Math.floor(Date.now() / 1000),
    },
    {
      file: values['schema-file'],
      isFromHeader: values['sstable-schema'],
      onUnusable: (why) => out.error(`note: ${why}`),
    },
  );
  return worse(code, await dump.run(paths));
}

function formatOf(text: string): DumpFormat {
  if (text === 'scylla') return DumpFormat.Scylla;
  if (text === 'sstabledump' || text === 'cassandra') return DumpFormat.Sstabledump;
  throw new UsageError(`--format ${text}: scylla or sstabledump`);
}

function dumpStatistics(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  return eachSSTable(args, out, async (files, dataPath, json) => {
    const { directory, name } = splitPath(dataPath);
    const parsed = parseSSTableName(name)!;
    const path = joinPath(directory, `${sstablePrefix(parsed)}-${Component.Statistics}`);
    const version = versionFeatures(parsed.version, parsed.format, path);
    const bytes = readWhole(files, path);
    const statistics = decodeStatistics(bytes, path, version);
    json.key(dataPath);
    writeStatistics(json, bytes, statistics, version);
    return ExitCode.Done;
  });
}

function validate(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  return eachSSTable(args, out, async (files, dataPath, json) => {
    const errors = await validateSSTable(files, dataPath, out);
    json.key(dataPath);
    json.beginObject();
    json.key('errors');
    json.number(String(errors));
    json.key('valid');
    json.boolean(errors === 0);
    json.end();
    return errors === 0 ? ExitCode.Done : ExitCode.Corrupt;
  });
}

/** One member of `{"sstables": {...}}` for each SSTable. One that fails is told on stderr and does not stop the others. */
async function eachSSTable(
  args: readonly string[],
  out: TextOutput,
  run: (files: Files, dataPath: string, json: JsonText) => Promise<ExitCode>,
): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: { help: { type: 'boolean', short: 'h', default: false } },
  });
  if (values.help) return help(out);
  const files = new NodeFiles();
  const { paths, code } = findSSTables(files, positionals, out);
  if (paths.length === 0) return code;
  const json = new JsonText(JsonStyle.Compact, (text) => out.write(text));
  let worst = code;
  json.beginObject();
  json.key('sstables');
  json.beginObject();
  for (const path of paths) {
    try {
      worst = worse(worst, await run(files, path, json));
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      out.error(error.message);
      worst = worse(worst, exitCodeOf(error));
    }
  }
  json.endTo(0);
  json.raw('\n');
  json.flush();
  await out.drain();
  return worst;
}

interface Found {
  readonly paths: readonly string[];
  /** Failed when something that was named is not there. */
  readonly code: ExitCode;
}

/** The SSTables that the arguments name, each once. @throws UsageError when there are no arguments */
function findSSTables(files: Files, given: readonly string[], out: TextOutput): Found {
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

function help(out: TextOutput): ExitCode {
  out.line(SSTABLE_USAGE);
  return ExitCode.Done;
}
