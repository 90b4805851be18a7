import { describe, expect, test } from 'vitest';
import { CorruptFileError } from '../../core/errors.ts';
import { Murmur3Hash, murmur3 } from '../../core/murmur3.ts';
import { BloomFilter, decodeFilter, encodeFilter, filterShape, makeFilter } from './filter.ts';
import { versionFeatures } from './version.ts';

const ME = versionFeatures('me', 'big', 'test');
const OA = versionFeatures('oa', 'big', 'test');
const bytesOf = (hex: string) => Uint8Array.from(Buffer.from(hex.replaceAll(' ', ''), 'hex'));

function hashOf(key: Uint8Array): Murmur3Hash {
  const hash = new Murmur3Hash();
  murmur3(key, 0, key.length, hash);
  return hash;
}

function setBits(filter: BloomFilter): number[] {
  return Array.from({ length: filter.bitCount }, (_, i) => i).filter(
    (i) => (filter.words[i >>> 5]! & (1 << (i & 31))) !== 0,
  );
}

describe('bloom filter', () => {
  test.each([
    { bits: 128, key: '00000005', expected: [11, 43, 63, 97, 105] },
    { bits: 64, key: '00000001', expected: [4, 30, 38, 45, 53] },
  ])('bits of key $key among $bits', ({ bits, key, expected }) => {
    const filter = new BloomFilter(5, new Int32Array(bits / 32));
    filter.add(hashOf(bytesOf(key)));
    expect(setBits(filter)).toEqual(expected);
  });

  test('both bit orders of files', () => {
    const old = decodeFilter(bytesOf('00000005 00000002 8020280080062816 21021242c8002000'), 'test', ME);
    expect(setBits(old)).toEqual([
      1, 2, 4, 11, 13, 17, 18, 31, 43, 45, 53, 63, 77, 91, 94, 95, 97, 102, 105, 108, 113, 120, 125,
    ]);
    expect(Buffer.from(encodeFilter(old)).toString('hex')).toBe('0000000500000002802028008006281621021242c8002000');
    const modern = decodeFilter(bytesOf('00000005 00000001 1000004040202000'), 'test', OA);
    expect(setBits(modern)).toEqual([4, 30, 38, 45, 53]);
  });

  test.each([
    [0.1, 5, 3],
    [0.01, 10, 5],
    [0.001, 15, 7],
    [0.4, 1, 2],
    [1e-9, 20, 14],
  ])('a chance of %d takes %d buckets and %d hashes', (chance, buckets, hashCount) => {
    expect(filterShape(chance)).toEqual({ buckets, hashCount });
  });

  test('no key that was added is denied; of others about as many as asked for are not', () => {
    const filter = makeFilter(5000, 0.01);
    const key = (i: number) => new TextEncoder().encode(`key ${i}`);
    for (let i = 0; i < 5000; i++) filter.add(hashOf(key(i)));
    let wrong = 0;
    for (let i = 0; i < 5000; i++) {
      expect(filter.mayContain(hashOf(key(i)))).toBe(true);
      if (filter.mayContain(hashOf(key(i + 5000)))) wrong++;
    }
    expect(wrong).toBeLessThan(100);
  });

  test.each([
    '',
    '00000005',
    '00000000 00000001 0000000000000000',
    '00000005 7fffffff',
    '00000005 00000002 0000000000000000',
  ])('damage: %s', (hex) => {
    expect(() => decodeFilter(bytesOf(hex), 'test', ME)).toThrow(CorruptFileError);
  });
});
