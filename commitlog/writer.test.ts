import { describe, expect, test } from 'vitest';
import { CorruptFileError, FileOperationError, InvalidRequestError, UnsupportedFormatError } from '../core/errors.ts';
import { HOST_ID, LOG_DIRECTORY, LogHarness, numberedRecord } from '../test/support/log-harness.ts';
import { type CommitlogOptions, NO_KEY, SyncMode } from './commitlog-options.ts';
import { RecordKind } from './record-kind.ts';
import { listSegmentFiles, segmentCounter, segmentShard } from './segment.ts';
import type { CommitlogWriter } from './writer.ts';

function start(seed: number, options: Partial<CommitlogOptions> = {}): { harness: LogHarness; log: CommitlogWriter } {
  const harness = new LogHarness(seed);
  const log = harness.open(harness.examine(), options);
  log.replayFinished();
  harness.time.run(harness.time.nowMs + 50); // the spare segment is ready
  return { harness, log };
}

/** Notes what happens in order: operations on segments and callbacks. */
function watch(harness: LogHarness): string[] {
  const events: string[] = [];
  harness.files.onOperation = (operation, path) => {
    if (path.endsWith('.mark')) return;
    if (operation === 'write' || operation.startsWith('fdatasync')) events.push(operation);
  };
  return events;
}

const note =
  (events: string[], what: string) =>
  (error: Error | undefined, tag: number): void => {
    events.push(
      error === undefined ? `${what} ${tag}` : `${what} ${tag} failed: ${(error as FileOperationError).errno}`,
    );
  };

describe('sync modes', () => {
  test('periodic: one write a turn, told at its end; synced after the period', () => {
    const { harness, log } = start(1, { syncMode: SyncMode.Periodic, syncPeriodMs: 100 });
    const events = watch(harness);
    for (let i = 1; i <= 3; i++) {
      harness.append(log, 50);
      log.whenAccepted(note(events, 'accepted'), i);
    }
    expect(events).toEqual([]);
    harness.time.endTurns();
    expect(events).toEqual(['write', 'accepted 1', 'accepted 2', 'accepted 3']);
    harness.time.run(harness.time.nowMs + 90);
    expect(events.length).toBe(4);
    harness.time.run(harness.time.nowMs + 30);
    expect(events.slice(4)).toEqual(['fdatasync begins', 'fdatasync']);
    expect(log.hasUnsynced).toBe(false);
    harness.time.run(harness.time.nowMs + 1000);
    expect(events.length, 'an idle log does nothing').toBe(6);
    expect(harness.tasks.timerCount).toBe(0);
  });

  test('batch: told after the fdatasync, never before', () => {
    const { harness, log } = start(2, { syncMode: SyncMode.Batch });
    const events = watch(harness);
    harness.append(log, 50);
    log.whenAccepted(note(events, 'accepted'), 1);
    harness.time.endTurns();
    expect(events).toEqual(['write', 'fdatasync begins']);
    harness.time.run(harness.time.nowMs + 10);
    expect(events).toEqual(['write', 'fdatasync begins', 'fdatasync', 'accepted 1']);
  });

  test('one fdatasync at a time serves everybody who wrote before it', () => {
    const { harness, log } = start(3, { syncMode: SyncMode.Batch });
    const events = watch(harness);
    const turn = (tag: number): void => {
      harness.append(log, 50);
      log.whenAccepted(note(events, 'accepted'), tag);
      harness.time.endTurns();
    };
    turn(1);
    turn(2);
    turn(3);
    expect(events).toEqual(['write', 'fdatasync begins', 'write', 'write']);
    harness.time.run(harness.time.nowMs + 20);
    expect(events.slice(4)).toEqual([
      'fdatasync',
      'fdatasync begins',
      'accepted 1',
      'fdatasync',
      'accepted 2',
      'accepted 3',
    ]);
  });

  test('group: the window gathers, a forced sync does not wait for it', () => {
    const { harness, log } = start(4, { syncMode: SyncMode.Group, groupWindowMs: 20 });
    const events = watch(harness);
    harness.append(log, 50);
    log.whenAccepted(note(events, 'accepted'), 1);
    harness.time.run(harness.time.nowMs + 15);
    harness.append(log, 50);
    log.whenAccepted(note(events, 'accepted'), 2);
    harness.time.endTurns();
    expect(events).toEqual(['write', 'write']);
    harness.time.run(harness.time.nowMs + 15);
    expect(events.slice(2)).toEqual(['fdatasync begins', 'fdatasync', 'accepted 1', 'accepted 2']);
    harness.append(log, 50);
    log.whenAccepted(note(events, 'accepted'), 3);
    log.whenDurable(note(events, 'durable'), 4);
    harness.time.endTurns();
    expect(events.slice(6)).toEqual(['write', 'fdatasync begins']);
    harness.time.run(harness.time.nowMs + 10);
    expect(events.slice(8)).toEqual(['fdatasync', 'accepted 3', 'durable 4']);
  });

  test('waiting with nothing appended is answered in the turn, without a sync', () => {
    const { harness, log } = start(5);
    const events = watch(harness);
    log.whenDurable(note(events, 'durable'), 1);
    log.whenWritten(note(events, 'written'), 2);
    expect(events).toEqual([]);
    harness.time.endTurns();
    expect(events).toEqual(['written 2', 'durable 1']);
  });
});

describe('appending', () => {
  test('positions are those that replay tells', async () => {
    const { harness, log } = start(10);
    const positions: number[] = [];
    const segments: number[] = [];
    for (let i = 1; i <= 80; i++) {
      const record = numberedRecord(i, 20 + i);
      positions.push(log.append(RecordKind.Mutation, NO_KEY, record, 0, record.length));
      segments.push(log.segmentId);
      harness.lastTaken = i;
      if (i % 3 === 0) harness.time.endTurns();
    }
    harness.time.endTurns();
    harness.stop(false);
    const replayed = await harness.replay();
    const first = replayed.numbers[0]! - 1; // earlier segments held nothing dirty
    expect(replayed.numbers.at(-1)).toBe(80);
    expect(replayed.positions).toEqual(positions.slice(first));
    expect(replayed.segmentIds).toEqual(segments.slice(first));
  });

  test('a turn larger than the buffer is written early and told at its end', () => {
    const { harness, log } = start(11, { segmentBytes: 8 << 20 });
    const events = watch(harness);
    const record = new Uint8Array(400_000);
    for (let i = 0; i < 8; i++) log.append(RecordKind.Mutation, NO_KEY, record, 0, record.length);
    log.whenWritten(note(events, 'written'), 1);
    expect(events).toEqual(['write', 'write', 'write']);
    harness.time.endTurns();
    expect(events).toEqual(['write', 'write', 'write', 'write', 'written 1']);
  });

  test('the largest record fits any segment, a larger one is refused', async () => {
    const { harness, log } = start(12);
    for (let i = 0; i < 5; i++) harness.append(log, log.maxRecordBytes, log.tracker.acquireKey());
    const tooLarge = new Uint8Array(log.maxRecordBytes + 1);
    expect(() => log.append(RecordKind.Mutation, NO_KEY, tooLarge, 0, tooLarge.length)).toThrow(InvalidRequestError);
    harness.time.endTurns();
    harness.stop(false);
    expect((await harness.replay()).numbers).toEqual([1, 2, 3, 4, 5]);
  });

  test('a CHECKPOINT larger than a segment makes it grow', async () => {
    const harness = new LogHarness(13);
    const log = harness.open(harness.examine(), { checkpoint: (out) => out.raw(new Uint8Array(10_000)) });
    log.append(RecordKind.Mutation, NO_KEY, numberedRecord(1, 1500), 0, 1500);
    log.append(RecordKind.Mutation, NO_KEY, numberedRecord(2, 1500), 0, 1500);
    harness.time.endTurns();
    expect(log.totalBytes).toBeGreaterThan(11_500);
    harness.stop(false);
    expect(harness.examine().chains[0]!.kept.length).toBeGreaterThan(0);
  });
});

describe('segments', () => {
  test('flushed segments are freed after the next durable CHECKPOINT, used again, and never under the old id', () => {
    const { harness, log } = start(20, { segmentBytes: 4096 });
    const ids = new Set([log.segmentId]);
    const removed: string[] = [];
    harness.files.onOperation = (operation, path) => {
      if (operation === 'rename' || operation === 'unlink') removed.push(path);
    };
    let key = log.tracker.acquireKey();
    for (let i = 0; i < 400; i++) {
      const before = log.segmentId;
      harness.append(log, 100, key);
      if (log.segmentId !== before) {
        expect(ids.has(log.segmentId)).toBe(false);
        ids.add(log.segmentId);
        log.tracker.release(key);
        key = log.tracker.acquireKey();
      }
      log.whenDurable(() => {}, i);
      harness.time.run(harness.time.nowMs + 10);
    }
    expect(ids.size).toBeGreaterThan(10);
    expect(log.segmentCount).toBeLessThanOrEqual(3);
    expect(removed.some((path) => path.includes('recycled-'))).toBe(true);
    expect(listSegmentFiles(harness.files, LOG_DIRECTORY).length).toBeLessThan(8);
  });

  test('a segment with an unflushed record holds all later ones', () => {
    const { harness, log } = start(21);
    const key = log.tracker.acquireKey();
    const first = log.segmentId;
    harness.append(log, 100, key);
    for (let i = 0; i < 5; i++) {
      log.rotate();
      harness.time.run(harness.time.nowMs + 20);
    }
    expect(log.segmentCount).toBe(6);
    expect(log.tracker.oldestDirty()).toBe(first);
    log.tracker.release(key);
    log.rotate();
    expect(log.segmentCount, 'not before the CHECKPOINT is durable').toBe(7);
    harness.time.run(harness.time.nowMs + 20);
    expect(log.segmentCount).toBe(1);
  });

  test('above the size limit the owner is asked to flush the oldest, once per segment', () => {
    const { harness, log } = start(22, { totalBytes: 3 * 4096 });
    const key = log.tracker.acquireKey();
    const first = log.segmentId;
    for (let i = 0; i < 200; i++) {
      harness.append(log, 100, key);
      harness.time.run(harness.time.nowMs + 3);
    }
    expect(harness.pressures.length).toBeGreaterThan(1);
    expect(new Set(harness.pressures)).toEqual(new Set([first]));
    expect(harness.pressures.length).toBeLessThanOrEqual(log.segmentCount);
  });

  test('bytes of a recycled file never come back', async () => {
    const { harness, log } = start(23);
    let key = log.tracker.acquireKey();
    for (let i = 0; i < 300; i++) {
      harness.append(log, 60, key);
      if (i % 40 === 0) {
        log.tracker.release(key);
        key = log.tracker.acquireKey();
      }
      harness.time.run(harness.time.nowMs + 10);
    }
    for (let i = 0; i < 3; i++) {
      log.rotate(); // a fresh header, and behind it a whole former segment
      harness.time.run(harness.time.nowMs + 20);
    }
    const fresh = harness.append(log, 60, key);
    harness.time.endTurns();
    const path = listSegmentFiles(harness.files, LOG_DIRECTORY).find((file) => file.segmentId === log.segmentId)!.path;
    const leftovers = harness.files
      .contentOf(path)
      .subarray(1000)
      .some((byte) => byte !== 0);
    expect(leftovers, 'the file was recycled').toBe(true);
    harness.stop(false);
    const replayed = await harness.replay();
    expect(replayed.numbers.at(-1)).toBe(fresh);
    expect(replayed.examination.chains[0]!.torn).toBeUndefined();
    for (let i = 1; i < replayed.numbers.length; i++) expect(replayed.numbers[i]).toBe(replayed.numbers[i - 1]! + 1);
  });

  test('ids rise over every restart, even when the newest segment was lost', () => {
    const harness = new LogHarness(24);
    let highest = 0;
    for (let round = 0; round < 20; round++) {
      const log = harness.open(harness.examine(), { leastCounter: round === 10 ? 1000 : 0 });
      log.replayFinished();
      expect(segmentCounter(log.segmentId)).toBeGreaterThan(highest);
      if (round >= 10) expect(segmentCounter(log.segmentId)).toBeGreaterThan(1000);
      highest = segmentCounter(log.segmentId);
      harness.stop(true);
    }
  });
});

describe('failures', () => {
  test('no space: the turn is refused, the log lives on and takes the next when space returns', async () => {
    const { harness, log } = start(30, { syncMode: SyncMode.Batch });
    const key = log.tracker.acquireKey();
    const events: string[] = [];
    let failing = 0;
    const plan = (operation: string): { errno: string; writtenBytes: number } | undefined => {
      if (operation !== 'write') return undefined;
      failing++;
      return { errno: 'ENOSPC', writtenBytes: failing === 1 ? 60 : 0 };
    };
    const kept = harness.append(log, 50, key);
    log.whenAccepted(note(events, 'accepted'), 1);
    harness.time.run(harness.time.nowMs + 10);
    harness.files.plan = plan;
    harness.append(log, 50, key);
    log.whenAccepted(note(events, 'accepted'), 2);
    log.whenWritten(note(events, 'written'), 3);
    harness.time.run(harness.time.nowMs + 10);
    expect(events).toEqual(['accepted 1', 'written 3 failed: ENOSPC', 'accepted 2 failed: ENOSPC']);
    expect(log.failure).toBeUndefined();
    expect(log.tracker.countOf(log.segmentId, key), 'a refused record pins nothing').toBe(1);
    harness.files.plan = undefined;
    harness.lastTaken = kept;
    const later = harness.append(log, 50, key);
    log.whenAccepted(note(events, 'accepted'), 4);
    harness.time.run(harness.time.nowMs + 10);
    expect(events.at(-1)).toBe('accepted 4');
    harness.stop(true);
    expect((await harness.replay()).numbers).toEqual([kept, later]);
  });

  test('no space for a new segment: append throws, what was pending is written', async () => {
    const { harness, log } = start(31);
    const key = log.tracker.acquireKey();
    harness.files.plan = (operation, path) =>
      operation === 'write' && !path.includes('256') ? { errno: 'ENOSPC', writtenBytes: 64 } : undefined;
    let refused: unknown;
    try {
      for (let i = 0; i < 200; i++) {
        harness.append(log, 100, key);
        harness.time.run(harness.time.nowMs + 5);
      }
    } catch (error) {
      refused = error;
    }
    expect(refused).toBeInstanceOf(FileOperationError);
    expect((refused as FileOperationError).errno).toBe('ENOSPC');
    expect(log.failure).toBeUndefined();
    // The old segment takes what still fits, and the one that could not be begun does not end it.
    const small = harness.append(log, 4, key);
    log.whenDurable(() => {}, 0);
    harness.time.run(harness.time.nowMs + 20);
    const taken = harness.lastTaken;
    expect(taken).toBe(small);
    const copy = new LogHarness(31);
    for (const name of harness.files.list(LOG_DIRECTORY)) {
      copy.files.setContent(`${LOG_DIRECTORY}/${name}`, harness.files.contentOf(`${LOG_DIRECTORY}/${name}`));
    }
    expect((await copy.replay()).numbers.at(-1)).toBe(small);
    harness.files.plan = undefined;
    const later = harness.append(log, 100, key);
    log.whenDurable(() => {}, 0);
    harness.time.run(harness.time.nowMs + 20);
    harness.stop(true);
    const { numbers } = await harness.replay();
    expect(numbers.at(-1)).toBe(later);
    expect(numbers.at(-2)).toBe(taken);
  });

  test('after a refusal nothing more is taken in that turn: a CHECKPOINT would tell of records that are not there', () => {
    const { harness, log } = start(32, { segmentBytes: 8 << 20 });
    const record = new Uint8Array(600_000);
    harness.files.plan = (operation) => (operation === 'write' ? { errno: 'EDQUOT' } : undefined);
    const append = (): number => log.append(RecordKind.Mutation, NO_KEY, record, 0, record.length);
    append();
    expect(append).toThrow(/EDQUOT/); // the early write failed
    harness.files.plan = undefined;
    expect(append).toThrow(/EDQUOT/);
    expect(() => log.rotate()).toThrow(/EDQUOT/);
    harness.time.endTurns();
    expect(append).not.toThrow();
  });

  test.each([
    ['fdatasync', 'EIO'],
    ['fdatasync', 'ENOSPC'],
    ['write', 'EIO'],
  ])('%s failing with %s ends the log: nothing is acknowledged any more', (operation, errno) => {
    const { harness, log } = start(33);
    const events: string[] = [];
    let armed = true;
    harness.files.plan = (which) => {
      if (!armed || which !== operation) return undefined;
      armed = false; // the next one would succeed, though the data is gone
      return { errno };
    };
    harness.append(log, 50);
    log.whenAccepted(note(events, 'accepted'), 1);
    harness.time.endTurns();
    if (operation === 'fdatasync') {
      harness.append(log, 50);
      log.whenAccepted(note(events, 'accepted'), 2);
    }
    harness.time.run(harness.time.nowMs + 100);
    expect(events.every((event) => event.endsWith(`failed: ${errno}`))).toBe(true);
    expect(events.length).toBe(operation === 'fdatasync' ? 2 : 1);
    expect((log.failure as FileOperationError).errno).toBe(errno);
    expect(() => harness.append(log, 50)).toThrow(FileOperationError);
    log.whenDurable(note(events, 'durable'), 3);
    harness.time.run(harness.time.nowMs + 100);
    expect(events.at(-1)).toBe(`durable 3 failed: ${errno}`);
    expect(harness.messages.some((message) => message.includes('takes no more writes'))).toBe(true);
  });
});

describe('start and stop', () => {
  test('an orderly close leaves no tail that could be torn: any flip is damage', async () => {
    const { harness, log } = start(40);
    const key = log.tracker.acquireKey();
    for (let i = 0; i < 5; i++) harness.append(log, 50, key);
    const path = `${LOG_DIRECTORY}/commitlog-0000000000000256.log`;
    const closing = log.close();
    await harness.time.runAsync(harness.time.nowMs + 100);
    await closing;
    expect(harness.files.openCount).toBe(0);
    expect(() => harness.append(log, 50)).toThrow(/closed/);
    harness.stop(true);
    expect((await harness.replay()).numbers).toEqual([1, 2, 3, 4, 5]);
    harness.files.flip(path, 300, 1);
    expect(() => harness.examine()).toThrow(CorruptFileError);
  });

  test('what a CHECKPOINT frees stays needed until it is whole', async () => {
    const { harness, log } = start(43, { syncMode: SyncMode.Periodic });
    const key = log.tracker.acquireKey();
    harness.append(log, 50, key);
    log.tracker.release(key);
    log.rotate();
    harness.time.endTurns();
    const path = `${LOG_DIRECTORY}/commitlog-0000000000000512.log`;
    harness.stop(false);
    expect((await harness.replay()).numbers).toEqual([]);
    harness.files.flip(path, 100, 1);
    expect((await harness.replay()).numbers).toEqual([1]);
    expect(harness.examine().chains[0]!.torn).toMatchObject({ path, offset: 64 });
  });

  test('a segment whose name a crash lost is no damage when nothing behind it was durable', async () => {
    const { harness, log } = start(44, { syncMode: SyncMode.Periodic });
    const key = log.tracker.acquireKey();
    harness.append(log, 50, key);
    log.tracker.release(key);
    log.rotate();
    harness.append(log, 50, log.tracker.acquireKey());
    log.rotate();
    harness.time.endTurns();
    harness.stop(false);
    expect((await harness.replay()).numbers).toEqual([2]);
    harness.files.unlink(`${LOG_DIRECTORY}/commitlog-0000000000000512.log`);
    expect((await harness.replay()).numbers).toEqual([1]);
  });

  test('a torn log and skipped damage are told when the log is opened', () => {
    const { harness, log } = start(45);
    const key = log.tracker.acquireKey();
    for (let i = 0; i < 3; i++) {
      harness.append(log, 50, key);
      log.whenDurable(() => {}, 0);
      harness.time.run(harness.time.nowMs + 10);
    }
    harness.stop(false);
    const path = `${LOG_DIRECTORY}/commitlog-0000000000000256.log`;
    const { end } = harness.examine().chains[0]!.kept[0]!;
    harness.files.flip(path, 200, 1);
    harness.files.flip(path, end - 10, 1);
    harness.skipDamaged = true;
    harness.open(harness.examine());
    expect(harness.messages.filter((message) => message.includes(path))).toHaveLength(2);
  });

  test('the log of another host, and a kind of record from the future, are refused by name', async () => {
    const { harness, log } = start(41);
    log.append(12 as RecordKind, NO_KEY, new Uint8Array(4), 0, 4);
    harness.time.endTurns();
    harness.stop(false);
    await expect(harness.replay()).rejects.toThrow(/BACKUP_MARKER/);
    harness.hostId = '00000000-0000-0000-0000-000000000009';
    expect(() => harness.examine()).toThrow(UnsupportedFormatError);
    expect(() => harness.examine()).toThrow(new RegExp(HOST_ID));
  });

  test('logs of vanished shards are replayed by their new owner, first, and go when it says so', async () => {
    const harness = new LogHarness(42);
    harness.shardCount = 4;
    for (const shard of [0, 1, 2, 3]) {
      harness.shard = shard;
      harness.lastTaken = harness.lastNumber;
      const log = harness.open(harness.examine());
      harness.append(log, 50, log.tracker.acquireKey());
      log.whenDurable(() => {}, 0);
      harness.time.run(harness.time.nowMs + 20);
      harness.stop(true);
    }
    harness.shardCount = 2;
    harness.shard = 1;
    let replayed = await harness.replay();
    expect(replayed.numbers).toEqual([4, 2]);
    expect(replayed.segmentIds.map(segmentShard)).toEqual([3, 1]);
    harness.lastTaken = 2;
    const log = harness.open(replayed.examination);
    harness.stop(true);
    replayed = await harness.replay();
    expect(replayed.numbers, 'they stay until they are released').toEqual([4, 2]);
    harness.lastTaken = 2;
    const again = harness.open(replayed.examination);
    // A power failure after the marker and before the files are gone.
    harness.files.plan = (operation) => (operation === 'unlink' ? { errno: 'EIO' } : undefined);
    expect(() => again.removeForeign()).toThrow(FileOperationError);
    harness.stop(true);
    replayed = await harness.replay();
    expect(replayed.numbers).toEqual([2]);
    const last = harness.open(replayed.examination);
    last.removeForeign();
    harness.stop(false);
    harness.shardCount = 4;
    harness.shard = 3;
    expect((await harness.replay()).numbers).toEqual([]);
    const reborn = harness.open(harness.examine());
    expect(segmentCounter(reborn.segmentId), 'ids of its former life are not given again').toBeGreaterThan(1);
    expect(log.failure).toBeUndefined();
  });
});
