import fc from 'fast-check';
import { expect, test } from 'vitest';
import { tokens } from '../../test/support/compaction-model.ts';
import { chainsOf, disjointGroups, isBefore, overlaps, shareOutside, spanOf } from './token-span.ts';

const spans = fc.array(
  fc.tuple(fc.integer({ min: -50, max: 50 }), fc.nat(20)).map(([first, width]) => tokens(first, first + width)),
  { maxLength: 30 },
);

test('groups have no token in common, and hang together within', () => {
  fc.assert(
    fc.property(spans, (all) => {
      const groups = disjointGroups(all);
      expect(groups.flat().length).toBe(all.length);
      for (let i = 1; i < groups.length; i++) expect(isBefore(spanOf(groups[i - 1]!), spanOf(groups[i]!))).toBe(true);
      for (const group of groups) {
        group.forEach((span, i) => {
          if (i > 0) expect(group.slice(0, i).some((other) => overlaps(span, other))).toBe(true);
        });
      }
    }),
  );
});

test('chains are in order without overlaps, and as few as tokens are shared by most', () => {
  fc.assert(
    fc.property(spans, (all) => {
      const chains = chainsOf(all);
      expect(chains.flat().length).toBe(all.length);
      for (const chain of chains) {
        for (let i = 1; i < chain.length; i++) expect(isBefore(chain[i - 1]!, chain[i]!)).toBe(true);
      }
      const depths = all.map(
        ({ firstHi }) => all.filter((each) => each.firstHi <= firstHi && firstHi <= each.lastHi).length,
      );
      expect(chains.length).toBe(Math.max(0, ...depths));
    }),
  );
});

test('the share of a span that others do not have', () => {
  const of = (...others: [number, number][]) =>
    shareOutside(
      tokens(0, 100),
      others.map(([first, last]) => tokens(first, last)),
    );
  expect(of()).toBe(1);
  expect(of([200, 300])).toBe(1);
  expect(of([-50, 200])).toBe(0);
  expect(of([-50, 25])).toBeCloseTo(0.75);
  expect(of([10, 20], [15, 30], [90, 400])).toBeCloseTo(0.7);
  expect(shareOutside(tokens(5, 5), [tokens(5, 5)])).toBe(0);
  expect(shareOutside(tokens(5, 5), [tokens(6, 7)])).toBe(1);
});
