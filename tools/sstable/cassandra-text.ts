import { readU16BE } from '../../core/bytes.ts';
import { CollectionReader } from '../../core/types/collection-reader.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { toHex } from '../../core/types/text-form.ts';

/** From these magnitudes on, and below, Java writes a double with an exponent. */
const LARGE = 1e7;
const SMALL = 1e-3;

/**
 * The text that Cassandra has for values outside of JSON: partition keys and the paths of cells in sstabledump. Frozen
 * collections and vectors are plain hex, fields of a tuple or UDT are joined by colons, numbers and addresses are as Java
 * writes them.
 * @param cassandra its major version: before 4, points in time have no seconds
 */
export function cassandraText(type: CqlType, bytes: Uint8Array, start: number, end: number, cassandra: number): string {
  if (start === end) return '';
  switch (type.kind) {
    case TypeKind.List:
    case TypeKind.Set:
    case TypeKind.Map:
    case TypeKind.Vector:
      return toHex(bytes, start, end);
    case TypeKind.Tuple:
    case TypeKind.Udt:
      return fieldsText(type, bytes, start, end, cassandra);
    case TypeKind.Double:
    case TypeKind.Float:
      return javaDouble(type.toText(bytes, start, end));
    case TypeKind.Inet:
      return javaAddress(bytes, start, end) ?? type.toText(bytes, start, end);
    case TypeKind.Timestamp: {
      const text = type.toText(bytes, start, end);
      return cassandra < 4 ? text.replace(/T(\d+:\d+):[\d.]+/, ' $1') : text;
    }
    default:
      return type.toText(bytes, start, end);
  }
}

/** An address as Java writes it: all eight groups of IPv6, and an IPv4 address in IPv6 form as IPv4. Undefined if it is none. */
export function javaAddress(bytes: Uint8Array, start: number, end: number): string | undefined {
  if (end - start === 4) return bytes.subarray(start, end).join('.');
  if (end - start !== 16) return undefined;
  const groups = Array.from({ length: 8 }, (_, i) => readU16BE(bytes, start + 2 * i));
  const isMapped = groups[5] === 0xffff && groups.slice(0, 5).every((group) => group === 0);
  return isMapped ? bytes.subarray(end - 4, end).join('.') : groups.map((group) => group.toString(16)).join(':');
}

function fieldsText(type: CqlType, bytes: Uint8Array, start: number, end: number, cassandra: number): string {
  const reader = new CollectionReader();
  reader.openTuple(bytes, start, end, type.parameters.length);
  const fields: string[] = [];
  for (const parameter of type.parameters) {
    if (!reader.next()) break; // trailing fields may be missing
    const text = reader.isNull ? '@' : cassandraText(parameter, reader.bytes, reader.start, reader.end, cassandra);
    fields.push(reader.isNull ? text : text.replace(/[:@]/g, '\\$&'));
  }
  return fields.join(':');
}

/** A double or float in Java's form, from its shortest digits in ours. */
function javaDouble(text: string): string {
  const value = Number(text);
  const magnitude = Math.abs(value);
  if (!Number.isFinite(value)) return text;
  if (value === 0) return text.startsWith('-') ? '-0.0' : '0.0';
  const [, sign = '', whole = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const digits = (whole + fraction).replace(/^0+/, '');
  // The value is 0.digits times ten to this.
  const point = whole.length + Number(exponent) - (whole.length + fraction.length - digits.length);
  const significant = digits.replace(/0+$/, '');
  if (magnitude >= SMALL && magnitude < LARGE) {
    if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${significant}`;
    return `${sign}${significant.slice(0, point).padEnd(point, '0')}.${significant.slice(point) || '0'}`;
  }
  return `${sign}${significant[0]}.${significant.slice(1) || '0'}E${point - 1}`;
}
