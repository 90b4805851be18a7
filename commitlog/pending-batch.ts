import { copyBytes, writeI32LE } from '../core/bytes.ts';
import { alignBatch, BATCH_HEAD_BYTES, RECORD_HEAD_BYTES, sealBatch } from './batch.ts';
import { NO_KEY } from './commitlog-options.ts';
import type { RecordKind } from './record-kind.ts';

const FIRST_BYTES = 1 << 16;
/** A buffer that one large turn has made larger than this is given up after it. */
const MOST_KEPT_BYTES = 1 << 21;

/** The records of one turn until they are written: bytes[0, length), with room for the batch's head before them. */
export class PendingBatch {
  bytes: Uint8Array = new Uint8Array(FIRST_BYTES);
  length: number = BATCH_HEAD_BYTES;
  /** Keys of the records that have one: keys[0, keyCount). They are given back when the batch is refused. */
  keys: Int32Array = new Int32Array(256);
  keyCount = 0;

  get isEmpty(): boolean {
    return this.length === BATCH_HEAD_BYTES;
  }

  /** Adds one record; copies its payload. */
  add(kind: RecordKind, key: number, payload: Uint8Array, start: number, end: number): void {
    const at = this.length;
    const next = at + RECORD_HEAD_BYTES + end - start;
    if (next + 8 > this.bytes.length) this.#growBytes(next + 8);
    const { bytes } = this;
    writeI32LE(bytes, at, end - start);
    bytes[at + 4] = kind;
    copyBytes(payload, start, end, bytes, at + RECORD_HEAD_BYTES);
    this.length = next;
    if (key === NO_KEY) return;
    if (this.keyCount === this.keys.length) this.#growKeys();
    this.keys[this.keyCount++] = key;
  }

  /** Completes the batch for its place in the segment. Returns its bytes with the padding: where the next one begins. */
  seal(offset: number, durableSegmentId: number, durableOffset: number, seed: number): number {
    const { bytes, length } = this;
    const padded = alignBatch(length);
    for (let i = length; i < padded; i++) bytes[i] = 0;
    sealBatch(bytes, 0, length - BATCH_HEAD_BYTES, offset, durableSegmentId, durableOffset, seed);
    return padded;
  }

  clear(): void {
    this.length = BATCH_HEAD_BYTES;
    this.keyCount = 0;
    if (this.bytes.length > MOST_KEPT_BYTES) this.bytes = new Uint8Array(FIRST_BYTES);
  }

  #growBytes(needed: number): void {
    const larger = new Uint8Array(Math.max(needed, this.bytes.length * 2));
    larger.set(this.bytes.subarray(0, this.length));
    this.bytes = larger;
  }

  #growKeys(): void {
    const larger = new Int32Array(this.keys.length * 2);
    larger.set(this.keys);
    this.keys = larger;
  }
}
