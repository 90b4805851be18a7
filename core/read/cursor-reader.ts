import type { RowBatchPool } from './batch-pool.ts';
import { FragmentKind, type RowBatch } from './row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from './row-cursor.ts';

/**
 * Reads a cursor fragment by fragment through a batch of its own: fragment `index` of `batch` is the current one while
 * `ready()` says true. Used by the cursors that stand on other cursors.
 */
export class CursorReader {
  readonly #cursor: RowCursor;
  readonly #pool: RowBatchPool;
  batch: RowBatch;
  index = 0;
  #isSmall = true;
  #isAtEnd = false;
  #isClosed = false;
  /** The cursor said NEEDS_LOAD and was not loaded since. */
  needsLoad = false;

  constructor(cursor: RowCursor, pool: RowBatchPool) {
    this.#cursor = cursor;
    this.#pool = pool;
    this.batch = pool.takeSmall();
  }

  /** True when there is a current fragment; else the cursor needs a load, or is at its end. Fills when it must. */
  ready(): boolean {
    return this.index < this.batch.count || this.#fill();
  }

  /** No more fragments will come. */
  get isAtEnd(): boolean {
    return this.#isAtEnd;
  }

  /** Goes to the PartitionStart after the partition that the last fragment taken belongs to. */
  skipPartition(): void {
    const { batch } = this;
    for (let i = this.index; i < batch.count; i++) {
      if (batch.kind[i] === FragmentKind.PartitionEnd) {
        this.index = i + 1;
        return;
      }
    }
    this.index = batch.count;
    if (!this.#isAtEnd) this.#cursor.skipPartition();
  }

  /** Awaits what `needsLoad` asks for. */
  async load(): Promise<void> {
    if (!this.needsLoad) return;
    await this.#cursor.load();
    this.needsLoad = false;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#cursor.close();
    this.#pool.give(this.batch);
  }

  #fill(): boolean {
    if (this.#isAtEnd || this.needsLoad) return false;
    if (this.#isSmall && this.batch.isFull()) {
      this.#isSmall = false;
      this.#pool.give(this.batch);
      this.batch = this.#pool.takeLarge();
    }
    const { batch } = this;
    batch.clear();
    this.index = 0;
    const added = this.#cursor.fill(batch);
    if (added > 0) return true;
    if (added === NEEDS_LOAD) this.needsLoad = true;
    else this.#isAtEnd = true;
    return false;
  }
}
