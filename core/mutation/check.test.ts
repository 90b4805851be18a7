import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MemorySource } from '../../test/support/memory-source.ts';
import { arbitraryWrite } from '../../test/support/model-arbitraries.ts';
import { MODEL_TABLE, mutationBytes } from '../../test/support/partition-model.ts';
import { ByteWriter } from '../bytes.ts';
import { checkMutation, checkRowBody, MutationChecker } from './check.ts';
import { MutationReader, MutationWriter } from './frozen-mutation.ts';
import { CellFlag, RowReader } from './row-body.ts';

const checker = new MutationChecker(MODEL_TABLE);

/** Reads everything that a mutation says it has; throws when any of it lies outside. */
function walk(bytes: Uint8Array, start: number, end: number): void {
  const mutation = new MutationReader();
  const row = new RowReader();
  const inside = (from: number, to: number) => {
    if (from < start || to > end || from > to) throw new Error(`[${from}, ${to}) is outside of [${start}, ${end})`);
  };
  mutation.open(bytes, start, end);
  inside(mutation.keyStart, mutation.keyEnd);
  let parts = 0;
  while (mutation.next()) {
    if (++parts > end - start) throw new Error('more parts than bytes');
    inside(mutation.positionStart, mutation.positionEnd);
    if (mutation.kind === 4) inside(mutation.endPositionStart, mutation.endPositionEnd);
    if (mutation.kind !== 2 && mutation.kind !== 3) continue;
    inside(mutation.bodyStart, mutation.bodyEnd);
    row.open(bytes, mutation.bodyStart, mutation.bodyEnd);
    while (row.next()) {
      if ((row.flags & CellFlag.HasPath) !== 0) inside(row.pathStart, row.pathEnd);
      inside(row.valueStart, row.valueEnd);
      if (row.cellEnd > mutation.bodyEnd) throw new Error('a cell ends outside of its row');
    }
  }
}

const mutations = arbitraryWrite(true).map(mutationBytes);

describe('checkMutation', () => {
  test('lets every mutation pass that the writer makes, at any place', () => {
    const property = fc.property(mutations, (bytes) => {
      const placed = new Uint8Array(bytes.length + 20);
      placed.set(bytes, 7);
      expect(checkMutation(placed, 7, 7 + bytes.length)).toBeUndefined();
      expect(checker.check(placed, 7, 7 + bytes.length)).toBeUndefined();
    });
    fc.assert(property, { numRuns: 2000 });
  });

  test('what passes can be read and merged, however it was damaged', () => {
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { minLength: 1, maxLength: 4 });
    let passed = 0;
    const property = fc.property(mutations, damage, fc.nat(), (bytes, flips, cut) => {
      for (const [at, value] of flips) bytes[at % bytes.length] = value;
      const end = cut % 4 === 0 ? cut % (bytes.length + 1) : bytes.length;
      if (checkMutation(bytes, 0, end) !== undefined) return;
      walk(bytes, 0, end);
      if (checker.check(bytes, 0, end) !== undefined) return;
      passed++;
      new MemorySource(MODEL_TABLE).apply(bytes, 0, end);
    });
    fc.assert(property, { numRuns: 20_000 });
    expect(passed).toBeGreaterThan(1000);
  });

  test('refuses every prefix of a mutation that ends inside a part', () => {
    const property = fc.property(mutations, (bytes) => {
      const head = 32 + (bytes[2]! | (bytes[3]! << 8));
      for (let end = 0; end < bytes.length; end++) {
        if (end !== head) expect(checkMutation(bytes, 0, end)).toEqual(expect.any(String));
      }
    });
    fc.assert(property, { numRuns: 100 });
  });

  test('refuses arbitrary bytes without a crash', () => {
    const property = fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      if (checkMutation(bytes, 0, bytes.length) === undefined) walk(bytes, 0, bytes.length);
    });
    fc.assert(property, { numRuns: 2000 });
  });
});

/** Row body bytes in hex, `T` for a timestamp of eight bytes, and why they are refused. */
const BAD_BODIES: readonly (readonly [string, string])[] = [
  ['', 'row without flags'],
  ['10', 'unknown flags'],
  ['02', 'expiry without liveness'],
  ['01 000000', 'cut short'],
  ['03 T 00000000 05000000', 'ttl that is none'],
  ['03 T 05000000 00', 'cut short'],
  ['04 T 000000', 'cut short'],
  ['00 0500', 'cell cut short'],
  ['00 0500 40 T 00000000', 'unknown flags'],
  ['00 0500 00 T 01000000', 'value longer'],
  ['00 0500 00 T ffffffff', 'value longer'],
  ['00 0500 00 T 0000', 'value longer'],
  ['00 0500 00 0000', 'cell cut short'],
  ['00 0500 08 00000000', 'liveness that is not there'],
  ['01 T 0500 1a 00000000', 'expiry that its row does not have'],
  ['01 T 0500 18 00000000', 'does not expire'],
  ['00 0500 02 T 00000000 05000000 00000000', 'ttl that is none'],
  ['00 0500 03 T 05000000', 'tombstone that expires'],
  ['00 0500 01 T 0500', 'cell cut short'],
  ['00 0600 24 T 05000000 00000000', 'complex deletion that is also a cell'],
  ['00 0600 05 T 05000000', 'complex deletion that is also a cell'],
  ['00 0600 20 T ffffff7f', 'path longer'],
  ['00 0900 01 T 05000000 0500 01 T 05000000', 'out of order'],
  ['00 0500 01 T 05000000 0500 01 T 05000000', 'twice'],
  ['00 0600 04 T 05000000 0600 04 T 05000000', 'twice'],
  ['00 0600 21 T 05000000 00000000 0600 04 T 05000000', 'twice'],
];
/** What only the table can tell. */
const BAD_FOR_TABLE: readonly (readonly [string, string])[] = [
  ['00 0300 01 T 05000000', 'does not belong'],
  ['00 0000 01 T 05000000', 'does not belong'],
  ['00 0a00 01 T 05000000', 'not in the table'],
  ['00 ffff 01 T 05000000', 'not in the table'],
  ['00 0500 21 T 05000000 00000000', 'form'],
  ['00 0500 04 T 05000000', 'form'],
  ['00 0600 01 T 05000000', 'form'],
  ['00 0600 21 T 05000000 04000000 00000001 0600 21 T 05000000 04000000 00000001', 'elements out of order'],
  ['00 0600 21 T 05000000 04000000 00000001 0600 21 T 05000000 04000000 ffffffff', 'elements out of order'],
];
const body = (text: string) => Buffer.from(text.replaceAll('T', '0100000000000000').replaceAll(' ', ''), 'hex');

describe('row bodies', () => {
  test.each(BAD_BODIES)('%s is refused: %s', (text, why) => {
    const bytes = body(text);
    expect(checkRowBody(bytes, 0, bytes.length)).toContain(why);
    expect(checker.checkRowBody(bytes, 0, bytes.length, false)).toEqual(expect.any(String));
  });

  test.each(BAD_FOR_TABLE)('%s is refused for the table: %s', (text, why) => {
    const bytes = body(text);
    expect(checkRowBody(bytes, 0, bytes.length)).toBeUndefined();
    expect(checker.checkRowBody(bytes, 0, bytes.length, false)).toContain(why);
  });

  test('a cell of a dropped column passes: the drop hides it', () => {
    const bytes = body('00 0800 01 T 05000000');
    expect(checker.checkRowBody(bytes, 0, bytes.length, false)).toBeUndefined();
  });

  test('a static row has cells only', () => {
    const bytes = body('01 T');
    expect(checker.checkRowBody(bytes, 0, bytes.length, false)).toBeUndefined();
    expect(checker.checkRowBody(bytes, 0, bytes.length, true)).toContain('static row');
  });
});

describe('parts', () => {
  const build = (fill: (writer: MutationWriter) => void): Uint8Array => {
    const writer = new MutationWriter(new ByteWriter(16));
    writer.begin(new Uint8Array(16), 1, 0, 5, Buffer.from('k'), 0, 1);
    fill(writer);
    return writer.out.toBytes();
  };
  const nothing = new Uint8Array(0);
  const three = Buffer.from('000100000100000100', 'hex');
  const ragged = Buffer.from('0005aa', 'hex');
  const row = (prefix: Uint8Array) => (writer: MutationWriter) => {
    writer.beginRow(prefix, 0, prefix.length);
    writer.endRow();
  };

  test.each([
    [
      'range deletion of weight 0',
      build((writer) => writer.rangeDeletion(0, nothing, 1, nothing, 0, 1, 5)),
      'without weight',
    ],
    [
      'range deletion of weight 2',
      build((writer) => writer.rangeDeletion(-1, nothing, 2, nothing, 0, 1, 5)),
      'without weight',
    ],
    ['ragged bound', build((writer) => writer.rangeDeletion(-1, ragged, 1, nothing, 0, 1, 5)), 'no clustering prefix'],
    [
      'bound of three values',
      build((writer) => writer.rangeDeletion(-1, nothing, 1, three, 0, 1, 5)),
      'too many values',
    ],
    ['ragged position', build(row(ragged)), 'no clustering prefix'],
    ['position of three values', build(row(three)), 'too many values'],
    ['unknown part', build((writer) => writer.out.u8(9)), 'part of kind 9'],
  ])('a %s is refused', (_name, bytes, why) => {
    expect(checker.check(bytes, 0, bytes.length)).toContain(why);
  });
});
