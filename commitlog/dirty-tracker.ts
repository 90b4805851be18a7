import { assert } from '../core/assert.ts';

/**
 * Which segments still hold what exists nowhere else. Per segment, a count of unflushed records for each owner, named by a
 * small key number. An owner is whatever is flushed as one: a tablet's memtable takes a key when it is made and releases it
 * when its SSTable is durable, so that memtables flushed out of order never free each other's records; a Raft group keeps
 * its key and gives back entry by entry.
 *
 * Segments are freed from the oldest on, never out of turn: that keeps a missing file recognizable as damage.
 */
export class DirtyTracker {
  readonly #segmentIds: number[] = [];
  readonly #counts: Int32Array[] = [];
  readonly #totals: number[] = [];
  readonly #freeKeys: number[] = [];
  #nextKey = 0;

  /** A key that no owner has. Keys are small and used again. */
  acquireKey(): number {
    return this.#freeKeys.pop() ?? this.#nextKey++;
  }

  /** All records of `key` are safe elsewhere; the key is free for another owner. */
  release(key: number): void {
    this.clear(key);
    this.#freeKeys.push(key);
  }

  /** All records of `key` are safe elsewhere; the owner keeps the key. */
  clear(key: number): void {
    for (let i = 0; i < this.#counts.length; i++) {
      const counts = this.#counts[i]!;
      if (key >= counts.length) continue;
      this.#totals[i]! -= counts[key]!;
      counts[key] = 0;
    }
  }

  /** Begins the newest segment: `add` counts there from now on. Ids rise. */
  beginSegment(segmentId: number): void {
    const last = this.#segmentIds.at(-1);
    assert(last === undefined || segmentId > last, 'segment ids rise');
    this.#segmentIds.push(segmentId);
    this.#counts.push(new Int32Array(Math.max(16, this.#nextKey)));
    this.#totals.push(0);
  }

  /** Counts one record of `key` in the newest segment. */
  add(key: number): void {
    this.#count(this.#segmentIds.length - 1, key, 1);
  }

  /** Counts `count` records of `key` in an older segment: what replay found there. */
  addTo(segmentId: number, key: number, count = 1): void {
    this.#count(this.#indexOf(segmentId), key, count);
  }

  /** Gives back `count` records of `key` in one segment. */
  remove(segmentId: number, key: number, count = 1): void {
    const i = this.#indexOf(segmentId);
    assert((this.#counts[i]![key] ?? 0) >= count, 'no more is given back than was counted');
    this.#count(i, key, -count);
  }

  /** The oldest segment with unflushed records, or -1 when there is none. */
  oldestDirty(): number {
    for (let i = 0; i < this.#totals.length; i++) if (this.#totals[i]! > 0) return this.#segmentIds[i]!;
    return -1;
  }

  /** Unflushed records of `key` in a segment. */
  countOf(segmentId: number, key: number): number {
    const i = this.#segmentIds.indexOf(segmentId);
    return i < 0 ? 0 : (this.#counts[i]![key] ?? 0);
  }

  /** Unflushed records of `key` in all segments. */
  recordsOf(key: number): number {
    let records = 0;
    for (const counts of this.#counts) records += counts[key] ?? 0;
    return records;
  }

  /** Visits the owners of unflushed records in a segment, to have them flushed. */
  forEachOwner(segmentId: number, visit: (key: number, count: number) => void): void {
    const i = this.#segmentIds.indexOf(segmentId);
    if (i < 0) return;
    const counts = this.#counts[i]!;
    for (let key = 0; key < counts.length; key++) if (counts[key]! > 0) visit(key, counts[key]!);
  }

  /** Forgets the segments before `segmentId`: their files are free. */
  forgetBefore(segmentId: number): void {
    let count = 0;
    while (count < this.#segmentIds.length && this.#segmentIds[count]! < segmentId) count++;
    for (let i = 0; i < count; i++) assert(this.#totals[i] === 0, 'a segment with unflushed records is never freed');
    this.#segmentIds.splice(0, count);
    this.#counts.splice(0, count);
    this.#totals.splice(0, count);
  }

  #indexOf(segmentId: number): number {
    const i = this.#segmentIds.indexOf(segmentId);
    assert(i >= 0, 'the segment is tracked');
    return i;
  }

  #count(i: number, key: number, count: number): void {
    let counts = this.#counts[i]!;
    if (key >= counts.length) {
      const larger = new Int32Array(Math.max(key + 1, counts.length * 2));
      larger.set(counts);
      this.#counts[i] = larger;
      counts = larger;
    }
    counts[key]! += count;
    this.#totals[i]! += count;
  }
}
