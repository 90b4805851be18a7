import { copyBytes } from '../../core/bytes.ts';
import { findInvalidUtf8 } from '../../core/types/text-form.ts';
import { ByteTemplate } from './byte-template.ts';
import { writeHex, writeSafe } from './digit-bytes.ts';

/** Compact: no white space. Indented: two spaces a level, ` : ` after names, small containers on one line. */
export const JsonStyle = { Compact: 0, Indented: 1 } as const;
export type JsonStyle = (typeof JsonStyle)[keyof typeof JsonStyle];

/** UTF-8 is handed on in pieces of about this many bytes. */
const PIECE_BYTES: number = 256 * 1024;
/** Room that is there after a piece is full, so that the buffer seldom grows. */
const MARGIN_BYTES: number = 64 * 1024;
/** What templates may write beyond their end. */
const SLACK_BYTES = 8;

/** Names beyond these are quoted anew each time. */
const MOST_KEYS = 1000;
/** Most bytes that one byte of text becomes: `\u001f`. */
const ESCAPED_BYTES = 6;
/** Shorter ASCII is written by a loop. */
const WRITE_BY_LOOP = 40;

const COMMA = 44;
const SPACE = 32;
const QUOTE = 34;
const BACKSLASH = 92;

/**
 * Takes a piece of the result. True when it has been written: then the bytes are used again. False: it still will be, and the
 * bytes are left alone.
 */
export type JsonSink = (piece: Uint8Array) => boolean;

/**
 * JSON written piece by piece as UTF-8, of any size in bounded memory. Numbers are texts, so that integers beyond 2^53 stay exact.
 * The caller keeps to JSON's grammar: a key before every value of an object, as many ends as beginnings.
 *
 * What comes for every row may be written past the containers, by templates of whole stretches: `template` and `enter` tell what
 * they hold.
 */
export class JsonText {
  /** What is not handed on yet is bytes[0, length). Replaced when it grows: take it after `reserve`. */
  bytes: Uint8Array;
  view: DataView;
  length = 0;
  /** Up to where `length` may go. */
  #capacity: number = PIECE_BYTES + MARGIN_BYTES - SLACK_BYTES;
  readonly style: JsonStyle;
  readonly #sink: JsonSink;
  // The open containers, innermost last.
  readonly #isArray: boolean[] = [];
  readonly #isInline: boolean[] = [];
  readonly #counts: number[] = [];
  #depth = 0;
  /** Keys as they are written, by name: the same few come for every row. */
  readonly #keys: Map<string, ByteTemplate> = new Map();
  /** By depth. */
  readonly #newLines: ByteTemplate[] = [];
  #isAfterKey = false;
  #source: Uint8Array = EMPTY;
  #sourceView: DataView = new DataView(EMPTY.buffer);

  constructor(style: JsonStyle, sink: JsonSink) {
    this.style = style;
    this.#sink = sink;
    this.bytes = Buffer.allocUnsafeSlow(PIECE_BYTES + MARGIN_BYTES);
    this.view = viewOf(this.bytes);
  }

  /** Containers that are open. */
  get depth(): number {
    return this.#depth;
  }

  /** @param isInline the object and what is in it stay on one line */
  beginObject(isInline = false): void {
    this.#begin(false, isInline);
  }

  beginArray(isInline = false): void {
    this.#begin(true, isInline);
  }

  /** Ends the innermost container. */
  end(): void {
    const depth = --this.#depth;
    if (this.style === JsonStyle.Indented) {
      if (this.#isInline[depth]! || this.#counts[depth] === 0) this.#byte(SPACE);
      else this.#newLine(depth);
    }
    this.#byte(this.#isArray[depth]! ? 0x5d : 0x7d);
    if (this.length >= PIECE_BYTES) this.flush();
  }

  /** Ends containers until only `depth` are open; a key without a value gets null. For output that an error cut short. */
  endTo(depth: number): void {
    if (this.#isAfterKey) this.number('null');
    while (this.#depth > depth) this.end();
  }

  key(name: string): void {
    this.separate();
    let text = this.#keys.get(name);
    if (text === undefined) {
      text = textTemplate(JSON.stringify(name) + (this.style === JsonStyle.Compact ? ':' : ' : '));
      if (this.#keys.size < MOST_KEYS) this.#keys.set(name, text);
    }
    this.literal(text);
    this.#isAfterKey = true;
  }

  string(text: string): void {
    this.separate();
    this.raw(JSON.stringify(text));
  }

  /** A number, or any other value that is JSON already. */
  number(text: string): void {
    this.separate();
    this.raw(text);
  }

  /** A safe integer of at least 0, or -1. */
  integer(value: number): void {
    this.separate();
    this.integerText(value);
  }

  boolean(value: boolean): void {
    this.number(value ? 'true' : 'false');
  }

  /** Text as it is: between values at the top, such as the ends of lines, or a value after `separate`. */
  raw(text: string): void {
    const { length } = text;
    let at = this.reserve(length * 3);
    const from = at;
    if (length <= WRITE_BY_LOOP) {
      const { bytes } = this;
      let i = 0;
      for (; i < length; i++) {
        const code = text.charCodeAt(i);
        if (code > 0x7f) break;
        bytes[at++] = code;
      }
      if (i === length) {
        this.length = at;
        return;
      }
    }
    this.length = from + (this.bytes as Buffer).write(text, from, 'utf8');
  }

  /** Digits of a safe integer of at least 0, or of -1. */
  integerText(value: number): void {
    if (value < 0) {
      this.raw(String(value));
      return;
    }
    const at = this.reserve(20);
    this.length = writeSafe(this.bytes, at, value);
  }

  /** Lower-case hex. */
  hex(source: Uint8Array, start: number, end: number): void {
    const at = this.reserve(2 * (end - start));
    this.length = writeHex(this.bytes, at, source, start, end);
  }

  /**
   * The inside of a string from UTF-8.
   * @returns false, and nothing written, when the bytes are no UTF-8, or not ASCII where only that is wanted
   */
  escaped(source: Uint8Array, start: number, end: number, onlyAscii: boolean): boolean {
    let o = this.reserve(end - start);
    const from = o;
    const { bytes, view } = this;
    if (source !== this.#source) {
      this.#source = source;
      this.#sourceView = viewOf(source);
    }
    const sourceView = this.#sourceView;
    let i = start;
    for (; i + 4 <= end; i += 4, o += 4) {
      const four = sourceView.getInt32(i, true);
      const quotes = four ^ 0x2222_2222;
      const slashes = four ^ 0x5c5c_5c5c;
      // Of each byte the top bit: it is one itself, or the byte is below a space, a quote or a backslash. Borrows mark
      // a byte too many at worst, and it is then looked at alone.
      const marks =
        four | (four - 0x2020_2020) | ((quotes - 0x0101_0101) & ~quotes) | ((slashes - 0x0101_0101) & ~slashes);
      if ((marks & 0x8080_8080) !== 0) break;
      view.setInt32(o, four, true);
    }
    for (; i < end; i++) {
      const byte = source[i]!;
      if (byte < 0x20 || byte > 0x7f || byte === QUOTE || byte === BACKSLASH) break;
      bytes[o++] = byte;
    }
    if (i === end) {
      this.length = o;
      return true;
    }
    if (onlyAscii ? hasNonAscii(source, i, end) : findInvalidUtf8(source, i, end) >= 0) {
      this.length = from;
      return false;
    }
    this.length = o;
    this.#escapeRest(source, i, end);
    return true;
  }

  /** What a template holds, as it is. */
  literal(template: ByteTemplate): void {
    const at = this.reserve(template.length);
    this.length = template.write(this.view, at);
  }

  /** A member or element of the innermost container whose beginning, comma included, templates hold. */
  template(first: ByteTemplate, next: ByteTemplate): void {
    this.literal(this.#counts[this.#depth - 1]!++ === 0 ? first : next);
  }

  /** A container is open whose beginning and first `count` members were written by templates. */
  enter(isArray: boolean, isInline: boolean, count: number): void {
    this.#open(isArray, isInline, count);
  }

  /** Room for `extra` bytes; returns the place at which they begin, and does not move `length`. */
  reserve(extra: number): number {
    const { length } = this;
    if (length + extra > this.#capacity) this.#grow(length + extra + SLACK_BYTES);
    return length;
  }

  /** Hands on what was written so far. */
  flush(): void {
    if (this.length === 0) return;
    const isWritten = this.#sink(this.bytes.subarray(0, this.length));
    this.length = 0;
    if (isWritten && this.bytes.length <= PIECE_BYTES + MARGIN_BYTES) return;
    this.#use(Buffer.allocUnsafeSlow(PIECE_BYTES + MARGIN_BYTES));
  }

  /** What stands before a value of the innermost container. The value itself may then come by `raw` and the like. */
  separate(): void {
    if (this.#isAfterKey) {
      this.#isAfterKey = false;
      return;
    }
    const at = this.#depth - 1;
    if (at < 0) return;
    if (this.#counts[at]!++ > 0) this.#byte(COMMA);
    if (this.style === JsonStyle.Compact) return;
    if (this.#isInline[at]!) this.#byte(SPACE);
    else this.#newLine(at + 1);
  }

  #grow(needed: number): void {
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.bytes.length * 2));
    copyBytes(this.bytes, 0, this.length, larger, 0);
    this.#use(larger);
  }

  #use(bytes: Uint8Array): void {
    this.bytes = bytes;
    this.view = viewOf(bytes);
    this.#capacity = bytes.length - SLACK_BYTES;
  }

  #begin(isArray: boolean, isInline: boolean): void {
    this.separate();
    this.#byte(isArray ? 0x5b : 0x7b);
    this.#open(isArray, isInline || (this.#depth > 0 && this.#isInline[this.#depth - 1]!), 0);
  }

  #open(isArray: boolean, isInline: boolean, count: number): void {
    const at = this.#depth++;
    this.#isArray[at] = isArray;
    this.#isInline[at] = isInline;
    this.#counts[at] = count;
  }

  #byte(byte: number): void {
    const at = this.reserve(1);
    this.bytes[at] = byte;
    this.length = at + 1;
  }

  #newLine(depth: number): void {
    for (let next = this.#newLines.length; next <= depth; next++) {
      this.#newLines.push(textTemplate(`\n${'  '.repeat(next)}`));
    }
    this.literal(this.#newLines[depth]!);
  }

  /** Sound UTF-8, byte by byte. */
  #escapeRest(source: Uint8Array, start: number, end: number): void {
    for (let from = start; from < end; ) {
      const to = Math.min(end, from + MARGIN_BYTES); // in stretches, so that the worst case is not room for all of a long text
      let o = this.reserve((to - from) * ESCAPED_BYTES);
      const { bytes } = this;
      for (; from < to; from++) {
        const byte = source[from]!;
        if (byte >= 0x20 && byte !== QUOTE && byte !== BACKSLASH) {
          bytes[o++] = byte;
          continue;
        }
        const escaped = JSON.stringify(String.fromCharCode(byte));
        for (let k = 1; k < escaped.length - 1; k++) bytes[o++] = escaped.charCodeAt(k);
      }
      this.length = o;
    }
  }
}

/** A template of a text. */
export function textTemplate(text: string): ByteTemplate {
  return new ByteTemplate(Buffer.from(text));
}

/** What `write` writes, as a template. */
export function recorded(json: JsonText, write: () => void): ByteTemplate {
  const from = json.length;
  write();
  return new ByteTemplate(json.bytes.slice(from, json.length));
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function hasNonAscii(bytes: Uint8Array, start: number, end: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return true;
  return false;
}

const EMPTY: Uint8Array<ArrayBuffer> = new Uint8Array(0);
