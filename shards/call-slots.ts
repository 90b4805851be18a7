import { assert } from '../core/assert.ts';
import type { ReplyHandler } from '../core/ports/mailbox.ts';

/** Ids are slot | generation << 20, unsigned. */
const SLOT_BITS = 20;
export const MAX_CALLS: number = 1 << SLOT_BITS;
const GENERATIONS = 1 << (32 - SLOT_BITS);
const FIRST_CAPACITY = 64;

/**
 * Requests that wait for their replies: pooled records by slot.
 *
 * States: free -> waiting -> free when the reply came; waiting -> abandoned when the deadline passed: nobody waits any more, but the
 * reply is still owed and the credit still used, so that work under way at the other side stays bounded; -> free then.
 */
export class CallSlots {
  #capacity: number;
  #free: Int32Array;
  #freeCount: number;
  #generation: Uint16Array;
  /** Index of the peer that owes the reply; -1 for a free slot. */
  #peer: Int32Array;
  #mailClass: Uint8Array;
  #context: Float64Array;
  #handlers: (ReplyHandler | undefined)[];

  constructor() {
    this.#capacity = 0;
    this.#free = new Int32Array(0);
    this.#freeCount = 0;
    this.#generation = new Uint16Array(0);
    this.#peer = new Int32Array(0);
    this.#mailClass = new Uint8Array(0);
    this.#context = new Float64Array(0);
    this.#handlers = [];
    this.#grow(FIRST_CAPACITY);
  }

  get capacity(): number {
    return this.#capacity;
  }

  /** Replies that are owed. */
  get usedCount(): number {
    return this.#capacity - this.#freeCount;
  }

  /** Takes a slot; `capacity` may have grown afterwards. -1 when MAX_CALLS are taken. */
  take(peer: number, mailClass: number, handler: ReplyHandler, context: number): number {
    if (this.#freeCount === 0) {
      if (this.#capacity === MAX_CALLS) return -1;
      this.#grow(this.#capacity * 2);
    }
    const slot = this.#free[--this.#freeCount]!;
    this.#peer[slot] = peer;
    this.#mailClass[slot] = mailClass;
    this.#context[slot] = context;
    this.#handlers[slot] = handler;
    return slot;
  }

  release(slot: number): void {
    assert(this.#peer[slot]! >= 0, 'a slot is released once');
    this.#peer[slot] = -1;
    this.#handlers[slot] = undefined;
    this.#generation[slot] = (this.#generation[slot]! + 1) % GENERATIONS;
    this.#free[this.#freeCount++] = slot;
  }

  /** Nobody waits any more; the slot stays taken. Returns who did. */
  abandon(slot: number): ReplyHandler {
    const handler = this.#handlers[slot];
    assert(handler !== undefined, 'a call is abandoned once');
    this.#handlers[slot] = undefined;
    return handler;
  }

  idOf(slot: number): number {
    return (slot | (this.#generation[slot]! << SLOT_BITS)) >>> 0;
  }

  /** Slot of an id that `peer` sent back. Every reply is to a request that waits for it, so anything else is a bug. */
  slotOf(id: number, peer: number): number {
    const slot = id & (MAX_CALLS - 1);
    assert(slot < this.#capacity && this.#peer[slot] === peer, 'a reply comes from whom the request went to');
    assert(this.#generation[slot] === id >>> SLOT_BITS, 'a request is answered once');
    return slot;
  }

  /** Who waits; undefined when the call was abandoned. */
  handlerOf(slot: number): ReplyHandler | undefined {
    return this.#handlers[slot];
  }

  contextOf(slot: number): number {
    return this.#context[slot]!;
  }

  peerOf(slot: number): number {
    return this.#peer[slot]!;
  }

  mailClassOf(slot: number): number {
    return this.#mailClass[slot]!;
  }

  #grow(capacity: number): void {
    const old = this.#capacity;
    const generation = new Uint16Array(capacity);
    generation.set(this.#generation);
    const peer = new Int32Array(capacity).fill(-1, old);
    peer.set(this.#peer);
    const mailClass = new Uint8Array(capacity);
    mailClass.set(this.#mailClass);
    const context = new Float64Array(capacity);
    context.set(this.#context);
    const free = new Int32Array(capacity);
    free.set(this.#free.subarray(0, this.#freeCount));
    this.#capacity = capacity;
    this.#generation = generation;
    this.#peer = peer;
    this.#mailClass = mailClass;
    this.#context = context;
    this.#free = free;
    for (let slot = capacity - 1; slot >= old; slot--) {
      this.#handlers[slot] = undefined;
      this.#free[this.#freeCount++] = slot;
    }
  }
}
