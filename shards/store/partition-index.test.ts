import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { comparePartition, tabletTokenRange } from '../../core/token.ts';
import { Arena } from './arena.ts';
import { PartitionIndex } from './partition-index.ts';
import { keyLengthOf, keyStartOf, writeExtendedHead } from './partition-record.ts';
import { NO_ROOM, PAGE_BYTES, SlabPool } from './slab-pool.ts';

interface Place {
  readonly hi: number;
  readonly lo: number;
  readonly key: Uint8Array;
}

class Harness {
  readonly pool: SlabPool = new SlabPool(400 * PAGE_BYTES);
  readonly arena: Arena = new Arena(this.pool);
  readonly index: PartitionIndex;
  readonly places: Place[] = [];

  constructor(tablet: number, tabletCount: number) {
    this.index = new PartitionIndex(this.pool.views, tabletTokenRange(tablet, tabletCount));
    this.index.prepare(this.arena);
  }

  /** False when there is no memory for the record. */
  insert(place: Place): boolean {
    const { hi, lo, key } = place;
    if (this.index.find(hi, lo, key, 0, key.length) !== 0) return true;
    const record = this.arena.allocate(40 + key.length);
    if (record === NO_ROOM) return false;
    writeExtendedHead(this.pool.views, record, hi, lo, key, 0, key.length);
    this.index.insert(record, this.arena);
    this.places.push(place);
    return true;
  }

  placeOf(record: number): Place {
    const { u8, i32 } = this.pool.views;
    const start = keyStartOf(this.pool.views, record);
    const key = u8.slice(start, start + keyLengthOf(this.pool.views, record));
    return { hi: i32[(record >> 2) + 1]!, lo: i32[(record >> 2) + 2]!, key };
  }

  sorted(): Place[] {
    return this.places.toSorted((a, b) =>
      comparePartition(a.hi, a.lo, a.key, 0, a.key.length, b.hi, b.lo, b.key, 0, b.key.length),
    );
  }
}

const text = (place: Place | undefined) => place && `${place.hi}/${place.lo}/${Buffer.from(place.key).toString('hex')}`;

describe('a partition index', () => {
  test.each([
    [0, 1],
    [0, 2],
    [3, 4],
    [77, 128],
    [2 ** 30 - 1, 2 ** 30],
  ])('keeps (token, key) order and finds everything: tablet %d of %d', (tablet, tabletCount) => {
    const { startHi } = tabletTokenRange(tablet, tabletCount);
    const width = 2 ** 32 / tabletCount;
    const arbitraryPlace = fc.record({
      hi: fc.oneof(fc.nat(), fc.constantFrom(0, 1)).map((n) => (startHi + (n % width)) | 0),
      lo: fc.oneof(fc.integer(), fc.constantFrom(0, -1, 1)),
      key: fc.uint8Array({ maxLength: 3 }),
    });
    const property = fc.property(fc.array(arbitraryPlace, { maxLength: 300 }), arbitraryPlace, (places, other) => {
      const harness = new Harness(tablet, tabletCount);
      const { index } = harness;
      for (const place of places) harness.insert(place);
      const sorted = harness.sorted();
      expect(index.count).toBe(sorted.length);
      for (const place of sorted) {
        const record = index.find(place.hi, place.lo, place.key, 0, place.key.length);
        expect(text(harness.placeOf(record))).toBe(text(place));
      }
      const walked: Place[] = [];
      let record = index.seek(startHi, 0, undefined, false);
      for (; record !== 0; record = index.next(record)) walked.push(harness.placeOf(record));
      expect(walked.map(text)).toEqual(sorted.map(text));

      for (const after of [false, true]) {
        for (const place of [other, ...sorted.slice(0, 5)]) {
          for (const key of [undefined, place.key]) {
            const first = sorted.find(({ hi, lo, key: theirs }) => {
              const ours = key ?? theirs;
              const order = comparePartition(
                hi,
                lo,
                theirs,
                0,
                theirs.length,
                place.hi,
                place.lo,
                ours,
                0,
                ours.length,
              );
              return order > 0 || (order === 0 && !after);
            });
            const found = index.seek(place.hi, place.lo, key, after);
            expect(found === 0 ? undefined : text(harness.placeOf(found))).toBe(text(first));
          }
        }
      }
    });
    fc.assert(property, { numRuns: 40 });
  });

  test('begins with a few bytes and has one bucket per partition as it grows', () => {
    const harness = new Harness(1, 2);
    expect(harness.arena.allocatedBytes - harness.arena.unusedBytes).toBe(64);
    for (let i = 0; i < 20_000; i++) {
      const key = new Uint8Array([i, i >> 8]);
      harness.insert({ hi: Math.imul(i, 0x9e37_79b1) & 0x7fff_ffff, lo: i, key });
      expect(harness.index.bucketCount).toBe(Math.max(16, i + 1));
    }
  });

  test('answers for tokens outside its tablet', () => {
    const harness = new Harness(1, 4);
    const { startHi } = tabletTokenRange(1, 4);
    harness.insert({ hi: startHi + 5, lo: 0, key: new Uint8Array(1) });
    expect(text(harness.placeOf(harness.index.seek(-0x8000_0000, 0, undefined, false)))).toBe(`${startHi + 5}/0/00`);
    expect(harness.index.seek(0x7000_0000, 0, undefined, false)).toBe(0);
    expect(harness.index.owns(startHi - 1)).toBe(false);
    expect(harness.index.owns(startHi)).toBe(true);
  });

  test('goes on with longer chains when there is no room for heads', () => {
    const harness = new Harness(0, 1);
    const taken = harness.pool.allocateRun(harness.pool.freePages);
    let count = 0;
    while (harness.insert({ hi: count * 1000, lo: 0, key: new Uint8Array(1) })) count++;
    expect(harness.index.bucketCount).toBe(count);
    for (const { hi, lo, key } of harness.places) expect(harness.index.find(hi, lo, key, 0, 1)).not.toBe(0);
    expect(harness.index.count).toBe(count);
    harness.pool.freeRun(taken, 1);
  });
});
