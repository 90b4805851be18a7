import { encodeList, encodeMap, encodeSet, encodeTuple, encodeVector } from './collection-codec.ts';
import { CollectionReader } from './collection-reader.ts';
import { type CqlType, TypeKind } from './cql-type.ts';

/** True when a value of the type may hold a set or map, whose bytes clients may send unsorted or with repeats. */
export function needsCanonicalForm(type: CqlType): boolean {
  return type.kind === TypeKind.Set || type.kind === TypeKind.Map || type.parameters.some(needsCanonicalForm);
}

/**
 * A value with all its sets and maps sorted and free of repeats, at every depth: the form that is stored, so that equal
 * values have equal bytes.
 * @param bytes bytes[start, end) must be valid for the type (`validate`)
 * @returns a new array, which may equal what was given
 */
export function canonicalValue(type: CqlType, bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (start === end || !needsCanonicalForm(type)) return bytes.slice(start, end);
  const reader = new CollectionReader();
  const element = type.parameters[0]!;
  switch (type.kind) {
    case TypeKind.Map: {
      reader.openMap(bytes, start, end);
      const keys: Uint8Array[] = [];
      const values: Uint8Array[] = [];
      while (reader.next()) {
        keys.push(canonicalValue(element, bytes, reader.start, reader.end));
        if (reader.next()) values.push(canonicalValue(type.parameters[1]!, bytes, reader.start, reader.end));
      }
      return encodeMap(element, keys, values);
    }
    case TypeKind.Tuple:
    case TypeKind.Udt: {
      reader.openTuple(bytes, start, end, type.parameters.length);
      const fields: (Uint8Array | undefined)[] = [];
      while (reader.next()) {
        const field = type.parameters[fields.length]!;
        fields.push(reader.isNull ? undefined : canonicalValue(field, bytes, reader.start, reader.end));
      }
      return encodeTuple(fields);
    }
    case TypeKind.Vector:
      reader.openVector(bytes, start, end, element, type.dimension!);
      return encodeVector(element, elements(element, reader));
    default:
      reader.openList(bytes, start, end);
      return type.kind === TypeKind.Set
        ? encodeSet(element, elements(element, reader))
        : encodeList(elements(element, reader));
  }
}

function elements(type: CqlType, reader: CollectionReader): Uint8Array[] {
  const found: Uint8Array[] = [];
  while (reader.next()) found.push(canonicalValue(type, reader.bytes, reader.start, reader.end));
  return found;
}
