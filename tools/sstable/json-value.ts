import { readI32BE } from '../../core/bytes.ts';
import { int64ToBigInt } from '../../core/int64.ts';
import { counterShardCount } from '../../core/mutation/counter-cell.ts';
import { CollectionReader } from '../../core/types/collection-reader.ts';
import { quoteIdentifier } from '../../core/types/cql-identifier.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { invalidValueText, toHex } from '../../core/types/text-form.ts';
import { javaAddress } from './cassandra-text.ts';

/** Bytes of a counter's shard, the last eight of which are its count. */
const SHARD_BYTES = 32;

/**
 * The value as JSON of its type, in the form that SELECT JSON has in Cassandra: numbers, booleans, arrays for lists, sets,
 * tuples and vectors, objects for maps and UDTs, strings for the rest. An empty value is "", of a blob "0x".
 * Bytes that are no value of the type are shown as "0x" and hex.
 */
export function jsonValue(type: CqlType, bytes: Uint8Array, start: number, end: number): string {
  if (start === end && type.kind !== TypeKind.Blob) return '""';
  switch (type.kind) {
    case TypeKind.Blob:
    case TypeKind.Custom:
      return JSON.stringify(`0x${toHex(bytes, start, end)}`);
    case TypeKind.List:
    case TypeKind.Set:
    case TypeKind.Map:
    case TypeKind.Tuple:
    case TypeKind.Udt:
    case TypeKind.Vector:
      return compositeJson(type, bytes, start, end) ?? JSON.stringify(invalidValueText(bytes, start, end));
    default:
      break;
  }
  if (type.validate(bytes, start, end) !== undefined) return JSON.stringify(invalidValueText(bytes, start, end));
  const text = type.toText(bytes, start, end);
  switch (type.kind) {
    case TypeKind.Bigint:
    case TypeKind.Boolean:
    case TypeKind.Counter:
    case TypeKind.Decimal:
    case TypeKind.Int:
    case TypeKind.Smallint:
    case TypeKind.Tinyint:
    case TypeKind.Varint:
      return text;
    case TypeKind.Double:
    case TypeKind.Float:
      return Number.isFinite(Number(text)) ? text : 'null'; // JSON has no NaN and no infinities
    case TypeKind.Inet:
      return JSON.stringify(javaAddress(bytes, start, end) ?? text);
    case TypeKind.Timestamp:
      return JSON.stringify(text.replace('T', ' '));
    default:
      return JSON.stringify(text);
  }
}

/** The total of a counter cell's shards; "0x" and hex when the bytes are no counter value. */
export function counterTotal(bytes: Uint8Array, start: number, end: number): string {
  const count = counterShardCount(bytes, start, end);
  if (count < 0) return JSON.stringify(invalidValueText(bytes, start, end));
  let total = 0n;
  for (let at = end - count * SHARD_BYTES; count > 0 && at < end; at += SHARD_BYTES) {
    total = BigInt.asIntN(64, total + int64ToBigInt(readI32BE(bytes, at + 24), readI32BE(bytes, at + 28)));
  }
  return total.toString();
}

/** Undefined when the structure of the value is damaged. */
function compositeJson(type: CqlType, bytes: Uint8Array, start: number, end: number): string | undefined {
  const reader = new CollectionReader();
  const { parameters } = type;
  const parts: string[] = [];
  const element = (parameter: CqlType) =>
    reader.isNull ? 'null' : jsonValue(parameter, reader.bytes, reader.start, reader.end);
  switch (type.kind) {
    case TypeKind.Map:
      reader.openMap(bytes, start, end);
      while (reader.next()) {
        const key = element(parameters[0]!);
        if (reader.next()) parts.push(`${key.startsWith('"') ? key : JSON.stringify(key)}: ${element(parameters[1]!)}`);
      }
      break;
    case TypeKind.Tuple:
    case TypeKind.Udt:
      reader.openTuple(bytes, start, end, parameters.length);
      for (const [i, parameter] of parameters.entries()) {
        const value = reader.next() ? element(parameter) : 'null';
        const field = type.udt?.fieldNames[i];
        parts.push(field === undefined ? value : `${JSON.stringify(quoteIdentifier(field))}: ${value}`);
      }
      reader.next();
      break;
    case TypeKind.Vector:
      reader.openVector(bytes, start, end, parameters[0]!, type.dimension!);
      while (reader.next()) parts.push(element(parameters[0]!));
      break;
    default:
      reader.openList(bytes, start, end);
      while (reader.next()) parts.push(element(parameters[0]!));
  }
  if (reader.isDamaged) return undefined;
  const isObject = type.kind === TypeKind.Map || type.kind === TypeKind.Udt;
  return isObject ? `{${parts.join(', ')}}` : `[${parts.join(', ')}]`;
}
