import { type ByteWriter, readU16BE, writeU16BE } from './bytes.ts';
import { InvalidRequestError } from './errors.ts';

/**
 * The serialized partition key, as it is hashed, sorted and stored.
 *
 *   one column       the value's bytes
 *   several columns  for each: u16 BE length | bytes | 0
 *
 * @see spec/sstable.md §4.1, Cassandra `CompositeType`
 */

/** Most bytes of a serialized key, and so of each of its values. */
export const MAX_KEY_BYTES = 0xffff;

/**
 * Builds keys at the end of a ByteWriter: `begin`, `value` once per column, `end`. Used for many keys.
 */
export class PartitionKeyWriter {
  #out!: ByteWriter;
  #start = 0;
  #isComposite = false;

  /** @param columns number of columns of the table's partition key */
  begin(out: ByteWriter, columns: number): void {
    this.#out = out;
    this.#start = out.length;
    this.#isComposite = columns > 1;
  }

  /** The next column's value. @throws InvalidRequestError when the key becomes too long; then give up the key */
  value(bytes: Uint8Array, start: number, end: number): void {
    const out = this.#out;
    checkKeyLength(out.length - this.#start + (end - start));
    if (!this.#isComposite) {
      out.raw(bytes, start, end);
      return;
    }
    const at = out.reserve(2);
    writeU16BE(out.bytes, at, end - start);
    out.length = at + 2;
    out.raw(bytes, start, end);
    out.u8(0);
  }

  /** Ends the key: it is out.bytes[begun, out.length). @throws InvalidRequestError when it is empty or too long */
  end(): void {
    const length = this.#out.length - this.#start;
    if (length === 0) throw new InvalidRequestError('Key may not be empty');
    checkKeyLength(length);
  }
}

function checkKeyLength(length: number): void {
  if (length > MAX_KEY_BYTES) {
    throw new InvalidRequestError(`Key length of ${length} is longer than maximum of ${MAX_KEY_BYTES}`);
  }
}

/** Walks the values of a serialized key. One reader is used for many keys; borrows `bytes`. */
export class PartitionKeyReader {
  #bytes: Uint8Array = NOTHING;
  #pos = 0;
  #end = 0;
  #isComposite = false;
  #done = true;
  valueStart = 0;
  valueEnd = 0;

  /** The key must have passed `checkPartitionKey`. */
  open(bytes: Uint8Array, start: number, end: number, columns: number): void {
    this.#bytes = bytes;
    this.#pos = start;
    this.#end = end;
    this.#isComposite = columns > 1;
    this.#done = false;
  }

  /** Moves to the next value; false after the last. */
  next(): boolean {
    if (this.#done) return false;
    if (!this.#isComposite) {
      this.valueStart = this.#pos;
      this.valueEnd = this.#end;
      this.#done = true;
      return true;
    }
    if (this.#pos >= this.#end) {
      this.#done = true;
      return false;
    }
    this.valueStart = this.#pos + 2;
    this.valueEnd = this.valueStart + readU16BE(this.#bytes, this.#pos);
    this.#pos = this.valueEnd + 1;
    return true;
  }
}

/** Why bytes[start, end) is no key of so many columns, or undefined when it is one. Looks at the structure only. */
export function checkPartitionKey(bytes: Uint8Array, start: number, end: number, columns: number): string | undefined {
  if (end - start > MAX_KEY_BYTES) return `partition key of ${end - start} bytes, at most ${MAX_KEY_BYTES}`;
  if (columns <= 1) return undefined;
  let pos = start;
  for (let i = 0; i < columns; i++) {
    if (pos + 2 > end) return `partition key has ${i} of ${columns} values`;
    pos += 2 + readU16BE(bytes, pos);
    if (pos >= end) return `value ${i} of the partition key is cut short`;
    if (bytes[pos] !== 0) return `value ${i} of the partition key does not end with a zero byte`;
    pos++;
  }
  return pos === end ? undefined : 'bytes after the last value of the partition key';
}

const NOTHING = new Uint8Array(0);
