import { compareBytes } from '../bytes.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { normalizeInteger } from './int.ts';
import { cannotMake, invalidValueText, toHex } from './text-form.ts';

/**
 * varint: two's complement of any length, most significant byte first, at least one byte. Written shortest; longer forms
 * are read and compare equal.
 */

/** Longest number that is turned into decimal digits or back: 1 MiB. That work grows faster than the number does. */
export const MAX_NUMBER_BYTES: number = 1 << 20;
/** Decimal digits that MAX_NUMBER_BYTES hold at least. */
export const MAX_NUMBER_DIGITS: number = Math.floor((MAX_NUMBER_BYTES * 8 - 1) * Math.log10(2));

/** First byte that says something: leading bytes that only repeat the sign are left out. */
function skipSignBytes(bytes: Uint8Array, start: number, end: number): number {
  const fill = bytes[start]! >>> 7 === 0 ? 0 : 0xff;
  let at = start;
  while (at + 1 < end && bytes[at] === fill && bytes[at + 1]! >>> 7 === fill >>> 7) at++;
  return at;
}

/** Numeric order of two varints; an empty one comes first. */
export function compareVarint(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  if (aStart === aEnd || bStart === bEnd) return aEnd - aStart - (bEnd - bStart);
  const aNegative = a[aStart]! >>> 7;
  const bNegative = b[bStart]! >>> 7;
  if (aNegative !== bNegative) return bNegative - aNegative;
  const i = skipSignBytes(a, aStart, aEnd);
  const j = skipSignBytes(b, bStart, bEnd);
  const longer = aEnd - i - (bEnd - j);
  if (longer !== 0) return aNegative === 1 ? -longer : longer;
  return compareBytes(a, i, aEnd, b, j, bEnd); // of equal length and sign, two's complement orders as unsigned bytes
}

/** A sign bit, the bit length of the magnitude in 9 bits (its greatest value stands for all above), 22 bits after the leading one. */
function varintPrefix(bytes: Uint8Array, start: number, end: number): number {
  if (start === end) return 0;
  const flip = bytes[start]! >>> 7 === 0 ? 0 : 0xff;
  let at = skipSignBytes(bytes, start, end);
  if ((bytes[at]! ^ flip) === 0 && at + 1 < end) at++;
  let leading = 0;
  for (let i = 0; i < 4; i++) leading = (leading << 8) | (at + i < end ? bytes[at + i]! ^ flip : 0);
  const zeros = Math.clz32(leading); // below 8, unless the number is 0 or -1
  let magnitude = 0;
  if (zeros < 32) {
    const bits = (end - at) * 8 - zeros;
    const fifth = at + 4 < end ? bytes[at + 4]! ^ flip : 0;
    const aligned = (leading << zeros) | (fifth >>> (8 - zeros));
    magnitude = bits >= 511 ? 0x7fff_ffff : (bits << 22) | ((aligned << 1) >>> 10);
  }
  return (flip === 0 ? 0x8000_0000 | magnitude : 0x7fff_ffff - magnitude) >>> 0;
}

/** Bits of the magnitude of bytes[start, end), which is not empty: 0 for 0 and -1. */
export function varintBitLength(bytes: Uint8Array, start: number, end: number): number {
  const flip = bytes[start]! >>> 7 === 0 ? 0 : 0xff;
  let at = skipSignBytes(bytes, start, end);
  if ((bytes[at]! ^ flip) === 0 && at + 1 < end) at++;
  return (end - at) * 8 - (Math.clz32(bytes[at]! ^ flip) - 24);
}

/** The number in bytes[start, end), which is not empty. */
export function varintToBigInt(bytes: Uint8Array, start: number, end: number): bigint {
  const value = BigInt(`0x${toHex(bytes, start, end)}`);
  return bytes[start]! >>> 7 === 0 ? value : value - (1n << BigInt(8 * (end - start)));
}

/** The shortest two's complement of a number, after `offset` bytes left free. */
export function bigIntToVarint(value: bigint, offset = 0): Uint8Array {
  const magnitude = value < 0n ? -value - 1n : value;
  let digits = magnitude.toString(16);
  if (digits.length % 2 !== 0) digits = `0${digits}`;
  const needsSignByte = digits.charCodeAt(0) >= 56; // '8' and above: the top bit is set
  const hex = Buffer.from(digits, 'hex');
  const at = offset + (needsSignByte ? 1 : 0);
  const bytes = new Uint8Array(at + hex.length);
  bytes.set(hex, at);
  if (value < 0n) for (let i = offset; i < bytes.length; i++) bytes[i] = ~bytes[i]!;
  return bytes;
}

export const varintType: CqlType = new DefinedType({
  kind: TypeKind.Varint,
  cqlName: 'varint',
  className: `${MARSHAL_PREFIX}IntegerType`,
  fixedLength: -1,
  compare: compareVarint,
  prefix: varintPrefix,
  validate: () => undefined,
  toText(bytes, start, end) {
    if (end === start) return '';
    if (end - start > MAX_NUMBER_BYTES) return invalidValueText(bytes, start, end);
    return varintToBigInt(bytes, start, end).toString();
  },
  fromText(text) {
    if (text === '') return new Uint8Array(0);
    const digits = normalizeInteger(text);
    if (digits === undefined) throw cannotMake('varint', text);
    if (digits.length > MAX_NUMBER_DIGITS) throw cannotMake('varint', text, `more than ${MAX_NUMBER_DIGITS} digits`);
    return bigIntToVarint(BigInt(digits));
  },
});
