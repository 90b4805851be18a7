import { expect, test } from 'vitest';
import { InvalidRequestError } from '../../../core/errors.ts';
import { TypeKind } from '../../../core/types/cql-type.ts';
import { NATIVE_TYPES, nativeType } from '../../../core/types/native-types.ts';
import { FixedContext } from '../../../test/support/statement-values.ts';
import { castFunction } from './cast.ts';
import { javaDoubleText, javaFloatText } from './java-number-text.ts';

const context = new FixedContext();

/** The text of a value after a cast; `null` for null. */
function cast(from: string, text: string, to: string): string {
  const called = castFunction(nativeType(from)!, nativeType(to)!);
  const value = called.call([nativeType(from)!.fromText(text)], context);
  return value === undefined ? 'null' : nativeType(to)!.toText(value, 0, value.length);
}

test.each([
  // Integers wrap.
  ['int', '300', 'tinyint', '44'],
  ['int', '-1', 'bigint', '-1'],
  ['bigint', '4294967297', 'int', '1'],
  ['varint', '18446744073709551617', 'bigint', '1'],
  ['varint', '-32769', 'smallint', '32767'],
  ['tinyint', '-5', 'varint', '-5'],
  ['smallint', '7', 'decimal', '7'],
  ['counter', '7', 'bigint', '7'],
  // Floats that are too large become the nearest integer, the narrow ones by way of int.
  ['double', '1e300', 'bigint', '9223372036854775807'],
  ['double', '-1e300', 'bigint', '-9223372036854775808'],
  ['double', '1e300', 'int', '2147483647'],
  ['float', '300.7', 'tinyint', '44'],
  ['double', '1e300', 'smallint', '-1'],
  ['double', 'NaN', 'int', '0'],
  ['double', '-2.9', 'int', '-2'],
  ['double', '1e20', 'varint', '100000000000000000000'],
  ['float', '5.2', 'decimal', '5.199999809265137'],
  ['double', '6.3', 'decimal', '6.3'],
  ['double', '1', 'decimal', '1.0'],
  ['double', '0.1', 'float', '0.1'],
  ['float', '0.1', 'double', '0.10000000149011612'],
  ['varint', '123456789012345678901234567890', 'double', '1.2345678901234568e+29'],
  ['varint', '16777217', 'float', '16777216'],
  // Decimals lose their fraction.
  ['decimal', '-12.99', 'int', '-12'],
  ['decimal', '1E+3', 'int', '1000'],
  ['decimal', '4294967296.5', 'int', '0'],
  ['decimal', '0.001', 'varint', '0'],
  ['decimal', '1E-2147483000', 'bigint', '0'],
  ['decimal', '1.5', 'double', '1.5'],
  ['decimal', '1e400', 'double', 'Infinity'],
  ['decimal', '1.50', 'text', '1.50'],
  // Text has Java's form.
  ['double', '1', 'text', '1.0'],
  ['double', '12345678.9', 'text', '1.23456789E7'],
  ['float', '0.1', 'ascii', '0.1'],
  ['bigint', '-9223372036854775808', 'text', '-9223372036854775808'],
  ['boolean', 'true', 'text', 'true'],
  ['date', '2011-02-03', 'text', '2011-02-03'],
  ['timestamp', '0', 'text', '1970-01-01T00:00:00.000Z'],
  ['uuid', '50554d6e-29bb-41e5-b345-feff819cdc9f', 'ascii', '50554d6e-29bb-41e5-b345-feff819cdc9f'],
  ['inet', '::1', 'text', '::1'],
  // Times.
  ['timeuuid', '50554d6e-29bb-11e5-b345-feff819cdc9f', 'timestamp', '2015-07-14T00:00:18.805Z'],
  ['timeuuid', '50554d6e-29bb-11e5-b345-feff819cdc9f', 'date', '2015-07-14'],
  ['timestamp', '-1', 'date', '1969-12-31'],
  ['date', '1969-12-31', 'timestamp', '1969-12-31T00:00:00.000Z'],
  // The empty value is null; a type is cast to itself.
  ['int', '', 'bigint', 'null'],
  ['blob', '00ff', 'blob', '00ff'],
])('cast(%s %s as %s) is %s', (from, text, to, expected) => {
  expect(cast(from, text, to)).toBe(expected);
});

test.each([
  ['text', 'int', 'text cannot be cast to int'],
  ['int', 'boolean', 'int cannot be cast to boolean'],
  ['blob', 'text', 'blob cannot be cast to text'],
  ['int', 'counter', 'int cannot be cast to counter'],
  ['date', 'timeuuid', 'date cannot be cast to timeuuid'],
  ['duration', 'text', 'duration cannot be cast to text'],
])('%s has no cast to %s', (from, to, message) => {
  expect(() => castFunction(nativeType(from)!, nativeType(to)!)).toThrow(new InvalidRequestError(message));
});

test.each([
  ['double', 'NaN', 'varint'],
  ['double', 'Infinity', 'decimal'],
  ['decimal', '1E+2147483000', 'varint'],
])('cast(%s %s as %s) is refused, quickly', (from, text, to) => {
  expect(() => cast(from, text, to)).toThrow(InvalidRequestError);
});

test('every cast that there is gives null for null and a valid value for zero', () => {
  for (const from of NATIVE_TYPES) {
    for (const to of NATIVE_TYPES) {
      let called: ReturnType<typeof castFunction>;
      try {
        called = castFunction(from, to);
      } catch (error) {
        expect(error).toBeInstanceOf(InvalidRequestError);
        continue;
      }
      expect(called.call([undefined], context)).toBeUndefined();
      if (from.kind !== TypeKind.Varint && from.kind !== TypeKind.Int) continue;
      const zero = called.call([from.fromText('0')], context)!;
      expect(to.validate(zero, 0, zero.length), `${from.cqlName} to ${to.cqlName}`).toBeUndefined();
    }
  }
});

test.each([
  [0, '0.0'],
  [-0, '-0.0'],
  [1, '1.0'],
  [100, '100.0'],
  [0.05, '0.05'],
  [2e23, '2.0E23'],
  [0.001, '0.001'],
  [0.0001, '1.0E-4'],
  [9_999_999, '9999999.0'],
  [10_000_000, '1.0E7'],
  [-123_456_789.5, '-1.234567895E8'],
  [5e-324, '4.9E-324'],
  [1.7976931348623157e308, '1.7976931348623157E308'],
  [Number.NaN, 'NaN'],
  [Number.NEGATIVE_INFINITY, '-Infinity'],
])('Java prints the double %d as %s', (value, text) => {
  expect(javaDoubleText(value)).toBe(text);
});

test.each([
  [0.1, '0.1'],
  [16_777_216, '1.6777216E7'],
  [3.4028235e38, '3.4028235E38'],
  [1.4e-45, '1.4E-45'],
  [Number.NaN, 'NaN'],
])('Java prints the float %d as %s', (value, text) => {
  expect(javaFloatText(Math.fround(value))).toBe(text);
});
