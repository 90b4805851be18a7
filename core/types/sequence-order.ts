import { readI32BE } from '../bytes.ts';
import { elementCount, elementEnd } from './collection-codec.ts';
import type { CqlType } from './cql-type.ts';

/** Order of values that hold values. Bytes may be anything: a value is taken to end where its bytes make no more sense. */

/**
 * Order of two lists, sets (`types` holds the element type) or maps (key and value type): element by element, then the
 * shorter first. The empty value, which is no collection, comes before all; a null element before any value.
 */
export function compareSequences(
  types: readonly CqlType[],
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  if (aStart === aEnd || bStart === bEnd) return aEnd - aStart - (bEnd - bStart);
  let aLeft = elementCount(a, aStart, aEnd) * types.length;
  let bLeft = elementCount(b, bStart, bEnd) * types.length;
  let i = aStart + 4;
  let j = bStart + 4;
  for (let k = 0; ; k = k + 1 === types.length ? 0 : k + 1) {
    const aNext = aLeft-- > 0 ? elementEnd(a, i, aEnd) : -1;
    const bNext = bLeft-- > 0 ? elementEnd(b, j, bEnd) : -1;
    if (aNext < 0 || bNext < 0) return (aNext < 0 ? 0 : 1) - (bNext < 0 ? 0 : 1);
    const aNull = readI32BE(a, i) < 0;
    const bNull = readI32BE(b, j) < 0;
    if (aNull !== bNull) return aNull ? -1 : 1;
    if (!aNull) {
      const order = types[k]!.compare(a, i + 4, aNext, b, j + 4, bNext);
      if (order !== 0) return order;
    }
    i = aNext;
    j = bNext;
  }
}

/** Order of two tuples or UDTs: field by field, null before any value, a missing field as null. An empty value comes first. */
export function compareFields(
  types: readonly CqlType[],
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  if (aStart === aEnd || bStart === bEnd) return aEnd - aStart - (bEnd - bStart);
  let i = aStart;
  let j = bStart;
  for (let k = 0; k < types.length && (i >= 0 || j >= 0); k++) {
    const aNext = i < 0 ? -1 : elementEnd(a, i, aEnd);
    const bNext = j < 0 ? -1 : elementEnd(b, j, bEnd);
    const aNull = aNext < 0 || readI32BE(a, i) < 0;
    const bNull = bNext < 0 || readI32BE(b, j) < 0;
    if (aNull !== bNull) return aNull ? -1 : 1;
    if (!aNull) {
      const order = types[k]!.compare(a, i + 4, aNext, b, j + 4, bNext);
      if (order !== 0) return order;
    }
    i = aNext;
    j = bNext;
  }
  return 0;
}
