/**
 * Deadlines of many small integers ("timers": slots of a pool that the caller owns), in constant time each. A hierarchy of
 * five wheels of 64 buckets: a bucket of wheel k spans 64^k ticks and is dealt out to the wheel below when its time begins.
 * Buckets are circular lists through two int32 arrays; a bitmap per wheel says which are not empty, so that time without
 * timers costs nothing, however long. Timers beyond 64^5 ticks wait in one more list.
 *
 * A timer never expires early; it expires at the first tick at or after its deadline, those of one tick in the order in which
 * they were scheduled. What is scheduled while `advance` runs expires in a later `advance`.
 */
import { assert } from '../core/assert.ts';

const BITS = 6;
const SIZE = 1 << BITS;
const LEVELS = 5;
const OVERFLOW = LEVELS * SIZE;
const HEADS = OVERFLOW + 1;
const NONE = -1;
/** Ticks that a bucket of each wheel spans; the last entry is the span of the whole hierarchy. */
const SPAN: readonly number[] = [1, 64, 4096, 262_144, 16_777_216, 1_073_741_824];

export class TimerWheel {
  readonly tickMs: number;
  /** Timers that are scheduled now. */
  count: number;
  /** Links of list nodes: 0 to HEADS-1 are list heads, HEADS + t is timer t. */
  #next: Int32Array;
  #prev: Int32Array;
  #list: Int16Array;
  #deadlineTick: Float64Array;
  readonly #occupied: Int32Array;
  /** Last tick that was dealt with. */
  #now: number;
  /** While `advance` runs: the tick that it runs to. */
  #target: number;
  #isAdvancing: boolean;

  /** @param capacity timers are numbered 0 to capacity - 1; see `grow` */
  constructor(tickMs: number, nowMs: number, capacity: number) {
    assert(tickMs > 0, 'a tick takes time');
    this.tickMs = tickMs;
    this.count = 0;
    this.#next = new Int32Array(HEADS + capacity);
    this.#prev = new Int32Array(HEADS + capacity);
    this.#list = new Int16Array(capacity).fill(NONE);
    this.#deadlineTick = new Float64Array(capacity);
    this.#occupied = new Int32Array(LEVELS * 2);
    for (let head = 0; head < HEADS; head++) this.#next[head] = this.#prev[head] = head;
    this.#now = Math.floor(nowMs / tickMs);
    this.#target = this.#now;
    this.#isAdvancing = false;
  }

  /** Makes room for timers 0 to capacity - 1; those that are scheduled stay so. */
  grow(capacity: number): void {
    const old = this.#list.length;
    if (capacity <= old) return;
    const next = new Int32Array(HEADS + capacity);
    next.set(this.#next);
    const prev = new Int32Array(HEADS + capacity);
    prev.set(this.#prev);
    const list = new Int16Array(capacity).fill(NONE, old);
    list.set(this.#list);
    const deadlineTick = new Float64Array(capacity);
    deadlineTick.set(this.#deadlineTick);
    this.#next = next;
    this.#prev = prev;
    this.#list = list;
    this.#deadlineTick = deadlineTick;
  }

  isScheduled(timer: number): boolean {
    return this.#list[timer]! !== NONE;
  }

  /** Schedules `timer`, which is not scheduled, for the first tick at or after `deadlineMs`; a past one for the next tick. */
  schedule(timer: number, deadlineMs: number): void {
    assert(this.#list[timer] === NONE, 'a timer is scheduled once');
    const earliest = (this.#isAdvancing ? this.#target : this.#now) + 1;
    const tick = Math.ceil(deadlineMs / this.tickMs);
    assert(tick < Number.MAX_SAFE_INTEGER, 'a deadline is finite');
    this.#deadlineTick[timer] = tick < earliest ? earliest : tick;
    this.#insert(timer);
    this.count++;
  }

  /** True if `timer` was scheduled; now it is not. */
  cancel(timer: number): boolean {
    if (this.#list[timer]! === NONE) return false;
    this.#unlink(timer);
    this.count--;
    return true;
  }

  /**
   * A time before which `advance` has nothing to do: the exact deadline of the next timer when it is within 64 ticks, else the
   * moment at which its bucket is dealt out. Infinity when no timer is scheduled.
   */
  nextMs(): number {
    const tick = this.#nextTick();
    return tick === Infinity ? Infinity : tick * this.tickMs;
  }

  /** Expires every timer whose deadline is at most `nowMs`; `expire` may schedule and cancel. Returns how many. */
  advance(nowMs: number, expire: (timer: number) => void): number {
    assert(!this.#isAdvancing, 'a wheel is advanced by one caller at a time');
    this.#target = Math.floor(nowMs / this.tickMs);
    this.#isAdvancing = true;
    let expired = 0;
    try {
      for (let tick = this.#nextTick(); tick <= this.#target; tick = this.#nextTick()) {
        this.#turnTo(tick);
        expired += this.#expireBucket(tick & (SIZE - 1), expire);
      }
      if (this.#target > this.#now) this.#turnTo(this.#target);
    } finally {
      this.#isAdvancing = false;
    }
    return expired;
  }

  #expireBucket(bucket: number, expire: (timer: number) => void): number {
    let expired = 0;
    for (let node = this.#next[bucket]!; node !== bucket; node = this.#next[bucket]!) {
      this.#unlink(node - HEADS);
      this.count--;
      expired++;
      expire(node - HEADS);
    }
    return expired;
  }

  /** Moves time to `tick`, before which nothing is due, and deals out the buckets that begin there. */
  #turnTo(tick: number): void {
    const before = this.#now;
    this.#now = tick;
    if (Math.floor(tick / SPAN[LEVELS]!) !== Math.floor(before / SPAN[LEVELS]!)) this.#dealOut(OVERFLOW);
    for (let level = LEVELS - 1; level >= 1; level--) {
      if (Math.floor(tick / SPAN[level]!) !== Math.floor(before / SPAN[level]!)) {
        this.#dealOut(level * SIZE + (Math.floor(tick / SPAN[level]!) & (SIZE - 1)));
      }
    }
  }

  #dealOut(list: number): void {
    const first = this.#next[list]!;
    if (first === list) return;
    const last = this.#prev[list]!;
    this.#next[list] = this.#prev[list] = list;
    if (list < OVERFLOW) this.#occupied[list >> 5]! &= ~(1 << (list & 31));
    for (let node = first; ; ) {
      const next = this.#next[node]!;
      this.#insert(node - HEADS);
      if (node === last) return;
      node = next;
    }
  }

  /** Appends a timer to the list that its deadline names: in the finest wheel whose turn now under way contains the deadline. */
  #insert(timer: number): void {
    const tick = this.#deadlineTick[timer]!;
    let list = OVERFLOW;
    for (let level = 0; level < LEVELS; level++) {
      const turn = SPAN[level + 1]!;
      if (Math.floor(tick / turn) === Math.floor(this.#now / turn)) {
        list = level * SIZE + (Math.floor(tick / SPAN[level]!) & (SIZE - 1));
        this.#occupied[list >> 5]! |= 1 << (list & 31);
        break;
      }
    }
    const node = HEADS + timer;
    const last = this.#prev[list]!;
    this.#next[last] = node;
    this.#prev[node] = last;
    this.#next[node] = list;
    this.#prev[list] = node;
    this.#list[timer] = list;
  }

  #unlink(timer: number): void {
    const node = HEADS + timer;
    const list = this.#list[timer]!;
    const next = this.#next[node]!;
    const prev = this.#prev[node]!;
    this.#next[prev] = next;
    this.#prev[next] = prev;
    this.#list[timer] = NONE;
    if (next === list && prev === list && list < OVERFLOW) this.#occupied[list >> 5]! &= ~(1 << (list & 31));
  }

  /** The next tick at which a timer expires or a bucket is dealt out. */
  #nextTick(): number {
    if (this.count === 0) return Infinity;
    for (let level = 0; level < LEVELS; level++) {
      const span = SPAN[level]!;
      const position = Math.floor(this.#now / span);
      // Of a wheel, only buckets after the one that is under way can be filled: what was in that one is in the wheels below.
      const bucket = this.#firstOccupied(level, (position & (SIZE - 1)) + 1);
      if (bucket !== NONE) return (position - (position & (SIZE - 1)) + bucket) * span;
    }
    return (Math.floor(this.#now / SPAN[LEVELS]!) + 1) * SPAN[LEVELS]!;
  }

  #firstOccupied(level: number, from: number): number {
    if (from >= SIZE) return NONE;
    for (let half = from >> 5; half < 2; half++) {
      let bits = this.#occupied[level * 2 + half]!;
      if (half === from >> 5) bits &= -1 << (from & 31);
      if (bits !== 0) return half * 32 + (31 - Math.clz32(bits & -bits));
    }
    return NONE;
  }
}
