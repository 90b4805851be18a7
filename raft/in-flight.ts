/**
 * Appends that were sent to a peer in replicate state and not yet acknowledged: a sliding window limited in messages and in
 * payload bytes. One append may overrun the byte limit, so that large entries pass too. Grows on demand: most groups are idle.
 */
export class InFlight {
  readonly #maxMessages: number;
  readonly #maxBytes: number;
  /** Ring: last index and payload bytes of each append, oldest at #start. */
  #indices: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  constructor(maxMessages: number, maxBytes: number) {
    this.#maxMessages = maxMessages;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }
  get bytes(): number {
    return this.#bytes;
  }
  get isFull(): boolean {
    return this.#count >= this.#maxMessages || this.#bytes >= this.#maxBytes;
  }

  add(lastIndex: number, bytes: number): void {
    if (this.#count === this.#indices.length) this.#grow();
    const at = (this.#start + this.#count) % this.#indices.length;
    this.#indices[at] = lastIndex;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Everything up to `index` has arrived. */
  freeTo(index: number): void {
    while (this.#count > 0 && this.#indices[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % this.#indices.length;
      this.#count--;
    }
  }

  /** Also the byte counter: quota would leak otherwise (bug B-26). */
  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  #grow(): void {
    const capacity = Math.min(this.#maxMessages, Math.max(4, this.#indices.length * 2));
    const indices = new Array<number>(capacity).fill(0);
    const sizes = new Array<number>(capacity).fill(0);
    for (let i = 0; i < this.#count; i++) {
      const at = (this.#start + i) % this.#indices.length;
      indices[i] = this.#indices[at]!;
      sizes[i] = this.#sizes[at]!;
    }
    this.#indices = indices;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
