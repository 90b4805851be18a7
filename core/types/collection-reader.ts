import { readI32BE } from '../bytes.ts';
import type { CqlType } from './cql-type.ts';
import { vintFieldSize, vintFieldValue } from './vint-field.ts';

/** The length of elements is in front of each, as an int32. */
const INT_LENGTHS = -1;
/** The length of elements is in front of each, as a vint. */
const VINT_LENGTHS = -2;

/**
 * Walks the elements of a list, set, map, tuple, UDT or vector, one after the other; made once and opened again for
 * every value, it allocates nothing. Of a map the keys and values come in turn.
 *
 * The bytes may be anything: `next` ends where they end, and `isDamaged` tells that they ended too early.
 */
export class CollectionReader {
  /** The bytes that were opened; borrowed. */
  bytes: Uint8Array;
  /** The current element is bytes[start, end). */
  start: number;
  end: number;
  /** The current element is null; `start` equals `end` then. */
  isNull: boolean;
  /** Elements that the head announces, of a map entries; fields of the type for a tuple. */
  count: number;
  /** The value ended within an element or before the announced count, or has bytes left over after the last element. */
  isDamaged: boolean;
  #at: number;
  #limit: number;
  #left: number;
  #width: number;
  #mayStopEarly: boolean;

  constructor() {
    this.bytes = new Uint8Array(0);
    this.start = 0;
    this.end = 0;
    this.isNull = false;
    this.count = 0;
    this.isDamaged = false;
    this.#at = 0;
    this.#limit = 0;
    this.#left = 0;
    this.#width = INT_LENGTHS;
    this.#mayStopEarly = false;
  }

  /** Opens a list or set. */
  openList(bytes: Uint8Array, start: number, end: number): void {
    const hasHead = end - start >= 4;
    const count = hasHead ? readI32BE(bytes, start) : 0;
    this.#open(bytes, hasHead ? start + 4 : end, end, Math.max(0, count), INT_LENGTHS);
    this.isDamaged = !hasHead || count < 0;
  }

  /** Opens a map: `count` entries, twice as many elements. */
  openMap(bytes: Uint8Array, start: number, end: number): void {
    this.openList(bytes, start, end);
    this.#left = this.count * 2;
  }

  /** Opens a tuple or UDT of so many fields. It may hold fewer: `next` ends then, and the rest is null. */
  openTuple(bytes: Uint8Array, start: number, end: number, fieldCount: number): void {
    this.#open(bytes, start, end, fieldCount, INT_LENGTHS);
    this.#mayStopEarly = true;
  }

  /** Opens a vector. */
  openVector(bytes: Uint8Array, start: number, end: number, elementType: CqlType, dimension: number): void {
    this.#open(bytes, start, end, dimension, elementType.fixedLength < 0 ? VINT_LENGTHS : elementType.fixedLength);
  }

  /** Moves to the next element; false at the end of the value. */
  next(): boolean {
    if (this.#left === 0) {
      if (this.#at !== this.#limit) this.isDamaged = true;
      return false;
    }
    if (this.#at === this.#limit && this.#mayStopEarly) return false;
    const start = this.#startOfElement();
    if (start < 0 || this.end > this.#limit) return this.#stop();
    this.start = start;
    this.#at = this.end;
    this.#left--;
    return true;
  }

  /** Where the element at `#at` begins, with `end` and `isNull` set, or -1 when its length is cut short. */
  #startOfElement(): number {
    const at = this.#at;
    this.isNull = false;
    if (this.#width >= 0) {
      this.end = at + this.#width;
      return at;
    }
    if (this.#width === VINT_LENGTHS) {
      const size = vintFieldSize(this.bytes, at, this.#limit);
      if (size === 0) return -1;
      this.end = at + size + vintFieldValue(this.bytes, at);
      return at + size;
    }
    if (at + 4 > this.#limit) return -1;
    const length = readI32BE(this.bytes, at);
    this.isNull = length < 0;
    this.end = at + 4 + Math.max(0, length);
    return at + 4;
  }

  #stop(): boolean {
    this.isDamaged = true;
    this.start = this.#limit;
    this.end = this.#limit;
    this.#at = this.#limit;
    this.#left = 0;
    return false;
  }

  #open(bytes: Uint8Array, at: number, limit: number, count: number, width: number): void {
    this.bytes = bytes;
    this.start = at;
    this.end = at;
    this.isNull = false;
    this.count = count;
    this.isDamaged = false;
    this.#at = at;
    this.#limit = limit;
    this.#left = count;
    this.#width = width;
    this.#mayStopEarly = false;
  }
}
