import { assert } from '../../core/assert.ts';
import type { ClusteringComparator } from '../../core/schema/clustering-comparator.ts';
import type { Arena } from './arena.ts';
import type { SlabViews } from './slab-pool.ts';

/**
 * B+tree over the items of one partition in clustering order, in a memtable's memory. An item is a record that never moves
 * and is never removed; its position is
 *
 *   item + 0   i32  weight              in a tree of boundaries; in a tree of rows the weight is 0 and the word is the row's
 *   item + 4   i32  length of the prefix
 *   item + 8        prefix
 *
 * Node (i32 words):
 *   0   entries in use
 *   1   capacity | LEAF bit
 *   2   leaf: the leaf before it, 0 none
 *   3   leaf: the leaf after it, 0 none
 *   4   capacity x prefix word   the first 32 bits of the item's order (ClusteringComparator.prefix), biased so that signed
 *                                comparison orders them; most steps of a search look at these alone
 *       capacity x item          of an inner node: the least item below the child when it was split off
 *       capacity x child         inner nodes only
 *
 * Entry 0 of an inner node is never compared: its child holds everything below entry 1. A root is named by its offset with
 * bit 0 set; where a row's own offset may stand instead (a single row), bit 0 is clear. The first leaf begins with room for
 * four entries and grows; all other nodes have room for 64. Items that arrive in order, ascending or descending, fill their leaves.
 */
const CAPACITY = 64;
const FIRST_CAPACITY = 4;
const LEAF = 1 << 16;
const HEAD_WORDS = 4;
/** 64 entries a node, half full at worst: more levels than offsets below 2^31 can fill. */
const MAX_DEPTH = 8;
/** Most bytes that one insertion takes: a node on every level and a new root. */
export const TREE_INSERT_BYTES: number = (MAX_DEPTH + 1) * (HEAD_WORDS + 3 * CAPACITY) * 4;

/**
 * Most bytes that `count` insertions take in trees that hold `heldBytes`. Each may cut a full leaf. An inner node is cut when it
 * is full, so over CAPACITY leaves, and again only after half as many children came.
 */
export function treeInsertBytes(count: number, heldBytes: number): number {
  const nodeBytes = (HEAD_WORDS + 3 * CAPACITY) * 4;
  const fullNodes = heldBytes / (CAPACITY * nodeBytes);
  const innerNodes = Math.ceil(2 * (fullNodes + count / (CAPACITY / 2))) + MAX_DEPTH + 1;
  return Math.min(count * TREE_INSERT_BYTES, (count + innerNodes) * nodeBytes);
}

/** Where an iteration stands: `item` is the record there, 0 past the end. One per reader, used again. */
export class TreePosition {
  item = 0;
  /** Leaf and entry; 0 when the root is a single item. Valid until the tree changes. */
  leaf = 0;
  entry = 0;
}

export class RowTree {
  readonly #views: SlabViews;
  readonly #comparator: ClusteringComparator;
  readonly #hasWeights: boolean;
  /** The way from the root that `find` last took: nodes and entries, the leaf last. */
  readonly #nodes: Int32Array = new Int32Array(MAX_DEPTH + 1);
  readonly #entries: Int32Array = new Int32Array(MAX_DEPTH + 1);
  #depth = 0;

  /** @param hasWeights true for boundaries of ranges, false for rows */
  constructor(views: SlabViews, comparator: ClusteringComparator, hasWeights: boolean) {
    this.#views = views;
    this.#comparator = comparator;
    this.#hasWeights = hasWeights;
  }

  /** Order of an item and a position: < 0, 0 or > 0. */
  compare(item: number, bytes: Uint8Array, start: number, end: number, weight: number): number {
    const { i32, u8 } = this.#views;
    const word = item >> 2;
    const itemWeight = this.#hasWeights ? i32[word]! : 0;
    return this.#comparator.compare(u8, item + 8, item + 8 + i32[word + 1]!, itemWeight, bytes, start, end, weight);
  }

  /** The item at a position, or 0. Remembers the place for `insert`. */
  find(root: number, bytes: Uint8Array, start: number, end: number, weight: number): number {
    if (root === 0) return 0;
    const { i32 } = this.#views;
    if ((root & 1) === 0) return this.compare(root, bytes, start, end, weight) === 0 ? root : 0;
    const prefix = this.#prefixWord(bytes, start, end, weight);
    let node = root & ~1;
    let depth = 0;
    while ((i32[(node >> 2) + 1]! & LEAF) === 0) {
      const entry = this.#childFor(node, prefix, bytes, start, end, weight);
      this.#nodes[depth] = node;
      this.#entries[depth++] = entry;
      node = i32[(node >> 2) + HEAD_WORDS + 2 * CAPACITY + entry]!;
    }
    const entry = this.#lowerBound(node, prefix, bytes, start, end, weight, false);
    this.#nodes[depth] = node;
    this.#entries[depth] = entry;
    this.#depth = depth;
    const word = node >> 2;
    if (entry >= i32[word]!) return 0;
    if (i32[word + HEAD_WORDS + entry]! !== prefix) return 0;
    const item = i32[word + HEAD_WORDS + (i32[word + 1]! & ~LEAF) + entry]!;
    return this.compare(item, bytes, start, end, weight) === 0 ? item : 0;
  }

  /**
   * Adds an item that the last `find` of its position, in this tree and unchanged since, has missed.
   * Room for TREE_INSERT_BYTES must have been made sure of.
   * @returns the root from now on, with bit 0 set
   */
  insert(arena: Arena, root: number, item: number): number {
    const { i32, u8 } = this.#views;
    const prefix = this.#prefixWord(u8, item + 8, item + 8 + i32[(item >> 2) + 1]!, this.#weightOf(item));
    if (root === 0 || (root & 1) === 0) return this.#firstLeaf(arena, root, prefix, item);
    let depth = this.#depth;
    const leaf = this.#nodes[depth]!;
    const entry = this.#entries[depth]!;
    const count = i32[leaf >> 2]!;
    const capacity = i32[(leaf >> 2) + 1]! & ~LEAF;
    if (count < capacity) {
      this.#put(leaf, entry, prefix, item, 0);
      return root;
    }
    if (capacity < CAPACITY) return this.#growFirstLeaf(arena, leaf, entry, prefix, item);

    let right = this.#newNode(arena, CAPACITY | LEAF);
    const after = i32[(leaf >> 2) + 3]!;
    i32[(right >> 2) + 2] = leaf;
    i32[(right >> 2) + 3] = after;
    i32[(leaf >> 2) + 3] = right;
    if (after !== 0) i32[(after >> 2) + 2] = right;
    // At either end of the tree the full leaf is left full: the next items will go to the empty side.
    let keep = CAPACITY >> 1;
    if (entry === CAPACITY && after === 0) keep = CAPACITY;
    else if (entry === 0 && i32[(leaf >> 2) + 2] === 0) keep = 0;
    this.#moveTail(leaf, right, keep);
    if (entry > keep || keep === CAPACITY) this.#put(right, entry - keep, prefix, item, 0);
    else this.#put(leaf, entry, prefix, item, 0);

    // `right` becomes a child beside the node that was split, level by level.
    let leastPrefix = i32[(right >> 2) + HEAD_WORDS]!;
    let least = i32[(right >> 2) + HEAD_WORDS + CAPACITY]!;
    while (--depth >= 0) {
      const node = this.#nodes[depth]!;
      const place = this.#entries[depth]! + 1;
      if (i32[node >> 2]! < CAPACITY) {
        this.#put(node, place, leastPrefix, least, right);
        return root;
      }
      const sibling = this.#newNode(arena, CAPACITY);
      const keepInner = place === CAPACITY ? CAPACITY : CAPACITY >> 1;
      this.#moveTail(node, sibling, keepInner);
      if (place >= keepInner) this.#put(sibling, place - keepInner, leastPrefix, least, right);
      else this.#put(node, place, leastPrefix, least, right);
      right = sibling;
      leastPrefix = i32[(right >> 2) + HEAD_WORDS]!;
      least = i32[(right >> 2) + HEAD_WORDS + CAPACITY]!;
    }
    const oldRoot = root & ~1;
    const newRoot = this.#newNode(arena, CAPACITY);
    this.#put(newRoot, 0, -0x8000_0000, 0, oldRoot);
    this.#put(newRoot, 1, leastPrefix, least, right);
    return newRoot | 1;
  }

  /** Goes to the first item at or after a position, or strictly after it. */
  seekForward(
    at: TreePosition,
    root: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    weight: number,
    strictly: boolean,
  ): void {
    if (root === 0 || (root & 1) === 0) {
      at.leaf = 0;
      at.item = root;
      if (root === 0) return;
      const order = this.compare(root, bytes, start, end, weight);
      if (order < 0 || (order === 0 && strictly)) at.item = 0;
      return;
    }
    this.#seek(at, root & ~1, bytes, start, end, weight, strictly);
    this.#loadForward(at);
  }

  /** Goes to the last item at or before a position, or strictly before it. */
  seekBackward(
    at: TreePosition,
    root: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    weight: number,
    strictly: boolean,
  ): void {
    if (root === 0 || (root & 1) === 0) {
      at.leaf = 0;
      at.item = root;
      if (root === 0) return;
      const order = this.compare(root, bytes, start, end, weight);
      if (order > 0 || (order === 0 && strictly)) at.item = 0;
      return;
    }
    this.#seek(at, root & ~1, bytes, start, end, weight, !strictly);
    this.previous(at);
  }

  next(at: TreePosition): void {
    at.entry++;
    this.#loadForward(at);
  }

  previous(at: TreePosition): void {
    const { i32 } = this.#views;
    at.item = 0;
    if (at.leaf === 0) return;
    if (--at.entry < 0) {
      at.leaf = i32[(at.leaf >> 2) + 2]!;
      if (at.leaf === 0) return;
      at.entry = i32[at.leaf >> 2]! - 1;
    }
    const word = at.leaf >> 2;
    at.item = i32[word + HEAD_WORDS + (i32[word + 1]! & ~LEAF) + at.entry]!;
  }

  #loadForward(at: TreePosition): void {
    const { i32 } = this.#views;
    at.item = 0;
    if (at.leaf === 0) return;
    let word = at.leaf >> 2;
    if (at.entry >= i32[word]!) {
      at.leaf = i32[word + 3]!;
      if (at.leaf === 0) return;
      at.entry = 0;
      word = at.leaf >> 2;
    }
    at.item = i32[word + HEAD_WORDS + (i32[word + 1]! & ~LEAF) + at.entry]!;
  }

  /** Leaf and entry of the first item at or after a position (or after it); the entry may be one past the leaf's last. */
  #seek(
    at: TreePosition,
    top: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    weight: number,
    strictly: boolean,
  ): void {
    const { i32 } = this.#views;
    const prefix = this.#prefixWord(bytes, start, end, weight);
    let node = top;
    while ((i32[(node >> 2) + 1]! & LEAF) === 0) {
      const entry = this.#childFor(node, prefix, bytes, start, end, weight);
      node = i32[(node >> 2) + HEAD_WORDS + 2 * CAPACITY + entry]!;
    }
    at.leaf = node;
    at.entry = this.#lowerBound(node, prefix, bytes, start, end, weight, strictly);
  }

  /** The entry whose child holds a position: the last one not above it. */
  #childFor(node: number, prefix: number, bytes: Uint8Array, start: number, end: number, weight: number): number {
    const { i32 } = this.#views;
    const prefixes = (node >> 2) + HEAD_WORDS;
    let low = 1;
    let high = i32[node >> 2]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = i32[prefixes + middle]!;
      const isAbove =
        other === prefix
          ? this.compare(i32[prefixes + CAPACITY + middle]!, bytes, start, end, weight) > 0
          : other > prefix;
      if (isAbove) high = middle;
      else low = middle + 1;
    }
    return low - 1;
  }

  /** The first entry of a leaf at or above a position; `strictly` above it. */
  #lowerBound(
    leaf: number,
    prefix: number,
    bytes: Uint8Array,
    start: number,
    end: number,
    weight: number,
    strictly: boolean,
  ): number {
    const { i32 } = this.#views;
    const prefixes = (leaf >> 2) + HEAD_WORDS;
    const items = prefixes + (i32[(leaf >> 2) + 1]! & ~LEAF);
    let low = 0;
    let high = i32[leaf >> 2]!;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const other = i32[prefixes + middle]!;
      let isBelow = other < prefix;
      if (other === prefix) {
        const order = this.compare(i32[items + middle]!, bytes, start, end, weight);
        isBelow = order < 0 || (order === 0 && strictly);
      }
      if (isBelow) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #weightOf(item: number): number {
    return this.#hasWeights ? this.#views.i32[item >> 2]! : 0;
  }

  #prefixWord(bytes: Uint8Array, start: number, end: number, weight: number): number {
    if (start >= end) return weight > 0 ? 0x7fff_ffff : -0x8000_0000; // behind or before every prefix
    return this.#comparator.prefix(bytes, start, end) ^ -0x8000_0000;
  }

  #newNode(arena: Arena, capacityAndKind: number): number {
    const capacity = capacityAndKind & ~LEAF;
    const bytes = (HEAD_WORDS + ((capacityAndKind & LEAF) === 0 ? 3 : 2) * capacity) * 4;
    const node = capacity === CAPACITY ? arena.allocate(bytes) : arena.allocateBlock(bytes); // smaller ones will be replaced
    assert(node !== 0, 'room for a tree node was made sure of');
    const { i32 } = this.#views;
    const word = node >> 2;
    i32[word] = 0;
    i32[word + 1] = capacityAndKind;
    i32[word + 2] = 0;
    i32[word + 3] = 0;
    return node;
  }

  /** The tree of one item, or of two when there was a single one. */
  #firstLeaf(arena: Arena, single: number, prefix: number, item: number): number {
    const { i32, u8 } = this.#views;
    const leaf = this.#newNode(arena, FIRST_CAPACITY | LEAF);
    this.#put(leaf, 0, prefix, item, 0);
    if (single !== 0) {
      const end = single + 8 + i32[(single >> 2) + 1]!;
      const other = this.#prefixWord(u8, single + 8, end, this.#weightOf(single));
      const order = this.compare(item, u8, single + 8, end, this.#weightOf(single));
      this.#put(leaf, order < 0 ? 1 : 0, other, single, 0);
    }
    return leaf | 1;
  }

  /** Moves the root leaf into one of twice the room. */
  #growFirstLeaf(arena: Arena, leaf: number, entry: number, prefix: number, item: number): number {
    const { i32 } = this.#views;
    const capacity = i32[(leaf >> 2) + 1]! & ~LEAF;
    const larger = this.#newNode(arena, (capacity * 2) | LEAF);
    const from = (leaf >> 2) + HEAD_WORDS;
    const to = (larger >> 2) + HEAD_WORDS;
    i32.copyWithin(to, from, from + capacity);
    i32.copyWithin(to + 2 * capacity, from + capacity, from + 2 * capacity);
    i32[larger >> 2] = capacity;
    arena.freeBlock(leaf, (HEAD_WORDS + 2 * capacity) * 4);
    this.#put(larger, entry, prefix, item, 0);
    return larger | 1;
  }

  /** Inserts an entry into a node that has room. */
  #put(node: number, entry: number, prefix: number, item: number, child: number): void {
    const { i32 } = this.#views;
    const word = node >> 2;
    const count = i32[word]!;
    const capacity = i32[word + 1]! & ~LEAF;
    const prefixes = word + HEAD_WORDS;
    insertWord(i32, prefixes, entry, count, prefix);
    insertWord(i32, prefixes + capacity, entry, count, item);
    if ((i32[word + 1]! & LEAF) === 0) insertWord(i32, prefixes + 2 * capacity, entry, count, child);
    i32[word] = count + 1;
  }

  /** Moves the entries from `keep` on to an empty node of the same kind. */
  #moveTail(from: number, to: number, keep: number): void {
    const { i32 } = this.#views;
    const columns = (i32[(from >> 2) + 1]! & LEAF) === 0 ? 3 : 2;
    const count = i32[from >> 2]!;
    for (let column = 0; column < columns; column++) {
      const source = (from >> 2) + HEAD_WORDS + column * CAPACITY;
      i32.copyWithin((to >> 2) + HEAD_WORDS + column * CAPACITY, source + keep, source + count);
    }
    i32[from >> 2] = keep;
    i32[to >> 2] = count - keep;
  }
}

/** Puts `value` at words[base + place] of `count`, moving what follows. */
function insertWord(words: Int32Array, base: number, place: number, count: number, value: number): void {
  if (count - place > 12) words.copyWithin(base + place + 1, base + place, base + count);
  else for (let i = base + count; i > base + place; i--) words[i] = words[i - 1]!;
  words[base + place] = value;
}
