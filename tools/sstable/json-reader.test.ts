import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { ByteFeed } from './byte-feed.ts';
import { InputError } from './input-error.ts';
import { JsonReader, type JsonValue } from './json-reader.ts';

/** A text that comes in pieces of at most so many bytes. */
function feedOf(text: string | Uint8Array, pieceBytes: number): ByteFeed {
  const bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
  let at = 0;
  return {
    name: 'text',
    sizeBytes: bytes.length,
    read(target) {
      const piece = bytes.subarray(at, at + Math.min(pieceBytes, target.length));
      target.set(piece);
      at += piece.length;
      return piece.length;
    },
    close: () => undefined,
  };
}

const read = (text: string | Uint8Array, pieceBytes = 1 << 20): JsonValue => {
  const reader = new JsonReader(feedOf(text, pieceBytes));
  const value = reader.value();
  if (!reader.isAtEnd()) reader.fail('text after the end');
  return value;
};

/** Like JSON.stringify, for integers of any size too. */
function print(value: JsonValue): string {
  if (typeof value === 'bigint') return value.toString();
  if (Array.isArray(value)) return `[${value.map(print).join(' , ')}]`;
  if (value instanceof Map) {
    return `{${[...value].map(([name, member]) => `${JSON.stringify(name)}:\n${print(member)}`).join(',')}}`;
  }
  return JSON.stringify(value);
}

const { value } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.string({ unit: 'binary' }).filter((text) => text.isWellFormed()),
    fc.bigInt({ min: -(1n << 70n), max: 1n << 70n }),
    fc.boolean(),
    fc.constant(null),
    fc.array(tie('value'), { maxLength: 4 }),
    fc
      .array(fc.tuple(fc.string(), tie('value')), { maxLength: 4 })
      .map((members) => new Map(members as [string, JsonValue][])),
  ) as fc.Arbitrary<JsonValue>,
}));

describe('JSON in pieces', () => {
  test('any value comes back, whatever the pieces', () => {
    fc.assert(
      fc.property(value, fc.integer({ min: 1, max: 40 }), (given, pieceBytes) => {
        expect(read(print(given), pieceBytes)).toEqual(given);
      }),
      { numRuns: 300 },
    );
  });

  test('no bytes make it do anything but read or refuse', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 60 }), fc.integer({ min: 1, max: 7 }), (bytes, pieceBytes) => {
        const text = new TextEncoder().encode('[{"a":[1,"x",null]}]');
        const mixed = Uint8Array.from(text, (byte, i) => (bytes[i] !== undefined && bytes[i]! < 40 ? bytes[i]! : byte));
        for (const input of [bytes, mixed]) {
          try {
            read(input, pieceBytes);
          } catch (error) {
            expect(error).toBeInstanceOf(InputError);
          }
        }
      }),
      { numRuns: 500 },
    );
  });

  test('a string longer than the buffer', () => {
    const long = 'x"\\é'.repeat(200_000);
    expect(read(JSON.stringify([long, 1]).replace(',1', ' , 1'), 100_000)).toEqual([long, 1n]);
  });

  test.each<[string, RegExp]>([
    ['', /a value must stand here/],
    ['[1 2]', /a comma/],
    ['{"a" 1}', /a colon/],
    ['{a:1}', /a name in quotes/],
    ['{"a":1,"a":2}', /a stands twice/],
    ['[1,]', /after a comma/],
    ['"\n"', /not a string of JSON/],
    ['"\\x"', /not a string of JSON/],
    ['"abc', /a string without an end/],
    ['01', /01 is no integer/],
    ['1e3', /1e3 is no integer/],
    ['-', /- is no integer/],
    ['nul', /nul is no integer/],
    ['['.repeat(100), /deeper/],
    ['1'.repeat(100), /more digits/],
  ])('%s is refused', (text, why) => {
    expect(() => read(text, 3)).toThrow(why);
  });

  test('bytes that are no UTF-8 are refused with their place', () => {
    expect(() => read(Uint8Array.of(0x20, 0x22, 0xff, 0x22))).toThrow(/^text at byte 1: not a string of JSON/);
  });
});
