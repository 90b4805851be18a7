import type { Int64Halves } from '../../core/vint.ts';

/**
 * Reads vints from a window that may end in the middle of one: where `core/vint.ts` throws, this says "more bytes".
 * One per decoder, used again; `at` is where the last vint ended.
 */
export class VintScanner {
  at = 0;

  /** The unsigned vint at bytes[pos]; -1 when the bytes end early, Infinity when it is above 2^53 - 1. */
  scan(bytes: Uint8Array, pos: number, end: number): number {
    if (pos >= end) return -1;
    const first = bytes[pos]!;
    if (first < 0x80) {
      this.at = pos + 1;
      return first;
    }
    const extra = Math.clz32(~first & 0xff) - 24;
    if (pos + extra >= end) return -1;
    let value = extra >= 7 ? 0 : first & (0x7f >> extra);
    for (let i = 1; i <= extra; i++) value = value * 256 + bytes[pos + i]!;
    this.at = pos + 1 + extra;
    return value <= Number.MAX_SAFE_INTEGER ? value : Number.POSITIVE_INFINITY;
  }

  /** All 64 bits of the vint at bytes[pos]; false when the bytes end early. */
  scan64(bytes: Uint8Array, pos: number, end: number, into: Int64Halves): boolean {
    if (pos >= end) return false;
    const first = bytes[pos]!;
    if (first < 0x80) {
      into.hi = 0;
      into.lo = first;
      this.at = pos + 1;
      return true;
    }
    const extra = Math.clz32(~first & 0xff) - 24;
    if (pos + extra >= end) return false;
    let hi = 0;
    let lo = extra >= 7 ? 0 : first & (0x7f >> extra);
    for (let i = 1; i <= extra; i++) {
      hi = (hi << 8) | (lo >>> 24);
      lo = (lo << 8) | bytes[pos + i]!;
    }
    into.hi = hi;
    into.lo = lo;
    this.at = pos + 1 + extra;
    return true;
  }
}
