import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, linkSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import cassandra from 'cassandra-driver';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import { startNode } from '../support/start-node.ts';
import { CassandraTools, type ToolRun } from './cassandra-tools.ts';
import { CASSANDRA_VERSIONS, type CassandraVersion } from './cassandra-versions.ts';
import { type DumpValue, firstDifference, parseDump } from './dump-comparison.ts';
import { installJdk, NoNetworkError } from './install.ts';
import { writeRandomFile } from './random-files.ts';
import { KEYSPACE, WRITTEN_TABLES, type WrittenTable } from './written-tables.ts';

/**
 * `npm run interop:cassandra`: Apache Cassandra's own classes read the SSTables that Tessera writes, and Tessera reads those
 * that Cassandra writes. Needs Maven; installs a JDK if there is none that fits, and Cassandra's jars, under .cache.
 * Random files: TESSERA_SEED is the first seed.
 */
const RANDOM_FILES = 20;
const LAUNCHER = resolve(import.meta.dirname, '../../tools/tessera.js');
const cache = resolve(import.meta.dirname, '../../.cache/interop-cassandra');
mkdirSync(cache, { recursive: true });
const scratch = mkdtempSync(join(cache, 'run-'));

/** An SSTable to be read, and the oldest Cassandra that can. */
interface StagedFile {
  readonly name: string;
  readonly path: string;
  readonly since: number;
}

try {
  await main();
} catch (error) {
  if (!(error instanceof NoNetworkError)) throw error;
  process.stdout.write(`SKIPPED: Cassandra's jars could not be fetched, nothing was compared:\n${error.message}\n`);
} finally {
  rmSync(scratch, { recursive: true, force: true });
}

async function main(): Promise<void> {
  const jdk = installJdk(cache);
  const versions = CASSANDRA_VERSIONS.map((cassandra) => ({
    cassandra,
    tools: new CassandraTools(cassandra, jdk, cache, scratch),
  }));
  const staged = [...(await writeByNode()), ...writeRandomFiles()];
  const digest = digestOf(staged);
  for (const { cassandra, tools } of versions) readOurs(cassandra, tools, staged);
  const { cassandra, tools } = versions[0]!; // the later ones' verifier does not run on every JDK from 11 to 17
  verifyOurs(cassandra, tools, staged);
  if (digestOf(staged) !== digest) throw new Error('Cassandra found something to rebuild: files of ours were changed');
  for (const { cassandra, tools } of versions) {
    for (const [fileVersion, settings] of cassandra.writes) readTheirs(cassandra, tools, fileVersion, settings);
  }
  say('interop:cassandra: all ok');
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

/** A node executes the writes and flushes; its files are linked under names that old Cassandra versions take. */
async function writeByNode(): Promise<StagedFile[]> {
  const workdir = join(scratch, 'node');
  const node = await startNode({ shards: 1, workdir, args: ['--api-port', '0'] });
  try {
    const { address, port } = node.ready.cql;
    const client = new cassandra.Client({
      contactPoints: [address],
      protocolOptions: { port },
      localDataCenter: 'datacenter1',
    });
    await client.connect();
    await client.execute(
      `CREATE KEYSPACE ${KEYSPACE} WITH replication = {'class': 'NetworkTopologyStrategy', 'datacenter1': 1}`,
    );
    await client.execute(`USE ${KEYSPACE}`);
    for (const table of WRITTEN_TABLES) {
      for (const statement of createTypes(table)) await client.execute(statement);
      await client.execute(createTable(table));
      for (const { cql, rows } of table.writes) {
        for (const row of rows) await client.execute(cql, [...row], { prepare: true });
      }
    }
    await client.shutdown();
    const api = node.ready.api!;
    const answer = await fetch(`http://${api.address}:${api.port}/storage_service/keyspace_flush/${KEYSPACE}`, {
      method: 'POST',
    });
    if (!answer.ok) throw new Error(`flush: ${answer.status} ${await answer.text()}`);
  } finally {
    await node.stop();
  }
  const data = join(workdir, 'data', KEYSPACE);
  return readdirSync(data).flatMap((directory) => {
    const name = directory.split('-')[0]!;
    const since = WRITTEN_TABLES.find((table) => table.name === name)!.since ?? 3;
    const to = join(scratch, 'ours', KEYSPACE, directory);
    mkdirSync(to, { recursive: true });
    const identifiers: string[] = [];
    for (const file of readdirSync(join(data, directory))) {
      const [, identifier, component] = /^me-(.+?)-big-(.+)$/.exec(file) ?? [];
      if (identifier === undefined || component === undefined) continue;
      if (!identifiers.includes(identifier)) identifiers.push(identifier);
      linkSync(join(data, directory, file), join(to, `me-${identifiers.indexOf(identifier) + 1}-big-${component}`));
    }
    if (identifiers.length === 0) throw new Error(`${name} has no SSTable`);
    return identifiers.map((_, i) => ({ name: `${name}-${i + 1}`, path: join(to, `me-${i + 1}-big-Data.db`), since }));
  });
}

function writeRandomFiles(): StagedFile[] {
  const first = Number(process.env.TESSERA_SEED ?? 1);
  return Array.from({ length: RANDOM_FILES }, (_, i) => {
    const seed = first + i;
    const directory = join(scratch, 'ours/random', `seed${seed}-6f0b5a10000010008000000000000001`);
    return { name: `random-${seed}`, path: writeRandomFile(directory, seed), since: 3 };
  });
}

/** Cassandra shows the content, shows the metadata, and reads every partition by its key in several ways. */
function readOurs({ version, major }: CassandraVersion, tools: CassandraTools, staged: readonly StagedFile[]): void {
  const files = staged.filter(({ since }) => since <= major);
  const out = join(scratch, `read-by-${version}`);
  mkdirSync(out);
  // The viewer before 5 fails, on files of its own too, where the least clustering is a longer prefix than the greatest.
  const showsMetadata = (name: string) => major > 4 || !name.startsWith('random');
  tools.run(
    files.flatMap(({ name, path }): ToolRun[] => [
      { tool: 'org.apache.cassandra.tools.SSTableExport', output: join(out, `${name}.json`), args: [path, '-t'] },
      ...(showsMetadata(name)
        ? [{ tool: 'org.apache.cassandra.tools.SSTableMetadataViewer', output: join(out, `${name}.txt`), args: [path] }]
        : []),
      { tool: 'PartitionReads', output: join(out, `${name}.reads`), args: [path] },
    ]),
    '',
  );
  compareDumps(files, out, major, `Cassandra ${version}`);
  let reads = 0;
  for (const { name } of files) {
    reads += Number(/(\d+) reads/.exec(readFileSync(join(out, `${name}.reads`), 'utf8'))![1]);
    if (!showsMetadata(name)) continue;
    const metadata = readFileSync(join(out, `${name}.txt`), 'utf8');
    const estimate = Number(/^Estimated cardinality: (\d+)/m.exec(metadata)?.[1]);
    const partitions = (parseDump(readFileSync(join(out, `${name}.json`), 'utf8')) as DumpValue[]).length;
    if (Math.abs(estimate - partitions) > partitions * 0.05) {
      throw new Error(`${name}: Cassandra ${version} estimates ${estimate} partitions, there are ${partitions}`);
    }
  }
  say(`Cassandra ${version}: read ${files.length} SSTables of version me as Tessera does, and ${reads} times by key`);
}

/** Cassandra's sstableverify over copies of the node's files: digests, and every key and value. */
function verifyOurs({ version, major }: CassandraVersion, tools: CassandraTools, staged: readonly StagedFile[]): void {
  const out = join(scratch, `verified-by-${version}`);
  mkdirSync(out);
  const lines: string[] = [];
  const runs: ToolRun[] = [];
  for (const table of tablesFor(major)) {
    const { path } = staged.find(({ name }) => name.startsWith(`${table.name}-`))!;
    const directory = resolve(path, '..');
    cpSync(directory, join(tools.dataDirectory, KEYSPACE, basename(directory)), { recursive: true });
    const id = basename(directory).replace(/^.*-(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
    const create = createTable(table);
    lines.push(
      [
        join(out, 'none', KEYSPACE, basename(directory)),
        `${create} ${create.includes(') WITH ') ? 'AND' : 'WITH'} id = ${id}`,
        qualified(table.writes.find(({ cql }) => cql.startsWith('INSERT'))!.cql, table.name),
        ...createTypes(table),
      ].join('\t'),
    );
    const verifier = 'org.apache.cassandra.tools.StandaloneVerifier';
    runs.push({ tool: verifier, output: join(out, table.name), args: ['-e', '-v', KEYSPACE, table.name] });
  }
  writeFileSync(join(out, 'tables'), lines.join('\n'));
  tools.run([{ tool: 'RegisterTables', output: join(out, 'register'), args: [join(out, 'tables')] }, ...runs], '');
  for (const { output } of runs) {
    const text = readFileSync(output, 'utf8');
    if (!/ succeeded\. All \d+ rows read successfully/.test(text)) throw new Error(`sstableverify, ${output}: ${text}`);
  }
  say(`Cassandra ${version}: sstableverify -e finds nothing wrong in ${runs.length} SSTables`);
}

/** Our dump of each file against the one that is in `out`. */
function compareDumps(files: readonly StagedFile[], out: string, major: number, who: string): void {
  const ours = dumpLines(files, major);
  let at = 0;
  for (const { name, path } of files) {
    const theirs = parseDump(readFileSync(join(out, `${name}.json`), 'utf8')) as DumpValue[];
    const difference = firstDifference(ours.slice(at, at + theirs.length), theirs, major);
    if (difference !== undefined) throw new Error(`${name} (${path}), ${who}: ${difference}`);
    at += theirs.length;
  }
  if (at !== ours.length) throw new Error(`${who}: ${at} partitions in all, in our dump ${ours.length}`);
}

/** The partitions of all files, one after the other, as `tessera sstable dump-data` shows them. */
function dumpLines(files: readonly StagedFile[], major: number): DumpValue[] {
  const options = ['--format', 'sstabledump', '-t', '-l', '--sstable-schema', '--cassandra-version', String(major)];
  const done = spawnSync(
    process.execPath,
    [LAUNCHER, 'sstable', 'dump-data', ...options, ...files.map(({ path }) => path)],
    {
      encoding: 'utf8',
      maxBuffer: 1 << 30,
    },
  );
  if (done.status !== 0) throw new Error(`tessera sstable dump-data ended with ${done.status}: ${done.stderr}`);
  return done.stdout.split('\n').flatMap((line) => (line === '' ? [] : [parseDump(line)]));
}

/** Cassandra executes the writes, an SSTable for each statement, and shows them; we show the same. */
function readTheirs(cassandra: CassandraVersion, tools: CassandraTools, fileVersion: string, settings: string): void {
  const { version, major } = cassandra;
  const out = join(scratch, `written-by-${version}-${fileVersion}`);
  mkdirSync(out);
  const script = join(out, 'script');
  writeFileSync(script, writerScript(cassandra, out).join('\n'));
  tools.run([{ tool: 'OfflineWriter', output: join(out, 'writer'), args: [script] }], settings);
  const files = readdirSync(out, { recursive: true, encoding: 'utf8' })
    .filter((path) => path.endsWith('-Data.db'))
    .map((path, i) => ({ name: String(i), path: join(out, path), since: major }));
  const other = files.find(({ path }) => !path.includes(`/${fileVersion}-`));
  if (files.length === 0 || other !== undefined)
    throw new Error(`Cassandra ${version}: wrote ${other?.path ?? 'nothing'}`);
  tools.run(
    files.map(({ name, path }) => ({
      tool: 'org.apache.cassandra.tools.SSTableExport',
      output: join(out, `${name}.json`),
      args: [path, '-t'],
    })),
    settings,
  );
  compareDumps(files, out, major, `Cassandra ${version}`);
  say(`Cassandra ${version}: wrote ${files.length} SSTables of version ${fileVersion}, which Tessera reads as it does`);
}

/** What OfflineWriter is to do. */
function writerScript(cassandraVersion: CassandraVersion, out: string): string[] {
  const { major, writesDeletes } = cassandraVersion;
  const lines: string[] = [];
  const add = (...words: string[]) => lines.push(words.map((word) => word.replaceAll(/[\n\t]/g, ' ')).join('\t'));
  for (const table of tablesFor(major)) {
    const directory = join(out, KEYSPACE, `${table.name}-6f0b5a10000010008000000000000001`);
    add('table', directory, createTable(table), ...createTypes(table));
    for (const { cql, types: names, rows, isOnlyOurs } of table.writes) {
      if (isOnlyOurs === true || (cql.startsWith('DELETE') && !writesDeletes)) continue;
      add('write', qualified(cql, table.name));
      const types = names.map((name) => parseCqlType(name, () => undefined));
      for (const row of rows) {
        const values = row.map((value, i) => (Buffer.isBuffer(value) ? value : types[i]!.fromText(String(value))));
        add('row', ...values.map((value) => Buffer.from(value).toString('hex')));
      }
    }
  }
  return lines;
}

/** Those that the offline writer of the version can make; that of 3.11 does not see the fields of user types. */
function tablesFor(major: number): readonly WrittenTable[] {
  return WRITTEN_TABLES.filter(({ since, name }) => (since ?? 3) <= major && !(name === 'user_types' && major === 3));
}

function createTypes({ createTypes: statements }: WrittenTable): string[] {
  return (statements ?? []).map((statement) => statement.replace('?', KEYSPACE));
}

/** The statement with the keyspace in front of the table's name. */
function qualified(cql: string, table: string): string {
  return cql.replace(new RegExp(`\\b(INTO|UPDATE|FROM) (${table})\\b`), `$1 ${KEYSPACE}.$2`);
}

function createTable({ name, create }: WrittenTable): string {
  return `CREATE TABLE ${KEYSPACE}.${name} ${create}`;
}

/** Over all files in the directories of the SSTables. */
function digestOf(staged: readonly StagedFile[]): string {
  const digest = createHash('sha256');
  for (const { path } of staged) {
    const directory = resolve(path, '..');
    for (const name of readdirSync(directory).sort()) {
      digest
        .update(name)
        .update('\0')
        .update(readFileSync(join(directory, name)));
    }
  }
  return digest.digest('hex');
}
