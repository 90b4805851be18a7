import { ByteWriter, readU16BE } from '../../core/bytes.ts';
import type { ClusteringSlice } from '../../core/read/slice.ts';
import type { ClusteringComparator } from '../../core/schema/clustering-comparator.ts';
import { appendClusteringValue } from '../../core/schema/clustering-prefix.ts';

/**
 * Sets of clustering positions as lists of slices. A list is in normal form when it is sorted in table order and no two
 * slices overlap or touch: that is what reads take.
 */

/** One bound of a comparison of a tuple of adjacent clustering columns with a tuple of values. */
export interface TupleBound {
  /** At least one. */
  readonly values: readonly Uint8Array[];
  readonly isInclusive: boolean;
}

/** A clustering prefix with values appended. @throws InvalidRequestError for a value that is too long */
export function extendPrefix(prefix: Uint8Array, values: readonly Uint8Array[]): Uint8Array {
  const out = new ByteWriter(prefix.length + 32);
  out.raw(prefix);
  for (const value of values) appendClusteringValue(out, value, 0, value.length);
  return out.toBytes();
}

/** Where the first `count` values of the prefix bytes[start, end) end; `end` when it has fewer. */
export function prefixEnd(bytes: Uint8Array, start: number, end: number, count: number): number {
  let at = start;
  for (let left = count; left > 0 && at < end; left--) at += 2 + readU16BE(bytes, at);
  return at;
}

/** All rows that begin with the prefix. */
export function prefixSlice(prefix: Uint8Array): ClusteringSlice {
  return { start: prefix, startWeight: -1, end: prefix, endWeight: 1 };
}

/** The list in normal form: empty slices gone, the rest sorted and united where they overlap or touch. */
export function normalizeSlices(
  slices: readonly ClusteringSlice[],
  comparator: ClusteringComparator,
): ClusteringSlice[] {
  const sorted = slices
    .filter((slice) => comparePositions(comparator, slice.start, slice.startWeight, slice.end, slice.endWeight) < 0)
    .sort((a, b) => comparePositions(comparator, a.start, a.startWeight, b.start, b.startWeight));
  const normal: ClusteringSlice[] = [];
  for (const slice of sorted) {
    const last = normal.at(-1);
    if (
      last === undefined ||
      comparePositions(comparator, last.end, last.endWeight, slice.start, slice.startWeight) < 0
    ) {
      normal.push(slice);
    } else if (comparePositions(comparator, last.end, last.endWeight, slice.end, slice.endWeight) < 0) {
      normal[normal.length - 1] = { ...last, end: slice.end, endWeight: slice.endWeight };
    }
  }
  return normal;
}

/** What two lists in normal form have in common, in normal form. */
export function intersectSlices(
  a: readonly ClusteringSlice[],
  b: readonly ClusteringSlice[],
  comparator: ClusteringComparator,
): ClusteringSlice[] {
  const common: ClusteringSlice[] = [];
  let i = 0;
  let j = 0;
  while (i < a.length && j < b.length) {
    const left = a[i]!;
    const right = b[j]!;
    const laterStart =
      comparePositions(comparator, left.start, left.startWeight, right.start, right.startWeight) >= 0 ? left : right;
    const endOrder = comparePositions(comparator, left.end, left.endWeight, right.end, right.endWeight);
    const earlierEnd = endOrder <= 0 ? left : right;
    const { start, startWeight } = laterStart;
    const { end, endWeight } = earlierEnd;
    if (comparePositions(comparator, start, startWeight, end, endWeight) < 0) {
      common.push({ start, startWeight, end, endWeight });
    }
    if (endOrder <= 0) i++;
    else j++;
  }
  return common;
}

/**
 * The rows that begin with `prefix` and whose next values, compared as a tuple by value, lie within the bounds. Where columns of
 * different clustering order take part these are several slices. In normal form.
 * @param first index of the first clustering column of the tuple
 */
export function tupleSlices(
  prefix: Uint8Array,
  first: number,
  lower: TupleBound | undefined,
  upper: TupleBound | undefined,
  comparator: ClusteringComparator,
): ClusteringSlice[] {
  let slices = [prefixSlice(prefix)];
  if (lower !== undefined) slices = normalizeSlices(boundSlices(prefix, first, lower, true, comparator), comparator);
  if (upper === undefined) return slices;
  const below = normalizeSlices(boundSlices(prefix, first, upper, false, comparator), comparator);
  return intersectSlices(slices, below, comparator);
}

/**
 * Tuples above (a, b) are those with a greater first value, and those with the first value equal and a greater second one: a
 * slice for each column, on the side where its clustering order puts greater values.
 */
function boundSlices(
  prefix: Uint8Array,
  first: number,
  bound: TupleBound,
  isLower: boolean,
  comparator: ClusteringComparator,
): ClusteringSlice[] {
  const slices: ClusteringSlice[] = [];
  let equal = prefix;
  for (const [i, value] of bound.values.entries()) {
    const longer = extendPrefix(equal, [value]);
    const isAfter = isLower !== comparator.isReversed[first + i]!;
    slices.push(
      isAfter
        ? { start: longer, startWeight: 1, end: equal, endWeight: 1 }
        : { start: equal, startWeight: -1, end: longer, endWeight: -1 },
    );
    equal = longer;
  }
  if (bound.isInclusive) slices.push(prefixSlice(equal));
  return slices;
}

function comparePositions(
  comparator: ClusteringComparator,
  a: Uint8Array,
  aWeight: number,
  b: Uint8Array,
  bWeight: number,
): number {
  return comparator.compare(a, 0, a.length, aWeight, b, 0, b.length, bWeight);
}
