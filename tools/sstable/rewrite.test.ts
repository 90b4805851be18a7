import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { fixtureSSTables } from './testing/fixture-sstables.ts';
import { runSSTableCommand as run } from './testing/run-command.ts';
import { writeSample } from './testing/sample-table.ts';
import { scratchDirectory } from './testing/scratch-directory.ts';

const directory = scratchDirectory('sstable-rewrite');
const files = new NodeFiles();
let sample = '';
beforeAll(() => {
  sample = writeSample(files, directory, { class: 'LZ4Compressor', chunk_length_in_kb: '1' });
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const newDirectory = (): string => mkdtempSync(join(directory, 'out-'));

/** Content as a merge sees it: times as they are in memory, no empty rows. */
async function content(...paths: string[]): Promise<{ key: { raw: string; token: string } }[]> {
  const { code, out } = await run('dump-data', '--merge', '--sstable-schema', ...paths);
  expect([code, out.errors]).toEqual([0, []]);
  return (out.json as { sstables: { anonymous: [] } }).sstables.anonymous;
}

/** Paths of the SSTables that an operation says it made. */
const made = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' -> ')[1]!);

/** Each valid but for what its values are. */
async function expectValid(paths: readonly string[]): Promise<void> {
  const { out } = await run('validate', ...paths);
  expect(out.errors.filter((text) => !/: (value|path|clustering|partition key)\b|warning: /.test(text))).toEqual([]);
}

const K = '00016b000400000001';

describe('filter', () => {
  test('--include keeps those partitions, --exclude the others', async () => {
    const whole = await content(sample);
    const target = newDirectory();
    const included = await run('filter', '--include', '--partition', K, '--output-dir', target, sample);
    expect([included.code, included.out.errors]).toEqual([0, []]);
    const keysFile = join(directory, 'keys.txt');
    writeFileSync(keysFile, `${K}\n`);
    const excluded = await run('filter', '--exclude', '--partitions-file', keysFile, '--output-dir', target, sample);
    const [a, b] = [made(included.out.text), made(excluded.out.text)];
    expect(await content(...a)).toEqual(whole.filter(({ key }) => key.raw === K));
    expect(await content(...b)).toEqual(whole.filter(({ key }) => key.raw !== K));
    await expectValid([...a, ...b]);
    expect(await content(...a, ...b)).toEqual(whole);
  });

  test('nothing left: no SSTable, and it is said', async () => {
    const target = newDirectory();
    const { code, out } = await run(
      'filter',
      '--include',
      '--partition',
      '0001780004000000ff',
      '--output-dir',
      target,
      sample,
    );
    expect([code, out.text]).toEqual([0, '']);
    expect(out.errors.join()).toContain('nothing of');
    expect(readdirSync(target)).toEqual([]);
  });

  test.each<[string[], RegExp]>([
    [['filter', 'FILE'], /one of --include and --exclude/],
    [['filter', '--include', 'FILE'], /which partitions/],
    [['filter', '--include', '--partition', 'zz', 'FILE'], /--partition zz: not a key of 2 values/],
    [
      ['filter', '--include', '--partition', K, '--sstable-version', 'da', 'FILE'],
      /--sstable-version da: not supported/,
    ],
    [['filter', '--include', '--partition', K, '--generation', '0', 'FILE'], /--generation 0/],
    [['split', 'FILE'], /at which tokens/],
    [['split', '-t', '9223372036854775808', 'FILE'], /not a token/],
    [['recompress', 'FILE'], /--compressor/],
    [['recompress', '--compressor', 'rar', 'FILE'], /--compressor rar/],
    [['recompress', '--compressor', 'lz4', '--chunk-kb', '3', 'FILE'], /--chunk-kb 3: a power of two/],
    [['upgrade', '--chunk-kb', '4', 'FILE'], /needs --compressor/],
  ])('%j is wrong usage', async (args, expected) => {
    const { code, out } = await run(...args.map((arg) => (arg === 'FILE' ? sample : arg)));
    expect([code, out.text]).toEqual([2, '']);
    expect(out.errors.join()).toMatch(expected);
  });
});

describe('split', () => {
  test('a token is the first of the range to its right; ranges without partitions give nothing', async () => {
    const whole = await content(sample);
    const token = whole[1]!.key.token;
    const target = newDirectory();
    const { code, out } = await run(
      'split',
      '-t',
      token,
      '-t',
      '-9223372036854775808',
      '--generation',
      '7',
      '--output-dir',
      target,
      sample,
    );
    expect([code, out.errors]).toEqual([0, []]);
    const [left, right] = made(out.text);
    expect([left, right]).toEqual([join(target, 'me-7-big-Data.db'), join(target, 'me-8-big-Data.db')]);
    expect(await content(left!)).toEqual(whole.slice(0, 1));
    expect(await content(right!)).toEqual(whole.slice(1));
    await expectValid([left!, right!]);
  });

  test('an SSTable of that name that is there already stops it, and nothing of it is left', async () => {
    const target = newDirectory();
    writeSample(files, target, {}, '8');
    const before = readdirSync(target);
    const { code, out } = await run('split', '-t', '0', '--generation', '7', '--output-dir', target, sample);
    expect(code).toBe(1);
    expect(out.errors.join()).toContain('me-8-big-Data.db: EEXIST');
    expect(readdirSync(target)).toEqual(before);
  });
});

describe('merge, upgrade, recompress', () => {
  test('merge joins what split took apart', async () => {
    const target = newDirectory();
    const parts = made(
      (await run('split', '-t', '0', '-t', '3700499032865572874', '--output-dir', target, sample)).out.text,
    );
    expect(parts.length).toBeGreaterThan(1);
    const { code, out } = await run('merge', '--output-dir', target, ...parts);
    expect(code).toBe(0);
    const [joined] = made(out.text);
    expect(await content(joined!)).toEqual(await content(sample));
    await expectValid([joined!]);
  });

  test('merge of a missing file is not done', async () => {
    const target = newDirectory();
    const { code, out } = await run('merge', '--output-dir', target, sample, join(directory, 'me-9-big-Data.db'));
    expect([code, out.text]).toEqual([1, '']);
    expect(readdirSync(target)).toEqual([]);
  });

  test.each([
    ['lz4', '2', 'LZ4Compressor', 2048],
    ['snappy', '4', 'SnappyCompressor', 4096],
    ['deflate', '1', 'DeflateCompressor', 1024],
    ['zstd', '16', 'ZstdCompressor', 16384],
    ['none', '4', undefined, 0],
  ])('recompress as %s in chunks of %s KiB', async (compressor, kib, name, chunk) => {
    const target = newDirectory();
    const { code, out } = await run(
      'recompress',
      '--compressor',
      compressor,
      '--chunk-kb',
      kib,
      '--output-dir',
      target,
      sample,
    );
    expect([code, out.errors]).toEqual([0, []]);
    const [path] = made(out.text);
    expect(await content(path!)).toEqual(await content(sample));
    const info = (await run('dump-compression-info', path!)).out.json as { sstables: Record<string, object> };
    expect(info.sstables[path!]).toMatchObject(name === undefined ? {} : { name, chunk_len: String(chunk) });
  });

  test('upgrade leaves me alone unless --all', async () => {
    const target = newDirectory();
    const { code, out } = await run('upgrade', '--output-dir', target, sample);
    expect([code, out.text]).toEqual([0, '']);
    expect(out.errors.join()).toContain('version me already');
    const all = await run('upgrade', '--all', '--output-dir', target, sample);
    expect(await content(...made(all.out.text))).toEqual(await content(sample));
  });

  test('an output directory that is not there', async () => {
    const { code, out } = await run('upgrade', '--all', '--output-dir', join(directory, 'nowhere'), sample);
    expect(code).toBe(1);
    expect(out.errors.join()).toContain('nowhere: ENOENT');
  });
});

describe('damage', () => {
  test('partitions out of order are told with their place, and nothing is written', async () => {
    const own = newDirectory();
    const path = writeSample(files, own);
    for (const name of ['Tessera.db', 'CRC.db', 'Digest.crc32', 'TOC.txt']) rmSync(join(own, `me-1-big-${name}`));
    const bytes = readFileSync(path);
    bytes[2 + 2 + 1]! ^= 0xff; // a letter of the first key: its token is another then
    const swapped = Buffer.concat([bytes.subarray(34), bytes.subarray(0, 34)]);
    writeFileSync(path, swapped);
    const target = newDirectory();
    const { code, out } = await run('upgrade', '--all', '--output-dir', target, path);
    expect(code).toBe(5);
    expect(out.errors.join('\n')).toMatch(
      /last partition read: .*\n.*Data\.db at byte \d+: uncompressed data: partitions out of order/,
    );
    expect(readdirSync(target)).toEqual([]);
  });
});

const fixtures = fixtureSSTables();
/** Too large for tests that must be fast. */
const LARGE = /mc_wide_|mc_w_many_deleted_partitions|large_partition|10000_keys/;

describe.skipIf(fixtures.length === 0)('files of others (skipped where the fixtures are not there)', () => {
  test.each(fixtures.filter(({ name }) => !LARGE.test(name)))('$name: split, merged, upgraded', async (fixture) => {
    const { dataPath } = fixture;
    const target = newDirectory();
    const before = await run('dump-data', '--merge', '--sstable-schema', dataPath);
    const upgraded = await run('upgrade', '--all', '--sstable-schema', '--output-dir', target, dataPath);
    if (before.code !== 0) {
      expect(upgraded.code).toBe(before.code);
      expect(readdirSync(target)).toEqual([]);
      return;
    }
    expect([upgraded.code, upgraded.out.errors]).toEqual([0, []]);
    const whole = await content(dataPath);
    expect(await content(...made(upgraded.out.text))).toEqual(whole);
    await expectValid(made(upgraded.out.text));
    mkdirSync(join(target, 'parts'));
    const parts = await run(
      'split',
      '-t',
      whole[whole.length >> 1]!.key.token,
      '--sstable-schema',
      '--output-dir',
      join(target, 'parts'),
      dataPath,
    );
    expect([parts.code, parts.out.errors]).toEqual([0, []]);
    expect(await content(...made(parts.out.text))).toEqual(whole);
    const filtered = await run(
      'filter',
      '--exclude',
      '--partition',
      whole[0]!.key.raw,
      '--sstable-schema',
      '--output-dir',
      target,
      dataPath,
    );
    if (whole.length > 1) expect(await content(...made(filtered.out.text))).toEqual(whole.slice(1));
    rmSync(target, { recursive: true });
  });
});
