import { describe, expect, test } from 'vitest';
import { CorruptFileError } from '../core/errors.ts';
import { LOG_DIRECTORY, LogHarness } from '../test/support/log-harness.ts';
import { SyncMode } from './commitlog-options.ts';
import { durableMarkPath, readDurableMarks } from './durable-mark.ts';
import { listSegmentFiles } from './segment.ts';

/** A log of a few segments, the last of them recycled, some of its batches synced and some not. */
function written(seed: number): { harness: LogHarness; paths: string[]; count: number } {
  const harness = new LogHarness(seed);
  const log = harness.open(harness.examine(), { syncMode: SyncMode.Periodic });
  log.replayFinished();
  const scratch = log.tracker.acquireKey();
  harness.append(log, 700, scratch);
  log.rotate();
  log.tracker.release(scratch);
  log.rotate();
  harness.time.run(harness.time.nowMs + 30);
  const key = log.tracker.acquireKey();
  for (let i = 0; i < 60; i++) {
    harness.append(log, harness.random.integer(4, 200), key);
    if (i % 2 === 0) harness.time.endTurns();
    if (i % 9 === 0) {
      log.whenDurable(() => {}, 0);
      harness.time.run(harness.time.nowMs + 10);
    }
  }
  harness.time.endTurns();
  harness.stop(false);
  const paths = listSegmentFiles(harness.files, LOG_DIRECTORY)
    .filter((file) => file.kind === 'commitlog')
    .map((file) => file.path);
  return { harness, paths, count: 60 };
}

/** Replays; a CorruptFileError gives undefined. */
async function attempt(harness: LogHarness): Promise<number[] | undefined> {
  try {
    return (await harness.replay()).numbers;
  } catch (error) {
    if (!(error instanceof CorruptFileError)) throw error;
    return undefined;
  }
}

function expectPrefix(numbers: readonly number[], whole: readonly number[], where: string): void {
  if (numbers.every((number, i) => number === whole[i])) return;
  expect(numbers, where).toEqual(whole.slice(0, numbers.length));
}

describe('damage', () => {
  test('any flipped byte: a prefix or a CorruptFileError, and never an invented record when it is skipped', async () => {
    const { harness, paths } = written(1);
    const whole = (await harness.replay()).numbers;
    expect(whole.length).toBe(60);
    let refused = 0;
    let cut = 0;
    for (const path of paths) {
      const { length } = harness.files.contentOf(path);
      for (let at = 0; at < length; at++) {
        const mask = 1 << (at % 8);
        harness.files.flip(path, at, mask);
        const numbers = await attempt(harness);
        if (numbers === undefined) {
          refused++;
          if (at % 32 === 0) {
            harness.skipDamaged = true;
            const salvaged = (await harness.replay()).numbers;
            expect(salvaged.every((number) => whole.includes(number))).toBe(true);
            expect(salvaged.length).toBeGreaterThan(0);
            harness.skipDamaged = false;
          }
        } else {
          expectPrefix(numbers, whole, `${path} byte ${at}`);
          if (numbers.length < whole.length) cut++;
        }
        harness.files.flip(path, at, mask);
      }
    }
    expect(refused).toBeGreaterThan(1000);
    expect(cut).toBeGreaterThan(100);
  });

  test('cut at any byte, with the rest gone, zeroed, 0xff or of another segment: a prefix or a CorruptFileError', async () => {
    const { harness } = written(2);
    const whole = (await harness.replay()).numbers;
    const kept = harness.examine().chains[0]!.kept;
    const newest = kept.at(-1)!.file.path;
    const genuine = harness.files.contentOf(newest);
    const other = harness.files.contentOf(kept.at(-2)!.file.path);
    for (let at = 0; at < genuine.length; at++) {
      const tails = [
        genuine.subarray(0, at),
        patched(genuine, at, (tail) => tail.fill(0)),
        patched(genuine, at, (tail) => tail.fill(0xff)),
        patched(genuine, at, (tail) => tail.set(other.subarray(at, genuine.length))),
      ];
      for (const bytes of at % 4 === 0 ? tails : tails.slice(0, 1)) {
        harness.files.setContent(newest, bytes);
        const numbers = await attempt(harness);
        if (numbers !== undefined) expectPrefix(numbers, whole, `cut at ${at}`);
      }
    }
  });

  test('of what the mark calls durable nothing is lost without an error, whatever happens to the newest segment', async () => {
    const { harness } = written(5);
    const before = await harness.replay();
    const whole = before.numbers;
    harness.lastTaken = before.lastTaken;
    const log = harness.open(before.examination);
    const key = log.tracker.acquireKey();
    for (let i = 0; i < 10; i++) {
      whole.push(harness.append(log, 50 + i, key));
      harness.time.endTurns();
    }
    await harness.closeOrderly(log);
    expect((await harness.replay()).numbers).toEqual(whole);
    const examination = harness.examine();
    const newest = examination.chains[0]!.kept.at(-1)!;
    const { path, segmentId } = newest.file;
    const genuine = harness.files.contentOf(path);
    const mark = readDurableMarks(harness.files, LOG_DIRECTORY).get(0)!;
    expect(mark).toEqual({ segmentId, offset: newest.end });
    const refuses = (bytes: Uint8Array, what: string): void => {
      harness.files.setContent(path, bytes);
      expect(() => harness.examine(), what).toThrow(CorruptFileError);
      expect(() => harness.examine(), what).toThrow(path);
    };
    for (let at = 0; at < newest.end; at++) {
      refuses(genuine.subarray(0, at), `cut at ${at}`);
      refuses(
        patched(genuine, at, (tail) => tail.fill(0)),
        `zeros from ${at}`,
      );
      // What pads a batch may be anything.
      harness.files.setContent(
        path,
        patched(genuine, at, (tail) => (tail[0]! ^= 1 << (at % 8))),
      );
      const numbers = await attempt(harness);
      if (numbers !== undefined) expect(numbers, `flip of ${at}`).toEqual(whole);
    }
    harness.files.unlink(path);
    expect(() => harness.examine()).toThrow(`${path} at byte 0: this segment, the newest of the log, is missing`);
    harness.skipDamaged = true;
    expect(harness.examine().chains[0]!.damaged).toMatchObject([{ path, offset: 0 }]);
    harness.skipDamaged = false;
    harness.files.setContent(path, genuine);
    // A mark that is torn, or behind, takes nothing away.
    const markPath = durableMarkPath(LOG_DIRECTORY, 0);
    const markBytes = harness.files.contentOf(markPath);
    for (let at = 0; at <= markBytes.length; at++) {
      harness.files.setContent(markPath, markBytes.subarray(0, at));
      expect(harness.examine().chains[0]!.kept.at(-1)!.end).toBe(newest.end);
    }
  });

  test('a torn tail is cut with a word, once', async () => {
    const { harness } = written(3);
    const last = (await harness.replay()).examination.chains[0]!.kept.at(-1)!;
    const newest = last.file.path;
    harness.files.flip(newest, last.end - 9, 0xff);
    const examination = harness.examine();
    expect(examination.chains[0]!.torn).toMatchObject({ path: newest });
    const before = (await harness.replay()).numbers;
    harness.lastTaken = before.at(-1)!;
    const log = harness.open(examination);
    const next = harness.append(log, 20);
    harness.time.endTurns();
    harness.stop(true);
    const after = await harness.replay();
    expect(after.examination.chains[0]!.torn).toBeUndefined();
    expect(after.numbers.slice(0, before.length)).toEqual(before);
    expect([[], [next]]).toContainEqual(after.numbers.slice(before.length));
  });

  test('a missing segment is damage, named; skipped, the rest is read', async () => {
    const { harness } = written(4);
    const whole = (await harness.replay()).numbers;
    const kept = harness.examine().chains[0]!.kept;
    expect(kept.length).toBeGreaterThanOrEqual(2);
    for (const segment of kept.slice(0, -1)) {
      const bytes = harness.files.contentOf(segment.file.path);
      harness.files.unlink(segment.file.path);
      expect(() => harness.examine()).toThrow(CorruptFileError);
      expect(() => harness.examine()).toThrow(new RegExp(segment.file.path));
      harness.skipDamaged = true;
      const rest = (await harness.replay()).numbers;
      expect(rest.length).toBeGreaterThan(0);
      expect(rest.length).toBeLessThan(whole.length);
      expect(harness.examine().chains[0]!.damaged.length).toBeGreaterThan(0);
      harness.skipDamaged = false;
      harness.files.setContent(segment.file.path, bytes);
    }
    expect((await harness.replay()).numbers).toEqual(whole);
  });
});

function patched(genuine: Uint8Array, at: number, change: (tail: Uint8Array) => void): Uint8Array {
  const bytes = genuine.slice();
  change(bytes.subarray(at));
  return bytes;
}
