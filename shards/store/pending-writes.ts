import { assert } from '../../core/assert.ts';
import { copyBytes } from '../../core/bytes.ts';
import type { WriteDone } from '../coordinator/local-store.ts';
import type { MemtableSlot } from './storage-group.ts';

const FIRST_ENTRIES = 1024;
const FIRST_BYTES = 256 * 1024;
const NOBODY: WriteDone = () => {};

/**
 * Writes that are in the log's buffer and not in a memtable yet: their bytes, where they go, whom to tell. Most leave in the order in
 * which they came, within a turn; those that wait for their own fdatasync may leave later. A ring of entries over a ring of bytes:
 * nothing is allocated per write.
 */
export class PendingWrites {
  #bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  /** Where the next bytes go, and where the oldest entry's begin. */
  #writeAt = 0;
  #readAt = 0;
  /** Writes are numbered from 0 on; the oldest that waits, and the next to come. Write n has entry n mod capacity. */
  #head = 0;
  #next = 0;
  #mask: number = FIRST_ENTRIES - 1;
  #start: Int32Array = new Int32Array(FIRST_ENTRIES);
  #end: Int32Array = new Int32Array(FIRST_ENTRIES);
  #segment: Float64Array = new Float64Array(FIRST_ENTRIES);
  #offset: Int32Array = new Int32Array(FIRST_ENTRIES);
  #context: Int32Array = new Int32Array(FIRST_ENTRIES);
  #isDone: Uint8Array = new Uint8Array(FIRST_ENTRIES);
  #slots: (MemtableSlot | undefined)[] = new Array(FIRST_ENTRIES).fill(undefined);
  #callbacks: WriteDone[] = new Array(FIRST_ENTRIES).fill(NOBODY);

  get count(): number {
    return this.#next - this.#head;
  }
  /** Bytes of the writes that wait. */
  get byteCount(): number {
    return this.#writeAt >= this.#readAt
      ? this.#writeAt - this.#readAt
      : this.#bytes.length - this.#readAt + this.#writeAt;
  }
  get bytes(): Uint8Array {
    return this.#bytes;
  }
  startOf(write: number): number {
    return this.#start[write % (this.#mask + 1)]!;
  }
  endOf(write: number): number {
    return this.#end[write % (this.#mask + 1)]!;
  }
  segmentOf(write: number): number {
    return this.#segment[write % (this.#mask + 1)]!;
  }
  offsetOf(write: number): number {
    return this.#offset[write % (this.#mask + 1)]!;
  }
  slotOf(write: number): MemtableSlot {
    return this.#slots[write % (this.#mask + 1)]!;
  }

  /** Lets a write go to another memtable. */
  moveTo(write: number, slot: MemtableSlot): void {
    this.#slots[write % (this.#mask + 1)] = slot;
  }

  /** Takes a write; copies its bytes. Returns its number, good until `finish`; a later `add` may move the bytes. */
  add(
    bytes: Uint8Array,
    start: number,
    end: number,
    slot: MemtableSlot,
    segment: number,
    offset: number,
    done: WriteDone,
    context: number,
  ): number {
    if (this.count > this.#mask) this.#growEntries();
    const at = this.#room(end - start);
    copyBytes(bytes, start, end, this.#bytes, at);
    const write = this.#next++;
    const entry = write % (this.#mask + 1);
    this.#writeAt = at + end - start;
    this.#start[entry] = at;
    this.#end[entry] = this.#writeAt;
    this.#segment[entry] = segment;
    this.#offset[entry] = offset;
    this.#context[entry] = context;
    this.#isDone[entry] = 0;
    this.#slots[entry] = slot;
    this.#callbacks[entry] = done;
    return write;
  }

  /** Ends a write and tells its writer. */
  finish(write: number, error: Error | undefined): void {
    const capacity = this.#mask + 1;
    const entry = write % capacity;
    assert(this.#isDone[entry] === 0, 'a write ends once');
    const done = this.#callbacks[entry]!;
    const context = this.#context[entry]!;
    this.#isDone[entry] = 1;
    this.#slots[entry] = undefined;
    this.#callbacks[entry] = NOBODY;
    while (this.#head < this.#next && this.#isDone[this.#head % capacity] === 1) {
      this.#readAt = this.#end[this.#head % capacity]!;
      this.#head++;
    }
    if (this.#head === this.#next) {
      this.#writeAt = 0;
      this.#readAt = 0;
    }
    done(context, error);
  }

  /** Where `length` adjacent bytes are free. */
  #room(length: number): number {
    if (this.#head === this.#next) {
      if (length > this.#bytes.length) this.#growBytes(length);
      return 0;
    }
    // One byte is kept free, so that full and empty differ.
    if (this.#writeAt >= this.#readAt) {
      if (this.#bytes.length - this.#writeAt > length) return this.#writeAt;
      if (this.#readAt > length) return 0;
    } else if (this.#readAt - this.#writeAt > length) {
      return this.#writeAt;
    }
    this.#growBytes(length);
    return this.#writeAt;
  }

  /** A larger ring with the waiting bytes one after the other from 0. */
  #growBytes(length: number): void {
    const larger = new Uint8Array(Math.max(this.#bytes.length * 2, (this.byteCount + length) * 2));
    let at = 0;
    for (let write = this.#head; write < this.#next; write++) {
      const entry = write % (this.#mask + 1);
      const start = this.#start[entry]!;
      const end = this.#end[entry]!;
      larger.set(this.#bytes.subarray(start, end), at);
      this.#start[entry] = at;
      at += end - start;
      this.#end[entry] = at;
    }
    this.#bytes = larger;
    this.#readAt = 0;
    this.#writeAt = at;
  }

  /** Twice the entries; every write keeps its number. */
  #growEntries(): void {
    const before = this.#mask + 1;
    const after = before * 2;
    const entryOf = new Map<number, number>();
    for (let write = this.#head; write < this.#next; write++) entryOf.set(write % after, write % before);
    const moved = <A extends Int32Array | Float64Array | Uint8Array>(array: A, larger: A): A => {
      for (const [to, from] of entryOf) larger[to] = array[from]!;
      return larger;
    };
    this.#start = moved(this.#start, new Int32Array(after));
    this.#end = moved(this.#end, new Int32Array(after));
    this.#segment = moved(this.#segment, new Float64Array(after));
    this.#offset = moved(this.#offset, new Int32Array(after));
    this.#context = moved(this.#context, new Int32Array(after));
    this.#isDone = moved(this.#isDone, new Uint8Array(after));
    const slots: (MemtableSlot | undefined)[] = new Array(after).fill(undefined);
    const callbacks: WriteDone[] = new Array(after).fill(NOBODY);
    for (const [to, from] of entryOf) {
      slots[to] = this.#slots[from];
      callbacks[to] = this.#callbacks[from]!;
    }
    this.#slots = slots;
    this.#callbacks = callbacks;
    this.#mask = after - 1;
  }
}
