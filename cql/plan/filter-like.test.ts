import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LikePattern } from './filter-like.ts';

test.each([
  ['', '', true],
  ['', 'a', false],
  ['%', '', true],
  ['%%', 'ab', true],
  ['a_c', 'abc', true],
  ['a_c', 'ac', false],
  ['_', '😀', true],
  ['%b%', 'abc', true],
  ['%ab', 'aab', true],
  ['a%b%c', 'axxbyyc', true],
  ['a%b%c', 'axxbyy', false],
  ['100\\%', '100%', true],
  ['100\\%', '100x', false],
  ['a\\_b', 'a_b', true],
  ['\\\\', '\\', true],
  ['a\\', 'a\\', true],
  ['\\a', 'a', true],
])('%j matches %j: %s', (pattern, text, expected) => {
  expect(new LikePattern(pattern).matches(text)).toBe(expected);
});

test('patterns mean what the regular expression of the same meaning says', () => {
  const letters = fc.array(fc.constantFrom('a', 'b', '%', '_'), { maxLength: 7 });
  const property = fc.property(letters, fc.array(fc.constantFrom('a', 'b'), { maxLength: 9 }), (pattern, text) => {
    const regular = pattern.map((step) => (step === '%' ? '.*' : step === '_' ? '.' : step)).join('');
    expect(new LikePattern(pattern.join('')).matches(text.join(''))).toBe(
      new RegExp(`^${regular}$`).test(text.join('')),
    );
  });
  fc.assert(property, { numRuns: 1000 });
});

test('a pattern of many wildcards takes no more than text times pattern', () => {
  expect(new LikePattern('%a'.repeat(2000)).matches(`${'a'.repeat(5000)}b`)).toBe(false);
});

test('a pattern that would take too long is refused, not tried to the end', () => {
  const text = 'a'.repeat(200_000);
  const slow = new LikePattern(`%${'a'.repeat(100_000)}b%`);
  expect(() => slow.matches(text)).toThrow(
    'LIKE pattern of 100003 characters takes too long to compare with a text of 200000',
  );
  expect(new LikePattern(`%${'a'.repeat(100_000)}%`).matches(text)).toBe(true);
  expect(new LikePattern(`%${'a'.repeat(60)}b%`).matches(text)).toBe(false);
});
