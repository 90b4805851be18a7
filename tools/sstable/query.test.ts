import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { cqlshValue } from './cqlsh-value.ts';
import { displayWidth } from './display-width.ts';
import { fixtureSSTables } from './testing/fixture-sstables.ts';
import { runSSTableCommand as run } from './testing/run-command.ts';
import { writeSample } from './testing/sample-table.ts';
import { scratchDirectory } from './testing/scratch-directory.ts';

const directory = scratchDirectory('sstable-query');
const SCHEMA = join(directory, 'schema.cql');
const paths: string[] = [];
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const row = (c: number, body: string) =>
  `{"type":"clustering-row","key":{"raw":"0004${c.toString(16).padStart(8, '0')}"},${body}}`;
const cell = (timestamp: number, value: string) => `{"is_live":true,"timestamp":${timestamp},"value":"${value}"}`;

/** Two SSTables of one table: the second one overwrites, deletes and adds. */
beforeAll(async () => {
  writeFileSync(SCHEMA, 'CREATE TABLE ks.t (a int, c int, s text STATIC, v text, PRIMARY KEY (a, c));');
  const first = `[{"key":{"raw":"000400000001"},"static_row":{"s":${cell(1, 'st')}},"clustering_elements":[
    ${row(1, `"marker":{"timestamp":1},"columns":{"v":${cell(1, 'old')}}`)},
    ${row(2, `"marker":{"timestamp":1},"columns":{"v":${cell(1, 'gone')}}`)},
    ${row(3, `"marker":{"timestamp":1,"ttl":"60s","expiry":"2020-01-01 00:00:00z"},"columns":{"v":{"is_live":true,"timestamp":1,"ttl":"60s","expiry":"2020-01-01 00:00:00z","value":"expired"}}`)},
    ${row(4, `"marker":{"timestamp":1},"columns":{}`)}]}]`;
  const second = `[{"key":{"raw":"000400000001"},"clustering_elements":[
    ${row(1, `"columns":{"v":${cell(2, 'new')}}`)},
    ${row(2, '"tombstone":{"timestamp":2,"deletion_time":"2024-03-09 16:00:00z"},"columns":{}')}]},
    {"key":{"raw":"000400000000"},"clustering_elements":[${row(9, `"marker":{"timestamp":2},"columns":{"v":${cell(2, 'ä|')}}`)}]}]`;
  for (const text of [first, second]) {
    const own = mkdtempSync(join(directory, 'd-'));
    const input = join(directory, 'input.json');
    writeFileSync(input, text);
    const { code, out } = await run('write', '--schema-file', SCHEMA, '--input-file', input, '--output-dir', own);
    expect([code, out.errors]).toEqual([0, []]);
    paths.push(join(own, `me-${out.text.trim()}-big-Data.db`));
  }
});

async function query(...args: string[]): Promise<string> {
  const { code, out } = await run('query', '--schema-file', SCHEMA, ...args, ...paths);
  expect([code, out.errors]).toEqual([0, []]);
  return out.text;
}

describe('a SELECT over SSTables', () => {
  test('SELECT * if nothing else is asked, as cqlsh prints it', async () => {
    expect(await query()).toBe(
      `
 a | c | s    | v
---+---+------+------
 1 | 1 |   st |  new
 1 | 4 |   st | null
 0 | 9 | null |   ä|

(3 rows)
`,
    );
  });

  test.each([0, 1, 2, 1000])('pages of %d rows make no difference', async (size) => {
    const text = await query('--output', 'jsonl', '--page-size', String(size));
    expect(text).toBe(
      '{"a":1,"c":1,"s":"st","v":"new"}\n{"a":1,"c":4,"s":"st","v":null}\n{"a":0,"c":9,"s":null,"v":"ä|"}\n',
    );
  });

  test.each<[string, string]>([
    ['SELECT v FROM scylla_sstable.t WHERE a = 1 AND c = 1', '[{"v":"new"}]'],
    ['SELECT c FROM tessera_sstable.t WHERE a = 1 ORDER BY c DESC', '[{"c":4},{"c":1}]'],
    ['SELECT c FROM t WHERE a = 1 LIMIT 1;', '[{"c":1}]'],
    ['SELECT count(*) FROM t', '[{"\\"count\\"":3}]'.replace('\\"count\\"', 'count')],
    ['SELECT DISTINCT a, s FROM t', '[{"a":1,"s":"st"},{"a":0,"s":null}]'],
    ['SELECT writetime(v) AS "W" FROM t WHERE a = 1 AND c = 1', '[{"\\"W\\"":2}]'],
    ['SELECT c FROM t WHERE a = 7', '[]'],
    ["SELECT c FROM t WHERE v = 'new' ALLOW FILTERING", '[{"c":1}]'],
  ])('%s', async (text, expected) => {
    expect(await query('-q', text, '-F', 'json')).toBe(`${expected}\n`);
    const file = join(directory, 'query.cql');
    writeFileSync(file, text);
    expect(await query('--query-file', file, '--output-format', 'json')).toBe(`${expected}\n`);
  });

  test.each<[string[], number, RegExp]>([
    [['-q', 'DELETE FROM t WHERE a = 1'], 1, /only SELECT/],
    [['-q', 'SELECT * FROM ks.t'], 1, /Keyspace 'ks' does not exist/],
    [['-q', 'SELECT * FROM u'], 1, /unconfigured table u/],
    [['-q', 'SELECT * FROM t WHERE a = ?'], 1, /no bind markers/],
    [['-q', 'SELECT'], 1, /line 1/],
    [['-F', 'xml'], 2, /--output xml/],
    [['-q', 'x', '--query-file', 'y'], 2, /exclude each other/],
    [['--page-size', 'x'], 2, /--page-size x/],
  ])('%j is refused', async (args, expected, why) => {
    const { code, out } = await run('query', '--schema-file', SCHEMA, ...args, ...paths);
    expect([code, out.text]).toEqual([expected, '']);
    expect(out.errors.join('\n')).toMatch(why);
  });

  test('a file that is missing or damaged gives no result that lacks its rows', async () => {
    const { code, out } = await run('query', ...paths, join(directory, 'me-1-big-Data.db'));
    expect([code, out.text]).toEqual([1, '']);
    const own = mkdtempSync(join(directory, 'd-'));
    const path = writeSample(new NodeFiles(), own);
    const bytes = readFileSync(path);
    bytes[343] = 0xff;
    writeFileSync(path, bytes);
    const damaged = await run('query', '-F', 'jsonl', path);
    expect(damaged.code).toBe(5);
    expect(damaged.out.errors.join()).toMatch(/me-1-big-Data\.db at byte 0: checksum/);
  });

  test('by the header alone keys have the names of ScyllaDB', async () => {
    const { code, out } = await run(
      'query',
      '--sstable-schema',
      '-F',
      'json',
      '-q',
      'SELECT "$pk0", "$ck0" FROM my_table LIMIT 1',
      ...paths,
    );
    expect([code, out.text]).toEqual([0, '[{"\\"$pk0\\"":1,"\\"$ck0\\"":1}]\n']);
  });
});

describe('values as cqlsh shows them', () => {
  test.each<[string, string, string]>([
    ['int', '-5', '-5'],
    ['bigint', '9223372036854775807', '9223372036854775807'],
    ['boolean', 'true', 'True'],
    ['double', '0.1', '0.1'],
    ['double', '123456789', '1.2346e+08'],
    ['double', '1234.56789', '1234.56789'],
    ['double', '12345.678912345', '12345.67891'],
    ['double', '0.0001', '0.0001'],
    ['double', '0.00001', '1e-05'],
    ['double', '-0', '-0'],
    ['double', 'NaN', 'NaN'],
    ['float', '-Infinity', '-Infinity'],
    ['text', "it's\n", "it's\\n"],
    ['blob', '0xCAFE', '0xcafe'],
    ['timestamp', '2024-03-09T16:00:00.005Z', '2024-03-09 16:00:00.005000+0000'],
    ['date', '2024-03-09', '2024-03-09'],
    ['uuid', '56d81840-69c0-11e8-a327-179d3d84b73d', '56d81840-69c0-11e8-a327-179d3d84b73d'],
    ['frozen<list<text>>', "['a', 'it''s']", "['a', 'it''s']"],
    ['frozen<set<int>>', '{2, 1}', '{1, 2}'],
    ['frozen<map<text, double>>', "{'a': 1.5}", "{'a': 1.5}"],
    ['frozen<tuple<int, text>>', "(1, 'x')", "(1, 'x')"],
  ])('%s %s', (type, text, expected) => {
    const cqlType = parseCqlType(type, () => undefined);
    const value = cqlType.fromText(text.replace(/^0x/, ''));
    expect(cqlshValue(cqlType, value, 0, value.length)).toBe(expected);
  });

  test.each<[string, number]>([
    ['abc', 3],
    ['日本', 4],
    ['é', 1],
    ['e\u0301', 1],
    ['😀', 2],
  ])('%s takes %d cells', (text, width) => {
    expect(displayWidth(text)).toBe(width);
  });
});

const fixtures = fixtureSSTables().filter(({ name }) =>
  /me_|md_|mc_simple|mc_static_row|mc_counter|nb_|oa_/.test(name),
);

describe.skipIf(fixtures.length === 0)('files of others (skipped where the fixtures are not there)', () => {
  test.each(fixtures)('$name: as many partitions as there are, or a reason', async ({ dataPath, expected }) => {
    const { code, out } = await run(
      'query',
      '--sstable-schema',
      '-F',
      'jsonl',
      '-q',
      'SELECT DISTINCT token("$pk0") FROM my_table',
      dataPath,
    );
    if (code === 0) expect(out.text.split('\n').length - 1).toBeLessThanOrEqual(Number(expected.partition_count));
    else expect(out.errors.join()).toMatch(/partitioner|at byte|partition key|signatures/i);
  });
});
