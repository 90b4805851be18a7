import { describe, expect, test } from 'vitest';
import { CorruptFileError } from '../core/errors.ts';
import { ALL_ROWS, type PartitionSlice } from '../core/read/slice.ts';
import { ALL_TOKENS } from '../core/token.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { SSTable } from './reader.ts';
import { drain } from './testing/content-lines.ts';
import { batchLines } from './testing/model-read.ts';
import { Dice, feed, type RandomTable, randomPartitions } from './testing/random-partitions.ts';
import { SSTableWriter } from './writer.ts';

const DIRECTORY = '/data';
const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };
const REVERSED: PartitionSlice = { ...WHOLE, isReversed: true };

interface Written {
  readonly files: SimFiles;
  readonly random: RandomTable;
  readonly dataPath: string;
}

function writeTable(seed: number): Written {
  const files = new SimFiles((operation) => queueMicrotask(operation));
  files.makeDirectory(DIRECTORY);
  const random = randomPartitions(seed);
  const writer = new SSTableWriter(files, random.table, {
    directory: DIRECTORY,
    identifier: '1',
    expectedPartitions: random.partitions.length,
    base: random.base,
    indexBlockBytes: 500,
  });
  feed(random.partitions, 50, (batch) => writer.append(batch));
  const info = writer.finish()!;
  writer.commit();
  return { files, random, dataPath: info.dataPath };
}

/** Everything that reads of all kinds deliver, as one text; partitions that were not found leave a line of their own. */
async function readAll({ files, random, dataPath }: Written): Promise<string> {
  const sstable = await SSTable.open(files, dataPath, { table: random.table, isBlocking: true });
  const lines: string[] = [];
  try {
    for (const slice of [WHOLE, REVERSED]) {
      await drain(sstable.openScan(ALL_TOKENS, slice), (batch) => lines.push(...batchLines(batch)));
    }
    for (const { key, tokenHi, tokenLo } of random.partitions) {
      const cursor = sstable.openPartition(tokenHi, tokenLo, key, 0, key.length, WHOLE);
      if (cursor === undefined) lines.push('absent');
      else await drain(cursor, (batch) => lines.push(...batchLines(batch)));
    }
  } finally {
    sstable.close();
  }
  return lines.join('\n');
}

/** 'same', 'refused', or what else came of reading. */
async function outcome(written: Written, expected: string): Promise<string> {
  try {
    return (await readAll(written)) === expected ? 'same' : 'other rows';
  } catch (error) {
    return error instanceof CorruptFileError ? 'refused' : String(error);
  }
}

describe('damage in our own files never passes unseen', () => {
  test.each([3, 14, 15, 92, 65])('any flipped bit gives the same rows or CorruptFileError, seed %d', async (seed) => {
    const written = writeTable(seed);
    const expected = await readAll(written);
    const dice = new Dice(seed);
    const seen = new Map<string, number>();
    for (const name of written.files.list(DIRECTORY)) {
      const path = `${DIRECTORY}/${name}`;
      const size = written.files.contentOf(path).length;
      for (let i = 0; i < Math.min(size, 40); i++) {
        const position = size <= 40 ? i : dice.below(size);
        const mask = 1 << dice.below(8);
        written.files.flip(path, position, mask);
        const result = await outcome(written, expected);
        written.files.flip(path, position, mask);
        seen.set(result, (seen.get(result) ?? 0) + 1);
        if (result !== 'same' && result !== 'refused') expect(`${name} byte ${position} mask ${mask}`).toBe(result);
      }
    }
    expect(seen.get('refused')).toBeGreaterThan(100);
    expect(await readAll(written)).toBe(expected);
    expect(written.files.openCount).toBe(0);
  });

  test.each([3, 14, 15])('any file cut short, emptied or missing is refused, seed %d', async (seed) => {
    const written = writeTable(seed);
    const expected = await readAll(written);
    const dice = new Dice(seed);
    for (const name of written.files.list(DIRECTORY)) {
      const path = `${DIRECTORY}/${name}`;
      const content = written.files.contentOf(path).slice();
      for (const length of [0, dice.below(content.length), content.length - 1]) {
        written.files.setContent(path, content.slice(0, length));
        const result = await outcome(written, expected);
        // A digest is for whole-file checks: no row depends on it.
        expect(['refused', ...(/Digest|CRC\.db/.test(name) ? ['same'] : [])], `${name} of ${length}`).toContain(result);
      }
      written.files.unlink(path);
      const result = await outcome(written, expected);
      expect(['refused', ...(/Digest|CRC\.db/.test(name) ? ['same'] : [])], `${name} missing`).toContain(result);
      written.files.setContent(path, content);
    }
    expect(await outcome(written, expected)).toBe('same');
  });
});
