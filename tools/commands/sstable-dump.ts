import { ExitCode } from '../../daemon/exit-code.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { Component } from '../../sstable/format/names.ts';
import { MURMUR3_PARTITIONER } from '../../sstable/format/statistics.ts';
import { componentPath, versionOf } from '../sstable/component-path.ts';
import { dumpCompressionInfo } from '../sstable/dump-compression-info.ts';
import { DataDump } from '../sstable/dump-data.ts';
import { dumpIndex } from '../sstable/dump-index.ts';
import { DumpFormat } from '../sstable/dump-options.ts';
import { dumpScyllaMetadata } from '../sstable/dump-scylla-metadata.ts';
import { dumpSummary } from '../sstable/dump-summary.ts';
import { readStatistics, tableOfStatistics } from '../sstable/read-statistics.ts';
import { writeStatistics } from '../sstable/statistics-json.ts';
import { readWhole } from '../sstable/whole-file.ts';
import { parseOptions, UsageError } from './parse-options.ts';
import { eachAsJson, findSSTables, SCHEMA_OPTIONS, schemaChoice } from './sstable-arguments.ts';
import type { TextOutput } from './text-output.ts';
import { worse } from './with-exit-code.ts';

/** The operations of `tessera sstable` that show what is in files. */

const NO_OPTIONS = { options: {}, allowPositionals: true } as const;
const WITH_SCHEMA = { options: SCHEMA_OPTIONS, allowPositionals: true } as const;

export async function dumpDataCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
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
      'cassandra-version': { type: 'string', default: '5' },
      ...SCHEMA_OPTIONS,
    },
  });
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
    schemaChoice(values, out),
  );
  return worse(code, await dump.run(paths));
}

function formatOf(text: string): DumpFormat {
  if (text === 'scylla') return DumpFormat.Scylla;
  if (text === 'sstabledump' || text === 'cassandra') return DumpFormat.Sstabledump;
  throw new UsageError(`--format ${text}: scylla or sstabledump`);
}

export async function dumpIndexCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({ args: [...args], ...WITH_SCHEMA });
  const files = new NodeFiles();
  const choice = schemaChoice(values, out);
  return eachAsJson(findSSTables(files, positionals, out), out, async (dataPath, json) => {
    const table = tableOfStatistics(files, dataPath, readStatistics(files, dataPath), choice);
    json.key(dataPath);
    await dumpIndex(files, dataPath, table, json, out);
    return ExitCode.Done;
  });
}

export async function dumpSummaryCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({ args: [...args], ...WITH_SCHEMA });
  const files = new NodeFiles();
  const choice = schemaChoice(values, out);
  return eachAsJson(findSSTables(files, positionals, out), out, (dataPath, json) => {
    const statistics = readStatistics(files, dataPath);
    const table = tableOfStatistics(files, dataPath, statistics, choice);
    json.key(dataPath);
    dumpSummary(files, dataPath, table, statistics.partitioner === MURMUR3_PARTITIONER, json);
    return ExitCode.Done;
  });
}

export async function dumpCompressionInfoCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { positionals } = parseOptions({ args: [...args], ...NO_OPTIONS });
  const files = new NodeFiles();
  return eachAsJson(findSSTables(files, positionals, out), out, (dataPath, json) => {
    json.key(dataPath);
    if (files.status(componentPath(dataPath, Component.CompressionInfo)) === undefined) {
      json.beginObject(); // it is not compressed
      json.end();
    } else {
      dumpCompressionInfo(files, dataPath, json);
    }
    return ExitCode.Done;
  });
}

export async function dumpStatisticsCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { positionals } = parseOptions({ args: [...args], ...NO_OPTIONS });
  const files = new NodeFiles();
  return eachAsJson(findSSTables(files, positionals, out), out, (dataPath, json) => {
    const statistics = readStatistics(files, dataPath);
    const bytes = readWhole(files, componentPath(dataPath, Component.Statistics));
    json.key(dataPath);
    writeStatistics(json, bytes, statistics, versionOf(dataPath));
    return ExitCode.Done;
  });
}

export async function dumpScyllaMetadataCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { positionals } = parseOptions({ args: [...args], ...NO_OPTIONS });
  const files = new NodeFiles();
  return eachAsJson(findSSTables(files, positionals, out), out, (dataPath, json) => {
    json.key(dataPath);
    const leftOut = dumpScyllaMetadata(files, dataPath, json);
    if (leftOut.length > 0) out.error(`note: ${dataPath}: not shown of Scylla.db: ${leftOut.join(', ')}`);
    return ExitCode.Done;
  });
}
