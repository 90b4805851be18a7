import { readI32BE, readU16BE, writeI32BE, writeU16BE } from '../bytes.ts';
import { bigIntHi, bigIntLo, compareInt64, int64ToBigInt } from '../int64.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { checkWidth, compareOddLengths } from './fixed-width.ts';
import { cannotMake, invalidValueText } from './text-form.ts';

/**
 * The integers of fixed width: big endian, two's complement, 1, 2, 4 or 8 bytes. A counter's value in results is a
 * bigint; its shards in storage are not read here.
 */

const INTEGER = /^[+-]?\d+$/;
/** Digits of 2^63. */
const INT64_DIGITS = 19;

/** The text of a decimal integer without sign `+` and leading zeros, or undefined when it is no integer. */
export function normalizeInteger(text: string): string | undefined {
  if (!INTEGER.test(text)) return undefined;
  const isNegative = text.charCodeAt(0) === 45;
  let at = isNegative || text.charCodeAt(0) === 43 ? 1 : 0;
  while (at < text.length - 1 && text.charCodeAt(at) === 48) at++;
  return isNegative ? `-${text.slice(at)}` : text.slice(at);
}

/**
 * The eight bytes of a decimal integer, or undefined when it is none or beyond 64 bits.
 * The work does not grow with the text beyond one pass over it.
 */
export function int64FromText(text: string): Uint8Array | undefined {
  const digits = normalizeInteger(text);
  if (digits === undefined || digits.length > INT64_DIGITS + 1) return undefined;
  const value = BigInt(digits);
  if (value !== BigInt.asIntN(64, value)) return undefined;
  const bytes = new Uint8Array(8);
  writeI32BE(bytes, 0, bigIntHi(value));
  writeI32BE(bytes, 4, bigIntLo(value));
  return bytes;
}

/** Decimal text of the int64 at `at`. */
export function int64Text(bytes: Uint8Array, at: number): string {
  return int64ToBigInt(readI32BE(bytes, at), readI32BE(bytes, at + 4)).toString();
}

/** Order of values of eight bytes as signed numbers. */
export function compareInt64Bytes(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  if (aEnd - aStart !== 8 || bEnd - bStart !== 8) return compareOddLengths(8, a, aStart, aEnd, b, bStart, bEnd);
  return compareInt64(readI32BE(a, aStart), readI32BE(a, aStart + 4), readI32BE(b, bStart), readI32BE(b, bStart + 4));
}

/**
 * Prefix of a signed 64-bit number: a sign bit, the bit length of the magnitude in 6 bits, and the 25 bits after its
 * leading one. The plain top half would be the same for all numbers below 2^32; this tells numbers below 2^26 apart
 * exactly, and times in milliseconds by half a minute.
 */
export function int64Prefix(bytes: Uint8Array, start: number, end: number): number {
  if (end - start !== 8) return 0;
  const sign = bytes[start]! >>> 7 === 0 ? 0 : -1;
  const hi = readI32BE(bytes, start) ^ sign;
  const lo = readI32BE(bytes, start + 4) ^ sign;
  const bits = hi === 0 ? 32 - Math.clz32(lo) : 64 - Math.clz32(hi);
  let leading = 0; // the 32 bits from the leading one on
  if (bits > 32) leading = bits === 64 ? hi : (hi << (64 - bits)) | (lo >>> (bits - 32));
  else if (bits > 0) leading = lo << (32 - bits);
  const magnitude = (bits << 25) | ((leading << 1) >>> 7);
  return (sign === 0 ? 0x8000_0000 | magnitude : 0x7fff_ffff - magnitude) >>> 0;
}

function smallFromText(cqlName: string, width: number, text: string): Uint8Array {
  const digits = normalizeInteger(text);
  const value = digits === undefined || digits.length > 11 ? Number.NaN : Number(digits);
  const limit = 2 ** (8 * width - 1);
  if (!(value >= -limit && value < limit)) throw cannotMake(cqlName, text);
  const bytes = new Uint8Array(width);
  if (width === 1) bytes[0] = value;
  else if (width === 2) writeU16BE(bytes, 0, value);
  else writeI32BE(bytes, 0, value);
  return bytes;
}

export const tinyintType: CqlType = new DefinedType({
  kind: TypeKind.Tinyint,
  cqlName: 'tinyint',
  className: `${MARSHAL_PREFIX}ByteType`,
  fixedLength: -1,
  compare(a, aStart, aEnd, b, bStart, bEnd) {
    if (aEnd - aStart !== 1 || bEnd - bStart !== 1) return compareOddLengths(1, a, aStart, aEnd, b, bStart, bEnd);
    return (a[aStart]! ^ 0x80) - (b[bStart]! ^ 0x80);
  },
  prefix: (bytes, start, end) => (end - start === 1 ? ((bytes[start]! ^ 0x80) << 24) >>> 0 : 0),
  validate: (_bytes, start, end) => checkWidth('tinyint', 1, end - start),
  toText(bytes, start, end) {
    if (end === start) return '';
    return end - start === 1 ? String((bytes[start]! << 24) >> 24) : invalidValueText(bytes, start, end);
  },
  fromText: (text) => (text === '' ? new Uint8Array(0) : smallFromText('tinyint', 1, text)),
});

export const smallintType: CqlType = new DefinedType({
  kind: TypeKind.Smallint,
  cqlName: 'smallint',
  className: `${MARSHAL_PREFIX}ShortType`,
  fixedLength: -1,
  compare(a, aStart, aEnd, b, bStart, bEnd) {
    if (aEnd - aStart !== 2 || bEnd - bStart !== 2) return compareOddLengths(2, a, aStart, aEnd, b, bStart, bEnd);
    return (readU16BE(a, aStart) ^ 0x8000) - (readU16BE(b, bStart) ^ 0x8000);
  },
  prefix: (bytes, start, end) => (end - start === 2 ? ((readU16BE(bytes, start) ^ 0x8000) << 16) >>> 0 : 0),
  validate: (_bytes, start, end) => checkWidth('smallint', 2, end - start),
  toText(bytes, start, end) {
    if (end === start) return '';
    return end - start === 2 ? String((readU16BE(bytes, start) << 16) >> 16) : invalidValueText(bytes, start, end);
  },
  fromText: (text) => (text === '' ? new Uint8Array(0) : smallFromText('smallint', 2, text)),
});

export const intType: CqlType = new DefinedType({
  kind: TypeKind.Int,
  cqlName: 'int',
  className: `${MARSHAL_PREFIX}Int32Type`,
  fixedLength: 4,
  compare(a, aStart, aEnd, b, bStart, bEnd) {
    if (aEnd - aStart !== 4 || bEnd - bStart !== 4) return compareOddLengths(4, a, aStart, aEnd, b, bStart, bEnd);
    const left = readI32BE(a, aStart);
    const right = readI32BE(b, bStart);
    if (left === right) return 0;
    return left < right ? -1 : 1; // a difference could leave int32
  },
  prefix: (bytes, start, end) => (end - start === 4 ? (readI32BE(bytes, start) ^ 0x8000_0000) >>> 0 : 0),
  validate: (_bytes, start, end) => checkWidth('int', 4, end - start),
  toText(bytes, start, end) {
    if (end === start) return '';
    return end - start === 4 ? String(readI32BE(bytes, start)) : invalidValueText(bytes, start, end);
  },
  fromText: (text) => (text === '' ? new Uint8Array(0) : smallFromText('int', 4, text)),
});

function int64Type(kind: TypeKind, cqlName: string, className: string, fixedLength: number): CqlType {
  return new DefinedType({
    kind,
    cqlName,
    className: MARSHAL_PREFIX + className,
    fixedLength,
    compare: compareInt64Bytes,
    prefix: int64Prefix,
    validate: (_bytes, start, end) => checkWidth(cqlName, 8, end - start),
    toText(bytes, start, end) {
      if (end === start) return '';
      return end - start === 8 ? int64Text(bytes, start) : invalidValueText(bytes, start, end);
    },
    fromText(text) {
      if (text === '') return new Uint8Array(0);
      const bytes = int64FromText(text);
      if (bytes === undefined) throw cannotMake(cqlName, text);
      return bytes;
    },
  });
}

export const bigintType: CqlType = int64Type(TypeKind.Bigint, 'bigint', 'LongType', 8);
export const counterType: CqlType = int64Type(TypeKind.Counter, 'counter', 'CounterColumnType', -1);
