import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { NodeFiles } from '../shards/host/node-files.ts';
import { randomPartitions } from '../sstable/testing/random-partitions.ts';
import { writePartitions, writeSample } from './sstable/testing/sample-table.ts';

const TOOLS = dirname(fileURLToPath(import.meta.url));
const LAUNCHER = join(TOOLS, 'tessera.js');
const { version } = JSON.parse(readFileSync(join(TOOLS, '../package.json'), 'utf8')) as { version: string };
const directory = mkdtempSync(join(tmpdir(), 'tessera-cli-'));
let dataPath = '';

beforeAll(() => {
  dataPath = writeSample(new NodeFiles(), directory);
});
afterAll(() => rmSync(directory, { recursive: true, force: true }));

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the program as a process of its own. @param leavesEarly its results have a reader that leaves after the first piece */
function tessera(args: readonly string[], leavesEarly = false, program = LAUNCHER): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { PATH: process.env.PATH },
    });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (piece) => {
      stdout += piece;
      if (leavesEarly) child.stdout.destroy();
    });
    child.stderr.on('data', (piece) => {
      stderr += piece;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

describe('the program', () => {
  test.each<[string[], RegExp]>([
    [['version'], new RegExp(`^tessera ${version.replaceAll('.', '\\.')} \\(Node \\d+\\.`)],
    [['--version'], /^tessera \d/],
    [['help'], /usage: tessera COMMAND\n\n {2}node \[options\] .*\n.*sstable/],
    [['--help'], /usage: tessera COMMAND/],
    [['help', 'sstable'], /dump-data/],
    [['bench', '--help'], /^$/],
  ])('%j ends with 0', async (args, expected) => {
    const { code, stdout } = await tessera(args);
    expect(code).toBe(0);
    expect(stdout).toMatch(expected);
  });

  test('version --json is JSON', async () => {
    const { code, stdout } = await tessera(['version', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      version,
      node: process.versions.node,
      v8: process.versions.v8,
      platform: `${process.platform}-${process.arch}`,
    });
  });

  test.each<[string[], RegExp]>([
    [['sstabel'], /tessera sstabel: unknown command; did you mean sstable\?/],
    [['zzz'], /tessera zzz: unknown command\n/],
    [['nodetool', 'status'], /tessera nodetool: not supported yet/],
    [['version', '--colour'], /Unknown option '--colour'/],
    [['--no-such-option'], /unknown option --no-such-option/],
    [['commitlog', 'dmp'], /did you mean dump/],
    [['bench', 'read', '--colour'], /Unknown option '--colour'/],
  ])('%j is wrong usage: 2', async (args, expected) => {
    const { code, stdout, stderr } = await tessera(args);
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toMatch(expected);
  });

  test.each<[string, RegExp]>([
    ['sstabledump', /^\[\n {2}\{\n {4}"table kind" : "REGULAR",/],
    ['sstablemetadata', /^SSTable: .*\/me-1-big\nPartitioner: /],
    ['sstableverify', /^\{"sstables":\{".*me-1-big-Data\.db":\{"errors":0,"valid":true\}\}\}\n$/],
  ])('through a link of the name %s it is that program', async (name, expected) => {
    const link = join(directory, name);
    symlinkSync(join(TOOLS, 'tessera.js'), link);
    const { code, stdout } = await tessera([dataPath], false, link);
    expect(code).toBe(0);
    expect(stdout).toMatch(expected);
  });

  test('results go to stdout alone, damage ends with 5', async () => {
    const good = await tessera(['sstable', 'validate', dataPath]);
    expect(good.code).toBe(0);
    expect(JSON.parse(good.stdout)).toEqual({ sstables: { [dataPath]: { errors: 0, valid: true } } });
    const files = new NodeFiles();
    const own = mkdtempSync(join(directory, 'damaged-'));
    const path = writeSample(files, own);
    const file = files.open(path, 1);
    files.writeSync(file, Uint8Array.of(0xff), 0, 1, 343);
    files.close(file);
    const bad = await tessera(['sstable', 'validate', path]);
    expect(bad.code).toBe(5);
    expect(JSON.parse(bad.stdout)).toMatchObject({ sstables: { [path]: { valid: false } } });
    expect(bad.stderr).toContain(`error: ${path} at byte`);
  });

  test('a reader of the results that leaves ends it quietly, with 0', async () => {
    const own = mkdtempSync(join(directory, 'large-'));
    const { table, partitions } = randomPartitions(6);
    const path = writePartitions(new NodeFiles(), own, table, partitions, '1');
    const whole = await tessera(['sstable', 'dump-data', path]);
    expect(whole.stdout.length).toBeGreaterThan(200_000); // more than a pipe holds
    const { code, stderr } = await tessera(['sstable', 'dump-data', path], true);
    expect([code, stderr]).toEqual([0, '']);
  });
});
