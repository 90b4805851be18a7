import { CHANGING, type CompactionSetting, StoreScenario } from './store-scenario.ts';

/** Longer than any time after which something that failed is tried again. */
const RETRIES_MS = 11_000;
/** Background work that a start begins is over after this. */
const QUIET_MS = 2_000;
const FAILS_FOR_SPACE: ReadonlySet<string> = new Set(['open', 'write', 'rename', 'makeDirectory', 'fdatasync']);

/**
 * Runs the scenario, cut at its `at`-th changing file operation by a power cut or a kill, and starts again: what was acknowledged is
 * there, nothing is left over, the store goes on. With `recoveryAt` the start itself is cut too, at that operation, and done again.
 * @returns false when there are fewer operations
 */
export async function crashAt(
  at: number,
  isPowerFailure: boolean,
  recoveryAt = 0,
  compaction?: CompactionSetting,
): Promise<boolean> {
  const scenario = new StoreScenario(at * 2 + (isPowerFailure ? 1 : 0), compaction);
  const { harness } = scenario;
  if (!(await runUntil(scenario, at, () => scenario.run()))) return false;
  await harness.stop(isPowerFailure);
  if (recoveryAt > 0) {
    const isCut = await runUntil(scenario, recoveryAt, () => scenario.open());
    await harness.stop(isPowerFailure);
    if (!isCut) return false;
  }
  await harness.open();
  await scenario.verify();
  await harness.pass(QUIET_MS);
  scenario.verifyFiles();
  await scenario.writeMore();
  // The log lets go of what is in SSTables: names that a kill has left unsynced must be durable by now.
  await harness.settle(harness.store.flush(() => true));
  await harness.pass(QUIET_MS);
  await harness.stop(true);
  await harness.open();
  await scenario.verify();
  await harness.close();
  assureClosed(scenario);
  return true;
}

/** Does the work with a disk that is gone from the `at`-th changing operation on. False when it was over before. */
async function runUntil({ harness }: StoreScenario, at: number, work: () => Promise<void>): Promise<boolean> {
  let count = 0;
  harness.files.plan = (operation) => {
    if (CHANGING.has(operation)) count++;
    return count >= at ? { errno: 'EIO' } : undefined;
  };
  await work();
  return count >= at;
}

/**
 * Runs the scenario while its `at`-th file operation, and `length` - 1 after it, fail. The node lives on: writers were told truly, what
 * failed is done later, nothing is left over. After an I/O error of the log it takes no writes until it is started again.
 * @returns false when there are fewer operations
 */
export async function failAt(
  at: number,
  errno: 'ENOSPC' | 'EIO',
  length = 1,
  compaction?: CompactionSetting,
): Promise<boolean> {
  const scenario = new StoreScenario(at, compaction);
  const { harness } = scenario;
  const { files } = harness;
  let count = 0;
  files.plan = (operation) => {
    if (errno === 'ENOSPC' && !FAILS_FOR_SPACE.has(operation)) return undefined;
    count++;
    return count >= at && count < at + length ? { errno } : undefined;
  };
  await scenario.run();
  if (count < at) return false;
  files.plan = undefined;
  if (harness.stores.length === 0) {
    await harness.stop(false); // the node could not start
    await harness.open();
  }
  await scenario.verify();
  const { failure } = harness.store.log;
  if (failure === undefined) {
    await harness.pass(RETRIES_MS);
    await scenario.writeMore();
    await harness.settle(harness.store.flush(() => true));
    await harness.settle(harness.store.compact(() => true));
    await scenario.verify();
    await harness.pass(QUIET_MS);
    scenario.verifyFiles();
    await harness.close();
    assureClosed(scenario);
  }
  await harness.stop(at % 2 === 0);
  await harness.open();
  await scenario.verify();
  await harness.pass(QUIET_MS);
  scenario.verifyFiles();
  await scenario.writeMore();
  await harness.close();
  return true;
}

function assureClosed({ harness }: StoreScenario): void {
  const { openCount } = harness.files;
  if (openCount > 0) throw new Error(`${openCount} descriptors were left open`);
}
