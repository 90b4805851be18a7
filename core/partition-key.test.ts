import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter } from './bytes.ts';
import { checkPartitionKey, PartitionKeyReader, PartitionKeyWriter } from './partition-key.ts';

function build(values: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter(4);
  const writer = new PartitionKeyWriter();
  writer.begin(out, values.length);
  for (const value of values) writer.value(value, 0, value.length);
  writer.end();
  return out.toBytes();
}

function split(key: Uint8Array, columns: number): Uint8Array[] {
  const reader = new PartitionKeyReader();
  const values: Uint8Array[] = [];
  reader.open(key, 0, key.length, columns);
  while (reader.next()) values.push(key.slice(reader.valueStart, reader.valueEnd));
  expect(reader.next()).toBe(false);
  return values;
}

describe('partition keys', () => {
  test('of three columns have the known bytes', () => {
    const key = build([Buffer.from([0, 0, 0, 1]), Buffer.from('hello'), Buffer.from([1])]);
    expect(Buffer.from(key).toString('hex')).toBe('00040000000100000568656c6c6f0000010100');
  });

  test('of one column are the value itself', () => {
    expect(build([Buffer.from('abc')])).toEqual(new Uint8Array(Buffer.from('abc')));
  });

  test('give back the values they were built from', () => {
    const property = fc.property(fc.array(fc.uint8Array(), { minLength: 1, maxLength: 5 }), (values) => {
      fc.pre(values.length > 1 || values[0]!.length > 0);
      const key = build(values);
      expect(checkPartitionKey(key, 0, key.length, values.length)).toBeUndefined();
      expect(split(key, values.length)).toEqual(values);
    });
    fc.assert(property);
  });

  test.each([
    [[65_536], 'Key length of 65536 is longer than maximum of 65535'],
    [[40_000, 40_000], 'Key length of'],
    [[65_532, 0], 'Key length of 65538'],
    [[0], 'Key may not be empty'],
  ])('of values of %j bytes are refused', (lengths, message) => {
    expect(() => build(lengths.map((length) => new Uint8Array(length)))).toThrow(message);
  });

  test('as long as allowed are built', () => {
    expect(build([new Uint8Array(65_535)]).length).toBe(65_535);
    expect(build([new Uint8Array(65_529), new Uint8Array(0)]).length).toBe(65_535);
  });

  test.each([
    ['', 2, 'has 0 of 2 values'],
    ['0001aa00', 2, 'has 1 of 2 values'],
    ['0001aa01000000', 2, 'does not end with a zero byte'],
    ['0005aa00', 2, 'cut short'],
    ['000000', 2, 'has 1 of 2 values'],
    ['00000000000000', 2, 'bytes after the last value'],
    ['00'.repeat(65_536), 1, 'partition key of 65536 bytes'],
  ])('%# with damage are refused by name', (hex, columns, message) => {
    const bytes = Buffer.from(hex, 'hex');
    expect(checkPartitionKey(bytes, 0, bytes.length, columns)).toContain(message);
  });
});
