import type { Piscina } from 'piscina';
import { AssertionError } from '../core/assert.ts';
import { decodeError } from '../core/error-codec.ts';
import { TesseraError } from '../core/errors.ts';
import type { Offload, OffloadJob } from '../core/ports/offload.ts';

/** A thread that had nothing to do for so long ends; the next job starts another. */
const IDLE_MS = 30_000;
/** A flush runs beside a compaction, which lets it in between its batches, and changes of names beside both. */
const CONCURRENT_JOBS = 3;
/** `code` of the error of a job whose thread ended before it did: done anew, it may succeed. */
export const OFFLOAD_FAILED = 'OFFLOAD_FAILED';

type Pool = Piscina<OffloadTask, OffloadAnswer>;

/** What the pool thread is sent. */
export interface OffloadTask {
  readonly job: OffloadJob;
  readonly memories: ReadonlyMap<string, SharedArrayBuffer>;
}

/** What it answers: a job's result, an encoded TesseraError, or the stack of a bug. */
export type OffloadAnswer = { readonly value: unknown } | { readonly error: Uint8Array } | { readonly bug: string };

/**
 * The pool thread of one shard, by Piscina: started with the first job, at a lower priority than the shard (settled question 4).
 * Every job carries the handles of the shared memories; they name the same memory, so nothing is copied or leaked.
 */
export class PoolOffload implements Offload {
  readonly #entry: URL;
  readonly #memories = new Map<string, SharedArrayBuffer>();
  /** Made with the first job, and anew when its thread could not start. */
  #pool: Pool | undefined;
  #isClosed = false;

  /** @param entry module that runs the jobs; the shard's own unless a test wants another */
  constructor(entry: URL = workerEntry()) {
    this.#entry = entry;
  }

  /**
   * @throws what the job threw; TesseraError with code OFFLOAD_FAILED when its thread ended (out of memory, `close`): what it had
   * begun is left as it was then
   */
  async run(job: OffloadJob): Promise<unknown> {
    // Loaded when it is needed: a start needs no job.
    const { Piscina } = await import('piscina');
    if (this.#isClosed) throw new TesseraError(OFFLOAD_FAILED, `the pool thread has ended: no ${job.kind} any more`);
    this.#pool ??= this.#newPool(Piscina);
    let answer: OffloadAnswer;
    try {
      answer = await this.#pool.run({ job, memories: this.#memories });
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new TesseraError(
        OFFLOAD_FAILED,
        `the pool thread ended during a ${job.kind}: ${why}`,
        {},
        { cause: error },
      );
    }
    if ('bug' in answer) throw new AssertionError(`in the pool thread: ${answer.bug}`);
    if ('error' in answer) throw decodeError(answer.error, 0, answer.error.length);
    return answer.value;
  }

  share(name: string, memory: SharedArrayBuffer): void {
    this.#memories.set(name, memory);
  }

  /** Ends the thread; jobs under way are rejected. */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#pool?.destroy();
  }

  #newPool(PoolOfThreads: typeof Piscina): Pool {
    const pool: Pool = new PoolOfThreads<OffloadTask, OffloadAnswer>({
      filename: this.#entry.href,
      minThreads: 0,
      maxThreads: 1,
      concurrentTasksPerWorker: CONCURRENT_JOBS,
      idleTimeout: IDLE_MS,
    });
    // A thread ended that had no job: it could not start, and the jobs that wait for it would wait for ever.
    pool.on('error', () => {
      if (this.#pool === pool) this.#pool = undefined;
      void pool.destroy();
    });
    return pool;
  }
}

function workerEntry(): URL {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./offload-worker.${extension}`, import.meta.url);
}
