import type { RowBatchPool } from './batch-pool.ts';
import { FragmentKind, RowBatch } from './row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from './row-cursor.ts';

/** In place of a batch until one is needed. */
const NO_BATCH: RowBatch = new RowBatch(0, 0);

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
    this.batch = NO_BATCH;
  }

  /** True when there is a current fragment; else the cursor needs a load, or is at its end. Fills when it must. */
  ready(): boolean {
    return this.index < this.batch.count || this.#fill();
  }

  /** Fills a batch that is empty, past this reader: for the owner who has no use for single fragments. As `RowCursor.fill`. */
  fillBatch(out: RowBatch): number {
    if (this.needsLoad) return NEEDS_LOAD;
    if (this.#isAtEnd) return 0;
    const added = this.#cursor.fill(out);
    if (added === NEEDS_LOAD) this.needsLoad = true;
    else if (added === 0) this.#isAtEnd = true;
    return added;
  }

  /** Takes back what `fillBatch` put into a batch, which is empty then: the first of it is the current fragment. */
  takeBack(out: RowBatch): void {
    this.#drop();
    this.batch = this.#pool.takeLike(out);
    this.batch.exchange(out);
    this.index = 0;
    this.#isSmall = true;
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
    this.#drop();
  }

  #drop(): void {
    if (this.batch !== NO_BATCH) this.#pool.give(this.batch);
    this.batch = NO_BATCH;
  }

  #fill(): boolean {
    if (this.#isAtEnd || this.needsLoad) return false;
    if (this.batch === NO_BATCH) {
      this.batch = this.#pool.takeSmall();
    } else if (this.#isSmall && this.batch.isFull()) {
      this.#isSmall = false;
      this.#drop();
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
