import { readI32BE, readU16BE } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { decodeUtf8 } from './utf8.ts';

/** The error for a body that ends before a field of `expected` bytes of which `available` are there. */
export function truncatedFrame(expected: number, available: number): ProtocolError {
  return new ProtocolError(`truncated frame: expected ${expected} bytes, length is ${available}`, {
    expected,
    available,
  });
}

/** A copy of bytes[start, end). `bytes.slice` would not do: of a Buffer, which sockets give, it is a view. */
export function copyRange(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end));
}

/**
 * Reads the notations of a message body (spec cql-protocol §3) one after the other, for messages that may allocate.
 * Every count is checked against the bytes that are left before anything is made of it. The reader borrows `bytes`.
 * All methods throw ProtocolError when the body ends early or a text is not UTF-8.
 */
export class BodyReader {
  bytes: Uint8Array;
  pos: number;
  end: number;

  constructor(bytes: Uint8Array, start = 0, end: number = bytes.length) {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  /** Bytes that are left. */
  get remaining(): number {
    return this.end - this.pos;
  }

  /** Moves past `length` bytes; returns where they begin. */
  skip(length: number): number {
    const at = this.pos;
    if (length > this.end - at) throw truncatedFrame(length, this.end - at);
    this.pos = at + length;
    return at;
  }

  /** [byte], unsigned. */
  byte(): number {
    return this.bytes[this.skip(1)]!;
  }

  /** [short], unsigned. */
  short(): number {
    return readU16BE(this.bytes, this.skip(2));
  }

  /** [int], signed. */
  int(): number {
    return readI32BE(this.bytes, this.skip(4));
  }

  /** [string]. */
  string(): string {
    const length = this.short();
    const start = this.skip(length);
    return decodeUtf8(this.bytes, start, start + length);
  }

  /** [long string]. */
  longString(): string {
    const length = this.int();
    if (length < 0) throw new ProtocolError(`negative length ${length} of a string`, { length });
    const start = this.skip(length);
    return decodeUtf8(this.bytes, start, start + length);
  }

  /** [bytes] as a copy; undefined is null. */
  bytesCopy(): Uint8Array | undefined {
    const length = this.int();
    if (length < 0) return undefined;
    const start = this.skip(length);
    return copyRange(this.bytes, start, start + length);
  }

  /** [short bytes] as a copy. */
  shortBytesCopy(): Uint8Array {
    const length = this.short();
    const start = this.skip(length);
    return copyRange(this.bytes, start, start + length);
  }

  /** [uuid] as a copy of its 16 bytes. */
  uuidCopy(): Uint8Array {
    const start = this.skip(16);
    return copyRange(this.bytes, start, start + 16);
  }

  /** [string list]. */
  stringList(): string[] {
    const count = this.#count(2);
    const list: string[] = [];
    for (let i = 0; i < count; i++) list.push(this.string());
    return list;
  }

  /** [string map]; of a key that comes twice the last value counts. */
  stringMap(): Map<string, string> {
    const count = this.#count(4);
    const map = new Map<string, string>();
    for (let i = 0; i < count; i++) map.set(this.string(), this.string());
    return map;
  }

  /** [string multimap]. */
  stringMultimap(): Map<string, string[]> {
    const count = this.#count(4);
    const map = new Map<string, string[]>();
    for (let i = 0; i < count; i++) map.set(this.string(), this.stringList());
    return map;
  }

  /** [bytes map], each value a copy; undefined is null. */
  bytesMap(): Map<string, Uint8Array | undefined> {
    const count = this.#count(6);
    const map = new Map<string, Uint8Array | undefined>();
    for (let i = 0; i < count; i++) map.set(this.string(), this.bytesCopy());
    return map;
  }

  /** Moves past a [bytes map] without making anything of it. */
  skipBytesMap(): void {
    const count = this.#count(6);
    for (let i = 0; i < count; i++) {
      this.skip(this.short());
      const length = this.int();
      if (length > 0) this.skip(length);
    }
  }

  /** [inet]: address of 4 or 16 bytes, then the port. */
  inet(): { readonly address: Uint8Array; readonly port: number } {
    const address = this.inetaddr();
    return { address, port: this.int() };
  }

  /** [inetaddr]: an address without port. */
  inetaddr(): Uint8Array {
    const size = this.byte();
    if (size !== 4 && size !== 16) throw new ProtocolError(`an address of ${size} bytes: 4 or 16 expected`, { size });
    const start = this.skip(size);
    return copyRange(this.bytes, start, start + size);
  }

  /** A [short] count of elements of which each takes at least `leastLength` bytes. */
  #count(leastLength: number): number {
    const count = this.short();
    if (count * leastLength > this.remaining) throw truncatedFrame(count * leastLength, this.remaining);
    return count;
  }
}
