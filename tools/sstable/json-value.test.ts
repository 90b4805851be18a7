import { expect, test } from 'vitest';
import { parseCqlType } from '../../core/types/parse-cql-type.ts';
import { jsonValue } from './json-value.ts';

test.each<[string, string, string]>([
  ['int', '-5', '-5'],
  ['bigint', '9223372036854775807', '9223372036854775807'],
  ['decimal', '1.50', '1.50'],
  ['double', 'NaN', 'null'],
  ['double', '0.5', '0.5'],
  ['boolean', 'true', 'true'],
  ['text', 'a"b', '"a\\"b"'],
  ['text', '', '""'],
  ['blob', '0a0b', '"0x0a0b"'],
  ['blob', '', '"0x"'],
  ['inet', '2001:db8::1', '"2001:db8:0:0:0:0:0:1"'],
  ['timestamp', '2024-01-02T03:04:05.678Z', '"2024-01-02 03:04:05.678Z"'],
  ['frozen<list<int>>', '[1, 2]', '[1, 2]'],
  ['frozen<map<int, text>>', "{1: 'a'}", '{"1": "a"}'],
  ['frozen<map<text, frozen<set<text>>>>', "{'k': {'a', 'b'}}", '{"k": ["a", "b"]}'],
  ['frozen<tuple<int, text>>', '(1, null)', '[1, null]'],
  ['vector<int, 2>', '[3, 4]', '[3, 4]'],
])('%s %s', (name, text, expected) => {
  const type = parseCqlType(name, () => undefined);
  const bytes = type.fromText(text);
  expect(jsonValue(type, bytes, 0, bytes.length)).toBe(expected);
  JSON.parse(expected);
});

test.each([
  ['int', '0102'],
  ['text', 'ff'],
  ['frozen<list<int>>', '00000002'],
  ['uuid', '01'],
])('bytes that are no %s are shown as they are', (name, hex) => {
  const type = parseCqlType(name, () => undefined);
  const bytes = Buffer.from(hex, 'hex');
  expect(jsonValue(type, bytes, 0, bytes.length)).toBe(`"0x${hex}"`);
});
