import { flushCompileCache } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/** A thread that was active for less than IDLE_SHARE of LOOK_MS has nothing to do. */
const LOOK_MS = 500;
const IDLE_SHARE = 0.05;
/** Collecting a heap of a start takes 10 to 30 ms. One that has grown meanwhile is in use, and would hold the loop for longer. */
const MOST_HEAP_BYTES = 48 * 1024 * 1024;

/**
 * Gives back what the start of this thread has left behind, once, as soon as the thread has nothing to do: loading modules makes
 * the space of young objects grow to its largest, and V8 keeps it while nobody allocates. Also keeps compiled modules for the next start,
 * which Node does by itself only at an orderly end.
 */
export function settleWhenIdle(): void {
  let before = performance.eventLoopUtilization();
  const look = setInterval(() => {
    const { utilization } = performance.eventLoopUtilization(before);
    before = performance.eventLoopUtilization();
    if (utilization >= IDLE_SHARE) return;
    clearInterval(look);
    flushCompileCache();
    if (process.memoryUsage().heapUsed <= MOST_HEAP_BYTES) collectAllGarbage();
  }, LOOK_MS);
  look.unref();
}

/** Unlike the collections that V8 starts by itself, this one also shrinks the spaces. */
function collectAllGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as NodeJS.GCFunction;
  collect({ type: 'major', flavor: 'last-resort' });
}
