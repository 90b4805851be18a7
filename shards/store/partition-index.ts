import { assert } from '../../core/assert.ts';
import { compareBytes } from '../../core/bytes.ts';
import { compareInt64, INT64_MIN_HI } from '../../core/int64.ts';
import type { TokenRange } from '../../core/read/slice.ts';
import { comparePartition } from '../../core/token.ts';
import type { Arena } from './arena.ts';
import { keyLengthOf, keyStartOf } from './partition-record.ts';
import { NO_ROOM, PAGE_BYTES, type SlabViews } from './slab-pool.ts';

/** Heads per segment: a page. */
const SEGMENT_SHIFT = 12;
const SEGMENT_HEADS = 1 << SEGMENT_SHIFT;
const FIRST_LEVEL = 4;
const MAX_LEVEL = 28;

/** What another thread needs to read an index; numbers only. */
export interface PartitionIndexHandle {
  readonly count: number;
  readonly level: number;
  readonly split: number;
  /** Offset of each segment of heads. */
  readonly segments: readonly number[];
}

/**
 * The partitions of one memtable in (token, key) order: token buckets.
 *
 * The bits of a token below those that all tokens of the tablet share are uniform, so their topmost ones, the *position*,
 * cut the tablet into equal buckets that are themselves in order. A bucket is a sorted chain of partition records, its
 * head an int32. There are 2^level + split buckets: those of the first `split` at `level` are already cut in two. The number of a
 * bucket is its position's bits *in reverse*: cutting bucket b makes b (lower half) and b + 2^level (upper half), so the
 * table grows at its end by one bucket per new partition and never moves (Litwin's linear hashing, on reversed bits, where
 * order is kept: Shalev and Shavit's split-ordered lists). No insert ever pays for more than one cut.
 *
 * Heads lie in segments of one page; the first segment begins small and doubles. Tokens that are not uniform make chains
 * long, never wrong.
 */
export class PartitionIndex {
  readonly #views: SlabViews;
  /** How many leading bits (biased) tokens of the tablet share, at most 31, and what they are. */
  readonly #shift: number;
  readonly #sharedBits: number;
  #segments: Int32Array;
  #segmentCount = 0;
  /** Heads that the first segment has room for. */
  #firstCapacity = 0;
  #level: number = FIRST_LEVEL;
  #split = 0;
  #count = 0;
  /** Word that links to what `find` last found, or into which the missing record's offset belongs. */
  link = 0;

  constructor(views: SlabViews, range: TokenRange) {
    this.#views = views;
    const first = range.startHi ^ INT64_MIN_HI;
    const last = range.endHi ^ INT64_MIN_HI;
    this.#shift = Math.min(31, Math.clz32(first ^ last));
    this.#sharedBits = this.#shift === 0 ? 0 : first >>> (32 - this.#shift);
    this.#segments = new Int32Array(1);
  }

  /** An index for reading what a sealed memtable of the same token range described. */
  static open(views: SlabViews, range: TokenRange, handle: PartitionIndexHandle): PartitionIndex {
    const index = new PartitionIndex(views, range);
    index.#segments = Int32Array.from(handle.segments);
    if (handle.segments.length === 0) index.#segments = new Int32Array(1);
    index.#segmentCount = handle.segments.length;
    index.#level = handle.level;
    index.#split = handle.split;
    index.#count = handle.count;
    return index;
  }

  handle(): PartitionIndexHandle {
    const segments = Array.from(this.#segments.subarray(0, this.#segmentCount));
    return { count: this.#count, level: this.#level, split: this.#split, segments };
  }

  /** Partitions. */
  get count(): number {
    return this.#count;
  }
  get bucketCount(): number {
    return this.#segmentCount === 0 ? 0 : 2 ** this.#level + this.#split;
  }

  /** True when the tablet owns the token, as far as the index can tell. */
  owns(tokenHi: number): boolean {
    return this.#shift === 0 || (tokenHi ^ INT64_MIN_HI) >>> (32 - this.#shift) === this.#sharedBits;
  }

  /** The partition's record, or 0. Sets `link`. */
  find(tokenHi: number, tokenLo: number, key: Uint8Array, keyStart: number, keyEnd: number): number {
    const { i32, u8 } = this.#views;
    let link = this.#headOf(this.#bucketAt(this.#positionOf(tokenHi, tokenLo)));
    let record = i32[link]!;
    while (record !== 0) {
      const word = record >> 2;
      const hi = i32[word + 1]!;
      if (hi >= tokenHi) {
        if (hi > tokenHi) break;
        const lo = i32[word + 2]!;
        if (lo === tokenLo) {
          const start = keyStartOf(this.#views, record);
          const end = start + keyLengthOf(this.#views, record);
          const order = compareBytes(u8, start, end, key, keyStart, keyEnd);
          if (order >= 0) {
            this.link = link;
            return order === 0 ? record : 0;
          }
        } else if (lo >>> 0 > tokenLo >>> 0) {
          break;
        }
      }
      link = word;
      record = i32[word]!;
    }
    this.link = link;
    return 0;
  }

  /** The first record at or after a place in (token, key) order, or 0. Without a key: before all keys of the token, or `after` them. */
  seek(tokenHi: number, tokenLo: number, key: Uint8Array | undefined, after: boolean): number {
    if (this.#segmentCount === 0) return 0;
    if (!this.owns(tokenHi)) {
      return tokenHi < (((this.#sharedBits << (32 - this.#shift)) ^ INT64_MIN_HI) | 0) ? this.#firstFrom(0) : 0;
    }
    const { i32, u8 } = this.#views;
    const position = this.#positionOf(tokenHi, tokenLo);
    const bucket = this.#bucketAt(position);
    for (let record = i32[this.#headOf(bucket)]!; record !== 0; record = i32[record >> 2]!) {
      const hi = i32[(record >> 2) + 1]!;
      const lo = i32[(record >> 2) + 2]!;
      const start = keyStartOf(this.#views, record);
      const end = start + keyLengthOf(this.#views, record);
      const order =
        key === undefined
          ? compareInt64(hi, lo, tokenHi, tokenLo)
          : comparePartition(hi, lo, u8, start, end, tokenHi, tokenLo, key, 0, key.length);
      if (order > 0 || (order === 0 && !after)) return record;
    }
    return this.#firstFrom(this.#positionAfter(bucket, position));
  }

  /** The record after this one in (token, key) order, or 0. */
  next(record: number): number {
    const { i32 } = this.#views;
    const word = record >> 2;
    const following = i32[word]!;
    if (following !== 0) return following;
    const position = this.#positionOf(i32[word + 1]!, i32[word + 2]!);
    return this.#firstFrom(this.#positionAfter(this.#bucketAt(position), position));
  }

  /** Makes the first heads. Call before the first `find` that is followed by `insert`. False when there is no room. */
  prepare(arena: Arena): boolean {
    return this.#segmentCount > 0 || this.#growFirst(arena, 1 << FIRST_LEVEL);
  }

  /** Links a new record where the last `find` missed it, and cuts a bucket if one is due and there is room for its head. */
  insert(record: number, arena: Arena): void {
    assert(this.#segmentCount > 0, 'index is prepared');
    const { i32 } = this.#views;
    i32[record >> 2] = i32[this.link]!;
    i32[this.link] = record;
    this.#count++;
    if (this.#count > (1 << this.#level) + this.#split) this.#cut(arena);
  }

  /** Puts `record` into the place of the one that the last `find` found. No other `find` or `insert` may come between. */
  replaceFound(record: number): void {
    const { i32 } = this.#views;
    i32[record >> 2] = i32[i32[this.link]! >> 2]!;
    i32[this.link] = record;
  }

  /** The token's bits below the shared ones, topmost 32, as an unsigned number in an int32. */
  #positionOf(tokenHi: number, tokenLo: number): number {
    const shift = this.#shift;
    return shift === 0 ? tokenHi ^ INT64_MIN_HI : (tokenHi << shift) | (tokenLo >>> (32 - shift));
  }

  #bucketAt(position: number): number {
    const bits = reverseBits(position);
    const bucket = bits & ((1 << this.#level) - 1);
    return bucket < this.#split ? bits & ((2 << this.#level) - 1) : bucket;
  }

  /** The first position behind a bucket's, 2^32 behind the last one. */
  #positionAfter(bucket: number, position: number): number {
    const isCut = (bucket & ((1 << this.#level) - 1)) < this.#split;
    const width = 2 ** (32 - this.#level - (isCut ? 1 : 0));
    return (Math.floor((position >>> 0) / width) + 1) * width;
  }

  /** The first record at or after a position, or 0. */
  #firstFrom(from: number): number {
    if (this.#segmentCount === 0) return 0;
    const { i32 } = this.#views;
    for (let position = from; position < 2 ** 32; ) {
      const bucket = this.#bucketAt(position | 0);
      const record = i32[this.#headOf(bucket)]!;
      if (record !== 0) return record;
      position = this.#positionAfter(bucket, position);
    }
    return 0;
  }

  /** Index of the bucket's head in i32. Without segments: word 0 of the pool, which is always 0. */
  #headOf(bucket: number): number {
    return (this.#segments[bucket >> SEGMENT_SHIFT]! >> 2) + (bucket & (SEGMENT_HEADS - 1));
  }

  #cut(arena: Arena): void {
    if (this.#level === MAX_LEVEL) return;
    const added = (1 << this.#level) + this.#split;
    const segment = added >> SEGMENT_SHIFT;
    if (segment === 0) {
      if (added >= this.#firstCapacity && !this.#growFirst(arena, this.#firstCapacity * 2)) return;
    } else if (segment === this.#segmentCount && !this.#addSegment(arena)) {
      return;
    }
    const { i32 } = this.#views;
    const bit = 31 - this.#level;
    let link = this.#headOf(this.#split);
    let record = i32[link]!;
    while (record !== 0 && ((this.#positionOf(i32[(record >> 2) + 1]!, i32[(record >> 2) + 2]!) >>> bit) & 1) === 0) {
      link = record >> 2;
      record = i32[link]!;
    }
    i32[link] = 0;
    i32[this.#headOf(added)] = record;
    if (++this.#split === 1 << this.#level) {
      this.#level++;
      this.#split = 0;
    }
  }

  #growFirst(arena: Arena, capacity: number): boolean {
    const { i32 } = this.#views;
    const offset = arena.allocateBlock(capacity * 4);
    if (offset === NO_ROOM) return false;
    const old = this.#segments[0]!;
    const oldCapacity = this.#firstCapacity;
    i32.copyWithin(offset >> 2, old >> 2, (old >> 2) + oldCapacity);
    i32.fill(0, (offset >> 2) + oldCapacity, (offset >> 2) + capacity);
    this.#segments[0] = offset;
    this.#segmentCount = 1;
    this.#firstCapacity = capacity;
    if (oldCapacity > 0) arena.freeBlock(old, oldCapacity * 4);
    return true;
  }

  #addSegment(arena: Arena): boolean {
    const offset = arena.allocate(PAGE_BYTES);
    if (offset === NO_ROOM) return false;
    this.#views.i32.fill(0, offset >> 2, (offset + PAGE_BYTES) >> 2);
    if (this.#segmentCount === this.#segments.length) {
      const larger = new Int32Array(this.#segments.length * 2);
      larger.set(this.#segments);
      this.#segments = larger;
    }
    this.#segments[this.#segmentCount++] = offset;
    return true;
  }
}

function reverseBits(value: number): number {
  let bits = ((value >>> 1) & 0x5555_5555) | ((value & 0x5555_5555) << 1);
  bits = ((bits >>> 2) & 0x3333_3333) | ((bits & 0x3333_3333) << 2);
  bits = ((bits >>> 4) & 0x0f0f_0f0f) | ((bits & 0x0f0f_0f0f) << 4);
  bits = ((bits >>> 8) & 0x00ff_00ff) | ((bits & 0x00ff_00ff) << 8);
  return (bits >>> 16) | (bits << 16);
}
