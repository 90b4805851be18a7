import { CollectionReader } from './collection-reader.ts';
import { quoteIdentifier } from './cql-identifier.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { invalidValueText, toHex } from './text-form.ts';

/**
 * Values as CQL literals, the form they have inside collections: strings, times and addresses in quotes, blobs with 0x,
 * an empty value of a type that has no text for it as ''.
 */

/** The literal of one value. Bytes that are no value of the type are shown as 0x and hex. */
export function literalText(type: CqlType, bytes: Uint8Array, start: number, end: number): string {
  switch (type.kind) {
    case TypeKind.Blob:
    case TypeKind.Custom:
      return `0x${toHex(bytes, start, end)}`;
    case TypeKind.Tuple:
    case TypeKind.Udt:
      return type.toText(bytes, start, end);
    default:
      break;
  }
  if (start === end) return "''";
  if (type.parameters.length > 0) return type.toText(bytes, start, end); // a literal already
  if (type.validate(bytes, start, end) !== undefined) return invalidValueText(bytes, start, end);
  const text = type.toText(bytes, start, end);
  switch (type.kind) {
    case TypeKind.Ascii:
    case TypeKind.Text:
    case TypeKind.Timestamp:
    case TypeKind.Date:
    case TypeKind.Time:
    case TypeKind.Inet:
      return `'${text.replaceAll("'", "''")}'`;
    default:
      return text;
  }
}

function elementText(type: CqlType, reader: CollectionReader): string {
  return reader.isNull ? 'null' : literalText(type, reader.bytes, reader.start, reader.end);
}

/** `[1, 2]`, `{1, 2}`: a list, set or vector that the reader has just opened. Undefined when its bytes are damaged. */
function sequenceText(reader: CollectionReader, type: CqlType): string | undefined {
  const parts: string[] = [];
  while (reader.next()) parts.push(elementText(type.parameters[0]!, reader));
  if (reader.isDamaged) return undefined;
  return type.kind === TypeKind.Set ? `{${parts.join(', ')}}` : `[${parts.join(', ')}]`;
}

function mapText(reader: CollectionReader, type: CqlType): string | undefined {
  const parts: string[] = [];
  while (reader.next()) {
    const key = elementText(type.parameters[0]!, reader);
    if (reader.next()) parts.push(`${key}: ${elementText(type.parameters[1]!, reader)}`);
  }
  return reader.isDamaged ? undefined : `{${parts.join(', ')}}`;
}

function fieldsText(reader: CollectionReader, type: CqlType): string | undefined {
  const parts: string[] = [];
  while (reader.next()) {
    const text = elementText(type.parameters[parts.length]!, reader);
    const name = type.udt?.fieldNames[parts.length];
    parts.push(name === undefined ? text : `${quoteIdentifier(name)}: ${text}`);
  }
  if (reader.isDamaged) return undefined;
  return type.kind === TypeKind.Udt ? `{${parts.join(', ')}}` : `(${parts.join(', ')})`;
}

/** The CQL literal of a collection, tuple, UDT or vector; 0x and hex when its own structure is damaged. */
export function compositeText(type: CqlType, bytes: Uint8Array, start: number, end: number): string {
  const reader = new CollectionReader();
  let text: string | undefined;
  switch (type.kind) {
    case TypeKind.Map:
      reader.openMap(bytes, start, end);
      text = mapText(reader, type);
      break;
    case TypeKind.Tuple:
    case TypeKind.Udt:
      reader.openTuple(bytes, start, end, type.parameters.length);
      text = fieldsText(reader, type);
      break;
    case TypeKind.Vector:
      reader.openVector(bytes, start, end, type.parameters[0]!, type.dimension!);
      text = sequenceText(reader, type);
      break;
    default:
      reader.openList(bytes, start, end);
      text = sequenceText(reader, type);
      break;
  }
  return text ?? invalidValueText(bytes, start, end);
}
