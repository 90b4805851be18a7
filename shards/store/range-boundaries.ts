import { assert } from '../../core/assert.ts';
import { copyBytes, readI32LE, readU32LE, writeI32LE } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { reconcileDeletions } from '../../core/mutation/reconcile.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { DELETION_BYTES } from '../../core/read/row-batch.ts';
import type { ClusteringComparator } from '../../core/schema/clustering-comparator.ts';
import type { Arena } from './arena.ts';
import type { BeforeImages } from './before-images.ts';
import { RowTree, TREE_INSERT_BYTES, TreePosition } from './row-tree.ts';
import { NO_ROOM, type SlabViews } from './slab-pool.ts';

/**
 * The range deletions of one partition as boundaries: at each the deletion changes that is in force from there to the next. They
 * are items of a row-tree.ts and are never removed, only their deletions grow.
 *
 *   0   i32  weight, -1 or +1
 *   4   i32  length of the prefix
 *   8   prefix
 *       deletion in force from here on: i64 timestamp LE | u32 local deletion time LE, unaligned; (-2^63) for none
 *
 * Inserting costs one step per boundary inside the range: the newer deletion wins on every stretch.
 */
const HEAD = 8;

/** Bytes of one boundary's record. */
export function boundaryBytes(prefixLength: number): number {
  return HEAD + prefixLength + DELETION_BYTES;
}

/** Most bytes that `insert` takes beside the two boundaries' records. */
export const RANGE_INSERT_BYTES: number = 2 * TREE_INSERT_BYTES;

/** The range deletions of the partitions of one memtable. A partition is named by its root, 0 when it has none. */
export class RangeBoundaries {
  readonly tree: RowTree;
  readonly #views: SlabViews;
  readonly #at: TreePosition = new TreePosition();
  /** What the last `load` found: (-2^63, NO_DELETION_TIME) for none. */
  hi: number = INT64_MIN_HI;
  lo: number = INT64_MIN_LO;
  time: number = NO_DELETION_TIME;
  /** Of cursors that must go on seeing the partition at hand as it was. */
  watching: readonly BeforeImages[] = NOBODY;

  constructor(views: SlabViews, comparator: ClusteringComparator) {
    this.#views = views;
    this.tree = new RowTree(views, comparator, true);
  }

  weightOf(boundary: number): number {
    return this.#views.i32[boundary >> 2]!;
  }
  prefixStart(boundary: number): number {
    return boundary + HEAD;
  }
  prefixEnd(boundary: number): number {
    return boundary + HEAD + this.#views.i32[(boundary >> 2) + 1]!;
  }

  /** Sets hi, lo, time to the deletion in force from a boundary on; boundary 0 stands for the partition's beginning. */
  load(boundary: number): void {
    if (boundary === 0) {
      this.hi = INT64_MIN_HI;
      this.lo = INT64_MIN_LO;
      this.time = NO_DELETION_TIME;
      return;
    }
    const { u8 } = this.#views;
    const at = this.prefixEnd(boundary);
    this.lo = readI32LE(u8, at);
    this.hi = readI32LE(u8, at + 4);
    this.time = readU32LE(u8, at + 8);
  }

  /**
   * Deletes [start, end), which must not be empty, at (hi, lo), which must not be (-2^63). Room for RANGE_INSERT_BYTES and
   * two boundaries must have been made sure of.
   * @returns the root from now on
   */
  insert(
    arena: Arena,
    root: number,
    bytes: Uint8Array,
    start: number,
    startEnd: number,
    startWeight: number,
    end: number,
    endEnd: number,
    endWeight: number,
    hi: number,
    lo: number,
    time: number,
  ): number {
    const { tree } = this;
    const at = this.#at;
    if (this.#isCovered(root, bytes, start, startEnd, startWeight, end, endEnd, endWeight, hi, lo, time)) return root;
    // Both ends first get a boundary that changes nothing, then every boundary inside takes the newer deletion.
    let top = this.#split(arena, root, bytes, end, endEnd, endWeight);
    top = this.#split(arena, top, bytes, start, startEnd, startWeight);
    tree.seekForward(at, top, bytes, start, startEnd, startWeight, false);
    while (at.item !== 0 && tree.compare(at.item, bytes, end, endEnd, endWeight) < 0) {
      this.load(at.item);
      if (reconcileDeletions(this.hi, this.lo, this.time, hi, lo, time) < 0) {
        for (const images of this.watching) images.keepBoundary(at.item, this.hi, this.lo, this.time);
        this.#store(at.item, hi, lo, time);
      }
      tree.next(at);
    }
    return top;
  }

  /** True when one stretch with a deletion at least as new reaches over the whole range. */
  #isCovered(
    root: number,
    bytes: Uint8Array,
    start: number,
    startEnd: number,
    startWeight: number,
    end: number,
    endEnd: number,
    endWeight: number,
    hi: number,
    lo: number,
    time: number,
  ): boolean {
    const at = this.#at;
    this.tree.seekBackward(at, root, bytes, start, startEnd, startWeight, false);
    this.load(at.item);
    if (reconcileDeletions(this.hi, this.lo, this.time, hi, lo, time) < 0) return false;
    this.tree.next(at);
    return at.item === 0 || this.tree.compare(at.item, bytes, end, endEnd, endWeight) >= 0;
  }

  /** Makes sure that there is a boundary at a position. */
  #split(arena: Arena, root: number, bytes: Uint8Array, start: number, end: number, weight: number): number {
    const { i32, u8 } = this.#views;
    if (this.tree.find(root, bytes, start, end, weight) !== 0) return root;
    this.tree.seekBackward(this.#at, root, bytes, start, end, weight, false);
    this.load(this.#at.item);
    const boundary = arena.allocate(boundaryBytes(end - start));
    assert(boundary !== NO_ROOM, 'room for a boundary was made sure of');
    i32[boundary >> 2] = weight;
    i32[(boundary >> 2) + 1] = end - start;
    copyBytes(bytes, start, end, u8, boundary + HEAD);
    this.#store(boundary, this.hi, this.lo, this.time);
    for (const images of this.watching) images.addBoundary(boundary);
    // The first boundary of a partition makes a tree too: a bare offset as root would be taken for a row's.
    return this.tree.insert(arena, root, boundary);
  }

  #store(boundary: number, hi: number, lo: number, time: number): void {
    const { u8 } = this.#views;
    const at = this.prefixEnd(boundary);
    writeI32LE(u8, at, lo);
    writeI32LE(u8, at + 4, hi);
    writeI32LE(u8, at + 8, time);
  }
}

const NOBODY: readonly BeforeImages[] = [];
