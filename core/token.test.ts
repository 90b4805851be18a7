import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { int64ToBigInt } from './int64.ts';
import { Murmur3Hash, murmur3 } from './murmur3.ts';
import {
  ALL_TOKENS,
  comparePartition,
  compareToken,
  isBeforeRange,
  rangeContains,
  Token,
  tabletOfToken,
  tabletTokenRange,
  tokenOf,
} from './token.ts';

const bytesOf = (hex: string) => new Uint8Array(Buffer.from(hex, 'hex'));
const unsigned = (hi: number, lo: number) => BigInt.asUintN(64, int64ToBigInt(hi, lo));

/** Known from other implementations: spec/sstable.md §4.2. */
const VECTORS: readonly (readonly [string, string, string, bigint])[] = [
  ['00000001', 'c78499982ae4e0cf', '798c330cbcdfe0e6', -4069959284402364209n],
  ['00000005', '97c910bde509c14a', 'd002e4d4ae611dc1', -7509452495886106294n],
  ['6b6579', 'a0f887f3011d3ebc', 'bce05d3b152ca3cd', -6847573755651342660n],
  ['d0bfd180d0b8d0b2d0b5d182', '694ca73b5bd5723f', 'b0cb735e0e1d60fd', 7587623345598067263n],
  [Buffer.from('0123456789abcdef').toString('hex'), '4be06d94cf4ad1a7', '87c35b5c63a708da', 5467490433528156583n],
  [
    Buffer.from(Array.from({ length: 17 }, (_, i) => 200 + i)).toString('hex'),
    '25fb598d0770816c',
    'c32faaf1462c436e',
    2736879660807782764n,
  ],
];

/** The algorithm in 64-bit arithmetic, as spec/sstable.md B.1 words it. */
function reference(bytes: Uint8Array): [bigint, bigint] {
  const u64 = (value: bigint) => BigInt.asUintN(64, value);
  const rotl = (value: bigint, by: bigint) => u64((value << by) | (value >> (64n - by)));
  const mix = (key: bigint) => {
    let value = key ^ (key >> 33n);
    value = u64(value * 0xff51afd7ed558ccdn);
    value ^= value >> 33n;
    value = u64(value * 0xc4ceb9fe1a85ec53n);
    return value ^ (value >> 33n);
  };
  const c1 = 0x87c37b91114253d5n;
  const c2 = 0x4cf5ad432745937fn;
  let h1 = 0n;
  let h2 = 0n;
  const view = Buffer.from(bytes);
  const blocks = bytes.length >> 4;
  for (let i = 0; i < blocks; i++) {
    const k1 = view.readBigUInt64LE(i * 16);
    const k2 = view.readBigUInt64LE(i * 16 + 8);
    h1 ^= u64(rotl(u64(k1 * c1), 31n) * c2);
    h1 = u64(u64(rotl(h1, 27n) + h2) * 5n + 0x52dce729n);
    h2 ^= u64(rotl(u64(k2 * c2), 33n) * c1);
    h2 = u64(u64(rotl(h2, 31n) + h1) * 5n + 0x38495ab5n);
  }
  let k1 = 0n;
  let k2 = 0n;
  for (let i = blocks * 16; i < bytes.length; i++) {
    const signed = BigInt.asUintN(64, BigInt(view.readInt8(i)));
    const at = BigInt(i - blocks * 16);
    if (at < 8n) k1 ^= u64(signed << (8n * at));
    else k2 ^= u64(signed << (8n * (at - 8n)));
  }
  h2 ^= u64(rotl(u64(k2 * c2), 33n) * c1);
  h1 ^= u64(rotl(u64(k1 * c1), 31n) * c2);
  h1 ^= BigInt(bytes.length);
  h2 ^= BigInt(bytes.length);
  h1 = u64(h1 + h2);
  h2 = u64(h2 + h1);
  h1 = mix(h1);
  h2 = mix(h2);
  h1 = u64(h1 + h2);
  return [h1, u64(h2 + h1)];
}

describe('murmur3', () => {
  test.each(VECTORS)('of %s is known', (key, first, second, token) => {
    const bytes = bytesOf(`ff${key}ff`);
    const hash = new Murmur3Hash();
    murmur3(bytes, 1, bytes.length - 1, hash);
    expect(unsigned(hash.h1Hi, hash.h1Lo).toString(16)).toBe(first);
    expect(unsigned(hash.h2Hi, hash.h2Lo).toString(16)).toBe(second);
    const into = new Token();
    tokenOf(bytes, 1, bytes.length - 1, into);
    expect(int64ToBigInt(into.hi, into.lo)).toBe(token);
  });

  test('is the 64-bit algorithm for any bytes', () => {
    const hash = new Murmur3Hash();
    const property = fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      murmur3(bytes, 0, bytes.length, hash);
      expect([unsigned(hash.h1Hi, hash.h1Lo), unsigned(hash.h2Hi, hash.h2Lo)]).toEqual(reference(bytes));
    });
    fc.assert(property, { numRuns: 3000 });
  });
});

describe('tokens', () => {
  test('the empty key alone has the least token', () => {
    const token = new Token();
    token.hi = 5;
    tokenOf(new Uint8Array(3), 1, 1, token);
    expect(int64ToBigInt(token.hi, token.lo)).toBe(-(2n ** 63n));
  });

  test('compare as signed 64-bit numbers', () => {
    const values = [-(2n ** 63n), -(2n ** 32n), -1n, 0n, 1n, 2n ** 31n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 63n - 1n];
    const half = (value: bigint): [number, number] => [
      Number(BigInt.asIntN(32, value >> 32n)),
      Number(BigInt.asIntN(32, value)),
    ];
    for (const [i, a] of values.entries()) {
      for (const [j, b] of values.entries()) expect(compareToken(...half(a), ...half(b))).toBe(Math.sign(i - j));
    }
  });

  test('partitions of one token are ordered by key bytes, the shorter first', () => {
    const a = Buffer.from([1, 2]);
    const b = Buffer.from([1, 2, 0]);
    expect(comparePartition(1, 1, a, 0, 2, 1, 1, b, 0, 3)).toBeLessThan(0);
    expect(comparePartition(1, 1, b, 0, 2, 1, 1, a, 0, 2)).toBe(0);
    expect(comparePartition(1, -1, a, 0, 2, 1, 1, b, 0, 3)).toBeGreaterThan(0);
    expect(comparePartition(-1, 0, b, 0, 3, 0, 0, a, 0, 2)).toBeLessThan(0);
  });
});

describe('tablets', () => {
  test.each([1, 2, 8, 1024, 2 ** 20])('of %d cover all tokens in order, without gaps', (count) => {
    let next = -(2n ** 63n);
    const tablets = new Set([0, 1, (count >> 1) - 1, count >> 1, count - 1].filter((i) => i >= 0 && i < count));
    for (const tablet of tablets) {
      const { startHi, startLo, endHi, endLo } = tabletTokenRange(tablet, count);
      const start = int64ToBigInt(startHi, startLo);
      const end = int64ToBigInt(endHi, endLo);
      expect(end - start + 1n).toBe(2n ** 64n / BigInt(count));
      if (tablet <= 1) expect(start).toBe(next);
      next = end + 1n;
      expect(tabletOfToken(startHi, count)).toBe(tablet);
      expect(tabletOfToken(endHi, count)).toBe(tablet);
    }
    expect(next).toBe(2n ** 63n);
  });

  test.each([0, 3, 2 ** 31])('refuse a count of %d', (count) => {
    expect(() => tabletTokenRange(0, count)).toThrow('tablet count');
  });
});

describe('token ranges', () => {
  const key = bytesOf('0102');
  const range = { ...ALL_TOKENS, startHi: 1, startLo: 5, endHi: 2, endLo: -1 };
  test.each([
    [range, 1, 4, false, true],
    [range, 1, 5, true, false],
    [range, 2, -1, true, false],
    [range, 3, 0, false, false],
    [{ ...range, startInclusive: false }, 1, 5, false, true],
    [{ ...range, startInclusive: false }, 1, 6, true, false],
    [{ ...range, endInclusive: false }, 2, -1, false, false],
    [{ ...range, startKey: bytesOf('0102') }, 1, 5, true, false],
    [{ ...range, startKey: bytesOf('0102'), startInclusive: false }, 1, 5, false, true],
    [{ ...range, startKey: bytesOf('0101'), startInclusive: false }, 1, 5, true, false],
    [{ ...range, startKey: bytesOf('010200') }, 1, 5, false, true],
  ])('%# know what lies in them', (given, hi, lo, inside, before) => {
    expect(rangeContains(given, hi, lo, key, 0, 2)).toBe(inside);
    expect(isBeforeRange(given, hi, lo, key, 0, 2)).toBe(before);
  });
});
