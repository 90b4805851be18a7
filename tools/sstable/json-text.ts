/** Compact: no white space. Indented: two spaces a level, ` : ` after names, small containers on one line. */
export const JsonStyle = { Compact: 0, Indented: 1 } as const;
export type JsonStyle = (typeof JsonStyle)[keyof typeof JsonStyle];

/** Text is handed on in pieces of about this many characters. */
const PIECE_LENGTH: number = 64 * 1024;

/** Names beyond these are quoted anew each time. */
const MOST_KEYS = 1000;

interface Frame {
  readonly isArray: boolean;
  readonly isInline: boolean;
  count: number;
}

/**
 * JSON written piece by piece, of any size in bounded memory. Numbers are texts, so that integers beyond 2^53 stay exact.
 * The caller keeps to JSON's grammar: a key before every value of an object, as many ends as beginnings.
 */
export class JsonText {
  readonly #style: JsonStyle;
  readonly #sink: (text: string) => void;
  readonly #frames: Frame[] = [];
  /** Keys as they are written, by name: the same few come for every row. */
  readonly #keys: Map<string, string> = new Map();
  /** By depth. */
  readonly #newLines: string[] = [];
  #buffer = '';
  #isAfterKey = false;

  constructor(style: JsonStyle, sink: (text: string) => void) {
    this.#style = style;
    this.#sink = sink;
  }

  /** Containers that are open. */
  get depth(): number {
    return this.#frames.length;
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
    const frame = this.#frames.pop()!;
    if (this.#style === JsonStyle.Indented) {
      this.#buffer += frame.isInline || frame.count === 0 ? ' ' : this.#newLine();
    }
    this.#buffer += frame.isArray ? ']' : '}';
    if (this.#buffer.length >= PIECE_LENGTH) this.flush();
  }

  /** Ends containers until only `depth` are open; a key without a value gets null. For output that an error cut short. */
  endTo(depth: number): void {
    if (this.#isAfterKey) this.number('null');
    while (this.#frames.length > depth) this.end();
  }

  key(name: string): void {
    this.#separate();
    let text = this.#keys.get(name);
    if (text === undefined) {
      text = JSON.stringify(name) + (this.#style === JsonStyle.Compact ? ':' : ' : ');
      if (this.#keys.size < MOST_KEYS) this.#keys.set(name, text);
    }
    this.#buffer += text;
    this.#isAfterKey = true;
  }

  string(text: string): void {
    this.#separate();
    this.#buffer += JSON.stringify(text);
  }

  /** A number, or any other value that is JSON already. */
  number(text: string): void {
    this.#separate();
    this.#buffer += text;
  }

  boolean(value: boolean): void {
    this.number(value ? 'true' : 'false');
  }

  /** Text between values at the top, such as the ends of lines. */
  raw(text: string): void {
    this.#buffer += text;
  }

  /** Hands on what was written so far. */
  flush(): void {
    if (this.#buffer === '') return;
    this.#sink(this.#buffer);
    this.#buffer = '';
  }

  #begin(isArray: boolean, isInline: boolean): void {
    this.#separate();
    this.#buffer += isArray ? '[' : '{';
    this.#frames.push({ isArray, isInline: isInline || this.#frames.at(-1)?.isInline === true, count: 0 });
  }

  #separate(): void {
    if (this.#isAfterKey) {
      this.#isAfterKey = false;
      return;
    }
    const frame = this.#frames.at(-1);
    if (frame === undefined) return;
    if (frame.count++ > 0) this.#buffer += ',';
    if (this.#style === JsonStyle.Indented) this.#buffer += frame.isInline ? ' ' : this.#newLine();
  }

  #newLine(): string {
    const depth = this.#frames.length;
    for (let next = this.#newLines.length; next <= depth; next++) this.#newLines.push(`\n${'  '.repeat(next)}`);
    return this.#newLines[depth]!;
  }
}
