import { assert } from '../../core/assert.ts';
import { ByteWriter, equalBytes } from '../../core/bytes.ts';
import type { PartitionRef } from '../../core/read/read-command.ts';
import type { RowBatch } from '../../core/read/row-batch.ts';
import type { PageStart } from './paging.ts';

const NO_ROW = -1;
const NOBODY: readonly PartitionRef[] = [];

/**
 * How far a page has come: which fragment was taken last. A page that refuses a fragment ends right before it, which is in the
 * current partition if something of that was taken, and after the one before otherwise.
 */
export class PagePosition {
  #partitions: readonly PartitionRef[] = NOBODY;
  #firstIndex = 0;
  #start: PageStart | undefined;

  /** Index of the current partition in `#partitions`; 0 for scans. */
  #index = 0;
  /** The key of the current partition; empty before the first. */
  readonly #key: ByteWriter = new ByteWriter(64);
  /** The partition before it; empty key when there was none. */
  #previousIndex = 0;
  readonly #previousKey: ByteWriter = new ByteWriter(64);
  /** The last row taken of the current partition: in the current batch, or its position kept from an earlier one. */
  #row = NO_ROW;
  #isKept = false;
  readonly #kept: ByteWriter = new ByteWriter(64);

  /** True between the start and the end of a partition. */
  isInside = false;
  /** The current partition was begun by an earlier page. */
  isResumed = false;
  /** Nothing more of the current partition is wanted. */
  isDone = false;

  /** @param firstIndex of `partitions[0]` among the partitions of the statement */
  begin(partitions: readonly PartitionRef[], firstIndex: number, start: PageStart | undefined): void {
    this.#partitions = partitions;
    this.#firstIndex = firstIndex;
    this.#start = start;
    this.#index = 0;
    this.#key.clear();
    this.#previousIndex = 0;
    this.#previousKey.clear();
    this.#row = NO_ROW;
    this.#isKept = false;
    this.isInside = false;
    this.isResumed = false;
    this.isDone = false;
  }

  /** True when the partition of that key is the current one: the replica's answer goes on in another page of its own. */
  isSamePartition(bytes: Uint8Array, start: number, end: number): boolean {
    return equalBytes(this.#key.bytes, 0, this.#key.length, bytes, start, end);
  }

  /** The current partition goes on after its end. */
  continuePartition(): void {
    this.isInside = true;
  }

  /** The partition of that key begins. Copies the key. */
  startPartition(bytes: Uint8Array, start: number, end: number): void {
    const partitions = this.#partitions;
    const isFirst = this.#key.length === 0;
    this.#previousIndex = this.#index;
    this.#previousKey.clear();
    this.#previousKey.raw(this.#key.bytes, 0, this.#key.length);
    this.#key.clear();
    this.#key.raw(bytes, start, end);
    let i = this.#index;
    if (partitions.length > 1) {
      while (i < partitions.length && !this.#isCurrent(partitions[i]!.key)) i++;
      assert(i < partitions.length, 'a read delivers the partitions it was asked for, in their order');
    }
    this.#index = i;
    const begun = this.#start;
    this.isResumed = isFirst && begun?.position !== undefined && this.#isCurrent(begun.key);
    this.#row = NO_ROW;
    this.#isKept = false;
    this.isInside = true;
    this.isDone = false;
  }

  /** Row i of the batch was taken, or passed over for good. */
  takeRow(i: number): void {
    this.#row = i;
  }

  endPartition(): void {
    this.isInside = false;
  }

  /** Keeps what points into the batch, which the caller is done with. */
  keep(batch: RowBatch): void {
    const i = this.#row;
    if (i === NO_ROW) return;
    this.#kept.clear();
    this.#kept.raw(batch.writer.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
    this.#isKept = true;
    this.#row = NO_ROW;
  }

  /** Where the next page begins. `keep` was called for the last batch. Limits as in PageStart. */
  nextPage(remaining: number, remainingInPartition: number): PageStart {
    const key = this.#key.toBytes();
    const partitionIndex = this.#firstIndex + this.#index;
    if (!this.isInside || this.isDone) {
      assert(key.length > 0, 'a page that ends early has taken something');
      return { remaining, remainingInPartition: -1, partitionIndex, key, position: undefined };
    }
    if (this.#isKept) {
      return { remaining, remainingInPartition, partitionIndex, key, position: this.#kept.toBytes() };
    }
    assert(this.#previousKey.length > 0, 'a page that ends early has taken something');
    return {
      remaining,
      remainingInPartition: -1,
      partitionIndex: this.#firstIndex + this.#previousIndex,
      key: this.#previousKey.toBytes(),
      position: undefined,
    };
  }

  #isCurrent(key: Uint8Array): boolean {
    return this.isSamePartition(key, 0, key.length);
  }
}
