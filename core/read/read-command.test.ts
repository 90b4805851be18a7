import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryKey, arbitrarySlice } from '../../test/support/model-arbitraries.ts';
import { MODEL_TABLE } from '../../test/support/partition-model.ts';
import { ByteWriter } from '../bytes.ts';
import { TesseraError } from '../errors.ts';
import { clusteringPrefix } from '../schema/clustering-prefix.ts';
import {
  checkReadCommand,
  decodeReadCommand,
  encodeReadCommand,
  NO_LIMIT,
  type ReadCommand,
  ReadKind,
} from './read-command.ts';
import { ALL_ROWS } from './slice.ts';

const u32 = fc.integer({ min: 1, max: 0xffff_ffff });
const half = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });
const values = fc.array(fc.uint8Array({ maxLength: 3 }), { maxLength: 2 });
const common = fc.record({
  tableId: fc.constant(MODEL_TABLE.id),
  schemaVersion: u32,
  slice: arbitrarySlice,
  resume: fc.option(
    fc.record({ position: values.map(clusteringPrefix), weight: fc.constantFrom(-1, 0, 1), rowsTaken: u32 }),
    { nil: undefined },
  ),
  rowLimit: u32,
  partitionLimit: u32,
  perPartitionRowLimit: fc.constant(NO_LIMIT),
  pageBytes: u32,
  nowSeconds: u32,
});
const ofPartitions = fc
  .tuple(
    common,
    fc.array(fc.record({ tokenHi: half, tokenLo: half, key: arbitraryKey }), { minLength: 1, maxLength: 4 }),
  )
  .map(([rest, partitions]): ReadCommand => ({ ...rest, kind: ReadKind.Partitions, partitions, range: undefined }));
const ofRange = fc
  .tuple(
    common,
    fc.record({
      startHi: fc.integer({ min: -(2 ** 31), max: 0 }),
      startLo: half,
      startKey: fc.option(arbitraryKey, { nil: undefined }),
      startInclusive: fc.boolean(),
      endHi: fc.integer({ min: 1, max: 2 ** 31 - 1 }),
      endLo: half,
      endInclusive: fc.boolean(),
    }),
  )
  .map(([rest, range]): ReadCommand => {
    const resume = range.startKey === undefined ? undefined : rest.resume;
    return { ...rest, resume, kind: ReadKind.Range, partitions: [], range };
  });
const commands = fc.oneof(ofPartitions, ofRange);

function encode(command: ReadCommand): Uint8Array {
  const out = new ByteWriter(4);
  encodeReadCommand(command, out);
  return out.toBytes();
}

const PLAIN: ReadCommand = {
  kind: ReadKind.Partitions,
  tableId: MODEL_TABLE.id,
  schemaVersion: 1,
  partitions: [{ tokenHi: 1, tokenLo: 2, key: new Uint8Array([1]) }],
  range: undefined,
  slice: { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true },
  resume: undefined,
  rowLimit: 10,
  partitionLimit: NO_LIMIT,
  perPartitionRowLimit: NO_LIMIT,
  pageBytes: 1_000_000,
  nowSeconds: 100,
};

describe('read commands', () => {
  test('come back as they were, from any place', () => {
    const property = fc.property(commands, (command) => {
      const bytes = encode(command);
      const placed = new Uint8Array(bytes.length + 9);
      placed.set(bytes, 5);
      const decoded = decodeReadCommand(placed, 5, 5 + bytes.length);
      expect(decoded).toEqual(command);
      expect(checkReadCommand(decoded, MODEL_TABLE)).toBeUndefined();
    });
    fc.assert(property, { numRuns: 1000 });
  });

  test('have these bytes', () => {
    expect(Buffer.from(encode(PLAIN)).toString('hex')).toBe(
      '01010600' +
        '6b1f2f605c1b11ee8c990242ac120002' +
        '01000000640000000a000000ffffffffffffffff40420f00' +
        '01000000ff000000000100000000' +
        '0100000002000000010000000100' +
        '01',
    );
  });

  test('damaged or cut in any way decode or are refused, and nothing else', () => {
    let refused = 0;
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 });
    const property = fc.property(commands, damage, fc.nat(), (command, flips, cut) => {
      const bytes = encode(command);
      for (const [at, value] of flips) bytes[at % bytes.length] = value;
      const end = cut % 2 === 0 ? cut % bytes.length : bytes.length;
      try {
        checkReadCommand(decodeReadCommand(bytes, 0, end), MODEL_TABLE);
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
        refused++;
      }
    });
    fc.assert(property, { numRuns: 10_000 });
    expect(refused).toBeGreaterThan(4000);
  });

  test('that claim a huge count are refused before anything is allocated', () => {
    const bytes = encode(PLAIN);
    bytes.fill(0xff, 44, 48);
    expect(() => decodeReadCommand(bytes, 0, bytes.length)).toThrow('cut short');
  });

  const prefix = (n: number, count = 1) =>
    clusteringPrefix(Array.from({ length: count }, () => new Uint8Array([0, 0, 0, n])));
  const slices = (...parts: readonly (readonly [Uint8Array, number, Uint8Array, number])[]): ReadCommand => ({
    ...PLAIN,
    slice: {
      ...PLAIN.slice,
      slices: parts.map(([start, startWeight, end, endWeight]) => ({ start, startWeight, end, endWeight })),
    },
  });
  test.each([
    ['three values', slices([prefix(1, 3), -1, prefix(2), 1]), 'no clustering prefix'],
    ['a ragged bound', slices([new Uint8Array([0]), -1, prefix(2), 1]), 'no clustering prefix'],
    ['an inverted slice', slices([prefix(2), -1, prefix(1), 1]), 'ends before'],
    ['unsorted slices', slices([prefix(2), -1, prefix(2), 1], [prefix(1), -1, prefix(1), 1]), 'out of order'],
    ['touching slices', slices([prefix(1), -1, prefix(2), 1], [prefix(2), 1, prefix(3), 1]), 'out of order'],
    ['a row limit of 0', { ...PLAIN, rowLimit: 0 }, 'limit of 0'],
    ['a bad page position', { ...PLAIN, resume: { position: prefix(1, 3), weight: 0, rowsTaken: 1 } }, 'page position'],
    [
      'an inverted range',
      {
        ...PLAIN,
        kind: ReadKind.Range,
        partitions: [],
        range: {
          startHi: 1,
          startLo: 0,
          startKey: undefined,
          startInclusive: true,
          endHi: 0,
          endLo: 0,
          endInclusive: true,
        },
      },
      'ends before',
    ],
  ] satisfies readonly (readonly [string, ReadCommand, string])[])('with %s are refused', (_name, command, why) => {
    expect(checkReadCommand(command, MODEL_TABLE)).toContain(why);
  });
});
