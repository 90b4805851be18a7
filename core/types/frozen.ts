import type { CqlType } from './cql-type.ts';
import { DefinedType } from './defined-type.ts';

/**
 * The frozen form of a type: one cell, written as a whole, and frozen all the way down. A type that has no other form
 * (int, tuple, vector) is returned as it is.
 */
export function frozen(type: CqlType): CqlType {
  return type instanceof DefinedType ? type.freeze() : type;
}
