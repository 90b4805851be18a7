import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';

/** Fills the space of young objects, settles, and tells the sizes of that space in bytes: before, and when it has shrunk. */
const PROGRAM = `
  import { getHeapSpaceStatistics } from 'node:v8';
  import { parentPort, workerData } from 'node:worker_threads';
  const { settleWhenIdle } = await import(workerData);
  const youngBytes = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === 'new_space').space_size;
  let kept = [];
  for (let i = 0; i < 400_000; i++) kept.push({ i });
  kept = [];
  const before = youngBytes();
  settleWhenIdle();
  const look = setInterval(() => {
    const now = youngBytes();
    if (now >= before / 2) return;
    clearInterval(look);
    parentPort.postMessage({ before, now });
  }, 20);
`;

test('an idle thread gives the space of young objects back', async () => {
  const worker = new Worker(new URL(`data:text/javascript,${encodeURIComponent(PROGRAM)}`), {
    workerData: new URL('./settle.ts', import.meta.url).href,
    resourceLimits: { maxYoungGenerationSizeMb: 64 },
  });
  const { before, now } = await new Promise<{ before: number; now: number }>((done, failed) => {
    worker.once('message', done);
    worker.once('error', failed);
  });
  expect(now).toBeLessThanOrEqual(before / 2);
});
