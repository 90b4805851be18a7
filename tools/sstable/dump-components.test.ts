import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { fixtureSSTables } from './testing/fixture-sstables.ts';
import { runSSTableCommand as run } from './testing/run-command.ts';
import { writeSample } from './testing/sample-table.ts';
import { scratchDirectory } from './testing/scratch-directory.ts';

const directory = scratchDirectory('sstable-components');
const files = new NodeFiles();
let plain = '';
let compressed = '';

beforeAll(() => {
  plain = writeSample(files, directory);
  compressed = writeSample(files, directory, { class: 'LZ4Compressor', chunk_length_in_kb: '1' }, '2');
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** The result for one SSTable, numbers as texts. */
async function result(operation: string, path: string): Promise<unknown> {
  const { code, out } = await run(operation, path);
  expect([code, out.errors.filter((text) => !text.startsWith('note'))]).toEqual([0, []]);
  const { sstables } = out.json as { sstables: Record<string, unknown> };
  expect(Object.keys(sstables)).toEqual([path]);
  return sstables[path];
}

const GONE = { raw: '0004676f6e65000400000002', value: 'gone:2' };
const K = { raw: '00016b000400000001', value: 'k:1' };
const PLAIN = { raw: '0005706c61696e000400000003', value: 'plain:3' };

describe('our own files', () => {
  test('dump-index: keys and positions', async () => {
    expect(await result('dump-index', plain)).toEqual([
      { key: GONE, pos: '0' },
      { key: K, pos: '34' },
      { key: PLAIN, pos: expect.stringMatching(/^3\d\d$/) },
    ]);
  });

  test('dump-summary: the sampled keys, with tokens', async () => {
    const first = { token: '-3676491755189348665', ...GONE };
    expect(await result('dump-summary', plain)).toEqual({
      header: {
        min_index_interval: '128',
        size: '1',
        memory_size: '26', // an offset, a position, a key of 14 bytes
        sampling_level: '128',
        size_at_full_sampling: '1',
      },
      positions: ['4'],
      entries: [{ key: first, position: '0' }],
      first_key: first,
      last_key: { token: expect.stringMatching(/^\d+$/), ...PLAIN },
    });
  });

  test('dump-compression-info: the chunks; nothing without compression', async () => {
    const info = (await result('dump-compression-info', compressed)) as { offsets: string[]; data_len: string };
    expect(info).toMatchObject({ name: 'LZ4Compressor', options: {}, chunk_len: '1024' });
    expect(info.offsets).toHaveLength(Math.ceil(Number(info.data_len) / 1024));
    expect(info.offsets[0]).toBe('0');
    expect(await result('dump-compression-info', plain)).toEqual({});
  });

  test('dump-scylla-metadata: an empty object without a Scylla.db', async () => {
    expect(await result('dump-scylla-metadata', plain)).toEqual({});
  });

  test('--schema-file names what the header does not know, and must fit', async () => {
    const schema = join(directory, 'other.cql');
    writeFileSync(schema, 'CREATE TABLE ks.t (a int PRIMARY KEY);');
    const { code, out } = await run('dump-index', '--schema-file', schema, plain);
    expect(code).toBe(1);
    expect(out.errors.join()).toContain('primary key is not that of ks.t');
  });

  test.each([
    ['dump-index', 'Index.db', 5],
    ['dump-summary', 'Summary.db', 5],
    ['dump-compression-info', 'CompressionInfo.db', 5],
  ])(
    '%s of a component that was cut short ends with %s, %d, and JSON that parses',
    async (operation, component, code) => {
      const own = mkdtempSync(join(directory, 'cut-'));
      writeSample(files, own, { class: 'LZ4Compressor' }, '2');
      const path = join(own, `me-2-big-${component}`);
      const bytes = readFileSync(path);
      writeFileSync(path, bytes.subarray(0, bytes.length - 1));
      const cut = await run(operation, join(own, 'me-2-big-Data.db'), compressed);
      expect(cut.code).toBe(code);
      expect(cut.out.errors.join('\n')).toMatch(new RegExp(`me-2-big-${component.replace('.', '\\.')} at byte \\d+: `));
      const { sstables } = cut.out.json as { sstables: Record<string, unknown> };
      expect(Object.keys(sstables)).toContain(compressed); // the others are shown
      rmSync(path);
      const gone = await run(operation, join(own, 'me-2-big-Data.db'));
      expect(gone.code).toBe(component === 'CompressionInfo.db' ? 0 : 1);
      rmSync(own, { recursive: true });
    },
  );

  test('a component is shown when Data.db is gone', async () => {
    const own = mkdtempSync(join(directory, 'dataless-'));
    const path = writeSample(files, own, { class: 'LZ4Compressor' });
    rmSync(path);
    for (const operation of ['dump-index', 'dump-summary', 'dump-compression-info']) {
      expect((await run(operation, join(own, 'me-1-big-TOC.txt'))).code, operation).toBe(0);
    }
  });
});

const fixtures = fixtureSSTables();

describe.skipIf(fixtures.length === 0)('files of others (skipped where the fixtures are not there)', () => {
  const raw = (hex: string, columns: number) =>
    columns === 1 ? (hex.length / 2).toString(16).padStart(4, '0') + hex : undefined;

  test.each(fixtures.filter(({ expected }) => expected.index != null))('dump-index of $name', async (fixture) => {
    const { index } = fixture.expected;
    const entries = (await result('dump-index', fixture.dataPath)) as { key: { raw: string }; pos: string }[];
    expect(entries).toHaveLength(index!.entry_count);
    for (const [i, { key_hex, data_position }] of index!.first_entries.entries()) {
      expect(entries[i]!.pos).toBe(String(data_position));
      if (typeof key_hex !== 'string') continue; // long ones are not spelt out
      const one = raw(key_hex, 1)!;
      // A composite key has its own lengths already, and a zero after each value.
      if (entries[i]!.key.raw !== one) expect(key_hex.length).toBe(entries[i]!.key.raw.length + compositeEnds(key_hex));
    }
  });

  test.each(fixtures.filter(({ expected }) => expected.summary != null))('dump-summary of $name', async (fixture) => {
    const summary = fixture.expected.summary!;
    const dump = (await result('dump-summary', fixture.dataPath)) as {
      header: Record<string, string>;
      entries: { key: { raw: string }; position: string }[];
      positions: string[];
    };
    expect(dump.header).toMatchObject({
      min_index_interval: String(summary.min_index_interval),
      sampling_level: String(summary.sampling_level),
      size_at_full_sampling: String(summary.size_at_full_sampling),
      size: String(summary.entry_count),
    });
    expect(dump.positions).toHaveLength(summary.entry_count);
    for (const [i, [, position]] of summary.first_entries.entries()) {
      expect(dump.entries[i]!.position).toBe(String(position));
    }
  });

  test.each(fixtures.filter(({ expected }) => expected.compression != null && !/premature/.test(expected.prefix)))(
    'dump-compression-info of $name',
    async (fixture) => {
      if (fixture.name.includes('premature_eof')) return; // its offsets lead behind the end of Data.db
      const { compression } = fixture.expected;
      const dump = (await result('dump-compression-info', fixture.dataPath)) as { name: string; offsets: string[] };
      expect(dump).toMatchObject({
        options: compression!.options,
        chunk_len: String(compression!.chunk_length),
        data_len: compression!.data_length,
      });
      expect(dump.name.endsWith(compression!.class)).toBe(true);
      expect(dump.offsets).toHaveLength(compression!.chunk_count);
    },
  );

  test('dump-scylla-metadata of a file of ScyllaDB', async () => {
    const fixture = fixtures.find(({ name }) => name === 'me_mixed_generation me-3-big');
    expect(await result('dump-scylla-metadata', fixture!.dataPath)).toEqual({
      sstable_identifier: 'd6170ef1-7362-11f0-a0d5-d36a43f5387c',
      ext_timestamp_stats: {
        min_live_row_marker_timestamp: '1754552878427218',
        min_live_timestamp: '1754552878427218',
      },
      scylla_build_id: '755139579c7c67f820979ea7f36da53643dcfd9f',
      scylla_version: '2025.2.2-0.20250807.5ae00a3dabe0',
      sstable_origin: 'memtable',
      large_data_stats: {
        elements_in_collection: { max_value: '0', threshold: '10000', above_threshold: '0' },
        cell_size: { max_value: '5', threshold: '1048576', above_threshold: '0' },
        row_size: { max_value: '9', threshold: '10485760', above_threshold: '0' },
        rows_in_partition: { max_value: '1', threshold: '100000', above_threshold: '0' },
        partition_size: { max_value: '28', threshold: '1048576000', above_threshold: '0' },
      },
      run_identifier: '207f0a80-82d2-4567-a904-f2011b5ad202',
      features: {
        mask: '127',
        features: [
          'NonCompoundPIEntries',
          'NonCompoundRangeTombstones',
          'ShadowableTombstones',
          'CorrectStaticCompact',
          'CorrectEmptyCounters',
          'CorrectUDTsInCollections',
          'CorrectLastPiBlockWidth',
        ],
      },
      sharding: [
        {
          left: { exclusive: false, token: '-3485513579396041028' },
          right: { exclusive: false, token: '-3485513579396041028' },
        },
      ],
    });
  });
});

/** Hex digits that a composite key has beyond its raw form: the zero byte after each value. */
function compositeEnds(hex: string): number {
  let count = 0;
  for (let at = 0; at < hex.length; count++) at += 6 + Number.parseInt(hex.slice(at, at + 4), 16) * 2;
  return count * 2;
}
