import { compareBytes, readI32BE, readU32BE } from '../bytes.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { checkWidth, compareOddLengths, compareU32 } from './fixed-width.ts';
import { cannotMake, fromHex, invalidValueText, toHex } from './text-form.ts';

/**
 * uuid and timeuuid: 16 bytes, `time low: 4 | time mid: 2 | version: 4 bits, time high: 12 bits | clock sequence: 2 | node: 6`.
 * uuid orders by version, version 1 by time, the others by their first half; then the second half, unsigned.
 * timeuuid orders by time, then by the second half as signed bytes.
 */

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i;

/** The upper 28 bits of the 60-bit timestamp of the version 1 UUID at `at`. */
export function uuidTimeHi(bytes: Uint8Array, at: number): number {
  return ((bytes[at + 6]! & 0x0f) << 24) | (bytes[at + 7]! << 16) | (bytes[at + 4]! << 8) | bytes[at + 5]!;
}

function compareTimes(a: Uint8Array, aStart: number, b: Uint8Array, bStart: number): number {
  const order = uuidTimeHi(a, aStart) - uuidTimeHi(b, bStart);
  return order !== 0 ? order : compareU32(readI32BE(a, aStart), readI32BE(b, bStart));
}

/** Canonical lower-case text of the 16 bytes at `at`. */
export function uuidText(bytes: Uint8Array, at: number): string {
  const hex = toHex(bytes, at, at + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** The 16 bytes of a UUID's text, or undefined when it is none. */
export function uuidFromText(text: string): Uint8Array | undefined {
  return UUID.test(text) ? fromHex(text.replaceAll('-', '')) : undefined;
}

function uuidToText(bytes: Uint8Array, start: number, end: number): string {
  if (start === end) return '';
  return end - start === 16 ? uuidText(bytes, start) : invalidValueText(bytes, start, end);
}

export const uuidType: CqlType = new DefinedType({
  kind: TypeKind.Uuid,
  cqlName: 'uuid',
  className: `${MARSHAL_PREFIX}UUIDType`,
  fixedLength: 16,
  compare(a, aStart, aEnd, b, bStart, bEnd) {
    if (aEnd - aStart !== 16 || bEnd - bStart !== 16) return compareOddLengths(16, a, aStart, aEnd, b, bStart, bEnd);
    const version = a[aStart + 6]! >> 4;
    const versions = version - (b[bStart + 6]! >> 4);
    if (versions !== 0) return versions;
    const order = version === 1 ? compareTimes(a, aStart, b, bStart) : 0;
    if (order !== 0) return order;
    const from = version === 1 ? 8 : 0;
    return compareBytes(a, aStart + from, aEnd, b, bStart + from, bEnd);
  },
  /** The version, then the top 28 bits of the timestamp or of the bytes. */
  prefix(bytes, start, end) {
    if (end - start !== 16) return 0;
    const version = bytes[start + 6]! >> 4;
    const rest = version === 1 ? uuidTimeHi(bytes, start) : readU32BE(bytes, start) >>> 4;
    return ((version << 28) | rest) >>> 0;
  },
  validate: (_bytes, start, end) => checkWidth('uuid', 16, end - start),
  toText: uuidToText,
  fromText(text) {
    if (text === '') return new Uint8Array(0);
    const bytes = uuidFromText(text);
    if (bytes === undefined) throw cannotMake('uuid', text);
    return bytes;
  },
});

export const timeuuidType: CqlType = new DefinedType({
  kind: TypeKind.Timeuuid,
  cqlName: 'timeuuid',
  className: `${MARSHAL_PREFIX}TimeUUIDType`,
  fixedLength: 16,
  compare(a, aStart, aEnd, b, bStart, bEnd) {
    if (aEnd - aStart !== 16 || bEnd - bStart !== 16) return compareOddLengths(16, a, aStart, aEnd, b, bStart, bEnd);
    const order = compareTimes(a, aStart, b, bStart);
    if (order !== 0) return order;
    for (let i = 8; i < 16; i++) {
      const difference = (a[aStart + i]! ^ 0x80) - (b[bStart + i]! ^ 0x80);
      if (difference !== 0) return difference;
    }
    return 0;
  },
  /** The top 32 bits of the timestamp: one step is 26.8 seconds. */
  prefix(bytes, start, end) {
    if (end - start !== 16) return 0;
    return ((uuidTimeHi(bytes, start) << 4) | (bytes[start]! >> 4)) >>> 0;
  },
  validate(bytes, start, end) {
    if (end - start !== 16) return checkWidth('timeuuid', 16, end - start);
    const version = bytes[start + 6]! >> 4;
    return version === 1 ? undefined : `Invalid version for timeuuid: ${version}, expected 1`;
  },
  toText: uuidToText,
  fromText(text) {
    if (text === '') return new Uint8Array(0);
    const bytes = uuidFromText(text);
    if (bytes === undefined) throw cannotMake('timeuuid', text);
    if (bytes[6]! >> 4 !== 1) throw cannotMake('timeuuid', text, 'it is not of version 1');
    return bytes;
  },
});
