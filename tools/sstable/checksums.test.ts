import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { fixtureSSTables } from './testing/fixture-sstables.ts';
import { runSSTableCommand as run } from './testing/run-command.ts';
import { writeSample } from './testing/sample-table.ts';
import { scratchDirectory } from './testing/scratch-directory.ts';

const directory = scratchDirectory('sstable-checksums');
const files = new NodeFiles();
afterAll(() => rmSync(directory, { recursive: true, force: true }));

/** A sample as another program's file: what it keeps of checksums is as that program would. */
function foreignSample(compression: Readonly<Record<string, string>>, without: readonly string[] = []): string {
  const own = mkdtempSync(join(directory, 'sample-'));
  const path = writeSample(files, own, compression);
  const gone = ['Tessera.db', ...without];
  for (const name of gone) rmSync(join(own, `me-1-big-${name}`));
  const toc = join(own, 'me-1-big-TOC.txt');
  if (!gone.includes('TOC.txt')) {
    const names = readFileSync(toc, 'utf8').split('\n');
    writeFileSync(toc, names.filter((name) => !gone.includes(name)).join('\n'));
  }
  return path;
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at]! ^= 0x10;
  writeFileSync(path, bytes);
}

async function verdict(operation: string, ...args: string[]): Promise<[number, unknown, string]> {
  const { code, out } = await run(operation, ...args);
  const { sstables } = out.json as { sstables: Record<string, unknown> };
  return [code, Object.values(sstables)[0], out.errors.join('\n')];
}

const LZ4 = { class: 'LZ4Compressor', chunk_length_in_kb: '1' };

describe('validate-checksums', () => {
  test.each([{}, LZ4])('of our own files, %j', async (compression) => {
    const path = writeSample(files, mkdtempSync(join(directory, 'own-')), compression);
    expect(await verdict('validate-checksums', path)).toEqual([
      0,
      { has_checksums: true, has_digest: true, valid: true },
      '',
    ]);
    flip(path.replace('Data.db', 'Filter.db'), 9); // only Tessera.db knows
    const [code, result] = await verdict('validate-checksums', path);
    expect([code, result]).toEqual([5, { has_checksums: true, has_digest: true, valid: false }]);
  });

  test.each<[string, Readonly<Record<string, string>>, string[], object]>([
    ['all', {}, [], { has_checksums: true, has_digest: true, valid: true }],
    ['no digest', {}, ['Digest.crc32'], { has_checksums: true, has_digest: false, valid: true }],
    ['no chunks', {}, ['CRC.db'], { has_checksums: false, has_digest: true, valid: true }],
    ['nothing', {}, ['CRC.db', 'Digest.crc32'], { has_checksums: false, has_digest: false }],
    ['compressed', LZ4, ['Digest.crc32'], { has_checksums: true, has_digest: false, valid: true }],
  ])('of files of others with %s', async (_what, compression, without, expected) => {
    const path = foreignSample(compression, without);
    const [code, result, errors] = await verdict('validate-checksums', path);
    expect([code, result]).toEqual([0, expected]);
    expect(errors.split('\n').filter((line) => line.startsWith('error'))).toEqual([]);
  });

  test.each<[Readonly<Record<string, string>>, string, RegExp]>([
    [{}, 'CRC.db', /CRC-32 is \d+, Digest\.crc32 says \d+/],
    [{}, 'Digest.crc32', /me-1-big-Data\.db at byte 0: checksum of the chunk does not match CRC\.db/],
    [LZ4, 'Digest.crc32', /me-1-big-Data\.db at byte 0: checksum of the chunk does not match/],
  ])('a flipped byte shows by what is left, %j without %s', async (compression, without, expected) => {
    const path = foreignSample(compression, [without]);
    flip(path, 100);
    const [code, result, errors] = await verdict('validate-checksums', path);
    expect(code).toBe(5);
    expect(result).toMatchObject({ valid: false });
    expect(errors).toMatch(expected);
  });

  test('every flipped byte of a compressed Data.db shows', async () => {
    const path = foreignSample(LZ4, ['Digest.crc32']);
    const { length } = readFileSync(path);
    for (let at = 0; at < length; at += 7) {
      flip(path, at);
      expect((await run('validate-checksums', path)).code, `byte ${at}`).toBe(5);
      flip(path, at);
    }
  });

  test('a missing Data.db is an error, and the others are judged', async () => {
    const path = foreignSample({});
    rmSync(path);
    const other = foreignSample({});
    const { code, out } = await run('validate-checksums', path.replace('Data.db', 'TOC.txt'), other);
    expect(code).toBe(5);
    expect(out.json).toMatchObject({ sstables: { [path]: { valid: false }, [other]: { valid: true } } });
  });
});

describe('validate and verify', () => {
  test('--quick looks at checksums only', async () => {
    const path = foreignSample({}, ['CRC.db', 'Digest.crc32', 'TOC.txt']);
    flip(path, 0x157); // the flags of a row
    expect((await verdict('validate', '--quick', path)).slice(0, 2)).toEqual([0, { errors: '0', valid: true }]);
    const [code, result, errors] = await verdict('validate', '-r', '--extended', path);
    expect([code, result]).toMatchObject([5, { valid: false }]);
    expect(errors).toMatch(/Data\.db at byte \d+: uncompressed data: /);
  });

  test('verify reads the rows where no checksum covers them, or with -e', async () => {
    const path = foreignSample({}, ['CRC.db', 'Digest.crc32', 'TOC.txt']);
    const [code, result, errors] = await verdict('verify', path);
    expect([code, result]).toEqual([0, { errors: '0', valid: true }]);
    expect(errors).toMatch(/no checksum covers all of the data, so its rows are read/);
    flip(path, 0x157);
    expect((await verdict('verify', '-v', '-f', path))[0]).toBe(5);

    const whole = foreignSample({});
    const bytes = readFileSync(whole);
    bytes[0x157] = 0xff;
    writeFileSync(whole, bytes);
    writeFileSync(whole.replace('Data.db', 'Digest.crc32'), String(crc32(bytes)));
    rmSync(whole.replace('Data.db', 'CRC.db'));
    rmSync(whole.replace('Data.db', 'TOC.txt'));
    expect((await verdict('verify', whole))[0]).toBe(0);
    expect((await verdict('verify', '-e', whole))[0]).toBe(5);
  });
});

describe('decompress', () => {
  test.each(['LZ4Compressor', 'SnappyCompressor', 'DeflateCompressor', 'ZstdCompressor', 'NoopCompressor'])(
    '%s gives the bytes of the same SSTable without compression',
    async (name) => {
      const own = mkdtempSync(join(directory, 'decompress-'));
      const path = writeSample(files, own, { class: name, chunk_length_in_kb: '1' });
      const plain = writeSample(files, own, {}, '2');
      const { code, out } = await run('decompress', path);
      expect([code, out.text]).toEqual([0, '']);
      expect(readFileSync(`${path}.decompressed`)).toEqual(readFileSync(plain));
      const again = await run('decompress', path);
      expect(again.code).toBe(1);
      expect(again.out.errors.join()).toContain('is there already');
      expect((await run('decompress', plain)).out.errors).toEqual([`${plain} is not compressed: nothing to do`]);
    },
  );

  test('damage ends it, and nothing is left behind', async () => {
    const path = foreignSample(LZ4);
    flip(path, 50);
    const { code, out } = await run('decompress', path);
    expect(code).toBe(5);
    expect(out.errors.join()).toMatch(/me-1-big-Data\.db at byte 0: checksum of the chunk/);
    expect(files.status(`${path}.decompressed`)).toBeUndefined();
  });
});

const compressed = fixtureSSTables().filter(
  ({ name, expected }) => expected.compression != null && !name.includes('premature_eof'),
);

describe.skipIf(compressed.length === 0)('files of others (skipped where the fixtures are not there)', () => {
  test.each(compressed)('$name is decompressed whole', async ({ dataPath, expected }) => {
    const own = mkdtempSync(join(directory, 'fixture-'));
    expect((await run('decompress', '--output-dir', own, dataPath)).code).toBe(0);
    expect(readFileSync(join(own, `${expected.prefix}-Data.db.decompressed`)).length).toBe(
      Number(expected.compression!.data_length),
    );
    rmSync(own, { recursive: true });
  });
});
