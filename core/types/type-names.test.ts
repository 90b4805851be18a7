import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { listType, mapType, setType } from './collection.ts';
import { quoteIdentifier } from './cql-identifier.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { MARSHAL_PREFIX, MAX_TYPE_DEPTH } from './defined-type.ts';
import { frozen } from './frozen.ts';
import { NATIVE_TYPES, nativeType } from './native-types.ts';
import {
  clusteringClassName,
  keyClassName,
  parseClassName,
  parseClusteringClassName,
  parseKeyClassName,
  protocolClassName,
} from './parse-class-name.ts';
import { parseCqlType } from './parse-cql-type.ts';
import { tupleType } from './tuple.ts';
import { udtType } from './udt.ts';
import { vectorType } from './vector.ts';

const int = nativeType('int')!;
const text = nativeType('text')!;
const ut = udtType({ keyspace: 'ks', name: 'ut', fieldNames: ['a', 'B c'] }, [int, listType(int)]);
const quoted = udtType({ keyspace: 'ks', name: 'Int "x"', fieldNames: ['a'] }, [int]);
const named = udtType({ keyspace: 'ks', name: 'text', fieldNames: ['a'] }, [int]);
const UDTS: ReadonlyMap<string, CqlType> = new Map([ut, quoted, named].map((type) => [type.udt!.name, type]));
const parse = (name: string): CqlType => parseCqlType(name, (udt) => UDTS.get(udt));

/** Adds the prefix to every class: words that are followed by a sign or the end, but for hex and keyspaces. */
const long = (className: string): string =>
  className.replaceAll(/[A-Z]\w*(?:Type|Order)\b/g, (word) => MARSHAL_PREFIX + word);

/** CQL text, the same printed, class name without prefixes, multi-cell. */
const NAMES: readonly (readonly [string, string, string, boolean])[] = [
  ['INT', 'int', 'Int32Type', false],
  ['varchar', 'text', 'UTF8Type', false],
  ['bigint', 'bigint', 'LongType', false],
  ['timestamp', 'timestamp', 'TimestampType', false],
  ['duration', 'duration', 'DurationType', false],
  ['list<int>', 'list<int>', 'ListType(Int32Type)', true],
  [' map < text ,int > ', 'map<text, int>', 'MapType(UTF8Type,Int32Type)', true],
  ['set<blob>', 'set<blob>', 'SetType(BytesType)', true],
  ['frozen<set<int>>', 'frozen<set<int>>', 'FrozenType(SetType(Int32Type))', false],
  ['list<frozen<set<int>>>', 'list<frozen<set<int>>>', 'ListType(FrozenType(SetType(Int32Type)))', true],
  [
    'frozen<map<int, list<int>>>',
    'frozen<map<int, frozen<list<int>>>>',
    'FrozenType(MapType(Int32Type,FrozenType(ListType(Int32Type))))',
    false,
  ],
  ['tuple<int, text>', 'frozen<tuple<int, text>>', 'TupleType(Int32Type,UTF8Type)', false],
  ['frozen<tuple<int>>', 'frozen<tuple<int>>', 'TupleType(Int32Type)', false],
  [
    'list<tuple<list<int>>>',
    'list<frozen<tuple<frozen<list<int>>>>>',
    'ListType(TupleType(FrozenType(ListType(Int32Type))))',
    true,
  ],
  ['vector<float, 3>', 'vector<float, 3>', 'VectorType(FloatType , 3)', false],
  ['frozen<vector<float,3>>', 'vector<float, 3>', 'VectorType(FloatType , 3)', false],
  ['ut', 'ut', 'UserType(ks,7574,61:Int32Type,422063:ListType(Int32Type))', true],
  ['KS.UT', 'ut', 'UserType(ks,7574,61:Int32Type,422063:ListType(Int32Type))', true],
  [
    'frozen<ut>',
    'frozen<ut>',
    'FrozenType(UserType(ks,7574,61:Int32Type,422063:FrozenType(ListType(Int32Type))))',
    false,
  ],
  ['"Int ""x"""', '"Int ""x"""', 'UserType(ks,496e7420227822,61:Int32Type)', true],
  ['"text"', '"text"', 'UserType(ks,74657874,61:Int32Type)', true],
];

describe('CQL names', () => {
  test.each(NAMES)('%s', (cql, printed, className, isMultiCell) => {
    const type = parse(cql);
    expect(type.cqlName).toBe(printed);
    expect(type.className).toBe(long(className));
    expect(type.isMultiCell).toBe(isMultiCell);
    expect(parse(printed).cqlName).toBe(printed);
    expect(parseClassName(type.className).className).toBe(type.className);
    expect(parseClassName(type.className).cqlName).toBe(printed);
    expect(parseClassName(className).cqlName).toBe(printed);
    expect(frozen(type).isMultiCell).toBe(false);
    expect(frozen(frozen(type)).cqlName).toBe(frozen(type).cqlName);
  });

  const REFUSED: readonly (readonly [string, string])[] = [
    ['list<list<int>>', 'Non-frozen user types or collections are not allowed inside collections: list<list<int>>'],
    ['map<int, ut>', 'Non-frozen user types or collections are not allowed inside collections: map<int, ut>'],
    ['frozen<int>', 'frozen<> is only allowed on collections, tuples, and user-defined types (got int)'],
    ['list<counter>', 'Counters are not allowed inside collections: list<counter>'],
    ['tuple<int, counter>', 'Counters are not allowed inside tuples: tuple<int, counter>'],
    ['set<duration>', 'Durations are not allowed inside sets: set<duration>'],
    ['map<duration, int>', 'Durations are not allowed as map keys: map<duration, int>'],
    ['nosuch', 'Unknown type nosuch'],
    ['"INT"', 'Unknown type "INT"'],
    ['__proto__', 'Unknown type "__proto__"'],
    ['ks.nosuch', 'Unknown type ks.nosuch'],
    [
      'other.ut',
      'Statement on keyspace ks cannot refer to a user type in keyspace other; user types can only be used in the keyspace they are defined in',
    ],
    ['vector<float, 0>', 'Vectors must have 1 to 16000 dimensions, not 0'],
    ['vector<float, 16001>', 'Vectors must have 1 to 16000 dimensions, not 16001'],
    ['vector<empty, 3>', 'Vectors of type empty are not supported'],
    ['', "Cannot parse type '' at position 0: expected a type"],
    ['list<int', "Cannot parse type 'list<int' at position 8: expected '>'"],
    ['map<int>', "Cannot parse type 'map<int>' at position 7: expected ','"],
    ['int int', "Cannot parse type 'int int' at position 4: nothing may follow the type"],
    ['int<int>', "Cannot parse type 'int<int>' at position 4: int takes no parameters"],
    ['vector<int, x>', "Cannot parse type 'vector<int, x>' at position 13: expected the number of dimensions"],
  ];

  test.each(REFUSED)('%j is refused', (cql, message) => {
    expect(() => parse(cql)).toThrow(expect.objectContaining({ code: 'INVALID', message }));
  });

  test('deep nesting is refused, in CQL and in class names', () => {
    const nest = (open: string, inner: string, close: string, depth: number): string =>
      open.repeat(depth) + inner + close.repeat(depth);
    expect(parse(nest('tuple<', 'int', '>', MAX_TYPE_DEPTH - 1)).kind).toBe(TypeKind.Tuple);
    for (const depth of [MAX_TYPE_DEPTH, 10_000]) {
      expect(() => parse(nest('tuple<', 'int', '>', depth))).toThrow('more than 64 levels');
      expect(() => parseClassName(nest('TupleType(', 'Int32Type', ')', depth))).toThrow('more than 64 levels');
      expect(parseClassName(nest('Other(', 'Int32Type', ')', depth)).kind).toBe(TypeKind.Custom);
    }
  });

  test('user types of exponential size are refused', () => {
    let type = udtType({ keyspace: 'ks', name: 't0', fieldNames: ['a'] }, [int]);
    const grow = (): void => {
      for (let i = 1; i < 40; i++) {
        type = udtType({ keyspace: 'ks', name: `t${i}`, fieldNames: ['a', 'b'] }, [type, type]);
      }
    };
    expect(grow).toThrow('more than 4096 types');
  });

  test('any text is parsed or refused by name', () => {
    const words = fc.constantFrom(
      'int',
      'list',
      '<',
      '>',
      ',',
      'frozen',
      '"',
      "'",
      '.',
      ' ',
      'ut',
      '(',
      ')',
      'vector',
      '3',
      'FrozenType',
      'UserType',
      ':',
      '7574',
      '\0',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words, { maxLength: 12 }).map((parts) => parts.join('')),
        ),
        (name) => {
          for (const read of [parse, parseClassName, parseClusteringClassName, parseKeyClassName]) {
            try {
              read(name);
            } catch (error) {
              expect(error).toMatchObject({ code: 'INVALID' });
            }
          }
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('names are quoted when CQL would read them otherwise', () => {
    expect(['abc', 'a_1', 'Abc', '1a', 'select', 'key', 'a"b', ''].map(quoteIdentifier)).toEqual([
      'abc',
      'a_1',
      '"Abc"',
      '"1a"',
      '"select"',
      'key',
      '"a""b"',
      '""',
    ]);
  });
});

describe('class names', () => {
  test('every native type is found again by both names', () => {
    for (const type of NATIVE_TYPES) {
      expect(parseClassName(type.className)).toBe(type);
      expect(parse(type.cqlName)).toBe(type);
    }
  });

  test('names of old releases', () => {
    expect(parseClassName(`${MARSHAL_PREFIX}DateType`)).toMatchObject({
      kind: TypeKind.Timestamp,
      cqlName: 'timestamp',
      className: `${MARSHAL_PREFIX}DateType`,
    });
    expect(parseClassName(`${MARSHAL_PREFIX}LexicalUUIDType`).kind).toBe(TypeKind.Uuid);
    expect(parseClassName(`${MARSHAL_PREFIX}EmptyType`)).toMatchObject({ kind: TypeKind.Empty, fixedLength: 0 });
  });

  test('classes without a CQL type are kept by name, as bytes', () => {
    for (const name of [
      `${MARSHAL_PREFIX}PartitionerDefinedOrder(org.apache.cassandra.dht.Murmur3Partitioner)`,
      `${MARSHAL_PREFIX}DynamicCompositeType(a=>${MARSHAL_PREFIX}AsciiType,b=>${MARSHAL_PREFIX}BytesType)`,
      'com.example.MyType',
    ]) {
      expect(parseClassName(name)).toMatchObject({
        kind: TypeKind.Custom,
        className: name,
        cqlName: `'${name}'`,
        fixedLength: -1,
      });
      expect(parse(`'${name}'`).className).toBe(name);
    }
  });

  test('clustering columns: reversed or not', () => {
    const name = `${MARSHAL_PREFIX}ReversedType(${MARSHAL_PREFIX}Int32Type)`;
    expect(parseClusteringClassName(name)).toEqual({ type: int, isReversed: true });
    expect(parseClusteringClassName(int.className)).toEqual({ type: int, isReversed: false });
    expect(clusteringClassName(int, true)).toBe(name);
    expect(parseClassName(name)).toBe(int);
  });

  test('partition keys: one type or a composite', () => {
    const name = `${MARSHAL_PREFIX}CompositeType(${MARSHAL_PREFIX}Int32Type,${MARSHAL_PREFIX}UTF8Type)`;
    expect(parseKeyClassName(name)).toEqual([int, text]);
    expect(keyClassName([int, text])).toBe(name);
    expect(parseKeyClassName(int.className)).toEqual([int]);
    expect(keyClassName([int])).toBe(int.className);
  });

  test('user types carry their names', () => {
    const type = parseClassName(frozen(ut).className);
    expect(type.udt).toEqual({ keyspace: 'ks', name: 'ut', fieldNames: ['a', 'B c'] });
    expect(type.parameters.map((field) => field.cqlName)).toEqual(['int', 'frozen<list<int>>']);
  });

  test('the protocol has a vector without the blank before the comma', () => {
    expect(protocolClassName(vectorType(nativeType('float')!, 3))).toBe(
      `${MARSHAL_PREFIX}VectorType(${MARSHAL_PREFIX}FloatType, 3)`,
    );
  });

  test.each([
    '',
    'ListType',
    'ListType()',
    'ListType(Int32Type',
    'ListType(Int32Type,Int32Type)',
    'MapType(Int32Type)',
    'Int32Type)',
    'UserType(ks,zz,61:Int32Type)',
    'UserType(ks,ff)',
    'UserType(ks,61,61)',
    'VectorType(FloatType,x)',
    'Other(',
  ])('%j is refused', (name) => {
    expect(() => parseClassName(name)).toThrow(expect.objectContaining({ code: 'INVALID' }));
  });
});

test('fixed lengths are those that SSTables leave out', () => {
  const lengths = Object.fromEntries(
    NATIVE_TYPES.filter((type) => type.fixedLength >= 0).map((type) => [type.cqlName, type.fixedLength]),
  );
  expect(lengths).toEqual({ bigint: 8, boolean: 1, double: 8, float: 4, int: 4, timestamp: 8, timeuuid: 16, uuid: 16 });
  expect(vectorType(nativeType('float')!, 3).fixedLength).toBe(12);
  expect(vectorType(vectorType(int, 2), 3).fixedLength).toBe(24);
  expect(vectorType(nativeType('smallint')!, 3).fixedLength).toBe(-1);
  for (const type of [listType(int), mapType(int, int), setType(int), tupleType([int]), ut])
    expect(type.fixedLength).toBe(-1);
});
