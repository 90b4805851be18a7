import { spawn } from 'node:child_process';
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { writeLarge } from './testing/large-sstable.ts';

/**
 * Operations hold a batch of rows, whatever the size of the file. TESSERA_LARGE_MIB=2048 npx vitest run tools/sstable/memory does it
 * for 2 GiB and prints what each took.
 */
const MIB = 1024 * 1024;
const LARGE_MIB = Number(process.env.TESSERA_LARGE_MIB ?? 24);
const IS_LARGE: boolean = process.env.TESSERA_LARGE_MIB !== undefined;
const MOST_BYTES: number = 200 * MIB;
/** A query opens its cursors anew for each page, whose buffers the collector comes to later. */
const MOST_QUERY_BYTES: number = 300 * MIB;
const TIMEOUT_MS = 1_800_000;
const RUNNER: string = join(dirname(fileURLToPath(import.meta.url)), 'testing/measured-command.ts');

const directory = mkdtempSync(join(tmpdir(), 'sstable-memory-'));
let compressed = '';
let plain = '';
afterAll(() => rmSync(directory, { recursive: true, force: true }));

beforeAll(() => {
  const files = new NodeFiles();
  for (const name of ['lz4', 'none', 'out', 'dump']) mkdirSync(join(directory, name));
  compressed = writeLarge(files, join(directory, 'lz4'), LARGE_MIB * MIB, { class: 'LZ4Compressor' });
  plain = writeLarge(files, join(directory, 'none'), LARGE_MIB * MIB, {});
  expect(statSync(plain).size).toBeGreaterThan(LARGE_MIB * MIB);
}, TIMEOUT_MS);

/** Runs the program. Returns the most bytes of memory that it had. @param output file for its results */
async function measure(output: string, ...args: string[]): Promise<number> {
  const report = join(directory, 'report');
  const results = openSync(output, 'w');
  const startMs = performance.now();
  const child = spawn(process.execPath, [RUNNER, report, 'sstable', ...args], {
    stdio: ['ignore', results, 'pipe'],
    env: { PATH: process.env.PATH },
  });
  let errors = '';
  child.stderr!.on('data', (piece) => {
    errors += piece;
  });
  const code = await new Promise((resolve, reject) => child.on('error', reject).on('close', resolve));
  closeSync(results);
  expect([code, errors.split('\n').filter((line) => line !== '' && !/: \d+ %$|^note|-> /.test(line))]).toEqual([0, []]);
  const bytes = Number(readFileSync(report, 'utf8'));
  const seconds = ((performance.now() - startMs) / 1000).toFixed(1);
  if (IS_LARGE) process.stderr.write(`${args[0]} ${args.at(-1)}: ${Math.round(bytes / MIB)} MiB, ${seconds} s\n`);
  return bytes;
}

describe.skipIf(!existsSync('/proc/self/status'))(`of ${LARGE_MIB} MiB of rows`, () => {
  const dump = join(directory, 'dump', 'rows.jsonl');
  const out = () => ['--output-dir', mkdtempSync(join(directory, 'out', 'd-'))];
  /** Name, arguments, where the results go. */
  const runs: [string, () => string[], string?][] = [
    ['dump-data of a compressed one', () => ['dump-data', '-l', compressed], dump],
    ['dump-data as sstabledump', () => ['dump-data', '--format', 'sstabledump', plain]],
    [
      'write',
      () => ['write', '--sstable-schema', '--input-format', 'jsonl', '--input-file', dump, ...out(), compressed],
    ],
    ['validate', () => ['validate', plain]],
    ['validate of a compressed one', () => ['validate', compressed]],
    ['validate-checksums', () => ['validate-checksums', compressed]],
    ['decompress', () => ['decompress', ...out(), compressed]],
    ['upgrade', () => ['upgrade', '--all', ...out(), compressed]],
    ['split', () => ['split', '-t', '0', ...out(), plain]],
    ['merge', () => ['merge', ...out(), plain, compressed]],
    ['scrub', () => ['scrub', '--mode', 'skip', ...out(), compressed]],
    ['query', () => ['query', '-q', 'SELECT count(*) FROM my_table', compressed, plain]],
    ['query of every row', () => ['query', '-F', 'jsonl', compressed]],
    ['metadata -s', () => ['metadata', '-s', plain]],
  ];
  /** In every run of the tests; the others in a run for a size of one's own. */
  const usual = ['dump-data of a compressed one', 'write', 'scrub', 'query of every row'];
  test.each(runs.filter(([name]) => IS_LARGE || usual.includes(name)))(
    '%s keeps to its memory',
    async (name, args, output) => {
      const bytes = await measure(output ?? join(directory, 'results'), ...args());
      expect(bytes).toBeLessThan(name === 'query of every row' ? MOST_QUERY_BYTES : MOST_BYTES);
      rmSync(join(directory, 'out'), { recursive: true });
      mkdirSync(join(directory, 'out'));
    },
    TIMEOUT_MS,
  );
});
