import { crashAt, failAt } from '../support/store-faults.ts';
import { OTHER_STRATEGIES } from '../support/store-scenario.ts';

/**
 * Every fault at every file operation of a small scenario, and a cut at every operation of every start that follows one:
 * `node test/soak/store-faults.ts [step]`. Prints one line of JSON; exit code 1 at the first that goes wrong.
 */
const step = Number(process.argv[2] ?? 1);
const startMs = performance.now();
const runs: Record<string, number> = {};
let failure: string | undefined;

async function each(name: string, stride: number, run: (at: number) => Promise<boolean>): Promise<void> {
  for (let at = 1; failure === undefined; at += stride) {
    try {
      if (!(await run(at))) return;
      runs[name] = (runs[name] ?? 0) + 1;
    } catch (error) {
      failure = `${name} at ${at}: ${(error as Error).stack}`;
    }
  }
}

await each('powerCut', 1, (at) => crashAt(at, true));
await each('kill', 1, (at) => crashAt(at, false));
await each('noSpace', 1, (at) => failAt(at, 'ENOSPC'));
await each('noSpaceForLong', 1, (at) => failAt(at, 'ENOSPC', 150));
await each('ioError', 1, (at) => failAt(at, 'EIO'));
await each('ioErrors', 1, (at) => failAt(at, 'EIO', 40));
for (const isPowerFailure of [true, false]) {
  await each('start', step, async (at) => {
    let count = 0;
    await each('cutStart', 1, async (recoveryAt) => {
      count = recoveryAt;
      return crashAt(at, isPowerFailure, recoveryAt);
    });
    return count > 1;
  });
}
for (const [name, compaction] of Object.entries(OTHER_STRATEGIES)) {
  await each(`${name}Crash`, step, (at) => crashAt(at, at % 2 === 0, 0, compaction));
  await each(`${name}NoSpace`, step, (at) => failAt(at, 'ENOSPC', 1, compaction));
  await each(`${name}NoSpaceForLong`, step, (at) => failAt(at, 'ENOSPC', 150, compaction));
  await each(`${name}IoError`, step, (at) => failAt(at, 'EIO', 1, compaction));
}
const seconds = Math.round((performance.now() - startMs) / 100) / 10;
process.stdout.write(`${JSON.stringify({ seconds, ...runs, failure })}\n`);
process.exitCode = failure === undefined ? 0 : 1;
