import { crc32 as zlibCrc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { crc32 } from './crc32.ts';

describe('crc32', () => {
  test.each([
    ['', 0],
    ['a', 0xe8b7be43],
    ['123456789', 0xcbf43926],
    ['The quick brown fox jumps over the lazy dog', 0x414fa339],
  ])('of %j is the published value', (text, expected) => {
    const bytes = new TextEncoder().encode(text);
    expect(crc32(bytes, 0, bytes.length)).toBe(expected);
  });

  test('agrees with zlib on any range and seed', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 300 }),
        fc.nat(40),
        fc.integer({ min: 0, max: 0xffff_ffff }),
        (bytes, skip, seed) => {
          const start = Math.min(skip, bytes.length);
          expect(crc32(bytes, start, bytes.length, seed)).toBe(zlibCrc32(bytes.subarray(start), seed));
        },
      ),
    );
  });
});
