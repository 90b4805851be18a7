import { assert } from '../assert.ts';
import { ByteWriter, readI32LE, readU32LE } from '../bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../int64.ts';
import { NO_DELETION_TIME } from '../mutation/row-body.ts';

/**
 * What flows out of every cursor: fragments of partitions, in order.
 *
 *   PartitionStart   key; body: the partition's deletion (12 bytes) or nothing; the token beside it
 *   StaticRow        body: a row body. At most one, right after the start
 *   Row              position: all clustering values; body: a row body
 *   RangeChange      position with weight -1 or +1 (0 never); body: the deletion that covers what follows (12 bytes), or
 *                    nothing where a range ends. From here to the next RangeChange that deletion is in force.
 *   PartitionEnd     nothing. No range is open here.
 *
 * Positions ascend strictly within a partition (a Row and a RangeChange may share a prefix, not a weight), partitions by
 * (token, key). In a reversed stream positions descend, and a RangeChange speaks of what follows it in that direction.
 */
export const FragmentKind = { PartitionStart: 1, StaticRow: 2, Row: 3, RangeChange: 4, PartitionEnd: 5 } as const;
export type FragmentKind = (typeof FragmentKind)[keyof typeof FragmentKind];

/** Bytes of a deletion: i64 timestamp LE, u32 local deletion time LE. */
export const DELETION_BYTES = 12;

/**
 * Up to `capacity` fragments with the bytes they need. The batch owns its bytes: cursors copy into it, so that it outlives
 * blocks and memtables. Reused by `clear()`: what was in it is gone then.
 */
export class RowBatch {
  readonly capacity: number;
  /** A fill stops after the fragment that passes this many bytes. */
  readonly softLimitBytes: number;
  count = 0;
  kind: Uint8Array;
  weight: Int8Array;
  /** Key or clustering prefix: bytes[positionStart, positionEnd). */
  positionStart: Int32Array;
  positionEnd: Int32Array;
  bodyStart: Int32Array;
  bodyEnd: Int32Array;
  /** Token of a PartitionStart. */
  tokenHi: Int32Array;
  tokenLo: Int32Array;
  /** The bytes. `writer.bytes` moves when it grows. */
  writer: ByteWriter;

  constructor(capacity = 256, softLimitBytes: number = 64 * 1024) {
    this.capacity = capacity;
    this.softLimitBytes = softLimitBytes;
    this.kind = new Uint8Array(capacity);
    this.weight = new Int8Array(capacity);
    this.positionStart = new Int32Array(capacity);
    this.positionEnd = new Int32Array(capacity);
    this.bodyStart = new Int32Array(capacity);
    this.bodyEnd = new Int32Array(capacity);
    this.tokenHi = new Int32Array(capacity);
    this.tokenLo = new Int32Array(capacity);
    this.writer = new ByteWriter(Math.min(softLimitBytes, 16 * 1024) + 1024);
  }

  get bytes(): Uint8Array {
    return this.writer.bytes;
  }

  clear(): void {
    this.count = 0;
    this.writer.length = 0;
  }

  /** Gives everything to another batch of the same limits, for what that has. */
  exchange(other: RowBatch): void {
    assert(other.capacity === this.capacity && other.softLimitBytes === this.softLimitBytes, 'batches are alike');
    const { count, kind, weight, positionStart, positionEnd, bodyStart, bodyEnd, tokenHi, tokenLo, writer } = this;
    this.count = other.count;
    this.kind = other.kind;
    this.weight = other.weight;
    this.positionStart = other.positionStart;
    this.positionEnd = other.positionEnd;
    this.bodyStart = other.bodyStart;
    this.bodyEnd = other.bodyEnd;
    this.tokenHi = other.tokenHi;
    this.tokenLo = other.tokenLo;
    this.writer = other.writer;
    other.count = count;
    other.kind = kind;
    other.weight = weight;
    other.positionStart = positionStart;
    other.positionEnd = positionEnd;
    other.bodyStart = bodyStart;
    other.bodyEnd = bodyEnd;
    other.tokenHi = tokenHi;
    other.tokenLo = tokenLo;
    other.writer = writer;
  }

  /** True when no fragment may be added. */
  isFull(): boolean {
    return this.count >= this.capacity || this.writer.length >= this.softLimitBytes;
  }

  /** Begins a fragment whose position is copied from `source`; its body is what is written to `writer` until `endFragment`. */
  beginFragment(kind: FragmentKind, weight: number, source: Uint8Array, start: number, end: number): void {
    const i = this.count;
    this.kind[i] = kind;
    this.weight[i] = weight;
    this.positionStart[i] = this.writer.length;
    this.writer.raw(source, start, end);
    this.positionEnd[i] = this.writer.length;
    this.bodyStart[i] = this.writer.length;
  }

  endFragment(): void {
    this.bodyEnd[this.count] = this.writer.length;
    this.count++;
  }

  /** Gives back a fragment that was begun and not ended. */
  dropFragment(): void {
    this.writer.length = this.positionStart[this.count]!;
  }

  /** A whole fragment whose position and body lie in `source`. */
  addFragment(
    kind: FragmentKind,
    weight: number,
    source: Uint8Array,
    positionStart: number,
    positionEnd: number,
    bodyStart: number,
    bodyEnd: number,
  ): void {
    this.beginFragment(kind, weight, source, positionStart, positionEnd);
    this.writer.raw(source, bodyStart, bodyEnd);
    this.endFragment();
  }

  /**
   * Fragments [from, to) of another batch as they are, at most as many as there is room for and none after the one that
   * passes the soft limit. Returns how many were added.
   */
  addRun(source: RowBatch, from: number, to: number): number {
    const base = this.count;
    const room = this.capacity - base;
    let end = to - from > room ? from + room : to;
    if (end <= from) return 0;
    const start = source.positionStart[from]!;
    const at = this.writer.length;
    const limit = start + this.softLimitBytes - at;
    if (source.bodyEnd[end - 1]! > limit) {
      let last = from;
      while (source.bodyEnd[last]! < limit) last++;
      end = last + 1;
    }
    // Fragments of a batch lie one after the other, so their bytes are one range.
    this.writer.raw(source.writer.bytes, start, source.bodyEnd[end - 1]!);
    const shift = at - start;
    for (let i = from, o = base; i < end; i++, o++) {
      this.kind[o] = source.kind[i]!;
      this.weight[o] = source.weight[i]!;
      this.positionStart[o] = source.positionStart[i]! + shift;
      this.positionEnd[o] = source.positionEnd[i]! + shift;
      this.bodyStart[o] = source.bodyStart[i]! + shift;
      this.bodyEnd[o] = source.bodyEnd[i]! + shift;
      this.tokenHi[o] = source.tokenHi[i]!;
      this.tokenLo[o] = source.tokenLo[i]!;
    }
    this.count = base + (end - from);
    return end - from;
  }

  /** Starts a partition. A deletion of (-2^63) is none. */
  addPartitionStart(
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    deletionHi: number,
    deletionLo: number,
    deletionTime: number,
  ): void {
    this.tokenHi[this.count] = tokenHi;
    this.tokenLo[this.count] = tokenLo;
    this.beginFragment(FragmentKind.PartitionStart, 0, key, keyStart, keyEnd);
    this.#deletion(deletionHi, deletionLo, deletionTime);
    this.endFragment();
  }

  /** A change of the range deletion in force; (-2^63) closes. */
  addRangeChange(
    weight: number,
    source: Uint8Array,
    positionStart: number,
    positionEnd: number,
    deletionHi: number,
    deletionLo: number,
    deletionTime: number,
  ): void {
    this.beginFragment(FragmentKind.RangeChange, weight, source, positionStart, positionEnd);
    this.#deletion(deletionHi, deletionLo, deletionTime);
    this.endFragment();
  }

  addPartitionEnd(): void {
    this.beginFragment(FragmentKind.PartitionEnd, 0, this.writer.bytes, 0, 0);
    this.endFragment();
  }

  /** The deletion of fragment i (PartitionStart or RangeChange): its timestamp's halves and time; (-2^63) for none. */
  deletionHi(i: number): number {
    const at = this.bodyStart[i]!;
    return this.bodyEnd[i]! === at ? INT64_MIN_HI : readI32LE(this.writer.bytes, at + 4);
  }
  deletionLo(i: number): number {
    const at = this.bodyStart[i]!;
    return this.bodyEnd[i]! === at ? INT64_MIN_LO : readI32LE(this.writer.bytes, at);
  }
  deletionTime(i: number): number {
    const at = this.bodyStart[i]!;
    return this.bodyEnd[i]! === at ? NO_DELETION_TIME : readU32LE(this.writer.bytes, at + 8);
  }

  #deletion(hi: number, lo: number, time: number): void {
    if (hi === INT64_MIN_HI && lo === INT64_MIN_LO) return;
    this.writer.i64LE(hi, lo);
    this.writer.i32LE(time);
  }
}
