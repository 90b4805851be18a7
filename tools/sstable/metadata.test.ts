import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stripVTControlCharacters } from 'node:util';
import { afterAll, describe, expect, test } from 'vitest';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { byteCount, durationWords, javaDate } from './java-text.ts';
import { termHistogram } from './term-histogram.ts';
import { fixtureSSTables } from './testing/fixture-sstables.ts';
import { runSSTableCommand as run } from './testing/run-command.ts';
import { writeSample } from './testing/sample-table.ts';
import { scratchDirectory } from './testing/scratch-directory.ts';

const directory = scratchDirectory('sstable-metadata');
const files = new NodeFiles();
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** Names of the lines, in the order of the specification. */
const NAMES = (
  'SSTable,Partitioner,Bloom Filter FP chance,Minimum timestamp,Maximum timestamp,Duration,' +
  'SSTable min local deletion time,SSTable max local deletion time,Compressor,Compression ratio,TTL min,TTL max,' +
  'First token,Last token,Covered clusterings,Estimated droppable tombstones,SSTable Level,Repaired at,' +
  'Originating host id,Pending repair,Replay positions covered,totalColumnsSet,totalRows,' +
  'Estimated tombstone drop times,Partition Size,Column Count,Estimated cardinality,EncodingStats minTTL,' +
  'EncodingStats minLocalDeletionTime,EncodingStats minTimestamp,KeyType,ClusteringTypes,StaticColumns,RegularColumns,IsTransient'
).split(',');

const fieldsOf = (text: string): Map<string, string> =>
  new Map(
    text
      .split('\n')
      .filter((line) => /^\S/.test(line))
      .map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)]),
  );

describe('of the sample', () => {
  const sample = () => writeSample(files, mkdtempSync(join(directory, 'd-')), { class: 'LZ4Compressor' });

  test('every line, in order', async () => {
    const path = sample();
    const { code, out } = await run('metadata', path);
    expect([code, out.errors]).toEqual([0, []]);
    const fields = fieldsOf(out.text);
    expect([...fields.keys()]).toEqual(NAMES);
    expect(Object.fromEntries(fields)).toMatchObject({
      SSTable: path.replace('-Data.db', ''),
      Partitioner: 'org.apache.cassandra.dht.Murmur3Partitioner',
      'Bloom Filter FP chance': '0.01',
      'Minimum timestamp': '12/31/1969 23:59:59 (-5)',
      'SSTable min local deletion time': '03/09/2024 16:00:00 (1710000000)',
      'SSTable max local deletion time': 'no tombstones (2147483647)',
      Compressor: 'org.apache.cassandra.io.compress.LZ4Compressor',
      'TTL max': '2147483647 (never)',
      'First token': '-3676491755189348665 (gone:2)',
      'Originating host id': '--',
      'Pending repair': '--',
      'Replay positions covered': '{}',
      totalRows: '6',
      ClusteringTypes:
        '[org.apache.cassandra.db.marshal.Int32Type, org.apache.cassandra.db.marshal.ReversedType(org.apache.cassandra.db.marshal.UTF8Type)]',
      StaticColumns: 's:org.apache.cassandra.db.marshal.LongType',
      IsTransient: 'false',
    });
    expect(out.text).toMatch(/\n {3}Size \(bytes\) +\| Count {2}\(%\) {2}Histogram \n/);
  });

  test('-s counts what is in it, -c colours names, -u draws with blocks', async () => {
    const { code, out } = await run('metadata', '-s', '-c', '-u', sample());
    expect(code).toBe(0);
    const plain = stripVTControlCharacters(out.text);
    expect(plain).not.toBe(out.text);
    expect(plain).toMatch(
      /\nPartitions: 3\nRows: 6\nTombstones: 8\nCells: 12\nWidest Partitions: \n {2}\[k:1\] 5\n {2}\[plain:3\] 1\n {2}\[gone:2\] 0\nLargest Partitions: \n {2}\[k:1\] \d+ \(\d+ B\)\n(.*\n){2}Tombstone Leaders: \n {2}\[k:1\] 7\n/,
    );
    expect(plain).toContain('\u2589');
  });

  test('what is droppable depends on the gc grace', async () => {
    const path = sample();
    const share = async (...args: string[]) =>
      Number(fieldsOf((await run('metadata', ...args, path)).out.text).get('Estimated droppable tombstones'));
    expect(await share()).toBeGreaterThan(0);
    expect(await share('-g', '999999999')).toBe(0);
  });

  test('a missing file is told, the others follow, and the code is 1', async () => {
    const path = sample();
    const { code, out } = await run('metadata', join(directory, 'me-9-big-Data.db'), path);
    expect(code).toBe(1);
    expect(out.errors.join()).toContain('ENOENT');
    expect(out.text).toContain(`SSTable: ${path.replace('-Data.db', '')}`);
  });

  test.each<[string[], RegExp]>([
    [['-g', 'x'], /--gc_grace_seconds x/],
    [['-t', 'YEARS'], /--timestamp_unit YEARS/],
  ])('%j is wrong usage', async (args, expected) => {
    const { code, out } = await run('metadata', ...args, 'x');
    expect(code).toBe(2);
    expect(out.errors.join()).toMatch(expected);
  });
});

describe('texts', () => {
  test.each<[number, string]>([
    [0, '01/01/1970 00:00:00'],
    [1_710_000_000, '03/09/2024 16:00:00'],
    [-1, '12/31/1969 23:59:59'],
  ])('date of %d', (seconds, text) => expect(javaDate(seconds)).toBe(text));

  test.each<[number, string]>([
    [1, '1 second'],
    [3600, '1 hour'],
    [3630, '1 hour 0 minutes 30 seconds'],
    [90_061, '1 day 1 hour 1 minute 1 second'],
    [864_000, '10 days'],
  ])('duration of %d', (seconds, text) => expect(durationWords(seconds)).toBe(text));

  test.each<[number, string | undefined]>([
    [0, undefined],
    [1023, '1023 B'],
    [1536, '1.5 kB'],
    [2 ** 31, '2.0 GB'],
  ])('%d bytes', (bytes, text) => expect(byteCount(bytes)).toBe(text));

  test('a histogram with its percentiles', () => {
    const lines = termHistogram(
      [
        [1, 1],
        [10, 7],
        [100, 2],
      ],
      'Size',
      String,
      false,
    );
    expect(lines).toEqual([
      '   Size | Count  (%)  Histogram ',
      '   1    |     1 ( 10) OOOO',
      `   10   |     7 ( 70) ${'O'.repeat(30)}`,
      '   100  |     2 ( 20) OOOOOOOOo'.replace('o', '.'),
      '   Percentiles',
      '   50th      10',
      '   75th      10',
      '   95th      103',
      '   98th      103',
      '   99th      103',
      '   Min       0',
      '   Max       103',
    ]);
  });
});

const fixtures = fixtureSSTables();

describe.skipIf(fixtures.length === 0)('files of others (skipped where the fixtures are not there)', () => {
  test.each(fixtures)('$name: every line', async ({ name, dataPath, expected }) => {
    if (dataPath.includes('empty_index') || dataPath.includes('premature_eof')) return;
    const { code, out } = await run('metadata', '--sstable-schema', dataPath);
    expect([code, out.errors]).toEqual([0, []]);
    const isCompressed = expected.compression != null;
    const names = isCompressed ? NAMES : NAMES.filter((name) => name !== 'Compression ratio');
    expect([...fieldsOf(out.text).keys()]).toEqual(names);
    // Some other writers' numbers are of something else.
    const estimate = fieldsOf(out.text).get('Estimated cardinality');
    const partitions = Number(expected.partition_count);
    if (name.includes('_cass_') && estimate !== '--')
      expect(Math.abs(Number(estimate) - partitions)).toBeLessThanOrEqual(partitions * 0.05);
  });
});
