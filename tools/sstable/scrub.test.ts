import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { int64ToBigInt } from '../../core/int64.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { fixtureSSTables } from './testing/fixture-sstables.ts';
import { runSSTableCommand as run } from './testing/run-command.ts';
import { writeSample } from './testing/sample-table.ts';
import { scratchDirectory } from './testing/scratch-directory.ts';

const directory = scratchDirectory('sstable-scrub');
const files = new NodeFiles();
const SCHEMA = join(directory, 'schema.cql');
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const newDirectory = (): string => mkdtempSync(join(directory, 'd-'));
const made = (text: string): string[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split(' -> ')[1]!);

interface Element {
  readonly type: string;
  readonly key?: { readonly raw: string };
}
interface Partition {
  readonly key: { readonly raw: string };
  readonly tombstone?: unknown;
  readonly clustering_elements?: readonly Element[];
}

async function content(...paths: string[]): Promise<Partition[]> {
  if (paths.length === 0) return [];
  const { code, out } = await run('dump-data', '--merge', '--sstable-schema', ...paths);
  expect([code, out.errors]).toEqual([0, []]);
  return (out.json as { sstables: { anonymous: Partition[] } }).sstables.anonymous;
}

async function expectValid(paths: readonly string[]): Promise<void> {
  if (paths.length === 0) return;
  const { out } = await run('validate', ...paths);
  expect(out.errors.filter((text) => !/: (value|path|clustering|partition key)\b|warning: /.test(text))).toEqual([]);
}

/** Forty partitions of as many rows as `rows` says, some with a range over half of them. */
function partitionsText(rows: (partition: number) => number): string {
  const int = (value: number) => `0004${value.toString(16).padStart(8, '0')}`;
  const partitions: { token: bigint; text: string }[] = [];
  for (let p = 0; p < 40; p++) {
    const elements: string[] = [];
    const count = rows(p);
    const range = (at: number, weight: number, tombstone: string) =>
      `{"type":"range-tombstone-change","key":{"raw":"${int(at)}"},"weight":${weight},"tombstone":${tombstone}}`;
    for (let r = 0; r < count; r++) {
      if (p % 3 === 0 && r === count >> 2)
        elements.push(range(r, -1, '{"timestamp":1,"deletion_time":"2024-03-09 16:00:00z"}'));
      elements.push(
        `{"type":"clustering-row","key":{"raw":"${int(r)}"},"marker":{"timestamp":${1000 + r}},"columns":{"v":{"is_live":true,"type":"regular","timestamp":5,"value":"${String(p * 1000 + r).padStart(20, 'x')}"}}}`,
      );
      if (p % 3 === 0 && r === count - (count >> 2) - 1) elements.push(range(r, 1, '{}'));
    }
    partitions.push({
      token: tokenOfInt(p),
      text: `{"key":{"raw":"${int(p)}"},"clustering_elements":[${elements.join(',')}]}`,
    });
  }
  return partitions
    .sort((a, b) => (a.token < b.token ? -1 : 1))
    .map(({ text }) => text)
    .join('\n');
}

beforeAll(() => {
  writeFileSync(SCHEMA, 'CREATE TABLE ks.t (a int, c int, v text, PRIMARY KEY (a, c));');
});

function tokenOfInt(value: number): bigint {
  const token = new Token();
  tokenOf(Uint8Array.of(0, 0, 0, value), 0, 4, token);
  return int64ToBigInt(token.hi, token.lo);
}

/** Writes the partitions. Returns the path of Data.db. */
async function write(text: string, ...options: string[]): Promise<string> {
  const own = newDirectory();
  const input = join(directory, 'input.json');
  writeFileSync(input, text);
  const { code, out } = await run(
    'write',
    '--schema-file',
    SCHEMA,
    '--input-file',
    input,
    '--input-format',
    'jsonl',
    '--output-dir',
    own,
    '--generation',
    '1',
    ...options,
  );
  expect([code, out.errors]).toEqual([0, []]);
  return join(own, 'me-1-big-Data.db');
}

async function scrub(mode: string, path: string): Promise<{ code: number; errors: string[]; paths: string[] }> {
  const { code, out } = await run('scrub', '--mode', mode, '--sstable-schema', '--output-dir', newDirectory(), path);
  const paths = made(out.text);
  await expectValid(paths);
  return { code, errors: out.errors, paths };
}

const ids = (partitions: readonly Partition[]): string[] =>
  partitions.flatMap(({ key, clustering_elements }) => [
    key.raw,
    ...(clustering_elements ?? [])
      .filter(({ type }) => type === 'clustering-row')
      .map((row) => `${key.raw}/${row.key?.raw}`),
  ]);

/** Where partitions begin in the data. */
async function positions(path: string): Promise<Map<string, number>> {
  const { out } = await run('dump-index', '--sstable-schema', path);
  const { sstables } = JSON.parse(out.text) as { sstables: Record<string, { key: { raw: string }; pos: number }[]> };
  return new Map(sstables[path]!.map(({ key, pos }) => [key.raw, pos]));
}

/** As a file of a program that keeps none. */
function withoutChecksums(path: string, ...others: string[]): void {
  for (const name of ['Tessera.db', 'CRC.db', 'Digest.crc32', ...others]) {
    rmSync(path.replace('Data.db', name), { force: true });
  }
}

describe('what is whole stays', () => {
  test.each(['skip', 'segregate', 'abort'])('nothing is wrong, mode %s', async (mode) => {
    for (const compression of ['none', 'lz4']) {
      const path = await write(
        partitionsText((p) => p),
        '--compressor',
        compression,
        '--chunk-kb',
        '1',
      );
      const { code, errors, paths } = await scrub(mode, path);
      expect([code, errors, paths.length]).toEqual([0, [], 1]);
      expect(await content(paths[0]!)).toEqual(await content(path));
    }
  });

  test('the sample, with every kind of fragment', async () => {
    const path = writeSample(files, newDirectory(), { class: 'LZ4Compressor' });
    const { code, errors, paths } = await scrub('skip', path);
    expect([code, errors]).toEqual([0, []]);
    expect(await content(...paths)).toEqual(await content(path));
  });

  test('one damaged chunk of 2 KiB costs what lies in it, and nothing else', async () => {
    const text = partitionsText((p) => (p % 8) * 2);
    const path = await write(text, '--compressor', 'lz4', '--chunk-kb', '2');
    const whole = ids(await content(path));
    const starts = await positions(path);
    const good = readFileSync(path);
    const info = (await run('dump-compression-info', path)).out.json as {
      sstables: Record<string, { offsets: string[]; data_len: string }>;
    };
    const { offsets, data_len } = info.sstables[path]!;
    for (const [chunk, offset] of offsets.entries()) {
      const bytes = Buffer.from(good);
      bytes[Number(offset) + 6]! ^= 0x55;
      writeFileSync(path, bytes);
      const { code, errors, paths } = await scrub('skip', path);
      expect(code).toBe(5);
      expect(errors.join('\n')).toMatch(
        new RegExp(`lost: .*me-1-big-Data\\.db at byte ${offset}: checksum of the chunk`),
      );
      const kept = new Set(ids(await content(...paths)));
      // Partitions that do not reach into the chunk are whole.
      const sorted = [...starts].sort((a, b) => a[1] - b[1]);
      for (const [i, [raw, start]] of sorted.entries()) {
        const end = sorted[i + 1]?.[1] ?? Number(data_len);
        if (start < (chunk + 1) * 2048 && end > chunk * 2048) continue;
        for (const id of whole)
          if (id === raw || id.startsWith(`${raw}/`)) expect(kept.has(id), `chunk ${chunk}: ${id}`).toBe(true);
      }
      for (const id of kept) expect(whole).toContain(id);
      const aborted = await run('scrub', '--mode', 'abort', '--output-dir', newDirectory(), path);
      expect([aborted.code, aborted.out.text]).toEqual([5, '']);
    }
    writeFileSync(path, good);
  });

  test('a damaged chunk in a large partition: its promoted index leads on, and ranges begin again', async () => {
    const path = await write(
      partitionsText((p) => (p === 3 ? 9000 : 2)),
      '--compressor',
      'lz4',
      '--chunk-kb',
      '4',
    );
    const before = await content(path);
    const info = (await run('dump-compression-info', path)).out.json as {
      sstables: Record<string, { offsets: string[] }>;
    };
    const { offsets } = info.sstables[path]!;
    const bytes = readFileSync(path);
    bytes[Number(offsets[offsets.length >> 1]) + 9]! ^= 1;
    writeFileSync(path, bytes);
    const { code, errors, paths } = await scrub('skip', path);
    expect(code).toBe(5);
    expect(errors.filter((text) => text.startsWith('lost'))).toHaveLength(1);
    const after = await content(...paths);
    expect(after.map(({ key }) => key.raw)).toEqual(before.map(({ key }) => key.raw));
    const kept = ids(after).length;
    const whole = ids(before).length;
    expect(whole - kept).toBeGreaterThan(0);
    expect(whole - kept).toBeLessThan(2000); // less than one block of 64 KiB
    // What the range covered before, and is still there, is covered after.
    const big = after.find(({ key }) => key.raw === '000400000003')!;
    const changes = big.clustering_elements!.filter(({ type }) => type === 'range-tombstone-change');
    expect(changes).toHaveLength(4); // the range in two parts
  });

  test('a damaged row of a file without checksums is passed over by its size', async () => {
    const path = await write(
      partitionsText(() => 10),
      '--compressor',
      'none',
    );
    const whole = ids(await content(path));
    withoutChecksums(path);
    const bytes = readFileSync(path);
    const at = bytes.indexOf('x21007'); // row 7 of partition 21
    expect(at).toBeGreaterThan(0);
    const lengthAt = bytes.lastIndexOf(20, at);
    bytes[lengthAt] = 60; // the value's length: beyond its row
    writeFileSync(path, bytes);
    const { code, errors, paths } = await scrub('skip', path);
    expect(code).toBe(5);
    expect(errors.filter((text) => text.startsWith('lost'))).toHaveLength(1);
    expect(errors.join()).toMatch(/partition 21 from byte \d+ to \d+: .*me-1-big-Data\.db at byte \d+/);
    const lost = whole.filter((id) => id !== '000400000015/000400000007');
    expect(ids(await content(...paths))).toEqual(lost);
  });

  test.each(['Index.db', 'Summary.db', 'Filter.db', 'Tessera.db', 'TOC.txt', 'Digest.crc32'])(
    '%s damaged or gone costs nothing',
    async (component) => {
      for (const compression of ['lz4', 'none']) {
        const path = await write(
          partitionsText((p) => p % 5),
          '--compressor',
          compression,
        );
        const before = await content(path);
        const other = path.replace('Data.db', component);
        const bytes = readFileSync(other);
        bytes[bytes.length >> 1]! ^= 0x41;
        writeFileSync(other, bytes);
        const flipped = await scrub('skip', path);
        expect([flipped.code, await content(...flipped.paths)]).toEqual([0, before]);
        rmSync(other);
        const gone = await scrub('skip', path);
        expect([gone.code, await content(...gone.paths)]).toEqual([0, before]);
      }
    },
  );

  test('no flipped byte of a file without checksums makes it fail, or loses more than its partition', async () => {
    const path = await write(
      partitionsText((p) => p % 4),
      '--compressor',
      'none',
    );
    const whole = ids(await content(path));
    withoutChecksums(path);
    const starts = [...(await positions(path))].sort((a, b) => a[1] - b[1]);
    const good = readFileSync(path);
    for (let at = 0; at < good.length; at += 397) {
      const bytes = Buffer.from(good);
      bytes[at]! ^= 1 << (at % 8);
      writeFileSync(path, bytes);
      const { paths } = await scrub('skip', path);
      const kept = new Set(ids(await content(...paths)));
      const hit = starts.findLast(([, start]) => start <= at)![0];
      const missing = whole.filter((id) => !kept.has(id) && id !== hit && !id.startsWith(`${hit}/`));
      expect(missing, `byte ${at}`).toEqual([]);
    }
  });
});

describe('order', () => {
  /** Without anything that says what is where. */
  async function unindexed(): Promise<string> {
    const path = await write(
      partitionsText((p) => (p % 2) + 1),
      '--compressor',
      'none',
    );
    withoutChecksums(path, 'Index.db', 'Summary.db');
    return path;
  }

  test('skip leaves out what is out of order, segregate writes it apart', async () => {
    const path = await unindexed();
    const indexed = await write(
      partitionsText((p) => (p % 2) + 1),
      '--compressor',
      'none',
    );
    const starts = [...(await positions(indexed))].sort((a, b) => a[1] - b[1]);
    const bytes = readFileSync(path);
    const [a, b, c] = [starts[10]![1], starts[11]![1], starts[12]![1]];
    writeFileSync(
      path,
      Buffer.concat([bytes.subarray(0, a), bytes.subarray(b, c), bytes.subarray(a, b), bytes.subarray(c)]),
    );
    const before = await content(indexed);
    const skipped = await scrub('skip', path);
    expect(skipped.code).toBe(5);
    expect(skipped.errors.join('\n')).toMatch(/lost: partition \d+: .* partitions out of order/);
    expect(await content(...skipped.paths)).toEqual(before.filter((_partition, i) => i !== 10));
    const apart = await scrub('segregate', path);
    expect([apart.code, apart.paths.length]).toEqual([0, 2]);
    expect(await content(...apart.paths)).toEqual(before);
  });

  test('rows out of order', async () => {
    const path = await unindexed();
    const bytes = readFileSync(path);
    // The first row of partition 5 gets a greater clustering value than the second.
    const first = bytes.indexOf(
      Buffer.from('0000000000', 'hex'),
      bytes.indexOf(Buffer.from('000400000005', 'hex')) + 18,
    );
    bytes[first + 4] = 9;
    writeFileSync(path, bytes);
    const skipped = await scrub('skip', path);
    expect(skipped.errors.join('\n')).toMatch(/lost: a row of partition 5: .* rows out of order/);
    const apart = await scrub('segregate', path);
    expect(apart.paths.length).toBe(2);
    const rows = ids(await content(...apart.paths)).filter((id) => id.startsWith('000400000005/'));
    expect(rows).toEqual(['000400000005/000400000001', '000400000005/000400000009']);
  });
});

describe('calling', () => {
  test.each<[string[], RegExp]>([
    [[], /--mode abort, skip/],
    [['--mode', 'quickly'], /--mode abort, skip/],
  ])('%j is wrong usage', async (args, expected) => {
    const { code, out } = await run('scrub', ...args, '--output-dir', newDirectory(), 'x');
    expect(code).toBe(2);
    expect(out.errors.join()).toMatch(expected);
  });

  test('the output directory must be empty, unless it is said otherwise', async () => {
    const path = await write(partitionsText(() => 1));
    const target = newDirectory();
    writeFileSync(join(target, 'x'), '');
    const { code, out } = await run('scrub', '--mode', 'skip', '--output-dir', target, path);
    expect([code, out.errors.join()]).toEqual([2, `--output-dir ${target}: must be empty`]);
    expect(
      (await run('scrub', '--mode', 'skip', '--unsafe-accept-nonempty-output-dir', '--output-dir', target, path)).code,
    ).toBe(0);
  });

  test('mode validate writes nothing', async () => {
    const path = await write(partitionsText(() => 1));
    const { code, out } = await run('scrub', '--mode', 'validate', path);
    expect([code, out.json]).toEqual([0, { sstables: { [path]: { errors: '0', valid: true } } }]);
  });

  test('Statistics.db cannot be done without', async () => {
    const path = await write(partitionsText(() => 1));
    rmSync(path.replace('Data.db', 'Statistics.db'));
    const target = newDirectory();
    const { code, out } = await run('scrub', '--mode', 'skip', '--output-dir', target, path);
    expect(code).toBe(1);
    expect(out.errors.join()).toContain('Statistics.db: ENOENT');
    expect(readdirSync(target)).toEqual([]);
  });
});

const fixtures = fixtureSSTables().filter(
  ({ name }) => !/mc_wide_|mc_w_many_deleted|large_partition|10000_keys/.test(name),
);
/** Files with damage that scrub leaves out; the rest of each is kept. */
const DAMAGED =
  /broken_close|invalid_boundary|invalid_(range|partition)|premature_eof|duplicate_rows|invalid_checksums|empty_index/;

describe.skipIf(fixtures.length === 0)('files of others (skipped where the fixtures are not there)', () => {
  test.each(fixtures)('$name', async ({ name, dataPath }) => {
    const own = newDirectory();
    cpSync(dirname(dataPath), own, { recursive: true });
    const { out } = await run('dump-statistics', dataPath);
    const isMurmur3 = out.text.includes('"org.apache.cassandra.dht.Murmur3Partitioner"');
    const { code, errors, paths } = await scrub('skip', dataPath);
    if (!isMurmur3) {
      expect([code, errors.join()]).toEqual([1, expect.stringContaining('partitioner')]);
    } else if (!DAMAGED.test(name)) {
      expect([code, errors.filter((text) => !text.startsWith('note'))]).toEqual([0, []]);
      expect(await content(...paths)).toEqual(await content(dataPath));
    } else if (!name.startsWith('mc_empty_index')) {
      expect(code).toBe(5);
      expect(errors.join('\n')).toMatch(/at byte \d+/);
    }
    rmSync(own, { recursive: true });
  });
});
