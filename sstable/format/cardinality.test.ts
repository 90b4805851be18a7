import { describe, expect, test } from 'vitest';
import { CardinalityEstimate } from './cardinality.ts';

const hexOf = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const FORM_AT = 6;

function estimateOf(keys: readonly Uint8Array[]): string {
  const estimate = new CardinalityEstimate();
  for (const key of keys) estimate.add(key, 0, key.length);
  return hexOf(estimate.encode());
}

const numbered = (count: number) =>
  Array.from({ length: count }, (_, i) => Uint8Array.from(Buffer.from(`key ${i}`, 'latin1')));

describe('the estimate of the number of keys', () => {
  test('known bytes', () => {
    expect(estimateOf([])).toBe('fffffffe0d190100');
    expect(estimateOf([Uint8Array.of(0, 0, 0, 1)])).toBe('fffffffe0d190101a28dfb09'); // in a file of Cassandra 4
  });

  test('a key counts once, in whatever order keys come', () => {
    const keys = numbered(5000);
    expect(estimateOf([...keys, ...keys])).toBe(estimateOf(keys));
    expect(estimateOf(keys.toReversed())).toBe(estimateOf(keys));
  });

  test('many keys are kept as registers', () => {
    const few = new CardinalityEstimate();
    const many = new CardinalityEstimate();
    for (const key of numbered(6000)) few.add(key, 0, key.length);
    for (const key of numbered(20_000)) many.add(key, 0, key.length);
    expect(few.encode()[FORM_AT]).toBe(1);
    expect(many.encode()[FORM_AT]).toBe(0);
    expect(many.encode()).toHaveLength(7 + 2 + 5464);
  });
});
