import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import { JsonStyle, JsonText } from './json-text.ts';
import { jsonValue } from './json-value.ts';
import { ValueBytes } from './value-bytes.ts';

/** What is written is what the text forms of the type say, whatever the bytes are. */

const TYPES: readonly string[] = (
  'ascii bigint blob boolean date decimal double duration float inet int smallint text time timestamp timeuuid tinyint uuid ' +
  'varint frozen<list<text>> frozen<tuple<int,text>> vector<float,2>'
).split(' ');

let written = '';
const json = new JsonText(JsonStyle.Compact, (piece) => {
  written += Buffer.from(piece).toString();
  return true;
});
const values = new ValueBytes(json);

function collected(write: () => void): string {
  written = '';
  write();
  json.flush();
  return written;
}

/** Values of all widths, and texts with all that JSON escapes. */
const anyBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.constantFrom(1, 2, 4, 8, 16).chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
  fc.string({ unit: 'binary', maxLength: 40 }).map((text) => Buffer.from(text)),
  fc
    .string({ unit: fc.constantFrom('a', '"', '\\', '\n', '\u0001', '\u007f', 'é', '\u{1f600}'), maxLength: 30 })
    .map((text) => Buffer.from(text)),
  fc.double().map((value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleBE(value);
    return bytes;
  }),
  fc.bigInt({ min: -(2n ** 50n), max: 2n ** 50n }).map((value) => {
    const bytes = Buffer.alloc(8);
    bytes.writeBigInt64BE(value);
    return bytes;
  }),
);

describe.each(TYPES)('%s', (name) => {
  const type = parseCqlType(name, () => undefined);

  test('any bytes', () => {
    fc.assert(
      fc.property(anyBytes, (value) => {
        const bytes = Buffer.concat([Buffer.from('"\\'), value, Buffer.from('"\\')]);
        const [start, end] = [2, 2 + value.length];
        const text = collected(() => values.text(type, bytes, start, end));
        expect(`"${text}"`).toBe(JSON.stringify(type.toText(bytes, start, end)));
        expect(collected(() => values.value(type, bytes, start, end))).toBe(jsonValue(type, bytes, start, end));
      }),
      { numRuns: 300 },
    );
  });
});

test('texts longer than a piece', () => {
  const text = parseCqlType('text', () => undefined);
  for (const unit of ['a', '\u0000', 'é', '"abc']) {
    const bytes = Buffer.from(unit.repeat(400_000));
    expect(collected(() => values.value(text, bytes, 0, bytes.length))).toBe(JSON.stringify(bytes.toString()));
  }
});
