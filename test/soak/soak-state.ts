import { existsSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Figures } from './suite.ts';

/** Remembers which suites have passed, so that a run that was stopped goes on instead of starting over. */
export class SoakState {
  readonly #path: string;
  readonly #passed: Record<string, Figures>;

  /** @param isFresh forgets what an earlier run has found */
  constructor(directory: string, size: string, isFresh: boolean) {
    this.#path = join(directory, `passed-${size}.json`);
    if (isFresh) rmSync(this.#path, { force: true });
    this.#passed = existsSync(this.#path) ? JSON.parse(readFileSync(this.#path, 'utf8')) : {};
  }

  /** The line that a suite printed when it passed. */
  passed(suite: string): Figures | undefined {
    return this.#passed[suite];
  }

  keep(suite: string, line: Figures): void {
    this.#passed[suite] = line;
    writeFileSync(`${this.#path}.part`, JSON.stringify(this.#passed, null, 1));
    renameSync(`${this.#path}.part`, this.#path);
  }
}
