import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { canonicalValue } from './canonical-value.ts';
import { listType } from './collection.ts';
import { encodeList, encodeMap, encodeSet, encodeTuple, encodeVector } from './collection-codec.ts';
import { CollectionReader } from './collection-reader.ts';
import type { CqlType } from './cql-type.ts';
import { nativeType } from './native-types.ts';
import { parseCqlType } from './parse-cql-type.ts';
import { udtType } from './udt.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const unhex = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const int = nativeType('int')!;
const text = nativeType('text')!;
const address = udtType({ keyspace: 'ks', name: 'address', fieldNames: ['street', 'Num', 'tags'] }, [
  text,
  int,
  listType(text),
]);
const parse = (name: string): CqlType => parseCqlType(name, (udt) => (udt === 'address' ? address : undefined));

/** type, text, bytes. */
const VALUES: readonly (readonly [string, string, string])[] = [
  ['list<int>', '[1, 2]', '00000002 00000004 00000001 00000004 00000002'],
  ['list<text>', "['a', '']", '00000002 00000001 61 00000000'],
  ['list<int>', "['', 1]", '00000002 00000000 00000004 00000001'],
  ['frozen<list<int>>', '[]', '00000000'],
  ['set<int>', '{-1, 2}', '00000002 00000004 ffffffff 00000004 00000002'],
  [
    'map<int, text>',
    "{1: 'a', 2: 'it''s'}",
    '00000002 00000004 00000001 00000001 61 00000004 00000002 00000004 69742773',
  ],
  ['map<text, blob>', "{'': 0x00ff}", '00000001 00000000 00000002 00ff'],
  ['tuple<int, text>', "(1, 'x')", '00000004 00000001 00000001 78'],
  ['tuple<int, text>', '(null, null)', 'ffffffff ffffffff'],
  ['tuple<int, text>', '(1)', '00000004 00000001'],
  ['address', '{street: \'x\', "Num": 1}', '00000001 78 00000004 00000001'],
  [
    'frozen<address>',
    '{street: null, "Num": 1, tags: [\'a\']}',
    'ffffffff 00000004 00000001 00000009 00000001 00000001 61',
  ],
  ['vector<float, 3>', '[1, 0, -1]', '3f800000 00000000 bf800000'],
  ['vector<text, 2>', "['a', 'bc']", '01 61 02 6263'],
  ['vector<vector<smallint, 1>, 2>', '[[1], [2]]', '03 020001 03 020002'],
  [
    'list<frozen<map<uuid, timestamp>>>',
    "[{123e4567-e89b-42d3-a456-426614174000: '1970-01-01T00:00:00.000Z'}]",
    '00000001 00000024 00000001 00000010 123e4567e89b42d3a456426614174000 00000008 0000000000000000',
  ],
  ['list<inet>', "['127.0.0.1', '::1']", '00000002 00000004 7f000001 00000010 00000000000000000000000000000001'],
  ['list<duration>', '[1mo2d3ns]', '00000001 00000003 020406'],
  ['list<double>', '[NaN, -Infinity]', '00000002 00000008 7ff8000000000000 00000008 fff0000000000000'],
];

describe('values and texts', () => {
  test.each(VALUES)('%s %s', (name, shown, bytes) => {
    const type = parse(name);
    const value = unhex(bytes);
    expect(hex(type.fromText(shown))).toBe(hex(value));
    expect(type.toText(value, 0, value.length)).toBe(shown);
    expect(type.validate(value, 0, value.length)).toBeUndefined();
    expect(hex(canonicalValue(type, value, 0, value.length))).toBe(hex(value));
  });

  test('sets and maps are sorted, without repeats; blanks and case do not matter', () => {
    expect(hex(parse('set<int>').fromText(' { 3,1 , 3, -1 } '))).toBe(hex(parse('set<int>').fromText('{-1, 1, 3}')));
    expect(hex(parse('map<int, int>').fromText('{2:1,1:1,2:9}'))).toBe(
      hex(parse('map<int, int>').fromText('{1: 1, 2: 9}')),
    );
    expect(hex(parse('address').fromText("{STREET:'x'}"))).toBe('0000000178');
    expect(parse('list<text>').toText(unhex('00000001 ffffffff'), 0, 8)).toBe('[null]');
  });

  const REFUSED: readonly (readonly [string, string, RegExp])[] = [
    ['list<int>', '', /expected '\['/],
    ['list<int>', '[1', /expected '\]'/],
    ['list<int>', '[1] x', /expected one value/],
    ['list<int>', '[null]', /null is not supported inside collections/],
    ['list<int>', 'null', /expected one value/],
    ['list<int>', '[a]', /Unable to make int from 'a'/],
    ['list<int>', '[,]', /expected a value of type int/],
    ['list<text>', '[a]', /quotes/],
    ['list<text>', "['a]", /no end/],
    ['list<blob>', '[00]', /0x/],
    ['map<int, int>', '{1}', /expected ':'/],
    ['set<int>', '[1]', /expected '\{'/],
    ['tuple<int, int>', '(1, 2, 3)', /too many elements\. Type frozen<tuple<int, int>> expects 2/],
    ['address', '{city: 1}', /Unknown field city in value of user defined type address/],
    ['address', '{constructor: 1}', /Unknown field constructor/],
    ['vector<float, 2>', '[1]', /expected 2 elements for vector<float, 2>, got 1/],
    ['vector<float, 1>', "['']", /empty values/],
  ];

  test.each(REFUSED)('%s refuses %s', (name, shown, message) => {
    expect(() => parse(name).fromText(shown)).toThrow(message);
    expect(() => parse(name).fromText(shown)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });
});

describe('damaged bytes', () => {
  const BAD: readonly (readonly [string, string])[] = [
    ['list<int>', ''],
    ['list<int>', '000000'],
    ['list<int>', 'ffffffff'],
    ['list<int>', '7fffffff'],
    ['list<int>', '00000001 7fffffff'],
    ['list<int>', '00000001 00000002 0000'],
    ['list<int>', '00000001 ffffffff'],
    ['list<int>', '00000001 00000004 00000001 00'],
    ['map<int, int>', '00000001 00000004 00000001'],
    ['set<text>', '00000001 00000001 ff'],
    ['tuple<int>', '00000004 00000001 00000000'],
    ['tuple<int>', '00000004 0000'],
    ['tuple<int>', '0000'],
    ['vector<float, 2>', '00000000'],
    ['vector<float, 2>', '00000000 00000000 00'],
    ['vector<text, 1>', 'ffffffffffffffffff'],
    ['vector<text, 1>', ''],
    ['list<frozen<list<int>>>', '00000001 00000000'],
  ];

  test.each(BAD)('%s %j is no value, and is shown all the same', (name, bytes) => {
    const value = unhex(bytes);
    expect(parse(name).validate(value, 0, value.length)).toBeTypeOf('string');
    expect(parse(name).toText(value, 0, value.length)).toBeTypeOf('string');
  });

  test('a reader ends where the bytes end and says so', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), fc.nat(3), fc.boolean(), (bytes, kind, isSmall) => {
        if (isSmall && bytes.length >= 8) bytes.set([0, 0, 0, bytes[3]! & 3, 0, 0, 0, bytes[7]! & 7]);
        const reader = new CollectionReader();
        if (kind === 0) reader.openList(bytes, 0, bytes.length);
        else if (kind === 1) reader.openMap(bytes, 0, bytes.length);
        else if (kind === 2) reader.openTuple(bytes, 0, bytes.length, 3);
        else reader.openVector(bytes, 0, bytes.length, text, 3);
        let found = 0;
        while (reader.next()) {
          found++;
          expect(reader.start).toBeLessThanOrEqual(reader.end);
          expect(reader.end).toBeLessThanOrEqual(bytes.length);
        }
        expect(reader.next()).toBe(false);
        expect(found).toBeLessThanOrEqual(bytes.length);
        const type = parse(['list<blob>', 'map<blob, blob>', 'tuple<blob, blob, blob>', 'vector<text, 3>'][kind]!);
        const isRefused = type.validate(bytes, 0, bytes.length) !== undefined;
        if (reader.isDamaged) expect(isRefused).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('codec', () => {
  const elements = fc.array(fc.uint8Array({ maxLength: 6 }), { maxLength: 8 });
  const readAll = (reader: CollectionReader): (string | null)[] => {
    const found: (string | null)[] = [];
    while (reader.next()) found.push(reader.isNull ? null : hex(reader.bytes.subarray(reader.start, reader.end)));
    expect(reader.isDamaged).toBe(false);
    return found;
  };

  test('what is encoded is read back', () => {
    const reader = new CollectionReader();
    fc.assert(
      fc.property(elements, (parts) => {
        const shown = parts.map(hex);
        const list = encodeList(parts);
        reader.openList(list, 0, list.length);
        expect(reader.count).toBe(parts.length);
        expect(readAll(reader)).toEqual(shown);
        const tuple = encodeTuple(parts.map((part) => (part.length === 0 ? undefined : part)));
        reader.openTuple(tuple, 0, tuple.length, 8);
        expect(readAll(reader)).toEqual(shown.map((part) => (part === '' ? null : part)));
        const vector = encodeVector(text, parts);
        reader.openVector(vector, 0, vector.length, text, parts.length);
        expect(readAll(reader)).toEqual(shown);
      }),
    );
  });

  test('sets and maps equal the model: sorted, the last value of a key', () => {
    const blob = nativeType('blob')!;
    const reader = new CollectionReader();
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 1 }), { maxLength: 8 }), (keys) => {
        const set = encodeSet(blob, keys);
        reader.openList(set, 0, set.length);
        const sorted = [...new Set(keys.map(hex))].sort();
        expect(readAll(reader)).toEqual(sorted);
        const map = encodeMap(
          blob,
          keys,
          keys.map((_, i) => Uint8Array.of(i)),
        );
        const model = new Map(keys.map((key, i) => [hex(key), hex(Uint8Array.of(i))]));
        reader.openMap(map, 0, map.length);
        expect(reader.count).toBe(sorted.length);
        expect(readAll(reader)).toEqual(sorted.flatMap((key) => [key, model.get(key)!]));
      }),
    );
  });

  test('the canonical value sorts at every depth', () => {
    const type = parse('frozen<map<int, frozen<set<int>>>>');
    const inner = (a: number, b: number): Uint8Array =>
      encodeList([Uint8Array.of(0, 0, 0, a), Uint8Array.of(0, 0, 0, b)]);
    const unsorted = unhex(
      `00000002 00000004 00000002 ${'00000014'} ${hex(inner(9, 3))} 00000004 00000001 00000014 ${hex(inner(5, 5))}`,
    );
    expect(type.validate(unsorted, 0, unsorted.length)).toBeUndefined();
    const sorted = canonicalValue(type, unsorted, 0, unsorted.length);
    expect(type.toText(sorted, 0, sorted.length)).toBe('{1: {5}, 2: {3, 9}}');
    expect(int.compare(unsorted, 0, 0, unsorted, 0, 0)).toBe(0);
  });
});

test('values in shared memory are printed and checked as others are', () => {
  for (const [name, shown, bytes] of VALUES) {
    const value = unhex(bytes);
    const shared = new Uint8Array(new SharedArrayBuffer(value.length + 5), 5);
    shared.set(value);
    expect(parse(name).toText(shared, 0, shared.length)).toBe(shown);
    expect(parse(name).validate(shared, 0, shared.length)).toBeUndefined();
  }
});
