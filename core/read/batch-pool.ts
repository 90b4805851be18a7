import { ByteWriter } from '../bytes.ts';
import { RowBatch } from './row-batch.ts';

const SMALL_FRAGMENTS = 32;
const SMALL_BYTES = 8 * 1024;
const LARGE_FRAGMENTS = 256;
const LARGE_BYTES = 64 * 1024;
/** A batch whose bytes grew beyond this (one huge row) is not kept. */
const KEPT_BYTES = 256 * 1024;
/** Batches of each size that are kept for later. */
const KEPT_BATCHES = 64;

/**
 * Batches to use again: making one costs more than a point read. One pool per thread. Two sizes: a cursor's first fill is
 * small, so that a point read or a LIMIT 1 does not decode hundreds of rows; whoever reads on takes a large one.
 */
export class RowBatchPool {
  readonly #small: RowBatch[] = [];
  readonly #large: RowBatch[] = [];
  readonly #bytes: ByteWriter[] = [];

  /** An empty batch for few fragments. */
  takeSmall(): RowBatch {
    return this.#small.pop() ?? new RowBatch(SMALL_FRAGMENTS, SMALL_BYTES);
  }

  /** An empty batch for a stream. */
  takeLarge(): RowBatch {
    return this.#large.pop() ?? new RowBatch(LARGE_FRAGMENTS, LARGE_BYTES);
  }

  /** An empty batch with the limits of `batch`, wherever that is from. */
  takeLike({ capacity, softLimitBytes }: RowBatch): RowBatch {
    if (capacity === SMALL_FRAGMENTS && softLimitBytes === SMALL_BYTES) return this.takeSmall();
    if (capacity === LARGE_FRAGMENTS && softLimitBytes === LARGE_BYTES) return this.takeLarge();
    return new RowBatch(capacity, softLimitBytes);
  }

  /** An empty writer for a key or position. */
  takeBytes(): ByteWriter {
    return this.#bytes.pop() ?? new ByteWriter(64);
  }

  /** Takes back a writer of this pool that nobody reads any more. */
  giveBytes(writer: ByteWriter): void {
    if (this.#bytes.length >= KEPT_BATCHES || writer.bytes.length > KEPT_BYTES) return;
    writer.clear();
    this.#bytes.push(writer);
  }

  /** Takes back a batch that was taken here and that nobody reads any more. */
  give(batch: RowBatch): void {
    const isSmall = batch.softLimitBytes === SMALL_BYTES;
    if (batch.capacity !== (isSmall ? SMALL_FRAGMENTS : LARGE_FRAGMENTS)) return; // made by takeLike
    const kept = isSmall ? this.#small : this.#large;
    if (kept.length >= KEPT_BATCHES || batch.writer.bytes.length > KEPT_BYTES) return;
    batch.clear();
    kept.push(batch);
  }
}
