import { expect, test } from 'vitest';
import { listType } from './collection.ts';
import { type LiteralKind, literalToBytes, takesLiteral } from './literal.ts';
import { NATIVE_TYPES, nativeType } from './native-types.ts';

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const KINDS: readonly LiteralKind[] = ['integer', 'float', 'string', 'uuid', 'blob', 'boolean', 'duration'];
const SAMPLES: Readonly<Record<LiteralKind, string>> = {
  integer: '1',
  float: '1.5',
  string: '',
  uuid: '123e4567-e89b-12d3-a456-426614174000',
  blob: '0xff',
  boolean: 'true',
  duration: '1d',
};

/** Type, and the constants it takes. */
const TAKEN: Readonly<Record<string, string>> = {
  ascii: 'string',
  text: 'string',
  tinyint: 'integer',
  smallint: 'integer',
  int: 'integer',
  bigint: 'integer',
  counter: 'integer',
  varint: 'integer',
  float: 'integer float',
  double: 'integer float',
  decimal: 'integer float',
  boolean: 'boolean',
  blob: 'blob',
  uuid: 'uuid',
  timeuuid: 'uuid',
  timestamp: 'integer string',
  date: 'integer string',
  time: 'integer string',
  inet: 'string',
  duration: 'duration',
};

test.each(NATIVE_TYPES.map((type) => [type.cqlName, type] as const))(
  '%s takes its constants and no others',
  (name, type) => {
    for (const kind of KINDS) {
      const isTaken = TAKEN[name]!.split(' ').includes(kind);
      expect([kind, takesLiteral(type, kind)]).toEqual([kind, isTaken]);
      if (isTaken) {
        const value = literalToBytes(type, kind, SAMPLES[kind], 'c');
        expect(type.validate(value, 0, value.length)).toBeUndefined();
      } else {
        expect(() => literalToBytes(type, kind, SAMPLES[kind], 'c')).toThrow(
          /^Invalid [A-Z]+ constant \(.*\) for "c" of type /,
        );
      }
    }
  },
);

const VALUES: readonly (readonly [string, LiteralKind, string, string])[] = [
  ['int', 'integer', '-2147483648', '80000000'],
  ['timestamp', 'integer', '-1', 'ffffffffffffffff'],
  ['date', 'integer', '2147483648', '80000000'],
  ['time', 'integer', '1', '0000000000000001'],
  ['decimal', 'integer', '10', '000000000a'],
  ['decimal', 'float', '1e3', 'fffffffd01'],
  ['double', 'integer', '9007199254740993', '4340000000000000'],
  ['float', 'float', 'NaN', '7fc00000'],
  ['blob', 'blob', '0x', ''],
  ['blob', 'blob', '0xCAFE', 'cafe'],
  ['text', 'string', "it's", '69742773'],
];

test.each(VALUES)('%s from %s %s', (name, kind, text, bytes) => {
  expect(hex(literalToBytes(nativeType(name)!, kind, text))).toBe(bytes);
});

const REFUSED: readonly (readonly [string, LiteralKind, string, string])[] = [
  ['int', 'string', 'abc', 'Invalid STRING constant (abc) for "col" of type int'],
  ['text', 'integer', '1', 'Invalid INTEGER constant (1) for "col" of type text'],
  ['blob', 'string', 'x', 'Invalid STRING constant (x) for "col" of type blob'],
  ['int', 'blob', '0x01', 'Invalid HEX constant (0x01) for "col" of type int'],
  ['int', 'integer', '2147483648', 'Invalid value for "col" of type int: Unable to make int from \'2147483648\''],
  [
    'ascii',
    'string',
    'é',
    'Invalid value for "col" of type ascii: Unable to make ascii from \'é\': character 0 is not ASCII',
  ],
  [
    'blob',
    'blob',
    '0xabc',
    'Invalid value for "col" of type blob: Unable to make blob from \'0xabc\': expected an even number of hex digits',
  ],
  [
    'date',
    'integer',
    '-1',
    'Invalid value for "col" of type date: Unable to make date from \'-1\': days are an unsigned int, 2^31 is 1970-01-01',
  ],
  ['decimal', 'float', 'NaN', 'Invalid value for "col" of type decimal: Unable to make decimal from \'NaN\''],
];

test.each(REFUSED)('%s refuses %s %s', (name, kind, text, message) => {
  const type = nativeType(name)!;
  expect(() => literalToBytes(type, kind, text, 'col')).toThrow(expect.objectContaining({ code: 'INVALID', message }));
});

test('without a column none is named; a collection takes no constant', () => {
  expect(() => literalToBytes(nativeType('int')!, 'string', 'abc')).toThrow(
    'Invalid STRING constant (abc) of type int',
  );
  expect(() => literalToBytes(listType(nativeType('int')!), 'integer', '1')).toThrow(
    'Invalid INTEGER constant (1) of type list<int>',
  );
  expect(() => literalToBytes(nativeType('int')!, 'string', 'x'.repeat(1e6))).toThrow(/\(x{100}\.\.\.\)/);
});
