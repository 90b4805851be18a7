import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { CorruptFileError, UnsupportedFormatError } from '../core/errors.ts';
import { FragmentKind } from '../core/read/row-batch.ts';
import type { RowCursor } from '../core/read/row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from '../core/read/slice.ts';
import { ALL_TOKENS, Token, tokenOf } from '../core/token.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { SSTable } from './reader.ts';
import { drain } from './testing/content-lines.ts';
import { batchLines } from './testing/model-read.ts';
import { Dice } from './testing/random-partitions.ts';

/**
 * Flipped bytes in every component of files of others: what a checksum covers gives the same rows or CorruptFileError; what none
 * covers may also give other rows, in the reads and for the reasons that INVISIBLE lists (settled question 1), and nothing else.
 * TESSERA_FLIPS: flips of each component.
 */
const FIXTURES: string = resolve(dirname(fileURLToPath(import.meta.url)), '../../shared/fixtures/sstables');
const DEFAULT_FLIPS = 12;
const FLIPS = Number(process.env.TESSERA_FLIPS ?? DEFAULT_FLIPS);
/** Of each version, compressor and kind of index at least one, and small. */
const CASES: readonly string[] = [
  'da_cass_clust',
  'da_cass_simple',
  'ma_composites',
  'mb_cass_simple',
  'mc_many_range_tombstones',
  'mc_range_tombstones_simple',
  'mc_simple',
  'mc_types_deflate',
  'mc_types_lz4',
  'mc_types_snappy',
  'mc_types_uncompressed',
  'mc_zstd_multiple_chunks',
  'md_cass_simple',
  'me_cass_clust',
  'me_promoted_index',
  'ms_compact_range_tombstones',
  'ms_summary',
  'mt_partition_skipping',
  'na_cass_simple',
  'nb_cass_clust',
  'nc_cass_simple_counter',
  'oa_cass_clust',
  'oa_col1',
];

/** Ways to read: all forwards, all backwards, keys only, single partitions, slices of one in both directions. */
const READS = ['scan', 'reverse', 'keys', 'points', 'slices'] as const;
type Read = (typeof READS)[number];

/** Why a flip may give other rows: by component, and by what reads. Components that are not listed never do. */
const INVISIBLE: Readonly<Record<string, Partial<Record<Read, string>>>> = {
  'Data.db without checksums': {
    scan: 'values, times and clustering positions that stay in order',
    reverse: 'the same',
    keys: 'times of a partition deletion',
    points: 'the same as of scans',
    slices: 'the same as of scans',
  },
  'Filter.db': {
    points: 'a bit that is no longer set says that a key is not there',
    slices: 'the same',
  },
  'Summary.db': {
    points: 'a key or bound that sorts elsewhere leads past the entry; positions are compared with Index.db',
    slices: 'the same',
  },
  'Index.db': {
    points: 'an entry of another key is passed over; positions are compared with the keys in the data',
    slices: 'the same, and blocks whose names sort elsewhere are not read',
    reverse: 'a size of a promoted index that leaps over whole entries, blocks of one that still fit the rows',
    keys: 'a size of a promoted index that leaps over whole entries',
  },
  'Partitions.db': {
    points: 'another transition, or another hash of the key, says that the key is not there',
    slices: 'the same',
    reverse: 'a subtree that is left out, or a smaller one in its place, whose entries are in order all the same',
    keys: 'the same',
  },
  'Rows.db': {
    points: 'an entry of another key says that the one sought is not there',
    slices: 'a separator that sorts elsewhere, an offset that is another row',
    reverse: 'an offset that is another row, separators that lie elsewhere',
  },
  'Statistics.db before na': {
    scan: 'base values of times, types and names of columns',
    reverse: 'the same',
    keys: 'base values of times',
    points: 'the same, and bounds by which the file is passed over',
    slices: 'the same',
  },
};
/** Components whose names of types, partitioners and compressors no checksum covers: a flipped one may be unknown. */
const HAS_NAMES: readonly string[] = ['Statistics.db before na', 'CompressionInfo.db'];

type Outcome = 'same' | 'refused' | 'unknown' | 'other';
const DIRECTORY = '/data';
const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

/** What is asked of a file, by its content. */
interface Questions {
  readonly keys: readonly Uint8Array[];
  /** Of the first partition that has rows. */
  readonly sliced: Uint8Array | undefined;
  readonly positions: readonly Uint8Array[];
  /** More lines than this are told by no damage: reading would not end. */
  mostLines: number;
}

class Endless extends Error {}

async function lines(cursor: RowCursor | undefined, into: string[], mostLines: number): Promise<void> {
  if (cursor === undefined) {
    into.push('absent');
    return;
  }
  await drain(cursor, (batch) => {
    for (const line of batchLines(batch)) into.push(line);
    if (into.length > mostLines) throw new Endless(`more than ${mostLines} lines`);
  });
}

async function readOne(sstable: SSTable, read: Read, questions: Questions): Promise<string> {
  const found: string[] = [];
  const { mostLines } = questions;
  const token = new Token();
  const open = (key: Uint8Array, slice: PartitionSlice) => {
    tokenOf(key, 0, key.length, token);
    return sstable.openPartition(token.hi, token.lo, key, 0, key.length, slice);
  };
  if (read === 'scan') await lines(sstable.openScan(ALL_TOKENS, WHOLE), found, mostLines);
  if (read === 'reverse') await lines(sstable.openScan(ALL_TOKENS, { ...WHOLE, isReversed: true }), found, mostLines);
  if (read === 'keys') await lines(sstable.openScan(ALL_TOKENS, { ...WHOLE, wantsRows: false }), found, mostLines);
  if (read === 'points') for (const key of questions.keys) await lines(open(key, WHOLE), found, mostLines);
  if (read === 'slices' && questions.sliced !== undefined) {
    for (const position of questions.positions) {
      for (const isReversed of [false, true]) {
        const slices = [{ start: position, startWeight: -1, end: position, endWeight: 1 }];
        await lines(open(questions.sliced, { ...WHOLE, slices, isReversed }), found, mostLines);
      }
    }
  }
  return found.join('\n');
}

async function openFile(files: SimFiles, dataPath: string): Promise<SSTable> {
  return await SSTable.open(files, dataPath, { isBlocking: true, anyPartitioner: true });
}

async function questionsOf(sstable: SSTable): Promise<Questions> {
  const keys: Uint8Array[] = [];
  const positions: Uint8Array[] = [];
  let sliced: Uint8Array | undefined;
  let fragments = 0;
  await drain(sstable.openScan(ALL_TOKENS, WHOLE), (batch) => {
    fragments += batch.count;
    for (let i = 0; i < batch.count; i++) {
      const bytes = batch.bytes.slice(batch.positionStart[i], batch.positionEnd[i]);
      if (batch.kind[i] === FragmentKind.PartitionStart) keys.push(bytes);
      if (batch.kind[i] === FragmentKind.Row && (sliced === undefined || sliced === keys.at(-1))) {
        sliced = keys.at(-1);
        positions.push(bytes);
      }
    }
  });
  const some = <T>(all: readonly T[], count: number) => all.filter((_, i) => i % Math.ceil(all.length / count) === 0);
  return { keys: some(keys, 6), sliced, positions: some(positions, 5), mostLines: fragments * 20 + 10_000 };
}

/** What came of each way to read. */
async function outcomes(
  files: SimFiles,
  dataPath: string,
  questions: Questions,
  expected: ReadonlyMap<Read, string>,
): Promise<Outcome[]> {
  const judge = (error: unknown): Outcome => {
    if (error instanceof CorruptFileError) return 'refused';
    if (error instanceof UnsupportedFormatError) return 'unknown';
    throw error;
  };
  let sstable: SSTable;
  try {
    sstable = await openFile(files, dataPath);
  } catch (error) {
    return READS.map(() => judge(error));
  }
  const found: Outcome[] = [];
  for (const read of READS) {
    try {
      found.push((await readOne(sstable, read, questions)) === expected.get(read) ? 'same' : 'other');
    } catch (error) {
      found.push(judge(error));
    }
  }
  sstable.close();
  return found;
}

/** The component as INVISIBLE and HAS_NAMES call it. */
function kindOf(file: string, isDataChecked: boolean): string {
  const component = file.slice(file.lastIndexOf('-') + 1);
  if (component === 'Data.db' && !isDataChecked) return 'Data.db without checksums';
  return component === 'Statistics.db' && /^m/.test(file) ? 'Statistics.db before na' : component;
}

describe.skipIf(!existsSync(FIXTURES))('damage in files of others (skipped where the fixtures are not there)', () => {
  const seen = new Map<string, number>();
  const before = process.resourceUsage().maxRSS;

  test.each(CASES)(
    '%s: a flipped byte gives the same rows, an error of ours, or what no checksum covers',
    async (name) => {
      const files = new SimFiles((operation) => queueMicrotask(operation));
      files.makeDirectory(DIRECTORY);
      const components = readdirSync(join(FIXTURES, name)).filter((file) => file !== 'expected.json');
      for (const file of components) files.setContent(`${DIRECTORY}/${file}`, readFileSync(join(FIXTURES, name, file)));
      const dataPath = `${DIRECTORY}/${components.find((file) => file.endsWith('-Data.db'))}`;
      const isChecked = components.some((file) => /CompressionInfo\.db|CRC\.db/.test(file));
      const sound = await openFile(files, dataPath);
      const questions = await questionsOf(sound);
      const expected = new Map<Read, string>();
      for (const read of READS) expected.set(read, await readOne(sound, read, questions));
      sound.close();
      const seed = CASES.indexOf(name) + 1;
      const dice = new Dice(seed);
      const wrong: string[] = [];
      for (const file of components) {
        const path = `${DIRECTORY}/${file}`;
        const size = files.contentOf(path).length;
        const kind = kindOf(file, isChecked);
        for (let i = 0; i < Math.min(FLIPS, size); i++) {
          const position = FLIPS >= size ? i : dice.below(size);
          const mask = 1 + dice.below(255);
          files.flip(path, position, mask);
          const what = `seed ${seed}: ${file} byte ${position} mask ${mask}`;
          const found = await outcomes(files, dataPath, questions, expected).catch((error: Error) =>
            expect.fail(`${what}: ${error.stack}`),
          );
          files.flip(path, position, mask);
          for (const [r, outcome] of found.entries()) {
            const read = READS[r]!;
            const isListed = outcome === 'unknown' ? HAS_NAMES.includes(kind) : INVISIBLE[kind]?.[read] !== undefined;
            if ((outcome === 'unknown' || outcome === 'other') && !isListed) wrong.push(`${what}: ${read} ${outcome}`);
            const entry = `${kind} ${read} ${outcome}`;
            seen.set(entry, (seen.get(entry) ?? 0) + 1);
          }
        }
      }
      expect(wrong).toEqual([]);
      expect(files.openCount).toBe(0);
      expect(process.resourceUsage().maxRSS - before).toBeLessThan(MOST_GROWTH_KIB);
    },
  );

  afterAll(() => {
    if (process.env.TESSERA_FLIPS === undefined) return;
    process.stdout.write(
      `${[...seen]
        .sort()
        .map(([entry, count]) => `${entry}: ${count}`)
        .join('\n')}\n`,
    );
  });
});

/** Of the process while damage is read: files of some hundred KiB each. */
const MOST_GROWTH_KIB: number = 512 * 1024;
