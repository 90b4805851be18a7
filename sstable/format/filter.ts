import { readI32BE, writeI32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import type { Murmur3Hash } from '../../core/murmur3.ts';
import type { VersionFeatures } from './version.ts';

/**
 * Filter.db, a bloom filter of the serialized partition keys. Big endian.
 *
 *   i32  hash functions k
 *   i32  64-bit words w
 *   w x 8 bytes
 *
 * Bit i is, before `na`, bit (i mod 64) of the big-endian word (i div 64), counted from the least significant; from `na`
 * on bit (i mod 8) of byte (i div 8). With (h1, h2) the halves of the key's murmur3, the bits of a key are
 * |(h2 + j * h1) rem 64 w| for j from 0 to k - 1, sums wrapping at 64 bits, signed remainder.
 * @see Cassandra `BloomFilter`, `OffHeapBitSet`
 */
export class BloomFilter {
  readonly hashCount: number;
  readonly bitCount: number;
  /** Little endian bit order, whatever the file has: bit i is bit (i & 31) of word (i >>> 5). */
  readonly words: Int32Array;

  constructor(hashCount: number, words: Int32Array) {
    this.hashCount = hashCount;
    this.words = words;
    this.bitCount = words.length * 32;
  }

  add(hash: Murmur3Hash): void {
    const { words, hashCount, bitCount } = this;
    const { h1Hi, h1Lo } = hash;
    let hi = hash.h2Hi;
    let lo = hash.h2Lo;
    for (let j = 0; j < hashCount; j++) {
      const bit = remainder(hi, lo, bitCount);
      words[bit >>> 5]! |= 1 << (bit & 31);
      const sum = (lo + h1Lo) | 0;
      hi = (hi + h1Hi + (sum >>> 0 < lo >>> 0 ? 1 : 0)) | 0;
      lo = sum;
    }
  }

  /** False: the key was certainly not added. */
  mayContain(hash: Murmur3Hash): boolean {
    const { words, hashCount, bitCount } = this;
    const { h1Hi, h1Lo } = hash;
    let hi = hash.h2Hi;
    let lo = hash.h2Lo;
    for (let j = 0; j < hashCount; j++) {
      const bit = remainder(hi, lo, bitCount);
      if ((words[bit >>> 5]! & (1 << (bit & 31))) === 0) return false;
      const sum = (lo + h1Lo) | 0;
      hi = (hi + h1Hi + (sum >>> 0 < lo >>> 0 ? 1 : 0)) | 0;
      lo = sum;
    }
    return true;
  }
}

/** |(hi, lo) rem bits| of a signed 64-bit number; exact for bits < 2^31, in steps of 16 bits so that products stay below 2^53. */
function remainder(hi: number, lo: number, bits: number): number {
  let h = hi;
  let l = lo;
  if (h < 0) {
    l = -l | 0;
    h = (~h + (l === 0 ? 1 : 0)) | 0;
  }
  let rest = (h >>> 0) % bits;
  rest = (rest * 0x1_0000 + (l >>> 16)) % bits;
  return (rest * 0x1_0000 + (l & 0xffff)) % bits;
}

/** Expected rate by buckets per element (rows, from 2) and hash functions (columns, from 1); spec/sstable.md B.2. */
const RATES: readonly (readonly number[])[] = [
  [0.393, 0.4],
  [0.283, 0.237, 0.253],
  [0.221, 0.155, 0.147, 0.16],
  [0.181, 0.109, 0.092, 0.092, 0.101],
  [0.154, 0.0804, 0.0609, 0.0561, 0.0578, 0.0638],
  [0.133, 0.0618, 0.0423, 0.0359, 0.0347, 0.0364],
  [0.118, 0.0489, 0.0306, 0.024, 0.0217, 0.0216, 0.0229],
  [0.105, 0.0397, 0.0228, 0.0166, 0.0141, 0.0133, 0.0135, 0.0145],
  [0.0952, 0.0329, 0.0174, 0.0118, 0.00943, 0.00844, 0.00819, 0.00846],
  [0.0869, 0.0276, 0.0136, 0.00864, 0.0065, 0.00552, 0.00513, 0.00509],
  [0.08, 0.0236, 0.0108, 0.00646, 0.00459, 0.00371, 0.00329, 0.00314],
  [0.074, 0.0203, 0.00875, 0.00492, 0.00332, 0.00255, 0.00217, 0.00199, 0.00194],
  [0.0689, 0.0177, 0.00718, 0.00381, 0.00244, 0.00179, 0.00146, 0.00129, 0.00121, 0.0012],
  [0.0645, 0.0156, 0.00596, 0.003, 0.00183, 0.00128, 0.001, 0.000852, 0.000775, 0.000744],
  [0.0606, 0.0138, 0.005, 0.00239, 0.00139, 0.000935, 0.000702, 0.000574, 0.000505, 0.00047, 0.000459],
  [0.0571, 0.0123, 0.00423, 0.00193, 0.00107, 0.000692, 0.000499, 0.000394, 0.000335, 0.000302, 0.000287, 0.000284],
  [0.054, 0.0111, 0.00362, 0.00158, 0.000839, 0.000519, 0.00036, 0.000275, 0.000226, 0.000198, 0.000183, 0.000176],
  [
    0.0513, 0.00998, 0.00312, 0.0013, 0.000663, 0.000394, 0.000264, 0.000194, 0.000155, 0.000132, 0.000118, 0.000111,
    0.000109,
  ],
  [
    0.0488, 0.00906, 0.0027, 0.00108, 0.00053, 0.000303, 0.000196, 0.00014, 0.000108, 8.89e-5, 7.77e-5, 7.12e-5,
    6.79e-5, 6.71e-5,
  ],
];

/** Least chance of a false positive that the table reaches. */
export const MIN_FP_CHANCE = 6.71e-5;

/** Buckets per element and hash functions for a wanted chance of false positives. */
export function filterShape(fpChance: number): { readonly buckets: number; readonly hashCount: number } {
  if (fpChance >= 0.393) return { buckets: 1, hashCount: 2 };
  let row = 0;
  while (row < RATES.length - 1 && Math.min(...RATES[row]!) > fpChance) row++;
  const rates = RATES[row]!;
  let hashCount = rates.indexOf(Math.min(...rates)) + 1;
  while (hashCount > 1 && rates[hashCount - 2]! <= fpChance) hashCount--;
  return { buckets: row + 2, hashCount };
}

/** Largest filter, in words of 64 bits: 256 MiB. Beyond it the filter grows less exact, not larger. */
const MAX_WORDS = 32 * 1024 * 1024 - 1;

/** An empty filter for about `expectedKeys` keys. */
export function makeFilter(expectedKeys: number, fpChance: number): BloomFilter {
  const { buckets, hashCount } = filterShape(fpChance);
  const words = Math.ceil((Math.max(1, expectedKeys) * buckets + 20) / 64);
  return new BloomFilter(hashCount, new Int32Array(Math.min(words, MAX_WORDS) * 2));
}

const HEAD_BYTES = 8;
const MAX_HASH_COUNT = 255;

/** In the form before `na`. */
export function encodeFilter(filter: BloomFilter): Uint8Array {
  const { words } = filter;
  const out = new Uint8Array(HEAD_BYTES + words.length * 4);
  writeI32BE(out, 0, filter.hashCount);
  writeI32BE(out, 4, words.length / 2);
  for (let i = 0; i < words.length; i += 2) {
    writeI32BE(out, HEAD_BYTES + i * 4, words[i + 1]!);
    writeI32BE(out, HEAD_BYTES + i * 4 + 4, words[i]!);
  }
  return out;
}

/** @throws CorruptFileError when the size does not fit the header */
export function decodeFilter(bytes: Uint8Array, path: string, version: VersionFeatures): BloomFilter {
  if (bytes.length < HEAD_BYTES) throw new CorruptFileError(path, 0, 'filter cut short');
  const hashCount = readI32BE(bytes, 0);
  const wordCount = readI32BE(bytes, 4);
  if (hashCount <= 0 || hashCount > MAX_HASH_COUNT) throw new CorruptFileError(path, 0, `${hashCount} hash functions`);
  if (wordCount <= 0 || wordCount > MAX_WORDS || wordCount * 8 !== bytes.length - HEAD_BYTES) {
    throw new CorruptFileError(path, 4, `${wordCount} words in ${bytes.length} bytes`);
  }
  const words = new Int32Array(wordCount * 2);
  for (let i = 0; i < words.length; i++) {
    // Before `na` a word's second four bytes hold its low bits; from `na` on the bytes are in the order of the bits.
    if (version.hasModernFrame) {
      const at = HEAD_BYTES + i * 4;
      words[i] = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    } else {
      words[i] = readI32BE(bytes, HEAD_BYTES + (i ^ 1) * 4);
    }
  }
  return new BloomFilter(hashCount, words);
}
