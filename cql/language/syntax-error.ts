import { SyntaxException } from '../../core/errors.ts';

/** Longest piece of the user's text that an error repeats, in UTF-16 units. */
const MAX_QUOTED = 60;

/** A SyntaxException at an offset of a text: line from 1, column from 0, lines end at `\n`. */
export function syntaxErrorAt(text: string, offset: number, why: string): SyntaxException {
  let line = 1;
  let lineStart = 0;
  for (let end = text.indexOf('\n'); end >= 0 && end < offset; end = text.indexOf('\n', lineStart)) {
    line++;
    lineStart = end + 1;
  }
  return new SyntaxException(line, offset - lineStart, why);
}

/** A piece of the user's text for an error message: in quotes, of bounded length, without control characters. */
export function quoteInput(text: string, start: number, end: number): string {
  if (start >= text.length) return "'<EOF>'";
  const piece = text.slice(start, Math.min(end, start + MAX_QUOTED));
  let shown = '';
  for (const character of piece) {
    const code = character.codePointAt(0)!;
    const isShowable = code >= 0x20 && code !== 0x7f && (code < 0xd800 || code > 0xdfff);
    shown += isShowable ? character : `\\u${code.toString(16).padStart(4, '0')}`;
  }
  return end - start > MAX_QUOTED ? `'${shown}...'` : `'${shown}'`;
}
