import { TesseraError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import type { Offload, OffloadJob } from '../../core/ports/offload.ts';
import {
  ABORTED,
  CONTROL_MEMORY,
  ControlWord,
  type FlushPayload,
  JobKind,
  type NamesPayload,
  runFlush,
  runNames,
  SLAB_MEMORY,
} from '../../shards/store/background-jobs.ts';
import { type CompactPayload, runCompaction } from '../../shards/store/compaction-job.ts';
import { SlabViews } from '../../shards/store/slab-pool.ts';

/** Lets other events of the simulation in, for the pool thread runs beside the shard. */
export type SimPause = () => Promise<void>;

/** The pool's work in the simulator's one thread, over the simulator's files. Compactions give way between batches. */
export class SimOffload implements Offload {
  readonly #files: Files;
  readonly #pause: SimPause;
  readonly #memories = new Map<string, SharedArrayBuffer>();
  /** Jobs by kind, as they were begun. */
  readonly begun: string[] = [];
  /** Jobs wait for this before they begin. */
  gate: Promise<void> = Promise.resolve();

  constructor(files: Files, pause: SimPause = () => Promise.resolve()) {
    this.#files = files;
    this.#pause = pause;
  }

  async run(job: OffloadJob): Promise<unknown> {
    await this.#pause();
    await this.gate;
    this.begun.push(job.kind);
    switch (job.kind) {
      case JobKind.Flush: {
        const memory = this.#memories.get(SLAB_MEMORY)!;
        const info = await runFlush(this.#files, new SlabViews(memory), job.payload as FlushPayload);
        await this.#pause();
        return info;
      }
      case JobKind.Compact:
        return runCompaction(this.#files, job.payload as CompactPayload, () => this.#paced());
      case JobKind.Names:
        return runNames(this.#files, job.payload as NamesPayload);
      default:
        throw new TesseraError('UNKNOWN_JOB', `unknown job ${job.kind}`);
    }
  }

  share(name: string, memory: SharedArrayBuffer): void {
    this.#memories.set(name, memory);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  #paced(): Promise<void> {
    const control = new Int32Array(this.#memories.get(CONTROL_MEMORY)!);
    if (control[ControlWord.Stop] !== 0)
      throw new TesseraError(ABORTED, 'the compaction was given up for something else');
    return this.#pause();
  }
}
