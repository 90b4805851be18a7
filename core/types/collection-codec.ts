import { ByteWriter, readI32BE, writeI32BE } from '../bytes.ts';
import { writeUnsignedVint } from '../vint.ts';
import type { CqlType } from './cql-type.ts';

/**
 * Writing values that hold values.
 *
 *   list, set    count: i32 | count × element
 *   map          count: i32 | count × (element key, element value), sorted by key
 *   tuple, UDT   element per field; the last ones may be missing
 *   element      length: i32 | bytes; length -1 is null and has no bytes
 *   vector       elements without lengths when the element type has a fixed length, else `length: uvint | bytes` each
 *
 * Every function copies what it is given into a new array.
 */

/** Bytes of a list from its elements, in the order given. */
export function encodeList(elements: readonly Uint8Array[]): Uint8Array {
  return encodeElements(elements.length, elements);
}

/** Bytes of a set: sorted by the element type; of equal elements the first stays. */
export function encodeSet(elementType: CqlType, elements: readonly Uint8Array[]): Uint8Array {
  const sorted = elements.toSorted((a, b) => compareWhole(elementType, a, b));
  const distinct = sorted.filter((element, i) => i === 0 || compareWhole(elementType, sorted[i - 1]!, element) !== 0);
  return encodeList(distinct);
}

/** Bytes of a map: sorted by the key type; of entries with equal keys the last stays. `values[i]` belongs to `keys[i]`. */
export function encodeMap(keyType: CqlType, keys: readonly Uint8Array[], values: readonly Uint8Array[]): Uint8Array {
  const order = keys.map((_, i) => i).sort((i, j) => compareWhole(keyType, keys[i]!, keys[j]!)); // stable
  const parts: Uint8Array[] = [];
  for (const [place, i] of order.entries()) {
    const next = order[place + 1];
    if (next !== undefined && compareWhole(keyType, keys[i]!, keys[next]!) === 0) continue;
    parts.push(keys[i]!, values[i]!);
  }
  return encodeElements(parts.length / 2, parts);
}

/** Bytes of a tuple or UDT; undefined is null. Fewer fields than the type has are legal: the rest is null. */
export function encodeTuple(fields: readonly (Uint8Array | undefined)[]): Uint8Array {
  const bytes = new Uint8Array(elementsSize(fields));
  writeElements(bytes, 0, fields);
  return bytes;
}

/** Bytes of a vector. The caller gives as many elements as the vector's dimension, each of a fixed-length type that long. */
export function encodeVector(elementType: CqlType, elements: readonly Uint8Array[]): Uint8Array {
  const writer = new ByteWriter(16);
  for (const element of elements) {
    if (elementType.fixedLength < 0) writeUnsignedVint(writer, element.length);
    writer.raw(element);
  }
  return writer.toBytes();
}

/** Position after the element whose length field is at `at`, or -1 when it does not lie within `end`. Null takes 4 bytes. */
export function elementEnd(bytes: Uint8Array, at: number, end: number): number {
  if (at + 4 > end) return -1;
  const length = readI32BE(bytes, at);
  if (length <= 0) return at + 4;
  return at + 4 + length <= end ? at + 4 + length : -1;
}

/** The count at the head of a list, set or map: 0 where there is none or it is negative. */
export function elementCount(bytes: Uint8Array, start: number, end: number): number {
  return end - start < 4 ? 0 : Math.max(0, readI32BE(bytes, start));
}

function compareWhole(type: CqlType, a: Uint8Array, b: Uint8Array): number {
  return type.compare(a, 0, a.length, b, 0, b.length);
}

function encodeElements(count: number, parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(4 + elementsSize(parts));
  writeI32BE(bytes, 0, count);
  writeElements(bytes, 4, parts);
  return bytes;
}

function elementsSize(parts: readonly (Uint8Array | undefined)[]): number {
  let size = 0;
  for (const part of parts) size += 4 + (part === undefined ? 0 : part.length);
  return size;
}

function writeElements(target: Uint8Array, start: number, parts: readonly (Uint8Array | undefined)[]): void {
  let at = start;
  for (const part of parts) {
    writeI32BE(target, at, part === undefined ? -1 : part.length);
    at += 4;
    if (part === undefined) continue;
    target.set(part, at);
    at += part.length;
  }
}
