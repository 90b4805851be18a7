import type { ByteFeed } from './byte-feed.ts';
import { InputError } from './input-error.ts';

/** A value of JSON. Integers are bigints, so that every digit stays; other numbers do not occur where this is used and are refused. */
export type JsonValue = string | bigint | boolean | null | readonly JsonValue[] | JsonObject;
/** Members in the order of the text, names once each. */
export type JsonObject = ReadonlyMap<string, JsonValue>;

const READ_BYTES: number = 256 * 1024;
/** Values nest no deeper: a hostile text must not exhaust the stack. */
const MOST_DEPTH = 64;
/** Longer strings are refused. */
const MOST_STRING_BYTES: number = 256 * 1024 * 1024;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;
const COMMA = 0x2c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

/**
 * Reads JSON from its start to its end, in whatever pieces the caller asks for, so that a text of any size needs no more memory than its
 * largest piece. The caller says what must come next.
 */
export class JsonReader {
  readonly #feed: ByteFeed;
  #bytes: Uint8Array = new Uint8Array(READ_BYTES);
  #pos = 0;
  #end = 0;
  /** Input position of #bytes[0]. */
  #base = 0;
  #isFirst = false;
  readonly #decoder: TextDecoder = new TextDecoder('utf-8', { fatal: true });

  constructor(feed: ByteFeed) {
    this.#feed = feed;
  }

  /** Bytes read so far. */
  get position(): number {
    return this.#base + this.#pos;
  }

  fail(why: string, at: number = this.position): never {
    throw new InputError(this.#feed.name, at, why);
  }

  /** True when nothing but white space is left. */
  isAtEnd(): boolean {
    return this.#peek() < 0;
  }

  /** True when an object, rather than anything else, comes next. */
  isObjectNext(): boolean {
    return this.#peek() === OPEN_OBJECT;
  }

  beginArray(): void {
    this.#expect(OPEN_ARRAY, 'a list');
    this.#isFirst = true;
  }

  /** In a list: true when another element comes, which the caller then reads; false at its end. */
  nextElement(): boolean {
    return this.#next(CLOSE_ARRAY);
  }

  beginObject(): void {
    this.#expect(OPEN_OBJECT, 'an object');
    this.#isFirst = true;
  }

  /** In an object: the name of the next member, whose value the caller then reads; undefined at its end. */
  nextName(): string | undefined {
    if (!this.#next(CLOSE_OBJECT)) return undefined;
    if (this.#peek() !== QUOTE) this.fail('a name in quotes must stand here');
    const name = this.#string();
    this.#expect(COLON, 'a colon');
    return name;
  }

  /** A whole value, held in memory. */
  value(depth = 0): JsonValue {
    if (depth > MOST_DEPTH) this.fail(`values nest deeper than ${MOST_DEPTH}`);
    switch (this.#peek()) {
      case OPEN_OBJECT: {
        const members = new Map<string, JsonValue>();
        this.beginObject();
        for (let name = this.nextName(); name !== undefined; name = this.nextName()) {
          if (members.has(name)) this.fail(`${name} stands twice in one object`);
          members.set(name, this.value(depth + 1));
        }
        return members;
      }
      case OPEN_ARRAY: {
        const elements: JsonValue[] = [];
        this.beginArray();
        while (this.nextElement()) elements.push(this.value(depth + 1));
        return elements;
      }
      case QUOTE:
        return this.#string();
      default:
        return this.#word();
    }
  }

  #next(close: number): boolean {
    const byte = this.#peek();
    if (byte === close) {
      this.#pos++;
      this.#isFirst = false;
      return false;
    }
    if (!this.#isFirst) {
      this.#expect(COMMA, 'a comma');
      if (this.#peek() === close) this.fail('a value must stand after a comma');
    }
    this.#isFirst = false;
    if (byte < 0) this.fail('the text ends too early');
    return true;
  }

  #expect(byte: number, what: string): void {
    if (this.#peek() !== byte) this.fail(`${what} must stand here`);
    this.#pos++;
  }

  /** The next byte that is no white space; -1 at the end. */
  #peek(): number {
    for (;;) {
      if (this.#pos === this.#end && !this.#more()) return -1;
      const byte = this.#bytes[this.#pos]!;
      if (byte !== 0x20 && byte !== 0x0a && byte !== 0x0d && byte !== 0x09) return byte;
      this.#pos++;
    }
  }

  /** Reads on, keeping bytes from `#pos` on. False at the end of the input. */
  #more(): boolean {
    const kept = this.#end - this.#pos;
    if (kept === this.#bytes.length) {
      if (kept >= MOST_STRING_BYTES) this.fail(`a string of more than ${MOST_STRING_BYTES} bytes`);
      const larger = new Uint8Array(kept * 2);
      larger.set(this.#bytes);
      this.#bytes = larger;
    } else if (this.#pos > 0) {
      this.#bytes.copyWithin(0, this.#pos, this.#end);
      this.#base += this.#pos;
      this.#pos = 0;
      this.#end = kept;
      if (kept === 0 && this.#bytes.length > READ_BYTES) this.#bytes = new Uint8Array(READ_BYTES);
    }
    const count = this.#feed.read(this.#bytes.subarray(this.#end));
    this.#end += count;
    return count > 0;
  }

  #string(): string {
    const at = this.position;
    let length = 1; // from the opening quote on
    let isPlain = true;
    for (;;) {
      if (this.#pos + length >= this.#end && !this.#more()) this.fail('a string without an end', at);
      if (this.#pos + length >= this.#end) continue;
      const byte = this.#bytes[this.#pos + length]!;
      length++;
      if (byte === QUOTE) break;
      if (byte !== BACKSLASH) continue;
      isPlain = false;
      length++; // what is escaped, be it a quote
    }
    const start = this.#pos;
    this.#pos += length;
    try {
      const text = this.#decoder.decode(this.#bytes.subarray(start, start + length));
      // Control characters must be escaped: JSON.parse refuses them.
      return isPlain && !CONTROL.test(text) ? text.slice(1, -1) : (JSON.parse(text) as string);
    } catch {
      this.fail('not a string of JSON', at);
    }
  }

  /** A number or a literal. */
  #word(): bigint | boolean | null {
    const at = this.position;
    let length = 0;
    for (;;) {
      if (this.#pos + length >= this.#end && !this.#more()) break;
      const byte = this.#bytes[this.#pos + length]!;
      const isWord = (byte >= 0x30 && byte <= 0x39) || (byte >= 0x61 && byte <= 0x7a) || byte === 0x2d;
      if (!isWord && byte !== 0x2b && byte !== 0x2e && byte !== 0x45) break;
      length++;
      if (length > MOST_WORD_BYTES) this.fail('a number of more digits than any has', at);
    }
    const text = String.fromCharCode(...this.#bytes.subarray(this.#pos, this.#pos + length));
    this.#pos += length;
    if (text === 'true') return true;
    if (text === 'false') return false;
    if (text === 'null') return null;
    if (!/^-?(0|[1-9]\d*)$/.test(text))
      this.fail(text === '' ? 'a value must stand here' : `${text} is no integer`, at);
    return BigInt(text);
  }
}

const MOST_WORD_BYTES = 64;
// biome-ignore lint/suspicious/noControlCharactersInRegex: JSON forbids them in strings
const CONTROL = /[\u0000-\u001f]/;
