import { quoteInput, syntaxErrorAt } from './syntax-error.ts';

export const TokenKind = {
  End: 0,
  /** Unquoted word; `text` is in lower case. */
  Name: 1,
  /** `text` is without quotes. */
  QuotedName: 2,
  /** '...' or $$...$$; `text` is the value. */
  String: 3,
  /** Digits, without sign. */
  Integer: 4,
  /** Without sign. */
  Float: 5,
  Uuid: 6,
  /** With 0x. */
  Blob: 7,
  /** Either form, without sign: `2h30m`, `P1Y`. Whether the units are in order is not checked. */
  Duration: 8,
  Symbol: 9,
} as const;
export type TokenKind = (typeof TokenKind)[keyof typeof TokenKind];

export interface Token {
  readonly kind: TokenKind;
  readonly text: string;
  /** Offsets in the statement's text; `end` is exclusive. */
  readonly start: number;
  readonly end: number;
}

const LETTER = 1;
const DIGIT = 2;
const UNDERSCORE = 4;
const HEX = 8;
const BLANK = 16;
const WORD = LETTER | DIGIT | UNDERSCORE;
const CLASS_OF: Uint8Array = classTable();

function classTable(): Uint8Array {
  const table = new Uint8Array(128);
  const mark = (characters: string, bits: number) => {
    for (const character of characters) table[character.charCodeAt(0)]! |= bits;
  };
  mark('abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ', LETTER);
  mark('0123456789', DIGIT | HEX);
  mark('abcdefABCDEF', HEX);
  mark('_', UNDERSCORE);
  mark(' \t\r\n', BLANK);
  return table;
}

const TWO_CHARACTER_SYMBOLS: ReadonlySet<string> = new Set(['<=', '>=', '!=', '+=', '-=', '..']);
const ONE_CHARACTER_SYMBOLS = '()[]{}<>,;:.=+-*/%?';
const DURATION_UNITS: ReadonlySet<string> = new Set([
  'y',
  'mo',
  'w',
  'd',
  'h',
  'm',
  's',
  'ms',
  'us',
  '\u00b5s',
  '\u03bcs',
  'ns',
]);
const UUID_LENGTH = 36;
/** P0001-02-03T04:05:06 */
const ISO_ALTERNATIVE = /^P\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/;
const ISO_ALTERNATIVE_LENGTH = 20;
/** More than six numbers of 19 digits need; longer words are names, so that the expression below meets short ones only. */
const MAX_ISO_LENGTH = 130;
/** P1Y2M3DT4H5M6S with at least one part on either side that is there, or P4W. */
const ISO_DESIGNATORS = /^P(?:\d+W|(?=\d|T\d)(?:\d+Y)?(?:\d+M)?(?:\d+D)?(?:T(?=\d)(?:\d+H)?(?:\d+M)?(?:\d+S)?)?)$/;

/**
 * Cuts a CQL text into tokens, one at a time. Each character is looked at a bounded number of times, and nothing beyond
 * the current token is kept. A minus sign is always a token of its own, so `c -3` and `c - 3` are the same to a parser;
 * a negative number is a minus whose end is the number's start.
 */
export class Lexer {
  readonly #text: string;
  #pos = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /**
   * The next token; at the end of the text End, again and again.
   * @throws SyntaxException at what begins no token, or begins one that does not end
   */
  next(): Token {
    this.#skipBlanks();
    const text = this.#text;
    const start = this.#pos;
    if (start >= text.length) return { kind: TokenKind.End, text: '', start, end: start };
    const first = text.charCodeAt(start);
    const bits = classOf(first);
    if ((bits & HEX) !== 0 && this.#isUuidAt(start)) return this.#take(TokenKind.Uuid, start + UUID_LENGTH);
    if ((bits & LETTER) !== 0) return this.#word();
    if ((bits & DIGIT) !== 0) return this.#number();
    if (first === 0x27 /* ' */) return this.#quoted(TokenKind.String, "'", 'string');
    if (first === 0x22 /* " */) return this.#quoted(TokenKind.QuotedName, '"', 'quoted name');
    if (first === 0x24 /* $ */ && text.charCodeAt(start + 1) === 0x24) return this.#dollarString();
    return this.#symbol();
  }

  /** Blanks, `-- ...`, `// ...` and the slash-star kind, which does not nest. */
  #skipBlanks(): void {
    const text = this.#text;
    for (;;) {
      const code = text.charCodeAt(this.#pos);
      if ((classOf(code) & BLANK) !== 0) {
        this.#pos++;
        continue;
      }
      if (code !== 0x2d /* - */ && code !== 0x2f /* / */) return;
      const second = text.charCodeAt(this.#pos + 1);
      if (second === code) {
        this.#skipLine();
      } else if (code === 0x2f && second === 0x2a /* * */) {
        const close = text.indexOf('*/', this.#pos + 2);
        if (close < 0) throw syntaxErrorAt(text, this.#pos, "comment is not closed: expecting '*/'");
        this.#pos = close + 2;
      } else {
        return;
      }
    }
  }

  #skipLine(): void {
    const text = this.#text;
    let pos = this.#pos + 2;
    while (pos < text.length && text.charCodeAt(pos) !== 0x0a && text.charCodeAt(pos) !== 0x0d) pos++;
    this.#pos = pos;
  }

  #word(): Token {
    const text = this.#text;
    const start = this.#pos;
    let end = start + 1;
    while ((classOf(text.charCodeAt(end)) & WORD) !== 0) end++;
    const word = text.slice(start, end);
    if (text.charCodeAt(start) === 0x50 /* P */) {
      if (word.length <= MAX_ISO_LENGTH && ISO_DESIGNATORS.test(word)) return this.#take(TokenKind.Duration, end);
      if (end === start + 5 && ISO_ALTERNATIVE.test(text.slice(start, start + ISO_ALTERNATIVE_LENGTH))) {
        return this.#take(TokenKind.Duration, start + ISO_ALTERNATIVE_LENGTH);
      }
    }
    this.#pos = end;
    return { kind: TokenKind.Name, text: word.toLowerCase(), start, end };
  }

  /** Integer, float, blob or duration: told apart by what follows the first digits. */
  #number(): Token {
    const text = this.#text;
    const start = this.#pos;
    const second = text.charCodeAt(start + 1);
    if (text.charCodeAt(start) === 0x30 && (second === 0x78 || second === 0x58)) return this.#blob();
    let end = this.#digitsFrom(start);
    const after = text.charCodeAt(end);
    if (isWordOrMicro(after) && !this.#isExponentAt(end)) return this.#duration(end);
    let kind: TokenKind = TokenKind.Integer;
    if (after === 0x2e /* . */ && text.charCodeAt(end + 1) !== 0x2e) {
      kind = TokenKind.Float;
      end = this.#digitsFrom(end + 1);
    }
    if (this.#isExponentAt(end)) {
      kind = TokenKind.Float;
      end = this.#digitsFrom(end + 2); // the character after `e` is a digit or a sign
    }
    if (isWordOrMicro(text.charCodeAt(end))) this.#malformed('number', end);
    return this.#take(kind, end);
  }

  #blob(): Token {
    const start = this.#pos;
    let end = start + 2;
    while ((classOf(this.#text.charCodeAt(end)) & HEX) !== 0) end++;
    if (isWordOrMicro(this.#text.charCodeAt(end))) this.#malformed('blob', end);
    if ((end - start) % 2 !== 0) {
      throw syntaxErrorAt(this.#text, start, `blob ${this.#quoteUpTo(end)} has an odd number of hex digits`);
    }
    return this.#take(TokenKind.Blob, end);
  }

  /** `1y2mo...`; `unitStart` is after the first digits. */
  #duration(unitStart: number): Token {
    const text = this.#text;
    let pos = unitStart;
    for (;;) {
      const start = pos;
      while ((classOf(text.charCodeAt(pos)) & LETTER) !== 0 || isMicro(text.charCodeAt(pos))) pos++;
      if (pos - start > 2 || !DURATION_UNITS.has(text.slice(start, pos).toLowerCase())) this.#malformed('number', pos);
      const digits = pos;
      pos = this.#digitsFrom(pos);
      if (pos === digits) break;
    }
    if (isWordOrMicro(text.charCodeAt(pos))) this.#malformed('number', pos);
    return this.#take(TokenKind.Duration, pos);
  }

  /** '...' or "...": the quote doubled stands for itself. */
  #quoted(kind: TokenKind, quote: string, what: string): Token {
    const text = this.#text;
    const start = this.#pos;
    let end = start + 1;
    let isEscaped = false;
    for (;;) {
      const close = text.indexOf(quote, end);
      if (close < 0) throw syntaxErrorAt(text, start, `${what} ${this.#quoteUpTo(text.length)} is not closed`);
      end = close + 1;
      if (text.charCodeAt(end) !== text.charCodeAt(start)) break;
      isEscaped = true;
      end++;
    }
    const inside = text.slice(start + 1, end - 1);
    if (kind === TokenKind.QuotedName && inside === '')
      throw syntaxErrorAt(text, start, 'a quoted name cannot be empty');
    this.#pos = end;
    return { kind, text: isEscaped ? inside.replaceAll(quote + quote, quote) : inside, start, end };
  }

  #dollarString(): Token {
    const text = this.#text;
    const start = this.#pos;
    const close = text.indexOf('$$', start + 2);
    if (close < 0) throw syntaxErrorAt(text, start, `string ${this.#quoteUpTo(text.length)} is not closed`);
    this.#pos = close + 2;
    return { kind: TokenKind.String, text: text.slice(start + 2, close), start, end: close + 2 };
  }

  #symbol(): Token {
    const text = this.#text;
    const start = this.#pos;
    if (TWO_CHARACTER_SYMBOLS.has(text.slice(start, start + 2))) return this.#take(TokenKind.Symbol, start + 2);
    const character = text.slice(start, start + 1);
    if (ONE_CHARACTER_SYMBOLS.includes(character)) return this.#take(TokenKind.Symbol, start + 1);
    const isPair = text.codePointAt(start)! > 0xffff;
    throw syntaxErrorAt(text, start, `no viable alternative at character ${this.#quoteUpTo(start + (isPair ? 2 : 1))}`);
  }

  #take(kind: TokenKind, end: number): Token {
    const start = this.#pos;
    this.#pos = end;
    return { kind, text: this.#text.slice(start, end), start, end };
  }

  #digitsFrom(pos: number): number {
    let end = pos;
    while ((classOf(this.#text.charCodeAt(end)) & DIGIT) !== 0) end++;
    return end;
  }

  /** `e5`, `E+5`, `e-5` */
  #isExponentAt(pos: number): boolean {
    const code = this.#text.charCodeAt(pos);
    if (code !== 0x65 && code !== 0x45) return false;
    const next = this.#text.charCodeAt(pos + 1);
    const isSigned = next === 0x2b || next === 0x2d;
    return (classOf(isSigned ? this.#text.charCodeAt(pos + 2) : next) & DIGIT) !== 0;
  }

  #isUuidAt(pos: number): boolean {
    const text = this.#text;
    if (text.charCodeAt(pos + 8) !== 0x2d) return false; // the usual way out: one look
    for (let i = 0; i < UUID_LENGTH; i++) {
      const code = text.charCodeAt(pos + i);
      const isDash = i === 8 || i === 13 || i === 18 || i === 23;
      if (isDash ? code !== 0x2d : (classOf(code) & HEX) === 0) return false;
    }
    return true;
  }

  /** The whole word that a broken number or blob runs into goes into the message. */
  #malformed(what: string, pos: number): never {
    let end = pos;
    while (isWordOrMicro(this.#text.charCodeAt(end))) end++;
    throw syntaxErrorAt(this.#text, this.#pos, `${what} ${this.#quoteUpTo(end)} is malformed`);
  }

  #quoteUpTo(end: number): string {
    return quoteInput(this.#text, this.#pos, end);
  }
}

/** 0 for what is not ASCII, and for the NaN that `charCodeAt` gives past the end. */
function classOf(code: number): number {
  return code < 128 ? CLASS_OF[code]! : 0;
}

function isWordOrMicro(code: number): boolean {
  return (classOf(code) & WORD) !== 0 || isMicro(code);
}

/** The micro sign, and the Greek letter that looks like it. */
function isMicro(code: number): boolean {
  return code === 0xb5 || code === 0x3bc;
}
