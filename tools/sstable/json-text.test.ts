import { expect, test } from 'vitest';
import { JsonStyle, JsonText } from './json-text.ts';

function written(style: JsonStyle, write: (json: JsonText) => void): string {
  let text = '';
  const json = new JsonText(style, (piece) => {
    text += Buffer.from(piece).toString();
    return true;
  });
  write(json);
  json.flush();
  return text;
}

function sample(json: JsonText): void {
  json.beginObject();
  json.key('a "b"');
  json.number('9223372036854775807');
  json.key('list');
  json.beginArray();
  json.beginObject(true);
  json.key('x');
  json.beginArray();
  json.string('é\n');
  json.boolean(false);
  json.end();
  json.end();
  json.beginObject();
  json.end();
  json.end();
  json.end();
}

test.each<[JsonStyle, string]>([
  [JsonStyle.Compact, '{"a \\"b\\"":9223372036854775807,"list":[{"x":["é\\n",false]},{}]}'],
  [
    JsonStyle.Indented,
    '{\n  "a \\"b\\"" : 9223372036854775807,\n  "list" : [\n    { "x" : [ "é\\n", false ] },\n    { }\n  ]\n}',
  ],
])('containers, keys and values in style %d', (style, expected) => {
  expect(written(style, sample)).toBe(expected);
});

test('what an error cut short is ended as JSON', () => {
  const text = written(JsonStyle.Compact, (json) => {
    json.beginObject();
    json.key('a');
    json.beginArray();
    json.beginObject();
    json.key('lost');
    json.endTo(1);
    json.key('b');
    json.number('1');
    json.endTo(0);
  });
  expect(JSON.parse(text)).toEqual({ a: [{ lost: null }], b: 1 });
});

test('long results are handed on in pieces', () => {
  let pieces = 0;
  let longest = 0;
  const json = new JsonText(JsonStyle.Compact, (piece) => {
    pieces++;
    longest = Math.max(longest, piece.length);
    return true;
  });
  json.beginArray();
  for (let i = 0; i < 40_000; i++) {
    json.beginObject();
    json.key('key');
    json.string('some text of some length');
    json.end();
  }
  json.end();
  json.flush();
  expect(pieces).toBeGreaterThan(4);
  expect(longest).toBeLessThan(300_000);
});
