import { setPriority } from 'node:os';
import { ByteWriter } from '../core/bytes.ts';
import { encodeError } from '../core/error-codec.ts';
import { TesseraError } from '../core/errors.ts';
import { NodeFiles } from './host/node-files.ts';
import type { OffloadAnswer, OffloadTask } from './offload.ts';
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
} from './store/background-jobs.ts';
import { type CompactPayload, type Pacing, runCompaction } from './store/compaction-job.ts';
import { SlabViews } from './store/slab-pool.ts';

/** Below the shard, whose requests come first; of this thread only. */
const NICE = 10;
/** Work of a compaction before a flush may come in between. */
const SLICE_MS = 5;

setPriority(0, NICE);
const files = new NodeFiles();

/** Entry of the pool thread: runs one job. */
export default async function run({ job, memories }: OffloadTask): Promise<OffloadAnswer> {
  try {
    switch (job.kind) {
      case JobKind.Flush: {
        const views = new SlabViews(memories.get(SLAB_MEMORY)!);
        return { value: await runFlush(files, views, job.payload as FlushPayload) };
      }
      case JobKind.Compact: {
        const payload = job.payload as CompactPayload;
        const control = new Int32Array(memories.get(CONTROL_MEMORY)!);
        return { value: await runCompaction(files, payload, pacer(payload.bytesPerSecond, control)) };
      }
      case JobKind.Names:
        runNames(files, job.payload as NamesPayload);
        return { value: undefined };
      default:
        throw new TesseraError('UNKNOWN_JOB', `unknown job ${job.kind}`);
    }
  } catch (error) {
    // A bug ends the shard, not this thread: that would only look as if the thread had died.
    if (!(error instanceof TesseraError)) return { bug: error instanceof Error ? String(error.stack) : String(error) };
    const out = new ByteWriter(256);
    encodeError(error, out);
    return { error: out.toBytes() };
  }
}

/**
 * Gives way every few milliseconds, waits when more was written than the rate allows, and ends the job when the shard asks for it.
 * @param control words of `ControlWord`
 */
function pacer(bytesPerSecond: number, control: Int32Array): Pacing {
  const startMs = performance.now();
  let sliceMs = startMs;
  let written = 0;
  return (bytes) => {
    if (Atomics.load(control, ControlWord.Stop) !== 0)
      throw new TesseraError(ABORTED, 'the compaction was given up for something else');
    written += bytes;
    Atomics.store(control, ControlWord.WrittenKib, Math.floor(written / 1024));
    const nowMs = performance.now();
    const dueMs = bytesPerSecond > 0 ? startMs + (written / bytesPerSecond) * 1000 : 0;
    if (dueMs <= nowMs && nowMs - sliceMs < SLICE_MS) return undefined;
    return new Promise((done) => {
      const resume = () => {
        sliceMs = performance.now();
        done();
      };
      if (dueMs > nowMs) setTimeout(resume, dueMs - nowMs);
      else setImmediate(resume);
    });
  };
}
