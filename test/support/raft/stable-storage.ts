import type { Entry } from '../../../raft/entry.ts';
import type { InitialState } from '../../../raft/initial-state.ts';
import type { Member } from '../../../raft/member.ts';
import type { Ready } from '../../../raft/ready.ts';
import type { SnapshotDescriptor } from '../../../raft/snapshot.ts';

/** What a batch gave to storage; a copy, since `Ready` is reused. */
export interface StorageWrite {
  readonly number: number;
  readonly term: number;
  readonly vote: Member;
  readonly commit: number;
  readonly snapshot: SnapshotDescriptor | undefined;
  readonly truncateFrom: number;
  readonly entries: readonly Entry[];
}

export function writeOf(ready: Ready): StorageWrite {
  const { number, term, vote, commit, snapshot, truncateFrom, entries } = ready;
  return { number, term, vote, commit, snapshot, truncateFrom, entries };
}

/** What one member's disk holds durably: a model of the commit log, without bytes. */
export class StableStorage {
  term: number;
  vote: Member;
  commit: number;
  snapshot: SnapshotDescriptor;
  entries: Entry[];

  constructor(initial: InitialState) {
    this.term = initial.term;
    this.vote = initial.vote;
    this.commit = initial.commit;
    this.snapshot = initial.snapshot;
    this.entries = [...initial.entries];
  }

  get lastIndex(): number {
    return this.snapshot.index + this.entries.length;
  }

  entryAt(index: number): Entry | undefined {
    return this.entries[index - this.snapshot.index - 1];
  }

  /** Carries out one write; the order of fields is that of `Ready`'s duties. @throws Error when it leaves a gap */
  apply(write: StorageWrite): void {
    this.term = write.term;
    this.vote = write.vote;
    this.commit = write.commit;
    if (write.snapshot !== undefined) {
      this.snapshot = write.snapshot;
      this.entries = [];
    }
    if (write.truncateFrom > 0) this.#truncate(write.truncateFrom);
    for (const entry of write.entries) {
      if (entry.index !== this.lastIndex + 1) throw new Error(`entry ${entry.index} written after ${this.lastIndex}`);
      this.entries.push(entry);
    }
  }

  /** A local snapshot: covers the entries up to its index. */
  compact(snapshot: SnapshotDescriptor): void {
    if (snapshot.index <= this.snapshot.index) return;
    this.entries = this.entries.slice(snapshot.index - this.snapshot.index);
    this.snapshot = snapshot;
  }

  /** What a restart finds. */
  load(applied: number): InitialState {
    const { term, vote, snapshot, entries } = this;
    const commit = Math.max(this.commit, snapshot.index, applied);
    return { term, vote, commit, snapshot, entries: [...entries], applied: Math.max(applied, snapshot.index) };
  }

  #truncate(index: number): void {
    this.entries.length = Math.max(0, index - this.snapshot.index - 1);
  }
}
