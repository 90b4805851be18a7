import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Files } from '../core/ports/files.ts';
import { ALL_ROWS } from '../core/read/slice.ts';
import { ALL_TOKENS } from '../core/token.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { SimRandom } from '../test/sim/sim-random.ts';
import { commitSSTables, listSSTables, removeSSTable } from './commit.ts';
import { SSTable } from './reader.ts';
import { drain } from './testing/content-lines.ts';
import { batchLines, modelRead } from './testing/model-read.ts';
import { Dice, feed, type RandomTable, randomPartitions } from './testing/random-partitions.ts';
import { SSTableWriter } from './writer.ts';

const DIRECTORY = '/data';
const WHOLE = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

function makeFiles(): SimFiles {
  const files = new SimFiles((operation) => queueMicrotask(operation));
  files.makeDirectory(DIRECTORY);
  files.syncDirectory('/');
  return files;
}

function makeWriter(files: Files, random: RandomTable, identifier: string): SSTableWriter {
  return new SSTableWriter(files, random.table, {
    directory: DIRECTORY,
    identifier,
    expectedPartitions: random.partitions.length,
    base: random.base,
  });
}

class PowerFailure extends Error {}

describe('staging, committing and removing', () => {
  test('after a power failure at any moment an SSTable is whole or not there', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer(), async (seed) => {
        const dice = new Dice(seed);
        const random = randomPartitions(seed);
        const files = makeFiles();
        const failAt = 1 + dice.below(60);
        let operations = 0;
        files.plan = () => {
          if (++operations === failAt) throw new PowerFailure();
          return undefined;
        };
        let isCommitted = false;
        let isRemoving = false;
        try {
          const writer = makeWriter(files, random, '7');
          feed(random.partitions, 30, (batch) => writer.append(batch));
          writer.finish();
          writer.commit();
          isCommitted = true;
          isRemoving = true;
          removeSSTable(files, DIRECTORY, 'me-7-big');
          isCommitted = false;
        } catch (error) {
          if (!(error instanceof PowerFailure)) throw error;
        }
        files.plan = undefined;
        files.crash(new SimRandom(seed));
        const { committed, unfinished } = listSSTables(files, DIRECTORY);
        if (isCommitted && !isRemoving) expect(committed).toEqual(['me-7-big']);
        if (committed.length > 0) {
          const sstable = await SSTable.open(files, `${DIRECTORY}/me-7-big-Data.db`, { table: random.table });
          const lines: string[] = [];
          await drain(sstable.openScan(ALL_TOKENS, WHOLE), (batch) => lines.push(...batchLines(batch)));
          sstable.close();
          expect(lines).toEqual(random.partitions.flatMap((partition) => modelRead(random.table, partition, WHOLE)));
        }
        for (const prefix of unfinished) removeSSTable(files, DIRECTORY, prefix);
        expect(listSSTables(files, DIRECTORY).unfinished).toEqual([]);
      }),
      { numRuns: 150 },
    );
  });

  test('commit may be done again, and names what is not staged', () => {
    const files = makeFiles();
    const random = randomPartitions(1);
    for (const identifier of ['1', '2']) {
      const writer = makeWriter(files, random, identifier);
      feed(random.partitions, 30, (batch) => writer.append(batch));
      writer.finish();
    }
    expect(listSSTables(files, DIRECTORY)).toEqual({ committed: [], unfinished: ['me-1-big', 'me-2-big'] });
    for (let i = 0; i < 2; i++) commitSSTables(files, DIRECTORY, ['me-1-big', 'me-2-big']);
    expect(listSSTables(files, DIRECTORY)).toEqual({ committed: ['me-1-big', 'me-2-big'], unfinished: [] });
    expect(() => commitSSTables(files, DIRECTORY, ['me-3-big'])).toThrow('ENOENT');
    removeSSTable(files, DIRECTORY, 'me-1-big');
    removeSSTable(files, DIRECTORY, 'me-1-big');
    expect(files.list(DIRECTORY).every((name) => name.startsWith('me-2-big-'))).toBe(true);
    expect(files.openCount).toBe(0);
  });

  test('an SSTable that is not committed is not read', async () => {
    const files = makeFiles();
    const random = randomPartitions(2);
    const writer = makeWriter(files, random, '1');
    feed(random.partitions, 30, (batch) => writer.append(batch));
    const { dataPath } = writer.finish()!;
    await expect(SSTable.open(files, dataPath, { table: random.table })).rejects.toThrow('component is missing');
    expect(files.openCount).toBe(0);
  });

  test('nothing is left of an aborted or empty one', () => {
    const files = makeFiles();
    const random = randomPartitions(3);
    const aborted = makeWriter(files, random, '1');
    feed(random.partitions, 30, (batch) => aborted.append(batch));
    aborted.abort();
    expect(makeWriter(files, random, '2').finish()).toBeUndefined();
    expect(files.list(DIRECTORY)).toEqual([]);
    expect(files.openCount).toBe(0);
  });
});
