import { expect, test } from 'vitest';
import { FileOperationError } from '../core/errors.ts';
import { LogHarness, type Replayed } from '../test/support/log-harness.ts';
import { SyncMode } from './commitlog-options.ts';
import type { CommitlogWriter } from './writer.ts';

/** Seeds of one run; TESSERA_SEED=7 runs that one alone, TESSERA_SEEDS=30000 as many. */
const SEED_COUNT = Number(process.env.TESSERA_SEEDS ?? 1000);
const ROUNDS = 4;

const seedText = process.env.TESSERA_SEED;
const seeds = seedText === undefined ? Array.from({ length: SEED_COUNT }, (_, i) => i) : [Number(seedText)];

/** The power is cut inside a blocking operation. */
class PowerCut extends Error {}

/** What the writes of one log have been promised, as the test saw it. */
class Model {
  /** Numbers of the records that are in the log, in order; refused and lost ones are taken out. */
  records: number[] = [];
  writtenUpTo = 0;
  durableUpTo = 0;
  /** What the last stop must have left: what was written after a kill, what was durable after a power failure. */
  promisedUpTo = 0;
  /** Records whose owner has not flushed them. */
  readonly unflushed: Map<number, number[]> = new Map();
  syncMode: SyncMode = SyncMode.Periodic;

  oldestUnflushed(): number {
    let oldest = Number.POSITIVE_INFINITY;
    for (const numbers of this.unflushed.values()) if (numbers.length > 0) oldest = Math.min(oldest, numbers[0]!);
    return oldest;
  }
}

async function runSeed(seed: number): Promise<void> {
  const harness = new LogHarness(seed);
  const { random, files, time } = harness;
  const model = new Model();
  for (let round = 0; round < ROUNDS; round++) {
    // The log is read back, and opened; sometimes the power fails while it is.
    if (random.chance(0.2)) {
      const cutAt = files.operationCount + random.integer(1, 60);
      files.plan = (_operation, _path, number) => {
        if (number >= cutAt) throw new PowerCut();
        return undefined;
      };
    }
    let log: CommitlogWriter;
    try {
      const replayed = await harness.replay();
      compare(model, replayed, round);
      harness.lastTaken = replayed.lastTaken;
      model.syncMode = random.pick([SyncMode.Periodic, SyncMode.Batch, SyncMode.Group]);
      log = harness.open(replayed.examination, {
        syncMode: model.syncMode,
        syncPeriodMs: random.integer(3, 40),
        totalBytes: random.integer(3, 12) * 4096,
      });
      files.plan = undefined;
      adopt(log, model, replayed.numbers, replayed.segmentIds);
      model.writtenUpTo = model.durableUpTo = model.records.at(-1) ?? 0;
    } catch (error) {
      if (!(error instanceof PowerCut)) throw error;
      stop(harness, model);
      continue;
    }
    if (random.chance(0.15)) await closeOrderly(harness, log, model);
    else work(harness, log, model, random.integer(5, 70));
    stop(harness, model);
    time.run(time.nowMs + 5);
  }
  compare(model, await harness.replay(), ROUNDS);
  expect(files.openCount).toBe(0);
}

function stop(harness: LogHarness, model: Model): void {
  const isPowerFailure = harness.random.chance(0.7);
  if (isPowerFailure) model.writtenUpTo = model.durableUpTo;
  model.promisedUpTo = Math.max(model.durableUpTo, model.writtenUpTo);
  harness.stop(isPowerFailure);
}

/** After a crash: what came back is a gapless piece of what was written, from the oldest unflushed to all that was promised. */
function compare(model: Model, { numbers, lastTaken }: Replayed, round: number): void {
  const first = model.records.indexOf(numbers[0] ?? -1);
  const kept = numbers.length === 0 ? [] : model.records.slice(first, first + numbers.length);
  expect(numbers, `round ${round}: a gapless piece`).toEqual(kept);
  const last = numbers.at(-1) ?? 0;
  const oldest = model.oldestUnflushed();
  if (numbers.length > 0 || oldest !== Number.POSITIVE_INFINITY) {
    const lastPromised = model.promisedUpTo;
    const mustHave = model.records.filter((number) => number >= oldest && number <= lastPromised);
    const have = new Set(numbers);
    expect(
      mustHave.filter((number) => !have.has(number)),
      `round ${round}: promised and lost`,
    ).toEqual([]);
    if (lastPromised >= (numbers[0] ?? Number.POSITIVE_INFINITY)) expect(last).toBeGreaterThanOrEqual(lastPromised);
  }
  // What came after is gone for good. What came before may yet return: the free segments may be, until the next sync.
  model.records = model.records.filter((number) => number <= lastTaken);
  const alive = new Set(model.records);
  for (const [key, owned] of model.unflushed)
    model.unflushed.set(
      key,
      owned.filter((number) => alive.has(number)),
    );
}

/** Replayed records get an owner again: those that were flushed too, as the real owner cannot tell. */
function adopt(log: CommitlogWriter, model: Model, numbers: readonly number[], segmentIds: readonly number[]): void {
  model.unflushed.clear();
  const key = log.tracker.acquireKey();
  numbers.forEach((_, i) => {
    log.tracker.addTo(segmentIds[i]!, key);
  });
  model.unflushed.set(key, [...numbers]);
  log.replayFinished();
}

function work(harness: LogHarness, log: CommitlogWriter, model: Model, steps: number): void {
  const { random, files, time } = harness;
  const keys = [...model.unflushed.keys()];
  while (keys.length < 3) {
    const key = log.tracker.acquireKey();
    keys.push(key);
    model.unflushed.set(key, []);
  }
  const style = random.integer(0, 6);
  if (style === 0) {
    const failAt = files.operationCount + random.integer(5, 80);
    files.plan = (operation, _path, number) =>
      number >= failAt && operation === 'fdatasync' ? { errno: 'EIO' } : undefined;
  }
  for (let i = 0; i < steps; i++) {
    const choice = random.integer(0, 20);
    if (style === 1 && choice === 0)
      files.capacityBytes = random.chance(0.5) ? 5 * 4096 + random.integer(0, 4096) : 1 << 30;
    if (choice < 12) appendTurn(harness, log, model, keys);
    else if (choice < 17) time.run(time.nowMs + random.next() * 6);
    else if (choice < 19) flush(harness, log, model, keys);
    else rotate(log);
  }
  files.capacityBytes = Number.POSITIVE_INFINITY;
}

function appendTurn(harness: LogHarness, log: CommitlogWriter, model: Model, keys: readonly number[]): void {
  const { random, time } = harness;
  const count = random.integer(1, 8);
  const turn: number[] = [];
  for (let i = 0; i < count; i++) {
    const key = random.pick(keys);
    const size = random.chance(0.05) ? random.integer(1000, 1900) : random.integer(4, 300);
    const previous = harness.lastTaken;
    let number: number;
    try {
      number = harness.append(log, size, key);
    } catch (error) {
      expect(error).toBeInstanceOf(FileOperationError);
      if (log.failure === undefined) expect((error as FileOperationError).errno).toBe('ENOSPC');
      continue;
    }
    turn.push(number);
    model.records.push(number);
    model.unflushed.get(key)!.push(number);
    const onWritten = (error: Error | undefined, tag: number): void => {
      if (error === undefined) model.writtenUpTo = Math.max(model.writtenUpTo, tag);
      else if (log.failure === undefined) {
        // Refused: it must never come back.
        model.records = model.records.filter((other) => other !== tag);
        harness.lastTaken = Math.min(harness.lastTaken, previous);
        const owned = model.unflushed.get(key)!;
        model.unflushed.set(
          key,
          owned.filter((other) => other !== tag),
        );
      }
    };
    log.whenWritten(onWritten, number);
    const onSafe = (error: Error | undefined, tag: number): void => {
      if (error === undefined) {
        if (log.failure !== undefined) throw new Error('acknowledged after a failure');
        model.durableUpTo = Math.max(model.durableUpTo, tag);
      }
    };
    if (random.chance(0.3)) log.whenDurable(onSafe, number);
    else if (random.chance(0.5)) log.whenAccepted(model.syncMode === SyncMode.Periodic ? onWritten : onSafe, number);
  }
  if (random.chance(0.9)) time.endTurns();
}

function flush(harness: LogHarness, log: CommitlogWriter, model: Model, keys: number[]): void {
  const i = harness.random.integer(0, keys.length);
  const key = keys[i]!;
  harness.time.endTurns(); // what is flushed has been applied, so it was written
  log.tracker.release(key);
  model.unflushed.delete(key);
  const fresh = log.tracker.acquireKey();
  keys[i] = fresh;
  model.unflushed.set(fresh, []);
}

function rotate(log: CommitlogWriter): void {
  try {
    log.rotate();
  } catch (error) {
    expect(error).toBeInstanceOf(FileOperationError);
  }
}

async function closeOrderly(harness: LogHarness, log: CommitlogWriter, model: Model): Promise<void> {
  work(harness, log, model, 20);
  harness.files.plan = undefined;
  const failure = log.failure;
  let isClosed = false;
  const closing = log.close().then(
    () => {
      isClosed = true;
    },
    (error) => {
      expect(failure ?? log.failure).toBe(error);
      isClosed = true;
    },
  );
  while (!isClosed) await harness.time.runAsync(harness.time.nowMs + 50);
  await closing;
  if (log.failure === undefined) model.durableUpTo = model.records.at(-1) ?? 0;
  expect(harness.files.openCount).toBe(0);
}

test('whatever the crash, replay gives a gapless piece with everything that was promised', async () => {
  for (const seed of seeds) {
    try {
      await runSeed(seed);
    } catch (error) {
      throw new Error(`TESSERA_SEED=${seed}: ${(error as Error).message}`, { cause: error });
    }
  }
});
