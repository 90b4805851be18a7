/**
 * A cursor over one short text and the steps that its parsers share. Blanks (white space) are allowed before every sign; every step
 * looks at a character a fixed number of times and copies only what it returns.
 */
export class TextScanner {
  readonly text: string;
  /** The cursor: index of the next character. */
  at = 0;
  readonly #errorOf: (why: string, at: number) => Error;

  /** @param errorOf makes the error that tells why the text is wrong at an index */
  constructor(text: string, errorOf: (why: string, at: number) => Error) {
    this.text = text;
    this.#errorOf = errorOf;
  }

  /** The character at the cursor, undefined at the end. */
  get sign(): string | undefined {
    return this.text[this.at];
  }

  skipBlanks(): void {
    while (/\s/.test(this.text.charAt(this.at))) this.at++;
  }

  /** True, and past it, when the next character that is no blank is `sign`. Moves past the blanks in any case. */
  accept(sign: string): boolean {
    this.skipBlanks();
    if (this.sign !== sign) return false;
    this.at++;
    return true;
  }

  expect(sign: string): void {
    if (!this.accept(sign)) throw this.error(`expected '${sign}'`);
  }

  /** Only blanks may be left. */
  expectEnd(why: string): void {
    this.skipBlanks();
    if (this.at < this.text.length) throw this.error(why);
  }

  /** Characters from the cursor to the first match of `end`, which has the flag `g` and matches at the text's end. Does not move. */
  peekTo(end: RegExp): string {
    end.lastIndex = this.at;
    return this.text.slice(this.at, end.exec(this.text)!.index);
  }

  /** The same, and moves there. */
  takeTo(end: RegExp): string {
    const word = this.peekTo(end);
    this.at += word.length;
    return word;
  }

  /** The text in quotes whose first is at the cursor; moves past the last. A doubled quote is one. */
  takeQuoted(quote: string, whyEndless: string): string {
    const start = this.at + 1;
    let end = start;
    for (;;) {
      end = this.text.indexOf(quote, end);
      if (end < 0) throw this.error(whyEndless);
      if (this.text[end + 1] !== quote) break;
      end += 2;
    }
    this.at = end + 1;
    return this.text.slice(start, end).replaceAll(quote + quote, quote);
  }

  error(why: string): Error {
    return this.#errorOf(why, this.at);
  }
}
