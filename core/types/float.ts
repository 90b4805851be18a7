import { readI32BE } from '../bytes.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { checkWidth, compareOddLengths, compareU32 } from './fixed-width.ts';
import { nearestFloat } from './nearest-float.ts';
import { cannotMake, invalidValueText, view } from './text-form.ts';

/**
 * float and double: IEEE 754, big endian. Ordered by a key: the bits with the sign bit flipped, all bits inverted when
 * negative, all ones for any NaN. That is Java's order: -0 before 0, NaN last and equal to every other NaN.
 */

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const NOT_FINITE = /^([+-]?)(?:(nan)|infinity)$/i;

/** Order key of a float's bits, unsigned. */
function floatKey(bits: number): number {
  if ((bits & 0x7fff_ffff) > 0x7f80_0000) return 0xffff_ffff;
  return (bits < 0 ? ~bits : bits | 0x8000_0000) >>> 0;
}

function isDoubleNaN(hi: number, lo: number): boolean {
  const exponent = hi & 0x7fff_ffff;
  return exponent > 0x7ff0_0000 || (exponent === 0x7ff0_0000 && lo !== 0);
}

/** High half of a double's order key. */
function doubleKeyHi(hi: number, lo: number): number {
  if (isDoubleNaN(hi, lo)) return 0xffff_ffff;
  return (hi < 0 ? ~hi : hi | 0x8000_0000) >>> 0;
}

/** Low half of a double's order key. */
function doubleKeyLo(hi: number, lo: number): number {
  if (isDoubleNaN(hi, lo)) return 0xffff_ffff;
  return (hi < 0 ? ~lo : lo) >>> 0;
}

/** Shortest decimal digits that read back as the same double, as JavaScript prints them, but with the sign of -0. */
function doubleText(value: number): string {
  return Object.is(value, -0) ? '-0' : String(value);
}

/** Shortest decimal digits that read back as the same float. */
function floatText(value: number): string {
  if (!Number.isFinite(value) || value === 0) return doubleText(value);
  for (let digits = 1; digits < 9; digits++) {
    const shorter = Number(value.toPrecision(digits));
    if (Math.fround(shorter) === value) return doubleText(shorter);
  }
  return doubleText(Number(value.toPrecision(9)));
}

/** The double nearest to a text, or undefined when it is no number or beyond the greatest double. */
export function parseDouble(text: string): number | undefined {
  const special = NOT_FINITE.exec(text);
  if (special !== null) {
    if (special[2] !== undefined) return Number.NaN;
    return special[1] === '-' ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  }
  if (!NUMBER.test(text)) return undefined;
  const value = Number(text);
  return Number.isFinite(value) ? value : undefined;
}

export const floatType: CqlType = new DefinedType({
  kind: TypeKind.Float,
  cqlName: 'float',
  className: `${MARSHAL_PREFIX}FloatType`,
  fixedLength: 4,
  compare(a, aStart, aEnd, b, bStart, bEnd) {
    if (aEnd - aStart !== 4 || bEnd - bStart !== 4) return compareOddLengths(4, a, aStart, aEnd, b, bStart, bEnd);
    return floatKey(readI32BE(a, aStart)) - floatKey(readI32BE(b, bStart));
  },
  prefix: (bytes, start, end) => (end - start === 4 ? floatKey(readI32BE(bytes, start)) : 0),
  validate: (_bytes, start, end) => checkWidth('float', 4, end - start),
  toText(bytes, start, end) {
    if (start === end) return '';
    return end - start === 4 ? floatText(view(bytes, start, end).readFloatBE(0)) : invalidValueText(bytes, start, end);
  },
  fromText(text) {
    const bytes = new Uint8Array(text === '' ? 0 : 4);
    if (text === '') return bytes;
    const double = parseDouble(text);
    if (double === undefined) throw cannotMake('float', text);
    const value = Number.isFinite(double) ? nearestFloat(text, double) : double;
    if (Number.isFinite(double) && !Number.isFinite(value)) throw cannotMake('float', text);
    view(bytes, 0, 4).writeFloatBE(value, 0);
    return bytes;
  },
});

export const doubleType: CqlType = new DefinedType({
  kind: TypeKind.Double,
  cqlName: 'double',
  className: `${MARSHAL_PREFIX}DoubleType`,
  fixedLength: 8,
  compare(a, aStart, aEnd, b, bStart, bEnd) {
    if (aEnd - aStart !== 8 || bEnd - bStart !== 8) return compareOddLengths(8, a, aStart, aEnd, b, bStart, bEnd);
    const aHi = readI32BE(a, aStart);
    const aLo = readI32BE(a, aStart + 4);
    const bHi = readI32BE(b, bStart);
    const bLo = readI32BE(b, bStart + 4);
    const order = doubleKeyHi(aHi, aLo) - doubleKeyHi(bHi, bLo);
    return order !== 0 ? order : compareU32(doubleKeyLo(aHi, aLo), doubleKeyLo(bHi, bLo));
  },
  prefix(bytes, start, end) {
    return end - start === 8 ? doubleKeyHi(readI32BE(bytes, start), readI32BE(bytes, start + 4)) : 0;
  },
  validate: (_bytes, start, end) => checkWidth('double', 8, end - start),
  toText(bytes, start, end) {
    if (start === end) return '';
    return end - start === 8
      ? doubleText(view(bytes, start, end).readDoubleBE(0))
      : invalidValueText(bytes, start, end);
  },
  fromText(text) {
    const bytes = new Uint8Array(text === '' ? 0 : 8);
    if (text === '') return bytes;
    const value = parseDouble(text);
    if (value === undefined) throw cannotMake('double', text);
    view(bytes, 0, 8).writeDoubleBE(value, 0);
    return bytes;
  },
});
