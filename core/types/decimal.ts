import { compareBytes, readI32BE, writeI32BE } from '../bytes.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { cannotMake, invalidValueText } from './text-form.ts';
import {
  bigIntToVarint,
  compareVarint,
  MAX_NUMBER_BYTES,
  MAX_NUMBER_DIGITS,
  varintBitLength,
  varintToBigInt,
} from './varint.ts';

/**
 * decimal: `scale: i32 | unscaled: varint`, the number unscaled × 10^-scale. The scale is part of the value as users
 * see it (1.0 is not written as 1.00) but not of its order.
 */

const LOG2_10 = Math.log2(10);
/** More than the rounding errors of the estimates below, which stay under 2^-18 for any scale. */
const ESTIMATE_MARGIN = 0.001;
const NUMBER = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,12}))?$/;

/** Unscaled numbers of so many bytes are below 2^47, so that a double holds them with room to spare. */
const SMALL_BYTES = 6;
/** Every power of ten that a double holds exactly. */
const POWERS_OF_TEN: readonly number[] = Array.from({ length: 23 }, (_, i) => Number(`1e${i}`));

/** Damaged, or so long that exact comparison would hold up the caller: ordered by bytes, before all others. */
function isOdd(start: number, end: number): boolean {
  return end - start < 5 || end - start > MAX_NUMBER_BYTES;
}

/** The number of a varint of 1 to SMALL_BYTES bytes. */
function smallNumber(bytes: Uint8Array, start: number, end: number): number {
  let value = (bytes[start]! << 24) >> 24;
  for (let i = start + 1; i < end; i++) value = value * 256 + bytes[i]!;
  return value;
}

function signOf(bytes: Uint8Array, start: number, end: number): number {
  if (bytes[start]! >>> 7 !== 0) return -1;
  return varintBitLength(bytes, start, end) === 0 ? 0 : 1;
}

/**
 * Numeric order, whatever the scales: 1.0 equals 1.00. Long numbers (over 14 digits) of different scales and about one
 * size take a bigint; everything else is compared without.
 */
function compareDecimal(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  if (isOdd(aStart, aEnd) || isOdd(bStart, bEnd)) {
    const aRank = aStart === aEnd ? 0 : isOdd(aStart, aEnd) ? 1 : 2;
    const bRank = bStart === bEnd ? 0 : isOdd(bStart, bEnd) ? 1 : 2;
    return aRank !== bRank ? aRank - bRank : compareBytes(a, aStart, aEnd, b, bStart, bEnd);
  }
  const i = aStart + 4;
  const j = bStart + 4;
  const aScale = readI32BE(a, aStart);
  const bScale = readI32BE(b, bStart);
  if (aScale === bScale) return compareVarint(a, i, aEnd, b, j, bEnd);
  const shift = aScale - bScale;
  if (aEnd - i <= SMALL_BYTES && bEnd - j <= SMALL_BYTES && Math.abs(shift) < POWERS_OF_TEN.length) {
    // A product beyond 2^53 may be rounded, but stays far above the other side, which is below 2^47.
    const left = shift < 0 ? smallNumber(a, i, aEnd) * POWERS_OF_TEN[-shift]! : smallNumber(a, i, aEnd);
    const right = shift > 0 ? smallNumber(b, j, bEnd) * POWERS_OF_TEN[shift]! : smallNumber(b, j, bEnd);
    if (left === right) return 0;
    return left < right ? -1 : 1;
  }
  const sign = signOf(a, i, aEnd);
  const bSign = signOf(b, j, bEnd);
  if (sign !== bSign) return sign - bSign;
  if (sign === 0) return 0;
  const order = compareMagnitudes(a, i, aEnd, aScale, b, j, bEnd, bScale);
  return sign < 0 ? 0 - order : order;
}

/** Order of the absolute values of two numbers of one sign and different scales, neither of them 0. */
function compareMagnitudes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  aScale: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
  bScale: number,
): number {
  // log2 of |a| lies in [aLog - 1, aLog]; the closed end is for -2^n, whose varint has one bit less than its magnitude.
  const aLog = varintBitLength(a, aStart, aEnd) - aScale * LOG2_10;
  const bLog = varintBitLength(b, bStart, bEnd) - bScale * LOG2_10;
  if (aLog - 1 > bLog + ESTIMATE_MARGIN) return 1;
  if (bLog - 1 > aLog + ESTIMATE_MARGIN) return -1;
  // Of about one size: the scales differ by no more digits than the longer number has.
  let left = varintToBigInt(a, aStart, aEnd);
  let right = varintToBigInt(b, bStart, bEnd);
  if (aScale < bScale) left *= 10n ** BigInt(bScale - aScale);
  else right *= 10n ** BigInt(aScale - bScale);
  if (left === right) return 0;
  return left > right === left > 0n ? 1 : -1;
}

/** Text of unscaled × 10^-scale, as Java's `BigDecimal.toString` prints it. */
function decimalText(unscaled: bigint, scale: number): string {
  const sign = unscaled < 0n ? '-' : '';
  const digits = (unscaled < 0n ? -unscaled : unscaled).toString();
  if (scale === 0) return sign + digits;
  const exponent = digits.length - 1 - scale;
  if (scale > 0 && exponent >= -6) {
    const whole = digits.length - scale;
    if (whole > 0) return `${sign}${digits.slice(0, whole)}.${digits.slice(whole)}`;
    return `${sign}0.${'0'.repeat(-whole)}${digits}`;
  }
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`;
  return exponent === 0 ? sign + mantissa : `${sign}${mantissa}E${exponent > 0 ? '+' : ''}${exponent}`;
}

export const decimalType: CqlType = new DefinedType({
  kind: TypeKind.Decimal,
  cqlName: 'decimal',
  className: `${MARSHAL_PREFIX}DecimalType`,
  fixedLength: -1,
  compare: compareDecimal,
  prefix(bytes, start, end) {
    if (isOdd(start, end)) return 0;
    return (0x8000_0000 + signOf(bytes, start + 4, end) * 0x4000_0000) >>> 0;
  },
  validate(_bytes, start, end) {
    if (start === end || end - start > 4) return undefined;
    return `Expected 0 or at least 5 bytes for decimal (${end - start})`;
  },
  toText(bytes, start, end) {
    if (start === end) return '';
    if (isOdd(start, end)) return invalidValueText(bytes, start, end);
    return decimalText(varintToBigInt(bytes, start + 4, end), readI32BE(bytes, start));
  },
  fromText(text) {
    if (text === '') return new Uint8Array(0);
    if (text.length > MAX_NUMBER_DIGITS) throw cannotMake('decimal', text, `more than ${MAX_NUMBER_DIGITS} digits`);
    const match = NUMBER.exec(text);
    const fraction = match?.[3] ?? '';
    const digits = (match?.[2] ?? '') + fraction;
    if (match === null || digits === '') throw cannotMake('decimal', text);
    const scale = fraction.length - Number(match[4] ?? '0');
    if (scale !== (scale | 0)) throw cannotMake('decimal', text, 'the exponent is out of range');
    const magnitude = BigInt(digits);
    const bytes = bigIntToVarint(match[1] === '-' ? -magnitude : magnitude, 4);
    writeI32BE(bytes, 0, scale);
    return bytes;
  },
});
