import { type ByteWriter, readU16BE, writeU16BE } from '../bytes.ts';
import { InvalidRequestError } from '../errors.ts';

/** The prefix of a clustering position: for each value `u16 BE length | bytes`; see `clustering-comparator.ts`. */

/** Most bytes of one clustering value. */
export const MAX_CLUSTERING_VALUE_BYTES = 0xffff;

/** Appends one value to the prefix at the end of `out`. @throws InvalidRequestError when it is too long */
export function appendClusteringValue(out: ByteWriter, bytes: Uint8Array, start: number, end: number): void {
  const length = end - start;
  if (length > MAX_CLUSTERING_VALUE_BYTES) {
    throw new InvalidRequestError(`Key length of ${length} is longer than maximum of ${MAX_CLUSTERING_VALUE_BYTES}`);
  }
  const at = out.reserve(2 + length);
  writeU16BE(out.bytes, at, length);
  out.length = at + 2;
  out.raw(bytes, start, end);
}

/** The prefix of the given values, for the control plane and tests. @throws InvalidRequestError when one is too long */
export function clusteringPrefix(values: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const value of values) length += 2 + value.length;
  const prefix = new Uint8Array(length);
  let at = 0;
  for (const value of values) {
    if (value.length > MAX_CLUSTERING_VALUE_BYTES) {
      throw new InvalidRequestError(
        `Key length of ${value.length} is longer than maximum of ${MAX_CLUSTERING_VALUE_BYTES}`,
      );
    }
    writeU16BE(prefix, at, value.length);
    prefix.set(value, at + 2);
    at += 2 + value.length;
  }
  return prefix;
}

/** Walks the values of a prefix. One reader is used for many prefixes; borrows `bytes`, which must be a sound prefix. */
export class ClusteringPrefixReader {
  #bytes: Uint8Array = NOTHING;
  #pos = 0;
  #end = 0;
  valueStart = 0;
  valueEnd = 0;

  open(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#pos = start;
    this.#end = end;
  }

  /** Moves to the next value; false after the last. */
  next(): boolean {
    if (this.#pos >= this.#end) return false;
    this.valueStart = this.#pos + 2;
    this.valueEnd = this.valueStart + readU16BE(this.#bytes, this.#pos);
    this.#pos = this.valueEnd;
    return true;
  }
}

/** Number of values of a prefix, or -1 when the bytes are not one: for input from outside. */
export function clusteringValueCount(bytes: Uint8Array, start: number, end: number): number {
  let count = 0;
  let pos = start;
  while (pos < end) {
    if (pos + 2 > end) return -1;
    pos += 2 + readU16BE(bytes, pos);
    count++;
  }
  return pos === end ? count : -1;
}

const NOTHING = new Uint8Array(0);
