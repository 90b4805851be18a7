import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { fixtureSSTables } from './testing/fixture-sstables.ts';
import { runSSTableCommand as run } from './testing/run-command.ts';
import { writeSample } from './testing/sample-table.ts';
import { scratchDirectory } from './testing/scratch-directory.ts';

const directory = scratchDirectory('sstable-write');
const files = new NodeFiles();
const SCHEMA = join(directory, 'schema.cql');
const INPUT = join(directory, 'input.json');

beforeAll(() => {
  writeFileSync(
    SCHEMA,
    `CREATE TABLE ks.t (a int, b text, c int, d text, s bigint STATIC, v text, n set<int>, k map<text, int>, l list<text>,
       f frozen<map<text, int>>, PRIMARY KEY ((a, b), c, d)) WITH CLUSTERING ORDER BY (c DESC, d ASC);`,
  );
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const newDirectory = (): string => mkdtempSync(join(directory, 'out-'));

/** Writes a text and dumps what became of it. */
async function writeAndDump(text: string, ...options: string[]): Promise<string> {
  const target = newDirectory();
  writeFileSync(INPUT, text);
  const { code, out } = await run(
    'write',
    '--schema-file',
    SCHEMA,
    '--input-file',
    INPUT,
    '--output-dir',
    target,
    ...options,
  );
  expect([code, out.errors]).toEqual([0, []]);
  const path = join(target, `me-${out.text.trim()}-big-Data.db`);
  const valid = await run('validate', path);
  expect([valid.code, valid.out.errors.filter((line) => line.startsWith('error'))]).toEqual([0, []]);
  const dump = await run('dump-data', '--schema-file', SCHEMA, path);
  expect([dump.code, dump.out.errors]).toEqual([0, []]);
  return dump.out.text.trimEnd().replace(`{"sstables":{"${path}":`, '').slice(0, -2);
}

const KEY = '"key":{"token":"746584927563629270","raw":"000400000001000178","value":"1:x"}';
const CK = (c: string, d: string) =>
  `"key":{"raw":"0004${c}${d.length.toString(16).padStart(4, '0')}${Buffer.from(d).toString('hex')}","value":"${Number.parseInt(c, 16)}:${d}"}`;
const TOMB = '{"timestamp":5,"deletion_time":"2024-03-09 16:00:00z"}';

describe('what dump-data prints is what was written', () => {
  test.each<[string, string]>([
    ['nothing but a deletion', `{${KEY},"tombstone":${TOMB}}`],
    [
      'a static row and a row with every kind of cell',
      `{${KEY},"static_row":{"s":{"is_live":true,"type":"regular","timestamp":-9223372036854775807,"value":"9223372036854775807"}},` +
        `"clustering_elements":[{"type":"clustering-row",${CK('00000002', 'y')},"tombstone":${TOMB},"shadowable_tombstone":${TOMB},` +
        '"marker":{"timestamp":9223372036854775807,"ttl":"60s","expiry":"2024-03-09 16:01:00z"},"columns":{' +
        '"f":{"is_live":true,"type":"frozen-collection","timestamp":1,"value":"{\'it\'\'s\': 1}"},' +
        `"k":{"tombstone":${TOMB},"cells":[{"key":"a\\"\\u0001é","value":{"is_live":true,"type":"regular","timestamp":9,"value":"1"}},` +
        '{"key":"b","value":{"is_live":false,"type":"regular","timestamp":9,"deletion_time":"2024-03-09 16:00:00z"}}]},' +
        '"l":{"cells":[{"key":"56d81840-69c0-11e8-a327-179d3d84b73d","value":{"is_live":true,"type":"regular","timestamp":9,"value":"first"}}]},' +
        '"n":{"cells":[{"key":"-3","value":{"is_live":true,"type":"regular","timestamp":9,"value":""}}]},' +
        '"v":{"is_live":true,"type":"regular","timestamp":2,"ttl":"5s","expiry":"2024-03-09 16:00:05z","value":""}}},' +
        `{"type":"clustering-row",${CK('00000001', '')},"columns":{}},`.replace(/\{"type":"clustering-row".*$/, '') +
        `{"type":"clustering-row",${CK('00000001', '')},"marker":{"timestamp":3},"columns":{}}]}`,
    ],
    [
      'ranges',
      `{${KEY},"clustering_elements":[{"type":"range-tombstone-change","weight":-1,"tombstone":${TOMB}},` +
        `{"type":"range-tombstone-change","key":{"raw":"000400000009","value":"9"},"weight":1,"tombstone":{"timestamp":7,"deletion_time":"2024-03-09 16:00:01z"}},` +
        `{"type":"range-tombstone-change","weight":1,"tombstone":{}}]}`,
    ],
  ])('%s', async (_what, partition) => {
    expect(await writeAndDump(`[${partition}]`)).toBe(`[${partition}]`);
    expect(await writeAndDump(`{"sstables": {"any": [${partition}]}}\n`, '--compressor', 'lz4')).toBe(`[${partition}]`);
    expect(await writeAndDump(` ${partition}\n`, '--input-format', 'jsonl', '--generation', '3')).toBe(
      `[${partition}]`,
    );
  });

  test('members of rows, columns and elements may come in any order, times as numbers', async () => {
    const text =
      `[{"key":{"raw":"000400000001000178"},"clustering_elements":[{"columns":{"v":{"value":"w","timestamp":2,"is_live":true},` +
      '"n":{"cells":[{"value":{"timestamp":1,"value":"","is_live":true},"key":"5"},{"key":"-5","value":{"is_live":false,"timestamp":1,"deletion_time":1710000000}}]}},' +
      `${CK('00000001', 'q')},"type":"clustering-row"}]}]`;
    const written = JSON.parse(await writeAndDump(text)) as {
      clustering_elements: { columns: Record<string, object> }[];
    }[];
    expect(written[0]!.clustering_elements[0]!.columns).toMatchObject({
      n: { cells: [{ key: '-5', value: { deletion_time: '2024-03-09 16:00:00z' } }, { key: '5' }] },
      v: { value: 'w' },
    });
  });

  test('the sample, its user type and its markers apart', async () => {
    const path = writeSample(files, newDirectory());
    const dump = await run('dump-data', '-l', path);
    // The fields of a non-frozen user type have no names in this form.
    const text = dump.out.text.replace(/,"u":\{"cells":\[.*?\]\}/, '');
    expect(text).not.toBe(dump.out.text);
    const input = join(directory, 'sample.json');
    writeFileSync(input, text);
    const target = newDirectory();
    const { code, out } = await run(
      'write',
      '--sstable-schema',
      '--input-file',
      input,
      '--input-format',
      'jsonl',
      '--output-dir',
      target,
      path,
    );
    expect([code, out.errors]).toEqual([0, []]);
    const again = await run('dump-data', '-l', '--sstable-schema', join(target, `me-${out.text.trim()}-big-Data.db`));
    expect(again.out.text).toBe(text);
  });
});

describe('what cannot be written is refused with its place, and nothing is left', () => {
  const row = (rest: string) =>
    `[{${KEY},"clustering_elements":[{"type":"clustering-row",${CK('00000001', '')},${rest}}]}]`;
  test.each<[string, RegExp]>([
    ['', /at byte 0: a list must stand here/],
    ['[', /byte 1: the text ends too early/],
    ['[{}]', /byte \d+: the first member of a partition must be `key`/],
    ['[{"key":{"raw":"00"}}]', /00 is not the raw form of a partition key/],
    ['[{"key":{"raw":"0003000001000178"}}]', /a: /],
    [`[{${KEY}},]`, /a value must stand after a comma/],
    [`[{${KEY}} {${KEY}}]`, /a comma must stand here/],
    [`[{${KEY}}] x`, /text after the end/],
    [`[{${KEY},"what":1}]`, /unknown member what/],
    [
      `[{${KEY},"tombstone":{"timestamp":9223372036854775808,"deletion_time":"2024-03-09 16:00:00z"}}]`,
      /integer of 64 bits/,
    ],
    [`[{${KEY},"tombstone":{"timestamp":1.5,"deletion_time":"2024-03-09 16:00:00z"}}]`, /1\.5 is no integer/],
    [`[{${KEY},"tombstone":{"timestamp":1,"deletion_time":"2024-02-30 16:00:00z"}}]`, /a time from 1970/],
    [`[{${KEY}},{${KEY}}]`, /the same partition twice/],
    [row('"columns":{"w":{}}'), /column w: the table has no such regular column/],
    [row('"columns":{"s":{}}'), /column s: the table has no such regular column/],
    [row('"columns":{"v":{"is_live":true,"timestamp":1}}'), /v: a string must stand here/],
    [
      row('"columns":{"v":{"is_live":true,"timestamp":1,"value":"x","ttl":"0s","expiry":"2024-03-09 16:00:00z"}}'),
      /a TTL/,
    ],
    [
      row('"columns":{"k":{"cells":[{"key":"a","value":{"is_live":true,"timestamp":1,"value":"x"}}]}}'),
      /k: .*int from 'x'|k: .*'x'/,
    ],
    [
      row('"columns":{"n":{"cells":[{"key":"1","value":{"is_live":true,"timestamp":1,"value":"x"}}]}}'),
      /set is its key/,
    ],
    [
      row(
        '"columns":{"n":{"cells":[{"key":"1","value":{"is_live":true,"timestamp":1,"value":""}},{"key":"1","value":{"is_live":true,"timestamp":1,"value":""}}]}}',
      ),
      /byte \d+: /,
    ],
    [
      `[{${KEY},"clustering_elements":[{"type":"clustering-row","key":{"raw":"000400000001"},"columns":{}}]}]`,
      /clustering key of 2 columns/,
    ],
    [`[{${KEY},"clustering_elements":[{"type":"range-tombstone-change","weight":0,"tombstone":{}}]}]`, /weight/],
    [
      `[{${KEY},"clustering_elements":[{"type":"range-tombstone-change","weight":-1,"tombstone":${TOMB}}]}]`,
      /a range is open at the end/,
    ],
    [
      `[{${KEY},"clustering_elements":[{"type":"clustering-row",${CK('00000001', '')}},{"type":"clustering-row",${CK('00000002', '')}}]}]`,
      /rows out of order/,
    ],
    [`[{${KEY},"clustering_elements":[],"tombstone":{}}]`, /`tombstone` must stand before rows/],
    [`[{"key":{"raw":"${'"'}`, /a comma must stand here/],
    [`[{"key":${'['.repeat(1000)}`, /nest deeper/],
    ['[{"key":{"raw":"\ud800', /a string without an end/],
  ])('%s', async (text, expected) => {
    writeFileSync(INPUT, text);
    const target = newDirectory();
    const { code, out } = await run('write', '--schema-file', SCHEMA, '--input-file', INPUT, '--output-dir', target);
    expect([code, out.text]).toEqual([1, '']);
    expect(out.errors.join('\n')).toMatch(expected);
    expect(out.errors.join('\n')).toContain(INPUT);
    expect(readdirSync(target)).toEqual([]);
  });

  test.each<[string[], RegExp]>([
    [['--input-file', 'x', '--input-format', 'cql'], /--input-format cql: not supported/],
    [['--input-file', 'x', '--validation-level', 'token'], /--validation-level token: not supported/],
    [[], /--input-file/],
    [['--input-file', 'x', '--sstable-schema'], /of which SSTable/],
  ])('%j is wrong usage', async (args, expected) => {
    const { code, out } = await run('write', ...args);
    expect(code).toBe(2);
    expect(out.errors.join()).toMatch(expected);
  });
});

const fixtures = fixtureSSTables();
/** Too large for tests that must be fast. */
const LARGE = /mc_wide_|mc_w_many_deleted_partitions|_clust |large_partition/;
/** Content that the form does not hold, and the reason. */
const REFUSED: readonly (readonly [RegExp, RegExp])[] = [
  [/counter/, /counters cannot be written/],
  [/mb_cass_duplicate_rows/, /the same clustering position twice/],
  [/negative_expiration|invalid_(range|partition)/, /a time from 1970/],
  [/compact_table|static_compact|simple_compact|clust_compact|compact_range/, /clustering key of|not the raw form/],
];

describe.skipIf(fixtures.length === 0)('files of others (skipped where the fixtures are not there)', () => {
  test.each(fixtures.filter(({ name }) => !LARGE.test(name)))(
    '$name comes back as it was',
    async ({ name, dataPath }) => {
      const dump = await run('dump-data', '-l', '--sstable-schema', dataPath);
      const partitioner = await run('dump-statistics', dataPath);
      if (dump.code !== 0 || !partitioner.out.text.includes('"org.apache.cassandra.dht.Murmur3Partitioner"')) return;
      const input = join(directory, 'fixture.json');
      writeFileSync(input, dump.out.text);
      const target = newDirectory();
      const { code, out } = await run(
        'write',
        '--sstable-schema',
        '--input-format',
        'jsonl',
        '--input-file',
        input,
        '--output-dir',
        target,
        dataPath,
      );
      if (code !== 0) {
        const reason = REFUSED.find(([what]) => what.test(name))?.[1];
        expect(out.errors.join('\n')).toMatch(reason ?? /^$/);
        return;
      }
      const again = await run('dump-data', '-l', '--sstable-schema', join(target, `me-${out.text.trim()}-big-Data.db`));
      expect(again.out.text).toBe(dump.out.text);
      rmSync(target, { recursive: true });
    },
  );
});
