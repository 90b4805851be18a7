import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { KeyspaceDescriptor } from '../../core/schema/keyspace.ts';
import { schemaCql } from '../../core/schema/schema-cql.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { sstableCommand } from '../commands/sstable.ts';
import { CollectedOutput, exactJson } from './testing/collected-output.ts';
import { samplePartitions, sampleTable, writePartitions, writeSample } from './testing/sample-table.ts';

const TESTDATA = join(dirname(fileURLToPath(import.meta.url)), 'testdata');
const directory = mkdtempSync(join(tmpdir(), 'sstable-dump-'));
const files = new NodeFiles();
let dataPath = '';

beforeAll(() => {
  dataPath = writeSample(files, directory);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Run {
  readonly code: number;
  readonly out: CollectedOutput;
}

async function run(...args: string[]): Promise<Run> {
  const out = new CollectedOutput();
  return { code: await sstableCommand(args, out), out };
}

const golden = (name: string): string => readFileSync(join(TESTDATA, name), 'utf8');
/** Partitions of the golden dump. */
const partitions = (): { key: { raw: string; value: string } }[] => {
  const whole = exactJson(golden('sample.scylla.json')) as { sstables: { PATH: [] } };
  return whole.sstables.PATH;
};

describe('every kind of fragment and cell', () => {
  test.each([{}, { class: 'LZ4Compressor', chunk_length_in_kb: '1' }])(
    'in the scylla form, %j',
    async (compression) => {
      const own = join(directory, `compressed-${Object.keys(compression).length}`);
      mkdirSync(own);
      const path = writeSample(files, own, compression);
      const { code, out } = await run('dump-data', path);
      expect([code, out.errors]).toEqual([0, []]);
      expect(out.text.replace(path, 'PATH')).toBe(golden('sample.scylla.json'));
    },
  );

  test('in the sstabledump form', async () => {
    const { code, out } = await run('dump-data', '--format', 'sstabledump', dataPath);
    expect([code, out.errors]).toEqual([0, []]);
    expect(out.text).toBe(golden('sample.sstabledump.json'));
  });

  test('with a schema.cql beside it the same rows come, and the schema wins where both know', async () => {
    const own = join(directory, 'with-schema');
    mkdirSync(own);
    const path = writeSample(files, own);
    const table = sampleTable({});
    const address = table.column('u')!.type;
    const keyspace = { name: 'ks', types: new Map([['address', address]]) } as unknown as KeyspaceDescriptor;
    writeFileSync(join(own, 'schema.cql'), schemaCql(keyspace, table));
    const { code, out } = await run('dump-data', path);
    expect([code, out.errors]).toEqual([0, []]);
    expect(out.text.replace(path, 'PATH')).toBe(golden('sample.scylla.json'));

    writeFileSync(
      join(own, 'schema.cql'),
      `${schemaCql(keyspace, table)} ALTER TABLE ks.sample DROP "Upper" USING TIMESTAMP 1710000000000001;`,
    );
    const dropped = await run('dump-data', path);
    expect([dropped.code, dropped.out.errors]).toEqual([0, []]);
    expect(dropped.out.text).not.toContain('Upper');
    expect((await run('dump-data', '--sstable-schema', path)).out.text).toContain('Upper');
  });

  test.each([
    ['CREATE TABLE ks.sample (a int PRIMARY KEY, b int);', /primary key is not that of/],
    ['CREATE TABLE', /schema\.cql: line 1/],
  ])('a schema.cql that cannot be used is told and passed over: %s', async (text, why) => {
    const own = mkdtempSync(join(directory, 'bad-schema-'));
    const path = writeSample(files, own);
    writeFileSync(join(own, 'schema.cql'), text);
    const { code, out } = await run('dump-data', path);
    expect(code).toBe(0);
    expect(out.errors.join('\n')).toMatch(why);
    expect(out.text.replace(path, 'PATH')).toBe(golden('sample.scylla.json'));
    const asked = await run('dump-data', '--schema-file', join(own, 'schema.cql'), path);
    expect(asked.code).toBe(1);
  });
});

describe('options', () => {
  test('--partition shows those partitions, in the order of the file', async () => {
    const [first, second, third] = partitions();
    const { code, out } = await run(
      'dump-data',
      '--partition',
      third!.key.raw,
      '--partition',
      first!.key.raw,
      dataPath,
    );
    expect(code).toBe(0);
    expect(out.json).toEqual({ sstables: { [dataPath]: [first, third] } });
    const cassandra = await run('dump-data', '--format=cassandra', `--partition=${second!.key.raw}`, dataPath);
    const whole = exactJson(golden('sample.sstabledump.json')) as unknown[];
    expect(cassandra.out.json).toEqual([whole[1]]);
    const none = await run('dump-data', '--partition', '0001780004000000ff', dataPath);
    expect([none.code, none.out.json]).toEqual([0, { sstables: { [dataPath]: [] } }]);
  });

  test('-e shows keys only', async () => {
    const keys = partitions().map(({ key }) => ({ key }));
    expect((await run('dump-data', '-e', dataPath)).out.json).toEqual({ sstables: { [dataPath]: keys } });
    const cassandra = await run('dump-data', '-e', '--format', 'sstabledump', dataPath);
    expect(cassandra.out.json).toEqual([
      ['gone', '2'],
      ['k', '1'],
      ['plain', '3'],
    ]);
  });

  test('-l gives a line of JSON for each partition', async () => {
    for (const format of ['scylla', 'sstabledump']) {
      const { out } = await run('dump-data', '-l', '--format', format, dataPath);
      const lines = out.text.trimEnd().split('\n');
      expect(lines.length).toBe(3);
      const parsed = lines.map(exactJson);
      if (format === 'scylla') expect(parsed).toEqual(partitions());
      else expect(parsed).toEqual(exactJson(golden('sample.sstabledump.json')));
    }
  });

  test('-t shows times as numbers', async () => {
    const scylla = await run('dump-data', '-t', dataPath);
    expect(scylla.out.text).toContain('"tombstone":{"timestamp":1710000000000001,"deletion_time":1710000008}');
    const cassandra = await run('dump-data', '-t', '-l', '--format', 'sstabledump', dataPath);
    expect(cassandra.out.text).toContain('"marked_deleted":"1710000000000001","local_delete_time":"1710000008"');
  });

  test('--cassandra-version 4 names no kind of table', async () => {
    const { out } = await run('dump-data', '--format', 'sstabledump', '--cassandra-version', '4', dataPath);
    expect(out.text).not.toContain('table kind');
  });

  test('--merge reads all files as one stream', async () => {
    const own = join(directory, 'merged');
    mkdirSync(own);
    const table = sampleTable({});
    const all = samplePartitions(table);
    writePartitions(files, own, table, all.slice(0, 2), '1');
    writePartitions(files, own, table, all.slice(1), '2');
    const { code, out } = await run('dump-data', '--merge', own);
    expect([code, out.errors]).toEqual([0, []]);
    expect(out.json).toEqual({ sstables: { anonymous: partitions() } });
    const one = await run('dump-data', '--merge', '--partition', partitions()[1]!.key.raw, own);
    expect(one.out.json).toEqual({ sstables: { anonymous: [partitions()[1]] } });
  });

  test('a directory stands for all of its SSTables', async () => {
    const { out } = await run('dump-data', '-e', join(directory, 'merged'));
    expect(Object.keys((out.json as { sstables: object }).sstables)).toEqual([
      join(directory, 'merged/me-1-big-Data.db'),
      join(directory, 'merged/me-2-big-Data.db'),
    ]);
  });
});

describe('failures', () => {
  test.each<[string[], RegExp]>([
    [[], /usage: tessera sstable/],
    [['dump-dta', 'x'], /unknown operation; did you mean dump-data/],
    [['shard-of', 'x'], /sstable shard-of: not supported yet/],
    [['dump-data'], /no FILE/],
    [['dump-data', '--colour', 'x'], /Unknown option '--colour'/],
    [['dump-data', '--format', 'xml', 'x'], /--format xml/],
    [['dump-data', '--merge', '-e', 'x'], /exclude each other/],
    [['dump-data', '--merge', '--format', 'sstabledump', 'x'], /positions/],
    [['dump-data', '--partition', 'zz', 'FILE'], /--partition zz/],
    [['dump-data', '--partition', '00016b', 'FILE'], /not a key of 2 values/],
    [['dump-data', '--format', 'sstabledump', 'FILE', 'OTHER'], /one SSTable/],
  ])('%j is wrong usage', async (args, expected) => {
    const other = join(directory, 'merged/me-1-big-Data.db');
    const { code, out } = await run(...args.map((arg) => (arg === 'FILE' ? dataPath : arg === 'OTHER' ? other : arg)));
    expect(code).toBe(2);
    expect(out.errors.join('\n')).toMatch(expected);
  });

  test('a missing file is told, the others are dumped, and the code is 1', async () => {
    const { code, out } = await run('dump-data', '-e', join(directory, 'me-9-big-Data.db'), dataPath);
    expect(code).toBe(1);
    expect(out.errors.join()).toContain('me-9-big-Data.db: ENOENT');
    expect(out.json).toMatchObject({ sstables: { [dataPath]: [{}, {}, {}] } });
  });

  test('damage ends with code 5, the place, the last key, and JSON that parses', async () => {
    for (const format of ['scylla', 'sstabledump']) {
      const own = mkdtempSync(join(directory, 'damaged-'));
      const path = writeSample(files, own);
      // As a file of others, without any checksum: the damage shows in the middle of the data.
      for (const name of ['Tessera.db', 'CRC.db', 'Digest.crc32', 'TOC.txt']) rmSync(join(own, `me-1-big-${name}`));
      const bytes = readFileSync(path);
      bytes[343] = 0xff; // the flags of a row
      writeFileSync(path, bytes);
      const { code, out } = await run('dump-data', '--format', format, path);
      expect(code).toBe(5);
      expect(out.errors.join('\n')).toMatch(/last partition read: k:1\n.*me-1-big-Data\.db at byte \d+/);
      expect(JSON.stringify(out.json)).toContain('gone');
    }
  });

  test('a version that is not read is refused by its name', async () => {
    const path = join(directory, 'db-1-bti-Data.db');
    writeFileSync(path, 'x');
    const { code, out } = await run('dump-data', path);
    expect(code).toBe(1);
    expect(out.errors.join()).toContain('SSTable version db');
    rmSync(path);
  });
});

test('dump-statistics prints the statistics in the scylla form', async () => {
  const { code, out } = await run('dump-statistics', dataPath);
  expect([code, out.errors]).toEqual([0, []]);
  const { sstables } = out.json as { sstables: Record<string, Record<string, Record<string, unknown>>> };
  const dump = sstables[dataPath]!;
  expect(Object.keys(dump.offsets!)).toEqual(['validation', 'compaction', 'stats', 'serialization']);
  expect(dump.validation).toEqual({
    partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
    filter_chance: '0.01',
  });
  expect(dump.stats).toMatchObject({
    position: { id: '-1', pos: '0' },
    min_timestamp: '-5',
    max_timestamp: '9223372036854775807',
    max_ttl: '2147483647',
    compression_ratio: '-1',
    min_column_names: [],
    rows_count: '6',
    commitlog_intervals: [],
    originating_host_id: null,
  });
  expect(dump.serialization_header).toMatchObject({
    min_timestamp_base: '267120000000001',
    min_local_deletion_time_base: '267120000',
    min_ttl_base: '0',
    static_columns: [{ name: 's', type_name: 'org.apache.cassandra.db.marshal.LongType' }],
  });
});
