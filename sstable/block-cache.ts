import { assert } from '../core/assert.ts';
import type { Files } from '../core/ports/files.ts';
import type { BlockFile } from './block-file.ts';

/** `bytes[start, start + length)` is the decoded block; `slot` is where the cache holds it, pinned for the call, or -1. */
export type BlockCallback = (
  error: Error | undefined,
  bytes: Uint8Array,
  start: number,
  length: number,
  slot: number,
) => void;

const SEGMENT_BYTES: number = 256 * 1024;
const SMALLEST_SHIFT = 12; // 4 KiB
const SLOTS_PER_SEGMENT: number = SEGMENT_BYTES >>> SMALLEST_SHIFT;
const CLASS_COUNT = 7; // 4 KiB to 256 KiB
const NONE = -1;

const State = { Free: 0, Loading: 1, Ready: 2 } as const;

/**
 * Decoded blocks of one shard's SSTables, up to a limit in bytes. Memory is a set of segments of 256 KiB, each cut into
 * slots of one size (4 KiB, doubling); a slot is an index into the arrays below, so a block costs no object. Within a size
 * the slot to reuse is found by the clock rule; a size whose blocks turn over faster than another's takes segments from it.
 *
 * A slot is pinned while somebody looks at its bytes, and is not reused meanwhile. `find` and `pin` are synchronous; `load`
 * reads with a callback, once however many ask for the same block at a time.
 */
export class BlockCache {
  readonly limitBytes: number;
  readonly #maxSegments: number;
  readonly #segments: Uint8Array[] = [];
  /** Size class of each segment. */
  readonly #classOf: number[] = [];
  readonly #segmentCount: Int32Array = new Int32Array(CLASS_COUNT);
  /** Bytes evicted per class lately. */
  readonly #pressure: Float64Array = new Float64Array(CLASS_COUNT);
  readonly #hand: Int32Array = new Int32Array(CLASS_COUNT);
  readonly #freeHead: Int32Array = new Int32Array(CLASS_COUNT).fill(NONE);

  readonly #fileId: Int32Array;
  readonly #block: Int32Array;
  readonly #length: Int32Array;
  readonly #next: Int32Array;
  readonly #pins: Int32Array;
  readonly #state: Uint8Array;
  readonly #touched: Uint8Array;
  readonly #buckets: Int32Array;
  readonly #waiters: Map<number, BlockCallback[]> = new Map();
  #nextFileId = 1;

  /** Counters for metrics. */
  hits = 0;
  misses = 0;
  evictions = 0;

  /** @param limitBytes at least one segment is always kept */
  constructor(limitBytes: number) {
    this.limitBytes = limitBytes;
    this.#maxSegments = Math.max(1, Math.floor(limitBytes / SEGMENT_BYTES));
    const slots = this.#maxSegments * SLOTS_PER_SEGMENT;
    this.#fileId = new Int32Array(slots);
    this.#block = new Int32Array(slots);
    this.#length = new Int32Array(slots);
    this.#next = new Int32Array(slots);
    this.#pins = new Int32Array(slots);
    this.#state = new Uint8Array(slots);
    this.#touched = new Uint8Array(slots);
    this.#buckets = new Int32Array(2 ** Math.ceil(Math.log2(slots))).fill(NONE);
  }

  /** Bytes of memory taken so far. */
  get usedBytes(): number {
    return this.#segments.length * SEGMENT_BYTES;
  }

  /** A number for a newly opened file. */
  newFileId(): number {
    return this.#nextFileId++;
  }

  /** The slot of a block that is there, -1 when it must be loaded. */
  find(fileId: number, block: number): number {
    const slot = this.#lookup(fileId, block);
    if (slot === NONE || this.#state[slot] !== State.Ready) {
      this.misses++;
      return NONE;
    }
    this.hits++;
    this.#touched[slot] = 1;
    return slot;
  }

  pin(slot: number): void {
    this.#pins[slot]!++;
  }

  unpin(slot: number): void {
    const pins = --this.#pins[slot]!;
    assert(pins >= 0, 'a block is unpinned as often as it was pinned');
    if (pins === 0 && this.#fileId[slot] === NONE) this.#free(slot); // its file was forgotten meanwhile
  }

  /** Where a slot's bytes are: bytes(slot)[start(slot), start(slot) + length(slot)). */
  bytes(slot: number): Uint8Array {
    return this.#segments[Math.floor(slot / SLOTS_PER_SEGMENT)]!;
  }
  start(slot: number): number {
    const segment = Math.floor(slot / SLOTS_PER_SEGMENT);
    return (slot - segment * SLOTS_PER_SEGMENT) << (SMALLEST_SHIFT + this.#classOf[segment]!);
  }
  length(slot: number): number {
    return this.#length[slot]!;
  }

  /** Reads a block and calls back, never before this returns unless the block is there already. */
  load(files: Files, file: BlockFile, block: number, done: BlockCallback): void {
    const found = this.#lookup(file.cacheId, block);
    if (found !== NONE) {
      if (this.#state[found] === State.Loading) this.#waiters.get(found)!.push(done);
      else this.#deliver(found, done);
      return;
    }
    const slot = this.#claim(file, block);
    if (slot !== NONE) {
      this.#state[slot] = State.Loading;
      this.#pins[slot]!++;
      this.#waiters.set(slot, [done]);
    }
    const start = file.diskStart(block);
    const wanted = file.diskEnd(block) - start;
    const disk = Buffer.allocUnsafe(wanted);
    files.read(file.file, disk, 0, wanted, start, (error, count) => {
      let failure = error;
      const length = file.blockLength(block);
      const target = slot === NONE ? new Uint8Array(length) : this.bytes(slot);
      const at = slot === NONE ? 0 : this.start(slot);
      if (failure === undefined) {
        try {
          file.decode(block, disk, 0, count, target, at);
        } catch (thrown) {
          failure = thrown as Error;
        }
      }
      if (slot === NONE) done(failure, target, 0, length, NONE);
      else this.#finishLoad(slot, failure);
    });
  }

  /** Keeps a copy of a block that was read otherwise, as the first to go; when there is no room, does nothing. */
  offer(file: BlockFile, block: number, bytes: Uint8Array, start: number, end: number): void {
    if (this.#lookup(file.cacheId, block) !== NONE) return;
    const slot = this.#claim(file, block);
    if (slot === NONE) return;
    this.bytes(slot).set(bytes.subarray(start, end), this.start(slot));
    this.#state[slot] = State.Ready;
    this.#touched[slot] = 0;
  }

  /** Drops the blocks of a file that was closed. Pinned ones go when they are unpinned. */
  forget(fileId: number): void {
    for (let slot = 0; slot < this.#segments.length * SLOTS_PER_SEGMENT; slot++) {
      if (this.#state[slot] === State.Free || this.#fileId[slot] !== fileId) continue;
      this.#unlink(slot);
      if (this.#pins[slot] === 0) this.#free(slot);
      else this.#fileId[slot] = NONE;
    }
  }

  #finishLoad(slot: number, error: Error | undefined): void {
    const waiting = this.#waiters.get(slot)!;
    this.#waiters.delete(slot);
    if (error === undefined) this.#state[slot] = State.Ready;
    else if (this.#fileId[slot] !== NONE) {
      this.#unlink(slot); // nobody finds it any more; freed by the unpin below
      this.#fileId[slot] = NONE;
    }
    this.#touched[slot] = 1;
    for (const done of waiting) {
      if (error === undefined) this.#deliver(slot, done);
      else done(error, EMPTY, 0, 0, NONE);
    }
    this.unpin(slot);
  }

  #deliver(slot: number, done: BlockCallback): void {
    this.#pins[slot]!++;
    try {
      done(undefined, this.bytes(slot), this.start(slot), this.#length[slot]!, slot);
    } finally {
      this.unpin(slot);
    }
  }

  #lookup(fileId: number, block: number): number {
    let slot = this.#buckets[this.#bucket(fileId, block)]!;
    while (slot !== NONE && (this.#fileId[slot] !== fileId || this.#block[slot] !== block)) slot = this.#next[slot]!;
    return slot;
  }

  #bucket(fileId: number, block: number): number {
    const hash = Math.imul(fileId, 0x9e37_79b1) ^ Math.imul(block, 0x85eb_ca6b);
    return (hash ^ (hash >>> 15)) & (this.#buckets.length - 1);
  }

  /** A slot for the block, linked under its name and in state Free yet; -1 when all are pinned or the block is too large. */
  #claim(file: BlockFile, block: number): number {
    const length = file.blockLength(block);
    const sizeClass = Math.max(0, 32 - Math.clz32(file.blockBytes - 1) - SMALLEST_SHIFT);
    if (sizeClass >= CLASS_COUNT) return NONE;
    if (this.#freeHead[sizeClass] === NONE) this.#makeRoom(sizeClass);
    const slot = this.#freeHead[sizeClass]!;
    if (slot === NONE) return NONE;
    this.#freeHead[sizeClass] = this.#next[slot]!;
    this.#fileId[slot] = file.cacheId;
    this.#block[slot] = block;
    this.#length[slot] = length;
    const bucket = this.#bucket(file.cacheId, block);
    this.#next[slot] = this.#buckets[bucket]!;
    this.#buckets[bucket] = slot;
    return slot;
  }

  #makeRoom(sizeClass: number): void {
    if (this.#segments.length < this.#maxSegments) {
      this.#segments.push(new Uint8Array(SEGMENT_BYTES));
      this.#classOf.push(sizeClass);
      this.#cut(this.#segments.length - 1, sizeClass);
      return;
    }
    if (this.#segmentCount[sizeClass] === 0 || this.#isPressed(sizeClass)) {
      if (this.#steal(sizeClass)) return;
    }
    this.#evictOne(sizeClass);
  }

  /** Puts the slots of a segment, all free, on the list of a class. */
  #cut(segment: number, sizeClass: number): void {
    this.#classOf[segment] = sizeClass;
    this.#segmentCount[sizeClass]!++;
    const first = segment * SLOTS_PER_SEGMENT;
    for (let i = (SLOTS_PER_SEGMENT >>> sizeClass) - 1; i >= 0; i--) {
      this.#state[first + i] = State.Free;
      this.#next[first + i] = this.#freeHead[sizeClass]!;
      this.#freeHead[sizeClass] = first + i;
    }
  }

  /** True when a class has evicted as much as it holds since it last got a segment. */
  #isPressed(sizeClass: number): boolean {
    return this.#pressure[sizeClass]! >= this.#segmentCount[sizeClass]! * SEGMENT_BYTES;
  }

  /** Takes a segment from the class that turns over slowest; false when none can be taken. */
  #steal(sizeClass: number): boolean {
    let victim = NONE;
    let least = Number.POSITIVE_INFINITY;
    for (let other = 0; other < CLASS_COUNT; other++) {
      if (other === sizeClass || this.#segmentCount[other]! === 0) continue;
      const turnover = this.#pressure[other]! / this.#segmentCount[other]!;
      if (turnover < least) {
        least = turnover;
        victim = other;
      }
    }
    const own = this.#segmentCount[sizeClass]!;
    const mine = own === 0 ? Number.POSITIVE_INFINITY : this.#pressure[sizeClass]! / own;
    this.#pressure[sizeClass] = 0;
    if (victim === NONE || least * 2 > mine) return false;
    for (let i = 0; i < CLASS_COUNT; i++) this.#pressure[i]! /= 2;
    for (let segment = 0; segment < this.#segments.length; segment++) {
      if (this.#classOf[segment] === victim && this.#clear(segment)) {
        this.#segmentCount[victim]!--;
        this.#cut(segment, sizeClass);
        return true;
      }
    }
    return false;
  }

  /** Evicts all of a segment and takes its slots off the free list; false, and nothing done, when one is pinned. */
  #clear(segment: number): boolean {
    const first = segment * SLOTS_PER_SEGMENT;
    const sizeClass = this.#classOf[segment]!;
    const end = first + (SLOTS_PER_SEGMENT >>> sizeClass);
    for (let slot = first; slot < end; slot++) if (this.#pins[slot]! > 0) return false;
    for (let slot = first; slot < end; slot++) {
      if (this.#state[slot] === State.Free) continue;
      this.#unlink(slot);
      this.#free(slot);
      this.evictions++;
    }
    let before = NONE;
    for (let slot = this.#freeHead[sizeClass]!; slot !== NONE; slot = this.#next[slot]!) {
      if (slot < first || slot >= end) before = slot;
      else if (before === NONE) this.#freeHead[sizeClass] = this.#next[slot]!;
      else this.#next[before] = this.#next[slot]!;
    }
    return true;
  }

  #evictOne(sizeClass: number): void {
    const perSegment = SLOTS_PER_SEGMENT >>> sizeClass;
    const slots = this.#segments.length * perSegment;
    let hand = this.#hand[sizeClass]!;
    for (let step = 0; step < slots * 2; step++) {
      if (hand >= slots) hand = 0;
      const segment = Math.floor(hand / perSegment);
      if (this.#classOf[segment] !== sizeClass) {
        hand = (segment + 1) * perSegment;
        step += perSegment - 1;
        continue;
      }
      const slot = segment * SLOTS_PER_SEGMENT + (hand - segment * perSegment);
      hand++;
      if (this.#state[slot] !== State.Ready || this.#pins[slot]! > 0) continue;
      if (this.#touched[slot] === 1) {
        this.#touched[slot] = 0;
        continue;
      }
      this.#unlink(slot);
      this.#free(slot);
      this.evictions++;
      this.#pressure[sizeClass]! += SEGMENT_BYTES / perSegment;
      break;
    }
    this.#hand[sizeClass] = hand;
  }

  /** Takes a slot out of its bucket. */
  #unlink(slot: number): void {
    const bucket = this.#bucket(this.#fileId[slot]!, this.#block[slot]!);
    let at = this.#buckets[bucket]!;
    if (at === slot) {
      this.#buckets[bucket] = this.#next[slot]!;
      return;
    }
    while (this.#next[at] !== slot) at = this.#next[at]!;
    this.#next[at] = this.#next[slot]!;
  }

  /** Puts an unlinked, unpinned slot on the free list of its class. */
  #free(slot: number): void {
    const sizeClass = this.#classOf[Math.floor(slot / SLOTS_PER_SEGMENT)]!;
    this.#state[slot] = State.Free;
    this.#next[slot] = this.#freeHead[sizeClass]!;
    this.#freeHead[sizeClass] = slot;
  }
}

const EMPTY = new Uint8Array(0);
