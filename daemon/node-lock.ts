import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { TesseraError } from '../core/errors.ts';

/** Another process has the work directory: exit code 2. */
export class WorkdirBusyError extends TesseraError {
  override readonly name = 'WorkdirBusyError';
  constructor(workdir: string, pid: string) {
    super('WORKDIR_BUSY', `${workdir} is in use by another node (pid ${pid})`, { workdir, pid });
  }
}

/**
 * One node per work directory. `node.lock` is an SQLite file under an exclusive transaction: a lock of the kernel, which is gone
 * when the process is, however it ended. `node.pid` beside it names the owner for people (settled question 21).
 */
export class NodeLock {
  readonly #database: DatabaseSync;
  readonly #pidFile: string;

  /** @throws WorkdirBusyError, or the file system's error */
  constructor(workdir: string) {
    this.#pidFile = join(workdir, 'node.pid');
    this.#database = new DatabaseSync(join(workdir, 'node.lock'));
    try {
      this.#database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
    } catch (error) {
      this.#database.close();
      if (/locked|busy/i.test((error as Error).message)) throw new WorkdirBusyError(workdir, this.#owner());
      throw new TesseraError('FILE_OPERATION', `lock ${join(workdir, 'node.lock')}: ${(error as Error).message}`);
    }
    writeFileSync(this.#pidFile, `${process.pid}\n`);
  }

  release(): void {
    rmSync(this.#pidFile, { force: true });
    this.#database.close();
  }

  #owner(): string {
    try {
      return readFileSync(this.#pidFile, 'utf8').trim();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      return 'unknown';
    }
  }
}
