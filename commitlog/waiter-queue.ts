/**
 * Told once what became of a log write: `error` undefined means that it is where the caller asked for (written, or durable).
 * `tag` is the caller's own number, so that one function serves any number of waits and none of them allocates.
 */
export type LogCallback = (error: Error | undefined, tag: number) => void;

const NOTHING: LogCallback = () => {};

/** Waits for batches, first in first out: a ring of slots that grows to the most that ever waited at once. */
export class WaiterQueue {
  #callbacks: LogCallback[];
  #tags: number[];
  #batches: number[];
  #head = 0;
  #count = 0;

  constructor(capacity = 64) {
    this.#callbacks = new Array<LogCallback>(capacity).fill(NOTHING);
    this.#tags = new Array<number>(capacity).fill(0);
    this.#batches = new Array<number>(capacity).fill(0);
  }

  get count(): number {
    return this.#count;
  }

  /** Batch of the newest waiter, -1 when nobody waits. */
  get lastBatch(): number {
    return this.#count === 0 ? -1 : this.#batches[(this.#head + this.#count - 1) & (this.#batches.length - 1)]!;
  }

  /** Batches never fall from one waiter to the next. */
  push(callback: LogCallback, tag: number, batch: number): void {
    if (this.#count === this.#callbacks.length) this.#grow();
    const slot = (this.#head + this.#count) & (this.#callbacks.length - 1);
    this.#callbacks[slot] = callback;
    this.#tags[slot] = tag;
    this.#batches[slot] = batch;
    this.#count++;
  }

  /** Calls, in order, whoever waits for a batch up to `batch`; those may push again. */
  serve(batch: number, error: Error | undefined): void {
    while (this.#count > 0 && this.#batches[this.#head]! <= batch) {
      const slot = this.#head;
      const callback = this.#callbacks[slot]!;
      this.#callbacks[slot] = NOTHING;
      this.#head = (slot + 1) & (this.#callbacks.length - 1);
      this.#count--;
      callback(error, this.#tags[slot]!);
    }
  }

  /** Moves those who wait for `batch` or later to the end of `target`, in order. */
  moveFrom(batch: number, target: WaiterQueue): void {
    const mask = this.#callbacks.length - 1;
    let first = this.#count;
    while (first > 0 && this.#batches[(this.#head + first - 1) & mask]! >= batch) first--;
    for (let i = first; i < this.#count; i++) {
      const slot = (this.#head + i) & mask;
      target.push(this.#callbacks[slot]!, this.#tags[slot]!, 0);
      this.#callbacks[slot] = NOTHING;
    }
    this.#count = first;
  }

  #grow(): void {
    const size = this.#callbacks.length;
    const callbacks = new Array<LogCallback>(size * 2).fill(NOTHING);
    const tags = new Array<number>(size * 2).fill(0);
    const batches = new Array<number>(size * 2).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const slot = (this.#head + i) & (size - 1);
      callbacks[i] = this.#callbacks[slot]!;
      tags[i] = this.#tags[slot]!;
      batches[i] = this.#batches[slot]!;
    }
    this.#callbacks = callbacks;
    this.#tags = tags;
    this.#batches = batches;
    this.#head = 0;
  }
}
