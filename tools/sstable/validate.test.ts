import { existsSync, readdirSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { randomPartitions } from '../../sstable/testing/random-partitions.ts';
import { SimFiles } from '../../test/sim/sim-files.ts';
import { CollectedOutput } from './testing/collected-output.ts';
import { writePartitions, writeSample } from './testing/sample-table.ts';
import { validateSSTable } from './validate.ts';

const DIRECTORY = '/data';
const PREFIX = `${DIRECTORY}/me-1-big-`;

function emptyFiles(): SimFiles {
  const files = new SimFiles((operation) => queueMicrotask(operation));
  files.makeDirectory(DIRECTORY);
  return files;
}

async function validate(files: SimFiles): Promise<{ errors: number; messages: string[] }> {
  const out = new CollectedOutput();
  const errors = await validateSSTable(files, `${PREFIX}Data.db`, out);
  return { errors, messages: out.errors };
}

describe('our own files', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])('are valid, seed %d', async (seed) => {
    const files = emptyFiles();
    const { table, partitions } = randomPartitions(seed);
    writePartitions(files, DIRECTORY, table, partitions, '1');
    const { messages } = await validate(files);
    // Random values are no values of their types; nothing else may be wrong.
    const others = messages.filter((text) => !/: (value|path|clustering|partition key)\b|warning: /.test(text));
    expect(others).toEqual([]);
  });

  test.each([{}, { class: 'LZ4Compressor', chunk_length_in_kb: '1' }])(
    'the sample is valid, %j',
    async (compression) => {
      const files = emptyFiles();
      writeSample(files, DIRECTORY, compression);
      const { errors, messages } = await validate(files);
      expect([errors, messages.filter((text) => !text.startsWith('warning'))]).toEqual([0, []]);
    },
  );

  test.each([{}, { class: 'LZ4Compressor' }])('no flipped byte passes, %j', async (compression) => {
    const files = emptyFiles();
    writeSample(files, DIRECTORY, compression);
    let flips = 0;
    for (const name of files.list(DIRECTORY)) {
      const path = `${DIRECTORY}/${name}`;
      const size = files.contentOf(path).length;
      const step = size > 1000 ? 13 : 1; // of Statistics.db, whose one checksum covers all of it
      for (let at = 0; at < size; at += step) {
        const mask = 1 << (at % 8);
        files.flip(path, at, mask);
        const { errors, messages } = await validate(files);
        if (errors === 0) expect.fail(`${name} byte ${at} mask ${mask} passed`);
        if (!messages.some((text) => text.includes(DIRECTORY))) expect.fail(`${name} byte ${at}: ${messages.join()}`);
        files.flip(path, at, mask);
        flips++;
      }
    }
    expect(flips).toBeGreaterThan(900);
    expect((await validate(files)).errors).toBe(0);
  });

  test('no missing or shortened file passes', async () => {
    const files = emptyFiles();
    writeSample(files, DIRECTORY);
    for (const name of files.list(DIRECTORY)) {
      const path = `${DIRECTORY}/${name}`;
      const content = files.contentOf(path).slice();
      files.setContent(path, content.slice(0, -1));
      expect((await validate(files)).errors, `${name} cut`).toBeGreaterThan(0);
      files.unlink(path);
      expect((await validate(files)).errors, `${name} missing`).toBeGreaterThan(0);
      files.setContent(path, content);
    }
  });
});

/** The sample as another program's file: without any checksum, so that only its parts contradict each other. */
function foreignSample(): SimFiles {
  const files = emptyFiles();
  writeSample(files, DIRECTORY);
  for (const name of ['Tessera.db', 'CRC.db', 'Digest.crc32', 'TOC.txt']) files.unlink(`${PREFIX}${name}`);
  return files;
}

/** Where the least timestamp, -5, stands before the greatest in Statistics.db. */
function timestampsAt(files: SimFiles): number {
  const content = Buffer.from(files.contentOf(`${PREFIX}Statistics.db`));
  const at = content.indexOf(Buffer.from('fffffffffffffffb7fffffffffffffff', 'hex'));
  expect(at).toBeGreaterThan(0);
  return at;
}

describe('what the parts of a file without checksums say of each other', () => {
  test('an untouched one is valid', async () => {
    const { errors, messages } = await validate(foreignSample());
    expect([errors, messages.filter((text) => text.startsWith('error'))]).toEqual([0, []]);
  });

  /** What is damaged, component, byte, bits to flip, what must be told. */
  test.each<[string, string, number, number, RegExp]>([
    ['a key', 'Index.db', 0x5c, 1, /Index\.db at byte \d+: the entry has another key than the partition at byte 385/],
    ['a position', 'Index.db', 0x6a, 1, /Index\.db at byte \d+: the entry leads to byte 384, its partition is at 385/],
    ['the length of the header', 'Index.db', 0x21, 1, /a header of 38 bytes is named, there are 39/],
    ['the first position of a block', 'Index.db', 0x46, 1, /block 1 does not begin with the position/],
    ['the last position of a block', 'Index.db', 0x39, 1, /block 0 does not end with the position/],
    ['the place of a block', 'Index.db', 0x3a, 1, /block 0 begins at 38, its first row at 39/],
    ['the width of a block', 'Index.db', 0x3d, 2, /block 0 does not end where a row does/],
    ['a key', 'Summary.db', 0x1e, 1, /Summary\.db at byte 0: entry 0 has another key/],
    ['the place of an entry', 'Summary.db', 0x2a, 4, /Summary\.db at byte 0: entry 0 leads into the middle/],
    ['the first key', 'Summary.db', 0x38, 1, /Summary\.db at byte 0: another first key/],
    ['the last key', 'Summary.db', 0x4a, 1, /Summary\.db at byte 0: another last key/],
    ['all keys', 'Filter.db', 8, 0xff, /the key is not in Filter\.db/],
    ['a key', 'Data.db', 0x187, 1, /the entry has another key/],
    ['the time of a deletion', 'Data.db', 0x10, 0x80, /negative local deletion time/],
    ['text', 'Data.db', 0x15e, 0x20, /clustering 1: String didn't validate/],
    ['the order of rows', 'Data.db', 0x15c, 2, /rows out of order/],
    ['the end of a range', 'Data.db', 0x17f, 1, /a range ends with another deletion than it began with/],
    ['the flags of a row', 'Data.db', 0x157, 0xff, /flags/],
    ['the end of a partition', 'Data.db', 0x180, 2, /flags 3/],
  ])('%s in %s, byte %d', async (_what, component, at, mask, expected) => {
    const files = foreignSample();
    const path = `${PREFIX}${component}`;
    if (component === 'Filter.db') {
      for (let i = at; i < files.contentOf(path).length; i++) files.flip(path, i, files.contentOf(path)[i]!);
    } else files.flip(path, at, mask);
    const { errors, messages } = await validate(files);
    expect(messages.join('\n')).toMatch(expected);
    expect(errors).toBeGreaterThan(0);
  });

  test.each<[string, number, number, RegExp]>([
    ['minimum', 0, 0x80, /outside of the minimum of timestamps/],
    ['maximum', 8, 0x40, /outside of the maximum of timestamps/],
  ])('the %s of the timestamps', async (_what, offset, mask, expected) => {
    const files = foreignSample();
    files.flip(`${PREFIX}Statistics.db`, timestampsAt(files) + offset, mask);
    const { errors, messages } = await validate(files);
    expect(messages.join('\n')).toMatch(expected);
    expect(errors).toBeGreaterThan(0);
  });

  test('a wrong size of what comes before a row is a warning', async () => {
    const files = foreignSample();
    files.flip(`${PREFIX}Data.db`, 0x161, 1);
    const { errors, messages } = await validate(files);
    expect(messages.join('\n')).toMatch(/warning: .*size 10 of what comes before, which has 11 bytes/);
    expect(errors).toBe(0);
  });
});

const FIXTURES: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../../shared/fixtures/sstables');

/** What is wrong with files of others; the rest is valid. */
const WRONG: Readonly<Record<string, RegExp>> = {
  mb_cass_duplicate_rows: /the same clustering position twice/,
  mc_broken_close_tombstone: /Digest\.crc32 says/,
  mc_compression_premature_eof: /file is empty/,
  mc_empty_index: /Index\.db at byte 0: entry cut short/,
  mc_invalid_boundary: /CRC\.db/,
  me_lz4_invalid_digest: /Digest\.crc32 says 2871736200/,
  me_uncompressed_invalid_checksums: /byte 65536: checksum of the chunk does not match CRC\.db/,
  nb_cass_invalid_range_tombstone_compaction: /negative local deletion time -1/,
  nc_cass_invalid_partition_deletion: /negative local deletion time -1/,
};
/** Too large for tests that must be fast; `tessera sstable validate` finds them valid. */
const LARGE = ['mc_wide_interleaved_range_tombstones', 'mc_w_many_deleted_partitions'];

const cases = existsSync(FIXTURES)
  ? readdirSync(FIXTURES).filter((name) => /^(m[a-e]|n[abc]|oa)_/.test(name) && !LARGE.includes(name))
  : [];

describe.skipIf(cases.length === 0)('files of others (skipped where the fixtures are not there)', () => {
  test.each(cases)('%s', async (name) => {
    const directory = join(FIXTURES, name);
    const out = new CollectedOutput();
    let errors = 0;
    for (const file of readdirSync(directory).filter((entry) => entry.endsWith('-Data.db'))) {
      errors += await validateSSTable(new NodeFiles(), join(directory, file), out);
    }
    const expected = WRONG[name];
    if (expected === undefined) expect(out.errors.filter((text) => text.startsWith('error'))).toEqual([]);
    else expect(out.errors.join('\n')).toMatch(expected);
    expect(errors > 0).toBe(expected !== undefined);
  });
});
