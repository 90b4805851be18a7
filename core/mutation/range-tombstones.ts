import { INT64_MIN_HI, INT64_MIN_LO } from '../int64.ts';
import type { ClusteringComparator } from '../schema/clustering-comparator.ts';
import { reconcileDeletions } from './reconcile.ts';

/** A deletion in force between two clustering positions. Positions as in `ClusteringComparator`. */
export interface RangeTombstone {
  readonly start: Uint8Array;
  readonly startWeight: number;
  readonly end: Uint8Array;
  readonly endWeight: number;
  readonly hi: number;
  readonly lo: number;
  /** Local deletion time, seconds. */
  readonly time: number;
}

/**
 * The range deletions of one partition as a sorted set that never overlaps: where two meet the newer one stands, and
 * neighbours with the same deletion are one. What it holds does not depend on the order of insertion.
 *
 * Inserting copies the bounds; a range deletion costs a few objects, and finding its place a binary search.
 */
export class RangeTombstones {
  readonly #comparator: ClusteringComparator;
  #ranges: RangeTombstone[] = [];

  constructor(comparator: ClusteringComparator) {
    this.#comparator = comparator;
  }

  get count(): number {
    return this.#ranges.length;
  }

  /** The i-th range in clustering order. Its arrays belong to the set. */
  at(i: number): RangeTombstone {
    return this.#ranges[i]!;
  }

  clear(): void {
    this.#ranges = [];
  }

  /** Deletes [start, end) at (hi, lo). A range that holds no position, or a timestamp of -2^63, changes nothing. */
  insert(
    start: Uint8Array,
    startFrom: number,
    startTo: number,
    startWeight: number,
    end: Uint8Array,
    endFrom: number,
    endTo: number,
    endWeight: number,
    hi: number,
    lo: number,
    time: number,
  ): void {
    if (hi === INT64_MIN_HI && lo === INT64_MIN_LO) return;
    const added: RangeTombstone = {
      start: start.slice(startFrom, startTo),
      startWeight,
      end: end.slice(endFrom, endTo),
      endWeight,
      hi,
      lo,
      time,
    };
    if (this.#compare(added.start, startWeight, added.end, endWeight) >= 0) return;

    // [from, to) are the ranges that overlap the new one or touch it.
    const from = this.firstEndingAtOrAfter(added.start, 0, added.start.length, startWeight);
    let to = from;
    const pieces: RangeTombstone[] = [];
    let position = added.start;
    let weight = startWeight;
    for (; to < this.#ranges.length; to++) {
      const old = this.#ranges[to]!;
      if (this.#compare(old.start, old.startWeight, added.end, endWeight) > 0) break;
      const gap = this.#compare(position, weight, old.start, old.startWeight);
      if (gap > 0) {
        this.#push(pieces, old, old.start, old.startWeight, position, weight); // the part of the first before the new one
      } else if (gap < 0) {
        this.#push(pieces, added, position, weight, old.start, old.startWeight);
        position = old.start;
        weight = old.startWeight;
      }
      const ends = this.#compare(old.end, old.endWeight, added.end, endWeight);
      const stop = ends < 0 ? old.end : added.end;
      const stopWeight = ends < 0 ? old.endWeight : endWeight;
      const winner = reconcileDeletions(old.hi, old.lo, old.time, hi, lo, time) >= 0 ? old : added;
      this.#push(pieces, winner, position, weight, stop, stopWeight);
      position = stop;
      weight = stopWeight;
      if (ends > 0) this.#push(pieces, old, position, weight, old.end, old.endWeight);
    }
    this.#push(pieces, added, position, weight, added.end, endWeight);
    this.#ranges.splice(from, to - from, ...pieces);
  }

  /** The range that covers a position, or -1. */
  covering(bytes: Uint8Array, from: number, to: number, weight: number): number {
    const i = this.#firstEnding(bytes, from, to, weight, true);
    const range = this.#ranges[i];
    if (range === undefined) return -1;
    const { start, startWeight } = range;
    return this.#comparator.compare(start, 0, start.length, startWeight, bytes, from, to, weight) <= 0 ? i : -1;
  }

  /** Index of the first range whose end is at or after a position; `count` when there is none. */
  firstEndingAtOrAfter(bytes: Uint8Array, from: number, to: number, weight: number): number {
    return this.#firstEnding(bytes, from, to, weight, false);
  }

  #firstEnding(bytes: Uint8Array, from: number, to: number, weight: number, strictlyAfter: boolean): number {
    let low = 0;
    let high = this.#ranges.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      const { end, endWeight } = this.#ranges[middle]!;
      const order = this.#comparator.compare(end, 0, end.length, endWeight, bytes, from, to, weight);
      if (strictlyAfter ? order <= 0 : order < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #compare(a: Uint8Array, aWeight: number, b: Uint8Array, bWeight: number): number {
    return this.#comparator.compare(a, 0, a.length, aWeight, b, 0, b.length, bWeight);
  }

  /** Adds a piece with the deletion of `source`, unless it is empty; lengthens the piece before it when they are alike. */
  #push(
    pieces: RangeTombstone[],
    source: RangeTombstone,
    start: Uint8Array,
    startWeight: number,
    end: Uint8Array,
    endWeight: number,
  ): void {
    if (this.#compare(start, startWeight, end, endWeight) >= 0) return;
    const { hi, lo, time } = source;
    const last = pieces[pieces.length - 1];
    if (
      last !== undefined &&
      last.hi === hi &&
      last.lo === lo &&
      last.time === time &&
      this.#compare(last.end, last.endWeight, start, startWeight) === 0
    ) {
      pieces[pieces.length - 1] = { start: last.start, startWeight: last.startWeight, end, endWeight, hi, lo, time };
    } else {
      pieces.push({ start, startWeight, end, endWeight, hi, lo, time });
    }
  }
}
