import { compareBytes, readU16BE, writeU16BE } from '../bytes.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { leadingBytes } from './fixed-width.ts';
import { cannotMake, invalidValueText } from './text-form.ts';

/** inet: 4 bytes of IPv4 or 16 of IPv6, in byte order. Text of IPv6 as RFC 5952 has it: lower case, the longest run of zeros `::`. */

/** Longest text of an address, `ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255`. */
const MAX_ADDRESS_TEXT = 45;
const BYTE = /^(?:0|[1-9]\d{0,2})$/;
const GROUP = /^[0-9a-f]{1,4}$/i;

function ipv4Text(bytes: Uint8Array, at: number): string {
  return `${bytes[at]}.${bytes[at + 1]}.${bytes[at + 2]}.${bytes[at + 3]}`;
}

function ipv6Text(bytes: Uint8Array, at: number): string {
  const groups = Array.from({ length: 8 }, (_, i) => readU16BE(bytes, at + 2 * i));
  if (groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0)) {
    return `::ffff:${ipv4Text(bytes, at + 12)}`; // an IPv4 address in IPv6 clothes
  }
  let runStart = 8;
  let runLength = 1; // one zero alone is written as 0
  for (let i = 0; i < 8; i++) {
    let length = 0;
    while (i + length < 8 && groups[i + length] === 0) length++;
    if (length > runLength) {
      runStart = i;
      runLength = length;
    }
    i += length;
  }
  const hex = groups.map((group) => group.toString(16));
  if (runLength === 1) return hex.join(':');
  return `${hex.slice(0, runStart).join(':')}::${hex.slice(runStart + runLength).join(':')}`;
}

function ipv4Bytes(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length !== 4 || !parts.every((part) => BYTE.test(part) && Number(part) < 256)) return undefined;
  return parts.map(Number);
}

/** The groups of one side of `::`, or undefined. Only the end of an address may be in IPv4 form. */
function ipv6Groups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return [];
  const groups: number[] = [];
  const parts = text.split(':');
  for (const [i, part] of parts.entries()) {
    if (GROUP.test(part)) {
      groups.push(Number.parseInt(part, 16));
      continue;
    }
    const four = isEnd && i === parts.length - 1 ? ipv4Bytes(part) : undefined;
    if (four === undefined) return undefined;
    groups.push((four[0]! << 8) | four[1]!, (four[2]! << 8) | four[3]!);
  }
  return groups;
}

/** The 4 or 16 bytes of an address's text, or undefined when it is none. Host names and zones are not addresses. */
export function inetFromText(text: string): Uint8Array | undefined {
  if (text.length > MAX_ADDRESS_TEXT) return undefined;
  if (!text.includes(':')) {
    const four = ipv4Bytes(text);
    return four === undefined ? undefined : Uint8Array.from(four);
  }
  const sides = text.split('::');
  if (sides.length > 2) return undefined;
  const head = ipv6Groups(sides[0]!, sides.length === 1);
  const tail = sides.length === 2 ? ipv6Groups(sides[1]!, true) : [];
  if (head === undefined || tail === undefined) return undefined;
  const missing = 8 - head.length - tail.length;
  if (sides.length === 2 ? missing < 1 : missing !== 0) return undefined;
  const bytes = new Uint8Array(16);
  for (const [i, group] of head.entries()) writeU16BE(bytes, 2 * i, group);
  for (const [i, group] of tail.entries()) writeU16BE(bytes, 2 * (head.length + missing + i), group);
  return bytes;
}

export const inetType: CqlType = new DefinedType({
  kind: TypeKind.Inet,
  cqlName: 'inet',
  className: `${MARSHAL_PREFIX}InetAddressType`,
  fixedLength: -1,
  compare: compareBytes,
  prefix: leadingBytes,
  validate(_bytes, start, end) {
    const length = end - start;
    return length === 0 || length === 4 || length === 16 ? undefined : `Expected 4 or 16 byte inet (${length})`;
  },
  toText(bytes, start, end) {
    if (start === end) return '';
    if (end - start === 4) return ipv4Text(bytes, start);
    return end - start === 16 ? ipv6Text(bytes, start) : invalidValueText(bytes, start, end);
  },
  fromText(text) {
    if (text === '') return new Uint8Array(0);
    const bytes = inetFromText(text);
    if (bytes === undefined) throw cannotMake('inet', text);
    return bytes;
  },
});
