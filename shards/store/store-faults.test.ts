import { describe, expect, test } from 'vitest';
import { crashAt, failAt } from '../../test/support/store-faults.ts';
import { OTHER_STRATEGIES } from '../../test/support/store-scenario.ts';

/** File operations of the scenario that change something, at least; and all. A scenario that shrinks proves less. */
const LEAST_CHANGES = 400;
const LEAST_OPERATIONS = 1000;

/** Calls `run` for every `step`-th operation until there are none; returns how many there are, about. All: test/soak/store-faults.ts. */
async function each(step: number, run: (at: number) => Promise<boolean>): Promise<number> {
  let at = 1;
  for (; ; at += step) {
    try {
      if (!(await run(at))) return at;
    } catch (error) {
      throw new Error(`at operation ${at}: ${(error as Error).message}`, { cause: error });
    }
  }
}

describe('a stop at every file operation of writes, flushes, a compaction, a truncation and a dropped table', () => {
  test('by a power cut or a kill in turn', async () => {
    expect(await each(1, (at) => crashAt(at, at % 2 === 0))).toBeGreaterThan(LEAST_CHANGES);
  });

  test('and then at every file operation of the start', async () => {
    for (const at of [130, 260, 395]) {
      const isPowerFailure = at % 20 === 0;
      expect(await each(1, (recoveryAt) => crashAt(at, isPowerFailure, recoveryAt))).toBeGreaterThan(10);
    }
  });
});

describe('a file operation that fails', () => {
  test('for want of space: the node lives on and does later what it could not do', async () => {
    expect(await each(3, (at) => failAt(at, 'ENOSPC'))).toBeGreaterThan(LEAST_CHANGES);
  });

  test('for want of space, and many after it', async () => {
    expect(await each(15, (at) => failAt(at, 'ENOSPC', 150))).toBeGreaterThan(LEAST_CHANGES);
  });

  test('with an I/O error, any of them', async () => {
    expect(await each(7, (at) => failAt(at, 'EIO'))).toBeGreaterThan(LEAST_OPERATIONS);
  });
});

describe.each(Object.entries(OTHER_STRATEGIES))('a store that compacts by strategy: %s', (_name, compaction) => {
  test('is stopped at file operations by a power cut or a kill in turn', async () => {
    expect(await each(67, (at) => crashAt(at, at % 2 === 0, 0, compaction))).toBeGreaterThan(LEAST_CHANGES);
  });

  test('is stopped, and then at file operations of the start', async () => {
    expect(await each(13, (recoveryAt) => crashAt(701, true, recoveryAt, compaction))).toBeGreaterThan(10);
  });

  test('wants space for some file operation, and many after it', async () => {
    expect(await each(131, (at) => failAt(at, 'ENOSPC', 150, compaction))).toBeGreaterThan(LEAST_CHANGES);
  });

  test('meets an I/O error', async () => {
    expect(await each(173, (at) => failAt(at, 'EIO', 1, compaction))).toBeGreaterThan(LEAST_OPERATIONS);
  });
});
