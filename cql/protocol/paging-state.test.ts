import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { writeI32BE } from '../../core/bytes.ts';
import { crc32 } from '../../core/crc32.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { clusteringPrefixSize, PagingFlag, PagingState } from './paging-state.ts';

const TABLE = Uint8Array.from({ length: 16 }, (_, i) => 0xa0 + i);
const OTHER = new Uint8Array(16);
const hex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(/\s/g, ''), 'hex'));

function sample(): PagingState {
  const state = new PagingState();
  state.bytes = hex('ff 6b6579 0002 0102 ff');
  state.keyStart = 1;
  state.keyEnd = 4;
  state.clusteringStart = 4;
  state.clusteringEnd = 8;
  state.flags = PagingFlag.InPartition;
  state.weight = 0;
  state.statement = -7;
  state.remaining = 90;
  state.partitionIndex = 3;
  return state;
}

/** A token with a good check, as a forger would send it. */
function forged(token: Uint8Array, change: (bytes: Uint8Array) => void): Uint8Array {
  const bytes = token.slice();
  change(bytes);
  writeI32BE(bytes, bytes.length - 4, crc32(bytes, 0, bytes.length - 4));
  return bytes;
}

function decode(token: Uint8Array, table = TABLE, statement = -7): PagingState {
  const state = new PagingState();
  state.decode(token, 0, token.length, table, statement);
  return state;
}

describe('paging state', () => {
  test('golden token: it must be read by every later release', () => {
    const head = `01 01 00 ${Buffer.from(TABLE).toString('hex')} fffffff9 0000005a ffffffff 00000003 0003 6b6579 0004 00020102`;
    const token = sample().encode(TABLE);
    expect(Buffer.from(token.subarray(0, -4)).toString('hex')).toBe(head.replaceAll(' ', ''));
    expect(Buffer.from(token.subarray(-4)).toString('hex')).toBe(
      crc32(token, 0, token.length - 4)
        .toString(16)
        .padStart(8, '0'),
    );
  });

  test('round trip, from the middle of a frame', () => {
    const int = fc.integer({ min: -1, max: 2 ** 31 - 1 });
    const parts = fc.tuple(fc.uint8Array({ maxLength: 300 }), fc.uint8Array({ maxLength: 300 }));
    fc.assert(
      fc.property(
        parts,
        int,
        int,
        fc.nat(7),
        fc.integer({ min: -1, max: 1 }),
        fc.nat(),
        ([key, clustering], remaining, inPartition, flags, weight, index) => {
          const state = new PagingState();
          Object.assign(state, {
            remaining,
            remainingInPartition: inPartition,
            flags,
            weight,
            partitionIndex: index,
            statement: 5,
          });
          state.bytes = Buffer.concat([key, clustering]);
          state.keyEnd = key.length;
          state.clusteringStart = key.length;
          state.clusteringEnd = key.length + clustering.length;
          const token = state.encode(TABLE);
          const frame = Buffer.concat([hex('eeee'), token, hex('eeee')]);
          const read = new PagingState();
          read.decode(frame, 2, 2 + token.length, TABLE, 5);
          expect(read).toMatchObject({
            remaining,
            remainingInPartition: inPartition,
            flags,
            weight,
            partitionIndex: index,
          });
          expect(new Uint8Array(frame.subarray(read.keyStart, read.keyEnd))).toEqual(key);
          expect(new Uint8Array(frame.subarray(read.clusteringStart, read.clusteringEnd))).toEqual(clustering);
        },
      ),
    );
  });

  test('cut, flipped, longer: refused as Invalid', () => {
    const token = sample().encode(TABLE);
    for (let end = 0; end < token.length; end++) expect(() => decode(token.slice(0, end))).toThrow(InvalidRequestError);
    expect(() => decode(Buffer.concat([token, hex('00')]))).toThrow(InvalidRequestError);
    for (let bit = 0; bit < token.length * 8; bit++) {
      const flipped = token.slice();
      flipped[bit >> 3]! ^= 1 << (bit & 7);
      expect(() => decode(flipped)).toThrow(InvalidRequestError);
    }
    expect(() => decode(new Uint8Array(300_000))).toThrow('300000 bytes');
  });

  test('of another table or statement', () => {
    const token = sample().encode(TABLE);
    expect(() => decode(token, OTHER)).toThrow('another table');
    expect(() => decode(token, TABLE, 8)).toThrow('another statement');
    expect(decode(token).remaining).toBe(90);
  });

  test.each<[string, (bytes: Uint8Array) => void]>([
    ['version 2', (bytes) => (bytes[0] = 2)],
    ['unknown flags 9', (bytes) => (bytes[1] = 9)],
    ['weight 2', (bytes) => (bytes[2] = 2)],
    ['limits', (bytes) => writeI32BE(bytes, 23, -2)],
    ['partition index', (bytes) => writeI32BE(bytes, 31, -1)],
    ['key length', (bytes) => (bytes[35] = 0xff)],
    ['clustering length', (bytes) => (bytes[36] = 2)],
  ])('forged with a good check: %s', (what, change) => {
    expect(() => decode(forged(sample().encode(TABLE), change))).toThrow(what.replace('unknown ', ''));
  });

  test('random tokens with a good check never throw anything else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 43, maxLength: 120 }), (bytes) => {
        const token = forged(bytes, (target) => {
          target[0] = 1;
          target[35] = 0;
        });
        try {
          const state = decode(token, token.slice(3, 19), Buffer.from(token).readInt32BE(19));
          expect(state.keyStart).toBe(37);
          expect(state.keyEnd).toBeGreaterThanOrEqual(state.keyStart);
          expect(state.clusteringEnd).toBe(token.length - 4);
        } catch (error) {
          expect(error).toBeInstanceOf(InvalidRequestError);
        }
      }),
      { numRuns: 5000 },
    );
  });

  test('a key that cannot be told is refused', () => {
    const state = new PagingState();
    state.bytes = new Uint8Array(70_000);
    state.clusteringEnd = 70_000;
    expect(() => state.encode(TABLE)).toThrow(InvalidRequestError);
  });

  test.each([
    ['', 0],
    ['0000', 1],
    ['0001aa', 1],
    ['0001aa0000', 2],
    ['00', -1],
    ['0002aa', -1],
    ['0001aa00', -1],
  ])('prefix %s has %d values', (bytes, count) => {
    const prefix = hex(bytes);
    expect(clusteringPrefixSize(prefix, 0, prefix.length)).toBe(count);
  });
});
