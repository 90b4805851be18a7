import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Figures } from './suite.ts';

const ROOT: string = resolve(import.meta.dirname, '../..');
const FOLDERS = 'core raft cql cluster commitlog sstable shards daemon tools test'.split(' ');

interface Passed {
  /** Of the sources that passed: a result says nothing about others. */
  readonly sources: string;
  readonly lines: Record<string, Figures>;
}

/** Remembers which suites have passed, so that a run that was stopped goes on instead of starting over. */
export class SoakState {
  readonly #path: string;
  readonly #sources: string;
  readonly #passed: Passed;

  /** @param isFresh forgets what an earlier run has found */
  constructor(directory: string, size: string, isFresh: boolean) {
    this.#path = join(directory, `passed-${size}.json`);
    if (isFresh) rmSync(this.#path, { force: true });
    this.#sources = fingerprint();
    this.#passed = this.#read();
  }

  /** The line that a suite printed when it passed. */
  passed(suite: string): Figures | undefined {
    return this.#passed.lines[suite];
  }

  keep(suite: string, line: Figures): void {
    // Read again: another run may have kept something since.
    const passed = this.#read();
    passed.lines[suite] = line;
    writeFileSync(`${this.#path}.part`, JSON.stringify(passed, null, 1));
    renameSync(`${this.#path}.part`, this.#path);
  }

  #read(): Passed {
    if (existsSync(this.#path)) {
      const earlier: Passed = JSON.parse(readFileSync(this.#path, 'utf8'));
      if (earlier.sources === this.#sources) return earlier;
    }
    return { sources: this.#sources, lines: {} };
  }
}

function fingerprint(): string {
  const hash = createHash('sha256');
  for (const folder of FOLDERS.filter((each) => existsSync(join(ROOT, each)))) {
    const names = readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' });
    for (const name of names.filter((each) => /\.(ts|js|py)$/.test(each) && !each.includes('node_modules')).sort()) {
      hash.update(`${folder}/${name}\0`).update(readFileSync(join(ROOT, folder, name)));
    }
  }
  return hash.digest('hex');
}
