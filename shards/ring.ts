/**
 * A single-producer, single-consumer byte ring: one direction between two threads, in one SharedArrayBuffer.
 *
 *   byte 0    head      int32   bytes consumed, mod 2^32    written by the consumer only
 *   byte 64   tail      int32   bytes published, mod 2^32   written by the producer only
 *   byte 128  starved   int32   1 while the producer waits for room   set by the producer, cleared by the consumer
 *   byte 192  frames            `capacity` bytes, a power of two
 *
 * A frame is `length: u32 LE | payload | padding to 8` and never wraps: one that would cross the end comes after a SKIP
 * frame that fills the rest. Each counter has a cache line. Publication: plain stores, then `Atomics.store(tail)`; whoever
 * loads the new tail sees the frame (ECMAScript memory model). Invariant: 0 <= tail - head <= capacity.
 *
 * A sleeping consumer is announced once per thread, not per ring: see `doorbell.ts`. Lengths are stored through an
 * Int32Array, which is little endian on every machine that Node supports here.
 */
import { assert } from '../core/assert.ts';
import { copyBytes } from '../core/bytes.ts';
import type { FrameHandler, LinkReceiver, LinkSender } from '../core/ports/link.ts';

const HEAD = 0;
const TAIL = 16;
const STARVED = 32;
const FRAMES_AT = 192;
const LENGTH_BYTES = 4;
/** In place of a length: the rest of the ring up to its end is empty. No length can be this. */
const SKIP = -1;

export const MIN_RING_BYTES = 64;
export const MAX_RING_BYTES: number = 2 ** 30;
/** One ring per ordered pair of threads; pages that were never written take no memory. */
export const DEFAULT_RING_BYTES: number = 2 ** 20;

/** Makes the memory of an empty ring. @param capacity bytes for frames: a power of two, 64 to 2^30 */
export function createRing(capacity: number = DEFAULT_RING_BYTES): SharedArrayBuffer {
  assert(isCapacity(capacity), 'a ring has a power of two of bytes');
  return new SharedArrayBuffer(FRAMES_AT + capacity);
}

function isCapacity(capacity: number): boolean {
  return capacity >= MIN_RING_BYTES && capacity <= MAX_RING_BYTES && (capacity & (capacity - 1)) === 0;
}

function frameSize(length: number): number {
  return (LENGTH_BYTES + length + 7) & ~7;
}

/** The writing end. One thread owns it. */
export class RingProducer implements LinkSender {
  readonly bytes: Uint8Array;
  readonly capacityBytes: number;
  readonly maxFrameBytes: number;
  readonly #words: Int32Array;
  readonly #wakeConsumer: () => void;
  /** Bytes written, published or not. */
  #tail: number;
  #published: number;
  /** The head as last loaded: the real one may be further. */
  #head: number;

  /** @param wakeConsumer called after each publication; wakes the consumer's thread if it sleeps */
  constructor(memory: SharedArrayBuffer, wakeConsumer: () => void) {
    const capacity = memory.byteLength - FRAMES_AT;
    assert(isCapacity(capacity), 'a ring has a power of two of bytes');
    this.bytes = new Uint8Array(memory);
    this.capacityBytes = capacity;
    // Half of the ring at most: then a frame and the SKIP before it always fit an empty ring, wherever its head is.
    this.maxFrameBytes = capacity / 2 - LENGTH_BYTES;
    this.#words = new Int32Array(memory);
    this.#wakeConsumer = wakeConsumer;
    this.#tail = Atomics.load(this.#words, TAIL);
    this.#published = this.#tail;
    this.#head = Atomics.load(this.#words, HEAD);
  }

  reserve(length: number): number {
    assert(length >= 0 && length <= this.maxFrameBytes, 'a frame fits half of its ring');
    const capacity = this.capacityBytes;
    const size = frameSize(length);
    const offset = this.#tail & (capacity - 1);
    const rest = capacity - offset;
    const needed = size <= rest ? size : rest + size;
    if (needed > capacity - ((this.#tail - this.#head) | 0)) {
      this.#loadHead();
      if (needed > capacity - ((this.#tail - this.#head) | 0)) return -1;
    }
    const words = this.#words;
    let at = FRAMES_AT + offset;
    if (size > rest) {
      words[at >> 2] = SKIP;
      at = FRAMES_AT;
    }
    words[at >> 2] = length;
    this.#tail = (this.#tail + needed) | 0;
    return at + LENGTH_BYTES;
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.reserve(end - start);
    if (at < 0) return false;
    copyBytes(bytes, start, end, this.bytes, at);
    return true;
  }

  publish(): void {
    if (this.#tail === this.#published) return;
    this.#published = this.#tail;
    Atomics.store(this.#words, TAIL, this.#tail);
    this.#wakeConsumer();
  }

  freeBytes(): number {
    return this.capacityBytes - ((this.#tail - this.#head) | 0);
  }

  awaitRoom(): boolean {
    // Announce first, look afterwards. The consumer does it the other way round (moves the head, then looks at the flag), so
    // one of the two sees the other.
    Atomics.store(this.#words, STARVED, 1);
    const before = this.#head;
    this.#loadHead();
    if (this.#head === before) return true;
    Atomics.store(this.#words, STARVED, 0);
    return false;
  }

  #loadHead(): void {
    this.#head = Atomics.load(this.#words, HEAD);
    const used = (this.#tail - this.#head) | 0;
    assert(used >= 0 && used <= this.capacityBytes, 'a ring holds at most its capacity');
  }
}

/** The reading end. One thread owns it. */
export class RingConsumer implements LinkReceiver {
  readonly #bytes: Uint8Array;
  readonly #words: Int32Array;
  readonly #capacity: number;
  readonly #wakeProducer: () => void;
  #head: number;
  /** The tail as last loaded: the real one may be further. */
  #tail: number;
  #draining: boolean;

  /** @param wakeProducer wakes the producer's thread; called when it waits for room and frames were taken */
  constructor(memory: SharedArrayBuffer, wakeProducer: () => void) {
    const capacity = memory.byteLength - FRAMES_AT;
    assert(isCapacity(capacity), 'a ring has a power of two of bytes');
    this.#bytes = new Uint8Array(memory);
    this.#words = new Int32Array(memory);
    this.#capacity = capacity;
    this.#wakeProducer = wakeProducer;
    this.#head = Atomics.load(this.#words, HEAD);
    this.#tail = this.#head;
    this.#draining = false;
  }

  hasFrames(): boolean {
    return this.#head !== this.#tail || this.#head !== Atomics.load(this.#words, TAIL);
  }

  drain(maxFrames: number, handler: FrameHandler): number {
    assert(!this.#draining, 'a handler does not drain its own link');
    const start = this.#head;
    let count = 0;
    this.#draining = true;
    try {
      while (count < maxFrames) {
        if (this.#head === this.#tail && !this.#loadTail()) break;
        count += this.#take(handler);
      }
    } finally {
      this.#draining = false;
      if (this.#head !== start) this.#release();
    }
    return count;
  }

  /** Hands over the next frame (1) or steps over a SKIP (0). The frame's bytes stay the consumer's until `#release`. */
  #take(handler: FrameHandler): number {
    const capacity = this.#capacity;
    const offset = this.#head & (capacity - 1);
    const available = (this.#tail - this.#head) | 0;
    const at = FRAMES_AT + offset;
    const length = this.#words[at >> 2]!;
    if (length === SKIP) {
      const rest = capacity - offset;
      assert(rest <= available, 'a SKIP frame was published whole');
      this.#head = (this.#head + rest) | 0;
      return 0;
    }
    assert(length >= 0 && length <= capacity / 2 - LENGTH_BYTES, 'a frame fits half of its ring');
    const size = frameSize(length);
    assert(size <= available && offset + size <= capacity, 'a frame was published whole and does not wrap');
    this.#head = (this.#head + size) | 0;
    handler(this.#bytes, at + LENGTH_BYTES, at + LENGTH_BYTES + length);
    return 1;
  }

  #loadTail(): boolean {
    this.#tail = Atomics.load(this.#words, TAIL);
    const available = (this.#tail - this.#head) | 0;
    assert(available >= 0 && available <= this.#capacity && (available & 7) === 0, 'a ring holds at most its capacity');
    return available !== 0;
  }

  /** Gives the room of what was taken back to the producer. */
  #release(): void {
    Atomics.store(this.#words, HEAD, this.#head);
    if (Atomics.load(this.#words, STARVED) === 1 && Atomics.exchange(this.#words, STARVED, 0) === 1)
      this.#wakeProducer();
  }
}
