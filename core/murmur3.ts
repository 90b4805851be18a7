/**
 * MurmurHash3 x64 128 with seed 0, in Cassandra's variant: each byte of the tail is sign-extended before it is shifted in,
 * so keys with bytes from 0x80 on in their last (length mod 16) bytes differ from the reference. 64-bit numbers are pairs of
 * int32 halves: with bigint one key costs ten times as much (performance guide §4).
 * @see Cassandra `MurmurHash.hash3_x64_128`; spec/sstable.md §4.2, B.1
 */

/** The 128 bits of one hash as four int32 bit patterns. Made once per caller and used again. */
export class Murmur3Hash {
  /** The first 64 bits: the token, before the rule for the least one. */
  h1Hi = 0;
  h1Lo = 0;
  /** The second 64 bits; bloom filters need both. */
  h2Hi = 0;
  h2Lo = 0;
}

const C1_HI: number = 0x87c37b91 | 0;
const C1_LO = 0x114253d5;
const C2_HI = 0x4cf5ad43;
const C2_LO = 0x2745937f;
const MIX1_HI: number = 0xff51afd7 | 0;
const MIX1_LO: number = 0xed558ccd | 0;
const MIX2_HI: number = 0xc4ceb9fe | 0;
const MIX2_LO = 0x1a85ec53;

/** High 32 bits of the unsigned product of two 32-bit numbers. */
function highProduct(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const middle = (Math.imul(aHigh, bLow) + (Math.imul(aLow, bLow) >>> 16)) | 0;
  const other = (Math.imul(aLow, bHigh) + (middle & 0xffff)) | 0;
  return (Math.imul(aHigh, bHigh) + (middle >>> 16) + (other >>> 16)) | 0;
}

/** High half of the low 64 bits of a product; the low half is Math.imul(aLo, bLo). */
export function productHi(aHi: number, aLo: number, bHi: number, bLo: number): number {
  return (highProduct(aLo, bLo) + Math.imul(aHi, bLo) + Math.imul(aLo, bHi)) | 0;
}

/** 1 when `sum`, the low half of an addition that had `part` as one side, went over 32 bits. */
function carry(sum: number, part: number): number {
  return sum >>> 0 < part >>> 0 ? 1 : 0;
}

/** Hashes bytes[start, end) into `into`. */
export function murmur3(bytes: Uint8Array, start: number, end: number, into: Murmur3Hash): void {
  const length = end - start;
  let h1Hi = 0;
  let h1Lo = 0;
  let h2Hi = 0;
  let h2Lo = 0;
  let hi = 0;
  let lo = 0;
  let t = 0;
  let at = start;
  for (const blocksEnd = start + (length & ~15); at < blocksEnd; at += 16) {
    lo = bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24);
    hi = bytes[at + 4]! | (bytes[at + 5]! << 8) | (bytes[at + 6]! << 16) | (bytes[at + 7]! << 24);
    // h1 ^= rotl(k1 * c1, 31) * c2
    hi = productHi(hi, lo, C1_HI, C1_LO);
    lo = Math.imul(lo, C1_LO);
    t = (hi << 31) | (lo >>> 1);
    lo = (lo << 31) | (hi >>> 1);
    hi = productHi(t, lo, C2_HI, C2_LO);
    lo = Math.imul(lo, C2_LO);
    h1Hi ^= hi;
    h1Lo ^= lo;
    // h1 = (rotl(h1, 27) + h2) * 5 + 0x52dce729
    t = (h1Hi << 27) | (h1Lo >>> 5);
    lo = (h1Lo << 27) | (h1Hi >>> 5);
    h1Lo = (lo + h2Lo) | 0;
    h1Hi = (t + h2Hi + carry(h1Lo, lo)) | 0;
    hi = productHi(h1Hi, h1Lo, 0, 5);
    lo = Math.imul(h1Lo, 5);
    h1Lo = (lo + 0x52dce729) | 0;
    h1Hi = (hi + carry(h1Lo, lo)) | 0;

    lo = bytes[at + 8]! | (bytes[at + 9]! << 8) | (bytes[at + 10]! << 16) | (bytes[at + 11]! << 24);
    hi = bytes[at + 12]! | (bytes[at + 13]! << 8) | (bytes[at + 14]! << 16) | (bytes[at + 15]! << 24);
    // h2 ^= rotl(k2 * c2, 33) * c1
    hi = productHi(hi, lo, C2_HI, C2_LO);
    lo = Math.imul(lo, C2_LO);
    t = (lo << 1) | (hi >>> 31);
    lo = (hi << 1) | (lo >>> 31);
    hi = productHi(t, lo, C1_HI, C1_LO);
    lo = Math.imul(lo, C1_LO);
    h2Hi ^= hi;
    h2Lo ^= lo;
    // h2 = (rotl(h2, 31) + h1) * 5 + 0x38495ab5
    t = (h2Hi << 31) | (h2Lo >>> 1);
    lo = (h2Lo << 31) | (h2Hi >>> 1);
    h2Lo = (lo + h1Lo) | 0;
    h2Hi = (t + h1Hi + carry(h2Lo, lo)) | 0;
    hi = productHi(h2Hi, h2Lo, 0, 5);
    lo = Math.imul(h2Lo, 5);
    h2Lo = (lo + 0x38495ab5) | 0;
    h2Hi = (hi + carry(h2Lo, lo)) | 0;
  }

  if (at < end) {
    const half = end - at > 8 ? at + 8 : end;
    if (half < end) {
      lo = 0;
      hi = 0;
      for (let i = half, shift = 0; i < end; i++, shift += 8) {
        const byte = (bytes[i]! << 24) >> 24;
        if (shift < 32) {
          lo ^= byte << shift;
          // The sign's ones go on above the low half: the high bits of (byte << shift) as 64 bits.
          hi ^= shift === 0 ? byte >> 31 : byte >> (32 - shift);
        } else {
          hi ^= byte << (shift - 32);
        }
      }
      hi = productHi(hi, lo, C2_HI, C2_LO);
      lo = Math.imul(lo, C2_LO);
      t = (lo << 1) | (hi >>> 31);
      lo = (hi << 1) | (lo >>> 31);
      hi = productHi(t, lo, C1_HI, C1_LO);
      lo = Math.imul(lo, C1_LO);
      h2Hi ^= hi;
      h2Lo ^= lo;
    }
    lo = 0;
    hi = 0;
    for (let i = at, shift = 0; i < half; i++, shift += 8) {
      const byte = (bytes[i]! << 24) >> 24;
      if (shift < 32) {
        lo ^= byte << shift;
        hi ^= shift === 0 ? byte >> 31 : byte >> (32 - shift);
      } else {
        hi ^= byte << (shift - 32);
      }
    }
    hi = productHi(hi, lo, C1_HI, C1_LO);
    lo = Math.imul(lo, C1_LO);
    t = (hi << 31) | (lo >>> 1);
    lo = (lo << 31) | (hi >>> 1);
    hi = productHi(t, lo, C2_HI, C2_LO);
    lo = Math.imul(lo, C2_LO);
    h1Hi ^= hi;
    h1Lo ^= lo;
  }

  h1Lo ^= length;
  h2Lo ^= length;
  lo = h1Lo;
  h1Lo = (lo + h2Lo) | 0;
  h1Hi = (h1Hi + h2Hi + carry(h1Lo, lo)) | 0;
  lo = h2Lo;
  h2Lo = (lo + h1Lo) | 0;
  h2Hi = (h2Hi + h1Hi + carry(h2Lo, lo)) | 0;

  // mix: k ^= k >>> 33, times a constant, twice, and k ^= k >>> 33 again
  h1Lo ^= h1Hi >>> 1;
  h1Hi = productHi(h1Hi, h1Lo, MIX1_HI, MIX1_LO);
  h1Lo = Math.imul(h1Lo, MIX1_LO);
  h1Lo ^= h1Hi >>> 1;
  h1Hi = productHi(h1Hi, h1Lo, MIX2_HI, MIX2_LO);
  h1Lo = Math.imul(h1Lo, MIX2_LO);
  h1Lo ^= h1Hi >>> 1;
  h2Lo ^= h2Hi >>> 1;
  h2Hi = productHi(h2Hi, h2Lo, MIX1_HI, MIX1_LO);
  h2Lo = Math.imul(h2Lo, MIX1_LO);
  h2Lo ^= h2Hi >>> 1;
  h2Hi = productHi(h2Hi, h2Lo, MIX2_HI, MIX2_LO);
  h2Lo = Math.imul(h2Lo, MIX2_LO);
  h2Lo ^= h2Hi >>> 1;

  lo = h1Lo;
  h1Lo = (lo + h2Lo) | 0;
  h1Hi = (h1Hi + h2Hi + carry(h1Lo, lo)) | 0;
  lo = h2Lo;
  h2Lo = (lo + h1Lo) | 0;
  h2Hi = (h2Hi + h1Hi + carry(h2Lo, lo)) | 0;
  into.h1Hi = h1Hi;
  into.h1Lo = h1Lo;
  into.h2Hi = h2Hi;
  into.h2Lo = h2Lo;
}
