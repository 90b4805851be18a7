import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { MODEL_TABLE } from '../../test/support/partition-model.ts';
import { ByteWriter } from '../bytes.ts';
import {
  appendClusteringValue,
  ClusteringPrefixReader,
  clusteringPrefix,
  clusteringValueCount,
} from './clustering-prefix.ts';

const int = (value: number) => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return new Uint8Array(bytes);
};
const text = (value: string) => new Uint8Array(Buffer.from(value));

describe('clustering prefixes', () => {
  test('give back the values they were built from', () => {
    const property = fc.property(fc.array(fc.uint8Array(), { maxLength: 4 }), (values) => {
      const prefix = clusteringPrefix(values);
      const out = new ByteWriter(2);
      for (const value of values) appendClusteringValue(out, value, 0, value.length);
      expect(out.toBytes()).toEqual(prefix);
      const reader = new ClusteringPrefixReader();
      const read: Uint8Array[] = [];
      reader.open(prefix, 0, prefix.length);
      while (reader.next()) read.push(prefix.slice(reader.valueStart, reader.valueEnd));
      expect(read).toEqual(values);
      expect(clusteringValueCount(prefix, 0, prefix.length)).toBe(values.length);
    });
    fc.assert(property);
  });

  test('refuse values above 65535 bytes', () => {
    const value = new Uint8Array(65_536);
    const message = 'Key length of 65536 is longer than maximum of 65535';
    expect(() => clusteringPrefix([value])).toThrow(message);
    expect(() => appendClusteringValue(new ByteWriter(), value, 0, value.length)).toThrow(message);
  });

  test.each(['00', '0001', '0001aa00', '0002aa', 'ffff'])('%s is none', (hex) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(clusteringValueCount(bytes, 0, bytes.length)).toBe(-1);
  });
});

describe('ClusteringComparator', () => {
  const { comparator } = MODEL_TABLE; // int ascending, text descending
  /** In clustering order. */
  const positions: readonly (readonly [Uint8Array[], number])[] = [
    [[], -1],
    [[int(-1)], -1],
    [[int(-1), text('b')], -1],
    [[int(-1), text('b')], 0],
    [[int(-1), text('b')], 1],
    [[int(-1), text('a')], 0],
    [[int(-1), text('')], 0],
    [[int(-1)], 1],
    [[int(0)], -1],
    [[int(0), text('zz')], 0],
    [[int(0), text('z')], 0],
    [[int(0)], 1],
    [[], 1],
  ];

  test('orders positions of all lengths and weights', () => {
    for (const [i, [aValues, aWeight]] of positions.entries()) {
      for (const [j, [bValues, bWeight]] of positions.entries()) {
        const a = clusteringPrefix(aValues);
        const b = clusteringPrefix(bValues);
        const order = comparator.compare(a, 0, a.length, aWeight, b, 0, b.length, bWeight);
        expect([i, j, Math.sign(order)]).toEqual([i, j, Math.sign(i - j)]);
      }
    }
  });

  test('has prefixes that agree with the order of values', () => {
    const rows = positions.filter(([values]) => values.length > 0);
    for (const [i, [aValues]] of rows.entries()) {
      for (const [bValues] of rows.slice(i)) {
        const a = clusteringPrefix(aValues);
        const b = clusteringPrefix(bValues);
        expect(comparator.prefix(a, 0, a.length)).toBeLessThanOrEqual(comparator.prefix(b, 0, b.length));
      }
    }
  });
});
