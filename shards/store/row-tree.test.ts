import fc from 'fast-check';
import { expect, test } from 'vitest';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { MODEL_TABLE } from '../../test/support/partition-model.ts';
import { Arena } from './arena.ts';
import { RowTree, TreePosition } from './row-tree.ts';
import { PAGE_BYTES, SlabPool } from './slab-pool.ts';

interface Position {
  readonly prefix: Uint8Array;
  readonly weight: number;
}

const { comparator } = MODEL_TABLE;
const compare = (a: Position, b: Position) =>
  comparator.compare(a.prefix, 0, a.prefix.length, a.weight, b.prefix, 0, b.prefix.length, b.weight);

/** First values collide in their first 32 bits now and then, so that both the prefix and the full comparison decide. */
const arbitraryPosition: fc.Arbitrary<Position> = fc
  .tuple(
    fc.integer({ min: -300, max: 300 }),
    fc.constantFrom('', 'a', 'b', 'bb'),
    fc.integer({ min: 0, max: 2 }),
    fc.constantFrom(-1, 1),
  )
  .map(([first, second, length, weight]) => {
    const value = new Uint8Array(4);
    new DataView(value.buffer).setInt32(0, first);
    return { prefix: clusteringPrefix([value, Buffer.from(second)].slice(0, length)), weight };
  });

class Harness {
  readonly pool: SlabPool = new SlabPool(300 * PAGE_BYTES);
  readonly arena: Arena = new Arena(this.pool);
  readonly tree: RowTree;
  readonly #hasWeights: boolean;
  root = 0;
  items: Position[] = [];

  constructor(hasWeights: boolean) {
    this.#hasWeights = hasWeights;
    this.tree = new RowTree(this.pool.views, comparator, hasWeights);
  }

  insert({ prefix, weight }: Position): void {
    if (this.tree.find(this.root, prefix, 0, prefix.length, weight) !== 0) return;
    const item = this.arena.allocate(8 + prefix.length);
    const { i32, u8 } = this.pool.views;
    i32[item >> 2] = this.#hasWeights ? weight : 12_345; // a row's first word is none of the tree's business
    i32[(item >> 2) + 1] = prefix.length;
    u8.set(prefix, item + 8);
    this.root = this.root === 0 && !this.#hasWeights ? item : this.tree.insert(this.arena, this.root, item);
    this.items.push({ prefix, weight });
  }

  read(item: number): Position | undefined {
    if (item === 0) return undefined;
    const { i32, u8 } = this.pool.views;
    const weight = this.#hasWeights ? i32[item >> 2]! : 0;
    return { prefix: u8.slice(item + 8, item + 8 + i32[(item >> 2) + 1]!), weight };
  }
}

const text = (position: Position | undefined) =>
  position && `${Buffer.from(position.prefix).toString('hex')} ${position.weight}`;

test.each([true, false])('orders items, finds each, and seeks and walks both ways (weights: %s)', (hasWeights) => {
  const property = fc.property(
    fc.array(arbitraryPosition, { maxLength: 600 }),
    fc.array(arbitraryPosition, { minLength: 5, maxLength: 20 }),
    fc.constantFrom('as they come', 'ascending', 'descending'),
    (positions, places, order) => {
      const harness = new Harness(hasWeights);
      const all = positions.map(({ prefix, weight }) => ({ prefix, weight: hasWeights ? weight : 0 }));
      if (order !== 'as they come') all.sort(compare);
      if (order === 'descending') all.reverse();
      for (const position of all) harness.insert(position);
      const sorted = harness.items.toSorted(compare);
      for (const position of sorted) {
        const item = harness.tree.find(harness.root, position.prefix, 0, position.prefix.length, position.weight);
        expect(text(harness.read(item))).toBe(text(position));
      }
      const at = new TreePosition();
      for (const place of [...places, ...sorted.slice(0, 3)]) {
        const { prefix, weight } = place;
        for (const strictly of [true, false]) {
          const isAfter = (item: Position) => (strictly ? compare(item, place) > 0 : compare(item, place) >= 0);
          const isBefore = (item: Position) => (strictly ? compare(item, place) < 0 : compare(item, place) <= 0);
          const forward: (string | undefined)[] = [];
          harness.tree.seekForward(at, harness.root, prefix, 0, prefix.length, weight, strictly);
          for (; at.item !== 0; harness.tree.next(at)) forward.push(text(harness.read(at.item)));
          expect(forward).toEqual(sorted.filter(isAfter).map(text));
          const backward: (string | undefined)[] = [];
          harness.tree.seekBackward(at, harness.root, prefix, 0, prefix.length, weight, strictly);
          for (; at.item !== 0; harness.tree.previous(at)) backward.push(text(harness.read(at.item)));
          expect(backward).toEqual(sorted.filter(isBefore).reverse().map(text));
        }
      }
    },
  );
  fc.assert(property, { numRuns: 40 });
});

test('items that come in order fill their leaves', () => {
  for (const direction of [1, -1]) {
    const harness = new Harness(true);
    const count = 50_000;
    for (let i = 0; i < count; i++) {
      const value = new Uint8Array(4);
      new DataView(value.buffer).setInt32(0, direction * i);
      harness.insert({ prefix: clusteringPrefix([value]), weight: 1 });
    }
    const itemBytes = 16 * count;
    const used = harness.arena.allocatedBytes - harness.arena.unusedBytes;
    expect((used - itemBytes) / count).toBeLessThan(9.5);
  }
});
