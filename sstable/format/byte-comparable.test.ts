import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from '../../core/bytes.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import {
  appendComparableBytes,
  appendComparablePosition,
  appendComparableValue,
  TERMINATOR,
} from './byte-comparable.ts';

const SEED = 4711;
const typeOf = (name: string) => parseCqlType(name, () => undefined);

function encoded(name: string, value: Uint8Array, isReversed = false): Uint8Array {
  const out = new ByteWriter();
  expect(appendComparableValue(out, { type: typeOf(name), isReversed }, value, 0, value.length)).toBe(true);
  out.u8(TERMINATOR); // or another component: no encoding is the beginning of another one's but for what follows it
  return out.toBytes();
}
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const i64 = (value: bigint) => Buffer.from(BigInt.asUintN(64, value).toString(16).padStart(16, '0'), 'hex');

/** Bytes of values of a fixed length, near to each other now and then; NaNs and negative zeros have no one order. */
const fixed = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const near = fc.bigInt({ min: -70_000n, max: 70_000n });
const TYPES: readonly [name: string, values: fc.Arbitrary<Uint8Array>][] = [
  ['text', fc.string({ minLength: 1, maxLength: 6 }).map((text) => new TextEncoder().encode(text))],
  [
    'blob',
    fc.array(fc.constantFrom(0, 0, 1, 0xfe, 0xff), { minLength: 1, maxLength: 8 }).map((a) => Uint8Array.from(a)),
  ],
  ['inet', fc.oneof(fixed(4), fixed(16))],
  ['int', fixed(4)],
  ['smallint', fixed(2)],
  ['tinyint', fixed(1)],
  ['timestamp', fixed(8)],
  ['bigint', fc.oneof(fixed(8), near.map(i64))],
  ['boolean', fc.constantFrom(Uint8Array.of(0), Uint8Array.of(1))],
  ['date', fixed(4)],
  ['time', fixed(8)],
  [
    'uuid',
    fc.oneof(
      fixed(16),
      fixed(16).map((b) => b.with(6, 0x10 | (b[6]! & 15))),
    ),
  ],
  ['timeuuid', fixed(16).map((b) => b.with(6, 0x10 | (b[6]! & 15)))],
  ['float', fixed(4).filter((b) => !Number.isNaN(Buffer.from(b).readFloatBE()))],
  ['double', fixed(8).filter((b) => !Number.isNaN(Buffer.from(b).readDoubleBE()))],
];

describe('byte-comparable values', () => {
  test.each(TYPES)('%s: bytes in order are values in order, reversed too', (name, values) => {
    const type = typeOf(name);
    fc.assert(
      fc.property(values, values, (a, b) => {
        const order = Math.sign(type.compare(a, 0, a.length, b, 0, b.length));
        expect(Math.sign(Buffer.compare(encoded(name, a), encoded(name, b)))).toBe(order);
        expect(Math.sign(Buffer.compare(encoded(name, a, true), encoded(name, b, true))) + order).toBe(0);
      }),
      { seed: SEED, numRuns: 300 },
    );
  });

  test.each([
    [0n, '80'],
    [1n, '81'],
    [-1n, '7f'],
    [63n, 'bf'],
    [64n, 'c040'],
    [-64n, '40'],
    [-65n, '3fbf'],
    [2n ** 55n - 1n, 'ff7fffffffffffff'],
    [2n ** 55n, 'ff8080000000000000'],
    [2n ** 63n - 1n, 'ffffffffffffffffff'],
    [-(2n ** 63n), '000000000000000000'],
  ])('bigint %d', (value, expected) => {
    expect(hex(encoded('bigint', i64(value)))).toBe(`40${expected}38`);
  });

  test.each([
    ['220011', '4022 00ff 11 00'],
    ['00', '4000fe'],
    ['0000', '4000fefe'],
    ['61000000', '4061 00fefefe'],
    ['61000062', '4061 00feff 62 00'],
    ['', '4000'],
  ])('bytes %s', (bytes, expected) => {
    const out = new ByteWriter();
    appendComparableBytes(out, Buffer.from(bytes, 'hex'), 0, bytes.length / 2);
    expect(hex(out.toBytes())).toBe(expected.replaceAll(' ', ''));
  });

  test('what is not encoded makes a position wider', () => {
    const columns = [
      { type: typeOf('int'), isReversed: false },
      { type: undefined, isReversed: false },
    ];
    const position = (values: readonly string[], weight: number, isLower: boolean) => {
      const out = new ByteWriter();
      const prefix = clusteringPrefix(values.map((value) => Buffer.from(value, 'hex')));
      appendComparablePosition(out, columns, prefix, prefix.length, weight, isLower);
      return hex(out.toBytes());
    };
    expect(position(['00000001', 'ff'], 0, true)).toBe('408000000120');
    expect(position(['00000001', 'ff'], 0, false)).toBe('408000000160');
    expect(position(['00000001'], -1, false)).toBe('408000000120');
    expect(position(['00000001'], 1, true)).toBe('408000000160');
    expect(position(['00000001'], 0, false)).toBe('408000000160');
    expect(position(['0001', 'ff'], 1, true)).toBe('20'); // no int
    expect(position(['', 'ff'], -1, false)).toBe('60');
  });
});
