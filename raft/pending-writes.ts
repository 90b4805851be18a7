import { assert } from '../core/assert.ts';

interface PendingWrite {
  readonly number: number;
  /** Entries up to here are this log's own, and durable with this batch; lowered when the log takes some back. */
  lastIndex: number;
  /** Term in which the batch holds the member's vote for itself; 0 for none. */
  readonly ownVoteTerm: number;
  /** Index of the received snapshot in it; 0 for none. */
  readonly snapshotIndex: number;
}

/** What `persisted` made durable. */
export interface PersistedWrites {
  lastIndex: number;
  ownVoteTerm: number;
  snapshotIndex: number;
}

/**
 * Batches that the host is writing, in order. When entries are taken back while older ones of the same index are still being
 * written, an acknowledgement of the older write must not count for the newer entries (the ABA race of asynchronous storage).
 * Since storage is a queue, it is enough to lower what the batches under way can acknowledge.
 */
export class PendingWrites {
  #writes: PendingWrite[] = [];
  readonly #result: PersistedWrites = { lastIndex: 0, ownVoteTerm: 0, snapshotIndex: 0 };

  get isEmpty(): boolean {
    return this.#writes.length === 0;
  }

  add(number: number, lastIndex: number, ownVoteTerm: number, snapshotIndex: number): void {
    this.#writes.push({ number, lastIndex, ownVoteTerm, snapshotIndex });
  }

  /** The log took back its entries at and after `index`; 0: it was replaced by a snapshot. */
  truncate(index: number): void {
    for (const write of this.#writes) write.lastIndex = Math.min(write.lastIndex, Math.max(0, index - 1));
  }

  /** Everything up to batch `number` is durable. @returns what that adds; overwritten by the next call */
  persisted(number: number): PersistedWrites {
    const result = this.#result;
    result.lastIndex = 0;
    result.ownVoteTerm = 0;
    result.snapshotIndex = 0;
    let done = 0;
    for (; done < this.#writes.length && this.#writes[done]!.number <= number; done++) {
      const write = this.#writes[done]!;
      result.lastIndex = Math.max(result.lastIndex, write.lastIndex);
      result.ownVoteTerm = Math.max(result.ownVoteTerm, write.ownVoteTerm);
      assert(write.snapshotIndex === 0 || write.snapshotIndex > result.snapshotIndex, 'snapshots come in order');
      result.snapshotIndex = Math.max(result.snapshotIndex, write.snapshotIndex);
    }
    if (done > 0) this.#writes.splice(0, done);
    return result;
  }
}
