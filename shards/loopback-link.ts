import { assert } from '../core/assert.ts';
import { copyBytes, readI32LE, writeI32LE } from '../core/bytes.ts';
import type { FrameHandler, LinkReceiver, LinkSender } from '../core/ports/link.ts';

const LENGTH_BYTES = 4;
const FIRST_BYTES = 4096;
/** A buffer that grew beyond this is not kept. */
const KEPT_BYTES = 1 << 20;

/**
 * A thread's link to itself: both ends in one. Frames lie as `length u32 LE | payload | padding to 8` in an array that grows up to
 * the capacity; `drain` works on one array while `send` fills the other, so a handler may send to its own thread.
 */
export class LoopbackLink implements LinkSender, LinkReceiver {
  readonly capacityBytes: number;
  readonly maxFrameBytes: number;
  #filling: Uint8Array;
  #filled: number;
  #draining: Uint8Array;
  #drainAt: number;
  #drainEnd: number;

  constructor(capacityBytes: number) {
    this.capacityBytes = capacityBytes;
    this.maxFrameBytes = capacityBytes - LENGTH_BYTES;
    this.#filling = new Uint8Array(FIRST_BYTES);
    this.#filled = 0;
    this.#draining = new Uint8Array(FIRST_BYTES);
    this.#drainAt = 0;
    this.#drainEnd = 0;
  }

  get bytes(): Uint8Array {
    return this.#filling;
  }

  reserve(length: number): number {
    assert(length >= 0 && length <= this.maxFrameBytes, 'a frame fits its link');
    const size = (LENGTH_BYTES + length + 7) & ~7;
    if (size > this.freeBytes() && this.#filled > 0) return -1;
    const at = this.#filled;
    if (at + size > this.#filling.length) {
      const larger = new Uint8Array(Math.max(at + size, 2 * this.#filling.length));
      larger.set(this.#filling.subarray(0, at));
      this.#filling = larger;
    }
    writeI32LE(this.#filling, at, length);
    this.#filled = at + size;
    return at + LENGTH_BYTES;
  }

  send(bytes: Uint8Array, start: number, end: number): boolean {
    const at = this.reserve(end - start);
    if (at < 0) return false;
    copyBytes(bytes, start, end, this.#filling, at);
    return true;
  }

  /** Nothing to show: the thread drains its own link at the turn end. */
  publish(): void {}

  freeBytes(): number {
    return this.capacityBytes - this.#filled;
  }

  /** False: the thread that would have to wake is the one that asks. */
  awaitRoom(): boolean {
    return false;
  }

  hasFrames(): boolean {
    return this.#drainAt < this.#drainEnd || this.#filled > 0;
  }

  drain(maxFrames: number, handler: FrameHandler): number {
    if (this.#drainAt === this.#drainEnd) this.#swap();
    let count = 0;
    while (count < maxFrames && this.#drainAt < this.#drainEnd) {
      const start = this.#drainAt + LENGTH_BYTES;
      const end = start + readI32LE(this.#draining, this.#drainAt);
      this.#drainAt = (end + 7) & ~7;
      count++;
      handler(this.#draining, start, end);
    }
    return count;
  }

  #swap(): void {
    const drained = this.#draining;
    this.#draining = this.#filling;
    this.#drainAt = 0;
    this.#drainEnd = this.#filled;
    this.#filling = drained.length > KEPT_BYTES ? new Uint8Array(FIRST_BYTES) : drained;
    this.#filled = 0;
  }
}
