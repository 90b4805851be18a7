import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Lexer, type Token, TokenKind } from './lexer.ts';

const KIND_NAMES = new Map<TokenKind, string>(Object.entries(TokenKind).map(([name, kind]) => [kind, name]));

function tokens(text: string): Token[] {
  const lexer = new Lexer(text);
  const found: Token[] = [];
  for (let token = lexer.next(); token.kind !== TokenKind.End; token = lexer.next()) found.push(token);
  return found;
}

function shown(text: string): string {
  return tokens(text)
    .map((token) => `${KIND_NAMES.get(token.kind)}:${token.text}`)
    .join(' ');
}

describe('each text gives its tokens', () => {
  test.each([
    ['', ''],
    [' \t\r\n', ''],
    ['Abc_1 x', 'Name:abc_1 Name:x'],
    ['"Ab""c" "a\nb"', 'QuotedName:Ab"c QuotedName:a\nb'],
    ["'it''s' ''", "String:it's String:"],
    ["$$a'$b$$ $$$$", "String:a'$b String:"],
    ['0 007 12345678901234567890', 'Integer:0 Integer:007 Integer:12345678901234567890'],
    ['-3', 'Symbol:- Integer:3'],
    ['c-3', 'Name:c Symbol:- Integer:3'],
    ['1.5 1. 1e3 1.e3 1.5E-3 1e+03', 'Float:1.5 Float:1. Float:1e3 Float:1.e3 Float:1.5E-3 Float:1e+03'],
    ['1..2', 'Integer:1 Symbol:.. Integer:2'],
    ['1.5.2', 'Float:1.5 Symbol:. Integer:2'],
    ['0x 0xAb', 'Blob:0x Blob:0xAb'],
    ['12345678-1234-1234-1234-123456789abc', 'Uuid:12345678-1234-1234-1234-123456789abc'],
    ['DEADBEEF-1234-1234-1234-123456789abc', 'Uuid:DEADBEEF-1234-1234-1234-123456789abc'],
    ['deadbeef-1234', 'Name:deadbeef Symbol:- Integer:1234'],
    [
      '1y2mo 5\u00b5s 6\u03bcs 2000ms 1M',
      'Duration:1y2mo Duration:5\u00b5s Duration:6\u03bcs Duration:2000ms Duration:1M',
    ],
    ['P1Y PT5M P1DT1S P4W', 'Duration:P1Y Duration:PT5M Duration:P1DT1S Duration:P4W'],
    ['P0001-02-03T04:05:06', 'Duration:P0001-02-03T04:05:06'],
    ['P PT P1 P1YT p1y P1Y_ P4W1D', 'Name:p Name:pt Name:p1 Name:p1yt Name:p1y Name:p1y_ Name:p4w1d'],
    ['a<=b>=c!=d<e>f', 'Name:a Symbol:<= Name:b Symbol:>= Name:c Symbol:!= Name:d Symbol:< Name:e Symbol:> Name:f'],
    ['a+=1-=2', 'Name:a Symbol:+= Integer:1 Symbol:-= Integer:2'],
    ['<<int>>', 'Symbol:< Symbol:< Name:int Symbol:> Symbol:>'],
    ['a -- b\nc // d\r\ne /* f * / */ g--', 'Name:a Name:c Name:e Name:g'],
    ['a-/**/-b', 'Name:a Symbol:- Symbol:- Name:b'],
    ['?:a', 'Symbol:? Symbol:: Name:a'],
  ])('%j', (text, expected) => {
    expect(shown(text)).toBe(expected);
  });
});

describe('what begins no token is refused with its place', () => {
  test.each([
    ["a\n  'b", "line 2:2 string ''b' is not closed"],
    ['"', "line 1:0 quoted name '\"' is not closed"],
    ['$$a$', "line 1:0 string '$$a$' is not closed"],
    ['a /* b', "line 1:2 comment is not closed: expecting '*/'"],
    ['/*/', "line 1:0 comment is not closed: expecting '*/'"],
    ['""', 'line 1:0 a quoted name cannot be empty'],
    ['$', "line 1:0 no viable alternative at character '$'"],
    ['_a', "line 1:0 no viable alternative at character '_'"],
    ['!', "line 1:0 no viable alternative at character '!'"],
    ['\0', "line 1:0 no viable alternative at character '\\u0000'"],
    ['\ud800', "line 1:0 no viable alternative at character '\\ud800'"],
    ['\udc00\ud800', "line 1:0 no viable alternative at character '\\udc00'"],
    ['\ufeffSELECT', "line 1:0 no viable alternative at character '\ufeff'"],
    ['a\u00a0b', "line 1:1 no viable alternative at character '\u00a0'"],
    ['😀', "line 1:0 no viable alternative at character '😀'"],
    ['1x', "line 1:0 number '1x' is malformed"],
    ['1mm', "line 1:0 number '1mm' is malformed"],
    ['1h2', "line 1:0 number '1h2' is malformed"],
    ['1h_', "line 1:0 number '1h_' is malformed"],
    ['1e+', "line 1:0 number '1e' is malformed"],
    ['1.5e', "line 1:0 number '1.5e' is malformed"],
    ['1\u00b5', "line 1:0 number '1\u00b5' is malformed"],
    ['0x1', "line 1:0 blob '0x1' has an odd number of hex digits"],
    ['0x1g', "line 1:0 blob '0x1g' is malformed"],
    [`'${'x'.repeat(1000)}`, `line 1:0 string ''${'x'.repeat(59)}...' is not closed`],
  ])('%j', (text, message) => {
    expect(() => tokens(text)).toThrow(expect.objectContaining({ name: 'SyntaxException', message }));
  });
});

test('tokens cover the text in order, and between them are only blanks and comments', () => {
  const piece = fc.constantFrom(
    'a',
    '1',
    "'x'",
    '"q"',
    '(',
    '-',
    '--c\n',
    '/* c */',
    ' ',
    '\n',
    '.5',
    '..',
    '$$d$$',
    '1h',
    '0x00',
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
      const text = pieces.join(' ');
      let end = 0;
      for (const token of tokens(text)) {
        expect(token.start).toBeGreaterThanOrEqual(end);
        expect(
          text
            .slice(end, token.start)
            .replaceAll(/--[^\n]*|\/\*.*?\*\//g, '')
            .trim(),
        ).toBe('');
        end = token.end;
      }
    }),
  );
});
