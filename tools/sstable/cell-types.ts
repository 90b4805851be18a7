import { readU16BE } from '../../core/bytes.ts';
import { blobType } from '../../core/types/blob.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';

import { timeuuidType } from '../../core/types/uuid.ts';

/** The types of the elements that a multi-cell column is stored as, a cell each (spec/sstable.md §8.7). */

/** Place of a UDT's field, from the path of its cell; -1 when the path is none. */
export function fieldIndex(bytes: Uint8Array, pathStart: number, pathEnd: number): number {
  return pathEnd - pathStart === 2 ? readU16BE(bytes, pathStart) : -1;
}

/** The type of an element's path; undefined for a UDT, whose paths are field numbers. */
export function pathType(type: CqlType): CqlType | undefined {
  if (type.kind === TypeKind.Udt) return undefined;
  return type.kind === TypeKind.List ? timeuuidType : type.parameters[0]!;
}

/** The type of an element's value; of a set's elements, which have no value, blob. */
export function elementType(type: CqlType, bytes: Uint8Array, pathStart: number, pathEnd: number): CqlType {
  switch (type.kind) {
    case TypeKind.List:
      return type.parameters[0]!;
    case TypeKind.Map:
      return type.parameters[1]!;
    case TypeKind.Udt:
      return type.parameters[fieldIndex(bytes, pathStart, pathEnd)] ?? blobType;
    default:
      return blobType;
  }
}
