import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ClusteringComparator } from '../schema/clustering-comparator.ts';
import { clusteringPrefix } from '../schema/clustering-prefix.ts';
import { blobType } from '../types/blob.ts';
import { RangeTombstones } from './range-tombstones.ts';

const comparator = new ClusteringComparator([blobType], [false]);

/** Positions 0 to 17: before and after each of nine values, the outermost two on the empty prefix. */
function position(i: number): [Uint8Array, number] {
  const weight = i % 2 === 0 ? -1 : 1;
  if (i === 0 || i === 17) return [new Uint8Array(0), weight];
  return [clusteringPrefix([new Uint8Array([i >> 1])]), weight];
}

interface Insert {
  readonly from: number;
  readonly to: number;
  readonly timestamp: number;
  readonly time: number;
}
const inserts = fc.array(
  fc.record({
    from: fc.integer({ min: 0, max: 17 }),
    to: fc.integer({ min: 0, max: 17 }),
    timestamp: fc.integer({ min: 1, max: 4 }),
    time: fc.integer({ min: 1, max: 2 }),
  }),
  { maxLength: 12 },
);

function build(all: readonly Insert[]): RangeTombstones {
  const set = new RangeTombstones(comparator);
  for (const { from, to, timestamp, time } of all) {
    const [start, startWeight] = position(from);
    const [end, endWeight] = position(to);
    set.insert(start, 0, start.length, startWeight, end, 0, end.length, endWeight, 0, timestamp, time);
  }
  return set;
}

/** The deletion in each gap between neighbouring positions, as timestamp * 10 + time; 0 for none. */
function painted(all: readonly Insert[]): number[] {
  const gaps = new Array<number>(17).fill(0);
  for (const { from, to, timestamp, time } of all) {
    for (let i = from; i < to; i++) gaps[i] = Math.max(gaps[i]!, timestamp * 10 + time);
  }
  return gaps;
}

const compare = ([a, aWeight]: [Uint8Array, number], [b, bWeight]: [Uint8Array, number]) =>
  comparator.compare(a, 0, a.length, aWeight, b, 0, b.length, bWeight);

describe('RangeTombstones', () => {
  test('hold the newest deletion everywhere, in order, without overlaps or needless cuts', () => {
    const property = fc.property(inserts, (all) => {
      const set = build(all);
      const gaps = painted(all);
      const seen = new Array<number>(17).fill(0);
      for (let r = 0; r < set.count; r++) {
        const range = set.at(r);
        for (let i = 0; i < 17; i++) {
          if (compare([range.start, range.startWeight], position(i)) > 0) continue;
          if (compare(position(i + 1), [range.end, range.endWeight]) > 0) continue;
          expect(seen[i]).toBe(0);
          seen[i] = range.lo * 10 + range.time;
        }
        const next = r + 1 < set.count ? set.at(r + 1) : undefined;
        if (next === undefined) continue;
        const order = compare([range.end, range.endWeight], [next.start, next.startWeight]);
        expect(order).toBeLessThanOrEqual(0);
        if (order === 0) expect([next.lo, next.time]).not.toEqual([range.lo, range.time]);
      }
      expect(seen).toEqual(gaps);
    });
    fc.assert(property, { numRuns: 3000 });
  });

  test('do not depend on the order of insertion', () => {
    const property = fc.property(inserts, (all) => {
      const one = build(all);
      const other = build(all.toReversed());
      const list = (set: RangeTombstones) => Array.from({ length: set.count }, (_, i) => set.at(i));
      expect(list(other)).toEqual(list(one));
    });
    fc.assert(property, { numRuns: 1000 });
  });

  test('find the range that covers a row', () => {
    const property = fc.property(inserts, fc.integer({ min: 1, max: 8 }), (all, value) => {
      const set = build(all);
      const row = clusteringPrefix([new Uint8Array([value])]);
      const found = set.covering(row, 0, row.length, 0);
      const inForce = painted(all)[value * 2]!; // between before and after the value
      if (found < 0) expect(inForce).toBe(0);
      else expect(set.at(found).lo * 10 + set.at(found).time).toBe(inForce);
    });
    fc.assert(property, { numRuns: 1000 });
  });

  test('ignore empty and inverted ranges and the timestamp that is none, and can be cleared', () => {
    const set = build([
      { from: 5, to: 5, timestamp: 1, time: 1 },
      { from: 6, to: 2, timestamp: 1, time: 1 },
    ]);
    set.insert(new Uint8Array(0), 0, 0, -1, new Uint8Array(0), 0, 0, 1, -0x8000_0000, 0, 5);
    expect(set.count).toBe(0);
    set.insert(new Uint8Array(0), 0, 0, -1, new Uint8Array(0), 0, 0, 1, 0, 1, 5);
    expect(set.count).toBe(1);
    set.clear();
    expect(set.count).toBe(0);
  });
});
