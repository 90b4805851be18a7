import { spawn } from 'node:child_process';
import { createReadStream, createWriteStream, existsSync, mkdirSync, renameSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { pipeline } from 'node:stream/promises';
import { runCommand } from './run-command.ts';
import { SuiteSkipped } from './suite.ts';

const PACKAGE = 'wordfreq==3.1.1';
const SCRIPT: string = resolve(import.meta.dirname, 'wordfreq_rows.py');

/** The words of one language, in the order of their UTF-8 bytes, which is that of a clustering column of text. */
export interface WordList {
  readonly list: string;
  readonly language: string;
  readonly words: string[];
  readonly frequencies: number[];
}

/**
 * The small word lists of the package wordfreq, which is installed into `cache` at first.
 * @throws SuiteSkipped where Python or the package cannot be had
 */
export async function wordLists(cache: string, languages: readonly string[] | undefined): Promise<WordList[]> {
  const path = join(cache, 'wordfreq-small.tsv');
  if (!existsSync(path)) await extract(cache, path);
  const unordered = new Map<string, { word: Buffer; frequency: number }[]>();
  for await (const line of createInterface({ input: createReadStream(path, 'utf8') })) {
    const [list, language, word, frequency] = line.split('\t');
    if (languages !== undefined && !languages.includes(language!)) continue;
    const key = `${list}\t${language}`;
    let rows = unordered.get(key);
    if (rows === undefined) {
      rows = [];
      unordered.set(key, rows);
    }
    rows.push({ word: Buffer.from(word!), frequency: Number(frequency) });
  }
  return [...unordered].map(([key, rows]) => {
    const [list, language] = key.split('\t');
    rows.sort((a, b) => Buffer.compare(a.word, b.word));
    return {
      list: list!,
      language: language!,
      words: rows.map(({ word }) => word.toString()),
      frequencies: rows.map(({ frequency }) => frequency),
    };
  });
}

async function extract(cache: string, path: string): Promise<void> {
  mkdirSync(cache, { recursive: true });
  const environment = join(cache, 'venv');
  const python = join(environment, 'bin', 'python');
  const steps = [
    ['python3', '-m', 'venv', environment],
    [python, '-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', PACKAGE],
  ];
  for (const [command, ...args] of steps) {
    const result = await runCommand(command!, args).catch((error: Error) => ({ code: -1, stderr: error.message }));
    if (result.code !== 0) throw new SuiteSkipped(`${PACKAGE} cannot be installed: ${result.stderr.trim()}`);
  }
  const child = spawn(python, [SCRIPT, 'small'], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, PYTHONUTF8: '1' },
  });
  const ended = new Promise<number | null>((done) => child.once('close', done));
  await pipeline(child.stdout, createWriteStream(`${path}.part`));
  if ((await ended) !== 0) throw new Error('the word lists cannot be read');
  renameSync(`${path}.part`, path);
}
