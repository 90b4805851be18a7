/** Numbers, hex and UUIDs as ASCII, straight into bytes. Each function returns where the text ends; none checks for room. */

/** Most bytes of an int64 in decimal. */
export const INT64_TEXT_BYTES = 20;

const BILLION = 1e9;
const TWO_32 = 0x1_0000_0000;
const ZERO = 48;
const MINUS = 45;

/** The digits of 00 to 99. */
const PAIRS = Uint8Array.from({ length: 200 }, (_, i) => ZERO + (i % 2 === 0 ? Math.floor(i / 20) : (i >> 1) % 10));
const HEX = Uint8Array.from('0123456789abcdef', (digit) => digit.charCodeAt(0));

/** Two digits of 0 to 99. */
export function writePair(target: Uint8Array, at: number, value: number): number {
  target[at] = PAIRS[2 * value]!;
  target[at + 1] = PAIRS[2 * value + 1]!;
  return at + 2;
}

/** The last `width` digits of an integer of at most 31 bits. */
export function writePadded(target: Uint8Array, at: number, value: number, width: number): number {
  let rest = value | 0;
  let o = at + width;
  while (o > at + 1) {
    const next = (rest / 100) | 0;
    o -= 2;
    writePair(target, o, rest - next * 100);
    rest = next;
  }
  if (o > at) target[at] = ZERO + (rest % 10);
  return at + width;
}

/** An unsigned integer of 32 bits, without leading zeros. */
export function writeU32(target: Uint8Array, at: number, value: number): number {
  if (value >= BILLION) {
    const upper = (value / BILLION) | 0;
    target[at] = ZERO + upper;
    return writePadded(target, at + 1, value - upper * BILLION, 9);
  }
  const width = digitCount(value | 0);
  return writePadded(target, at, value, width);
}

/** Of a number from 0 to 10^9 - 1. */
function digitCount(value: number): number {
  if (value < 10_000) {
    if (value < 100) return value < 10 ? 1 : 2;
    return value < 1000 ? 3 : 4;
  }
  if (value < 1_000_000) return value < 100_000 ? 5 : 6;
  if (value < 10_000_000) return 7;
  return value < 100_000_000 ? 8 : 9;
}

export function writeI32(target: Uint8Array, at: number, value: number): number {
  if (value >= 0) return writeU32(target, at, value);
  target[at] = MINUS;
  return writeU32(target, at + 1, -value);
}

/** A safe integer of at least 0. */
export function writeSafe(target: Uint8Array, at: number, value: number): number {
  if (value < TWO_32) return writeU32(target, at, value);
  const upper = Math.floor(value / BILLION); // exact: the quotient is small against what doubles tell apart
  return writePadded(target, writeU32(target, at, upper), value - upper * BILLION, 9);
}

/** A signed number of 64 bits by its halves, every digit exact. */
export function writeI64(target: Uint8Array, at: number, hi: number, lo: number): number {
  let high = hi;
  let low = lo;
  let o = at;
  if (hi < 0) {
    target[o++] = MINUS;
    low = -lo | 0;
    high = (~hi + (low === 0 ? 1 : 0)) | 0;
  }
  const top = high >>> 0;
  if (top < 0x0020_0000) return writeSafe(target, o, top * TWO_32 + (low >>> 0));
  // A long division by 10^9 in digits of 16 bits.
  const first = Math.floor(top / BILLION);
  const upper = (top - first * BILLION) * 0x1_0000 + (low >>> 16);
  const second = Math.floor(upper / BILLION);
  const lower = (upper - second * BILLION) * 0x1_0000 + (low & 0xffff);
  const third = Math.floor(lower / BILLION);
  o = writeSafe(target, o, first * TWO_32 + second * 0x1_0000 + third);
  return writePadded(target, o, lower - third * BILLION, 9);
}

/** Lower-case hex of source[start, end), two digits a byte. */
export function writeHex(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  let o = at;
  for (let i = start; i < end; i++) {
    const byte = source[i]!;
    target[o] = HEX[byte >> 4]!;
    target[o + 1] = HEX[byte & 15]!;
    o += 2;
  }
  return o;
}

/** The 36 characters of the UUID at source[start]. */
export function writeUuidText(target: Uint8Array, at: number, source: Uint8Array, start: number): number {
  let o = at;
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) target[o++] = MINUS;
    const byte = source[start + i]!;
    target[o] = HEX[byte >> 4]!;
    target[o + 1] = HEX[byte & 15]!;
    o += 2;
  }
  return o;
}
