import { InvalidRequestError, type SyntaxException } from '../../core/errors.ts';
import type { Markers, QualifiedName } from './ast.ts';
import { isReserved } from './identifier.ts';
import { Lexer, type Token, TokenKind } from './lexer.ts';
import { quoteInput, syntaxErrorAt } from './syntax-error.ts';

/**
 * Levels of nesting that a statement may have: parentheses, collections, types, calls. Each costs a few stack frames in
 * the parser and in whatever walks the tree, so the limit is what keeps any text from overflowing the stack.
 */
export const MAX_DEPTH = 100;

/** The protocol counts bound values in 16 bits. */
const MAX_MARKERS = 65535;

/** Tokens that can be looked at before they are taken; a power of two. */
const LOOK_AHEAD = 8;

/** Where a parser stands in one text: the coming tokens, the markers so far, the depth. */
export class ParserState {
  readonly #text: string;
  readonly #lexer: Lexer;
  /** The coming tokens, a ring: `#count` of them from `#head` on. */
  readonly #ahead: Token[] = [];
  #head = 0;
  #count = 0;
  #depth = 0;
  readonly #markers: (string | undefined)[] = [];
  readonly #markerByName = new Map<string, number>();

  constructor(text: string) {
    this.#text = text;
    this.#lexer = new Lexer(text);
  }

  /** The markers so far; grows as the parser goes on. */
  get markers(): Markers {
    return this.#markers;
  }

  /** The token that comes after `distance` others, which stay. */
  peek(distance = 0): Token {
    while (this.#count <= distance) {
      this.#ahead[(this.#head + this.#count) & (LOOK_AHEAD - 1)] = this.#lexer.next();
      this.#count++;
    }
    return this.#ahead[(this.#head + distance) & (LOOK_AHEAD - 1)]!;
  }

  /** Takes the coming token. */
  next(): Token {
    const token = this.peek();
    this.#head = (this.#head + 1) & (LOOK_AHEAD - 1);
    this.#count--;
    return token;
  }

  isWord(word: string, distance = 0): boolean {
    const token = this.peek(distance);
    return token.kind === TokenKind.Name && token.text === word;
  }

  isSymbol(symbol: string, distance = 0): boolean {
    const token = this.peek(distance);
    return token.kind === TokenKind.Symbol && token.text === symbol;
  }

  /** True if the coming tokens are these unquoted words. At most LOOK_AHEAD of them. */
  areWords(words: readonly string[]): boolean {
    return words.every((word, distance) => this.isWord(word, distance));
  }

  /** True if a name comes: a quoted one, or a word that is not reserved. */
  isName(distance = 0): boolean {
    const token = this.peek(distance);
    return token.kind === TokenKind.QuotedName || (token.kind === TokenKind.Name && !isReserved(token.text));
  }

  acceptWord(word: string): boolean {
    const isNext = this.isWord(word);
    if (isNext) this.next();
    return isNext;
  }

  acceptSymbol(symbol: string): boolean {
    const isNext = this.isSymbol(symbol);
    if (isNext) this.next();
    return isNext;
  }

  expectWord(word: string): void {
    if (!this.acceptWord(word)) throw this.mismatch(word.toUpperCase());
  }

  expectSymbol(symbol: string): void {
    if (!this.acceptSymbol(symbol)) throw this.mismatch(`'${symbol}'`);
  }

  /** Takes `IF NOT EXISTS` if it comes. */
  acceptIfNotExists(): boolean {
    if (!this.acceptWord('if')) return false;
    this.expectWord('not');
    this.expectWord('exists');
    return true;
  }

  /** Takes `IF EXISTS` if it comes. */
  acceptIfExists(): boolean {
    if (!this.acceptWord('if')) return false;
    this.expectWord('exists');
    return true;
  }

  /** Takes a name. @param what what is named, for the error */
  name(what: string): string {
    if (!this.isName()) throw this.noAlternative(what);
    return this.next().text;
  }

  /** Takes `name` or `keyspace.name`. */
  qualifiedName(what: string): QualifiedName {
    const first = this.name(what);
    if (!this.acceptSymbol('.')) return { keyspace: undefined, name: first };
    return { keyspace: first, name: this.name(what) };
  }

  /** One or more, with commas between. */
  commaSeparated<T>(parse: () => T): T[] {
    const items = [parse()];
    while (this.acceptSymbol(',')) items.push(parse());
    return items;
  }

  /** Items in parentheses, with commas between; none only where `mayBeEmpty`. */
  parenthesized<T>(mayBeEmpty: boolean, parse: () => T): T[] {
    this.expectSymbol('(');
    if (mayBeEmpty && this.acceptSymbol(')')) return [];
    const items = this.commaSeparated(parse);
    this.expectSymbol(')');
    return items;
  }

  /**
   * The index of a marker that was just read: a new one for `?` (no name) and for a name not seen before.
   * @throws InvalidRequestError when there are more than the protocol can count
   */
  marker(name: string | undefined): number {
    const known = name === undefined ? undefined : this.#markerByName.get(name);
    if (known !== undefined) return known;
    const index = this.#markers.length;
    if (index >= MAX_MARKERS)
      throw new InvalidRequestError(`Too many bind markers: at most ${MAX_MARKERS} are allowed`);
    this.#markers.push(name);
    if (name !== undefined) this.#markerByName.set(name, index);
    return index;
  }

  /** One level deeper, until `leave`. An error ends the parse, so it need not leave. */
  enter(): void {
    this.#depth++;
    if (this.#depth > MAX_DEPTH) throw this.tooDeep();
  }

  leave(): void {
    this.#depth--;
  }

  tooDeep(): SyntaxException {
    return this.error(`nested too deeply at input ${this.quoteNext()}: at most ${MAX_DEPTH} levels are allowed`);
  }

  /** The coming token is not the one that must be here. */
  mismatch(expected: string): SyntaxException {
    return this.error(`mismatched input ${this.quoteNext()} expecting ${expected}`);
  }

  /** The coming token begins nothing that may be here. */
  noAlternative(expected: string): SyntaxException {
    return this.error(`no viable alternative at input ${this.quoteNext()} (expecting ${expected})`);
  }

  /** A syntax error at the coming token, or at one that was taken before. */
  error(why: string, at: Token = this.peek()): SyntaxException {
    return syntaxErrorAt(this.#text, at.start, why);
  }

  quoteNext(): string {
    const token = this.peek();
    return quoteInput(this.#text, token.start, token.end);
  }
}
