import { compareInt64, int64ToNumber } from '../../core/int64.ts';
import type { Candidate } from './strategy.ts';

/** The tokens from the first partition to the last, both inclusive. */
export type TokenSpan = Pick<Candidate, 'firstHi' | 'firstLo' | 'lastHi' | 'lastLo'>;

/** Order by the first token. */
export function byFirstToken(a: TokenSpan, b: TokenSpan): number {
  return compareInt64(a.firstHi, a.firstLo, b.firstHi, b.firstLo);
}

/** True when `a` ends before `b` begins. */
export function isBefore(a: TokenSpan, b: TokenSpan): boolean {
  return compareInt64(a.lastHi, a.lastLo, b.firstHi, b.firstLo) < 0;
}

/** True when some token is in both. */
export function overlaps(a: TokenSpan, b: TokenSpan): boolean {
  return !isBefore(a, b) && !isBefore(b, a);
}

/** The least span that has all of them; there is at least one. */
export function spanOf(spans: readonly TokenSpan[]): TokenSpan {
  let { firstHi, firstLo, lastHi, lastLo } = spans[0]!;
  for (const span of spans) {
    if (compareInt64(span.firstHi, span.firstLo, firstHi, firstLo) < 0) ({ firstHi, firstLo } = span);
    if (compareInt64(span.lastHi, span.lastLo, lastHi, lastLo) > 0) ({ lastHi, lastLo } = span);
  }
  return { firstHi, firstLo, lastHi, lastLo };
}

/**
 * Groups of spans such that spans of different groups have no token in common, in the order of tokens: what can be merged apart
 * from the rest. A chain of overlaps is one group.
 */
export function disjointGroups<Span extends TokenSpan>(spans: readonly Span[]): Span[][] {
  const groups: Span[][] = [];
  let end: TokenSpan | undefined;
  for (const span of [...spans].sort(byFirstToken)) {
    if (end === undefined || isBefore(end, span)) {
      groups.push([span]);
      end = span;
      continue;
    }
    groups.at(-1)!.push(span);
    if (compareInt64(span.lastHi, span.lastLo, end.lastHi, end.lastLo) > 0) end = span;
  }
  return groups;
}

/**
 * All spans in as few chains as there can be, each of spans that have no tokens in common, in the order of tokens: what can be read
 * one after the other.
 */
export function chainsOf<Span extends TokenSpan>(spans: readonly Span[]): Span[][] {
  const chains: Span[][] = [];
  for (const span of [...spans].sort(byFirstToken)) {
    const chain = chains.find((each) => isBefore(each.at(-1)!, span));
    if (chain === undefined) chains.push([span]);
    else chain.push(span);
  }
  return chains;
}

/** Estimated share of a span's tokens that none of the others has, 0 to 1. */
export function shareOutside(span: TokenSpan, others: readonly TokenSpan[]): number {
  const first = int64ToNumber(span.firstHi, span.firstLo);
  const last = int64ToNumber(span.lastHi, span.lastLo);
  if (last <= first) return others.some((other) => overlaps(span, other)) ? 0 : 1;
  let covered = 0;
  for (const group of disjointGroups(others.filter((other) => overlaps(span, other)))) {
    const { firstHi, firstLo, lastHi, lastLo } = spanOf(group);
    covered += Math.min(last, int64ToNumber(lastHi, lastLo)) - Math.max(first, int64ToNumber(firstHi, firstLo));
  }
  return Math.max(0, 1 - covered / (last - first));
}
