import { describe, expect, test } from 'vitest';
import { decimalType } from '../../core/types/decimal.ts';
import { doubleType, floatType } from '../../core/types/float.ts';
import { bigintType, intType } from '../../core/types/int.ts';
import { DecimalSum, FloatSum, IntegerSum, type Sum } from './aggregates-sum.ts';

function add(sum: Sum, value: Uint8Array): void {
  sum.add(value, 0, value.length);
}
const text = (type: { toText(bytes: Uint8Array, start: number, end: number): string }, value: Uint8Array) =>
  type.toText(value, 0, value.length);

describe('IntegerSum', () => {
  const MANY = 2 ** 21 + 5;

  test('stays exact over millions of the greatest and least values', () => {
    const sum = new IntegerSum(8);
    const greatest = bigintType.fromText('9223372036854775807');
    const least = bigintType.fromText('-9223372036854775808');
    for (let i = 0; i < MANY; i++) add(sum, greatest);
    expect(() => sum.total()).toThrow('Sum overflow');
    expect(text(bigintType, sum.average(MANY))).toBe('9223372036854775807');
    for (let i = 0; i < MANY; i++) add(sum, least);
    expect(text(bigintType, sum.total())).toBe(String(-MANY));
    sum.reset();
    expect(text(bigintType, sum.total())).toBe('0');
  });

  test('stays exact over millions of ints', () => {
    const sum = new IntegerSum(4);
    const value = intType.fromText('-2147483648');
    for (let i = 0; i < MANY; i++) add(sum, value);
    expect(text(intType, sum.average(MANY))).toBe('-2147483648');
    expect(text(intType, sum.average(MANY * 2))).toBe('-1073741824');
  });

  test('averages are cut toward zero', () => {
    const sum = new IntegerSum(4);
    for (const value of ['-1', '-2', '-4']) add(sum, intType.fromText(value));
    expect(text(intType, sum.average(3))).toBe('-2');
    expect(text(intType, sum.average(0))).toBe('0');
  });
});

describe('DecimalSum', () => {
  test.each([
    [['0.5', '0.0'], '0.5', '0.2'], // half to even
    [['0.7', '0.0'], '0.7', '0.4'],
    [['-0.5', '0.0'], '-0.5', '-0.2'],
    [['-0.7', '0.0'], '-0.7', '-0.4'],
    [['1', '1', '2'], '4', '1'],
    [['-1', '-2', '-2'], '-5', '-2'],
    [['1E+3', '1'], '1001', '500'],
    [['1E+3', '3E+3'], '4E+3', '2E+3'],
    [['0.10', '0.1'], '0.20', '0.10'],
    [[], '0', '0'],
  ])('of %j is %s, on average %s', (values, total, average) => {
    const sum = new DecimalSum();
    for (const value of values) add(sum, decimalType.fromText(value));
    expect(text(decimalType, sum.total())).toBe(total);
    expect(text(decimalType, sum.average(values.length))).toBe(average);
  });

  test('refuses scales so different that the sum would fill the memory', () => {
    const sum = new DecimalSum();
    add(sum, decimalType.fromText('1E+2000000000'));
    expect(() => add(sum, decimalType.fromText('1E-2000000000'))).toThrow('more than');
  });
});

describe('FloatSum', () => {
  test.each([
    [['0.1', '0.2', '0.3'], '0.6'],
    [['1e16', '1', '1', '-1e16'], '2'],
    [['Infinity', '1'], 'Infinity'],
    [['Infinity', '-Infinity'], 'NaN'],
    [['NaN', '1'], 'NaN'],
    [['1.7976931348623157e308', '1.7976931348623157e308'], 'Infinity'],
    [[], '0'],
  ])('of %j is %s', (values, total) => {
    const sum = new FloatSum(8);
    for (const value of values) add(sum, doubleType.fromText(value));
    expect(text(doubleType, sum.total())).toBe(total);
  });

  test('of floats is a float', () => {
    const sum = new FloatSum(4);
    for (const value of ['1.5', '2.25']) add(sum, floatType.fromText(value));
    expect(text(floatType, sum.total())).toBe('3.75');
    expect(text(floatType, sum.average(2))).toBe('1.875');
    expect(text(floatType, sum.average(0))).toBe('0');
  });
});
