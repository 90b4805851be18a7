import { type Entry, NO_ENTRIES } from './entry.ts';
import { type Member, NOBODY } from './member.ts';
import type { Message } from './message.ts';
import type { Role } from './role.ts';
import type { SnapshotDescriptor } from './snapshot.ts';

/** Nothing of that kind. Shared and never changed. */
export const NO_MESSAGES: readonly Message[] = [];
export const NO_READS: readonly ReadResult[] = [];
export const NO_IDS: readonly number[] = [];

/** The read `id` is linearizable on a state machine that has applied `index` or more. */
export interface ReadResult {
  readonly id: number;
  readonly index: number;
}

/**
 * What the host has to do: one numbered batch. The object is reused by the next `takeReady`; its arrays and their contents
 * belong to the host from then on.
 *
 * Duties, in order. Storage is one queue: batches are written in the order of their numbers.
 *
 *   1. Write, as one atomic step and in this order: `hardState` if `hardStateChanged`, `snapshot`, `truncateFrom`, `entries`.
 *      If `mustSync`, it is done only when fdatasync has returned. A failed write ends the group on this member.
 *   2. At any time, also before 1: send `messages`. They rest on nothing that is not yet durable.
 *   3. When this batch and all earlier ones are durable: `raft.persisted(number)`, and send `messagesAfterPersist`, in order.
 *      Also for a batch that itself writes nothing: its replies rest on the earlier ones.
 *   4. Tell waiters: entries up to `hardState.commit` are committed if the log has them with their term; `failedReads` failed.
 *   5. Apply `committed`, strictly in order, each visible before the next; then `raft.applied(index)`. May take as long as it
 *      takes, beside later batches; with `appliesInOrder` only after 3.
 *   6. Answer each of `reads` once `index` is applied.
 */
export class Ready {
  /** From 1, without gaps. */
  number = 0;

  role: Role = 0;
  leader: Member = NOBODY;
  /** `role` or `leader` differs from the last batch. */
  roleChanged = false;

  /** Term, vote and commit index. The commit index is lazy: it may be written late or never. */
  term = 0;
  vote: Member = NOBODY;
  commit = 0;
  hardStateChanged = false;

  /** A received snapshot: replaces the state machine and voids the whole earlier log of the group, as one durable act. */
  snapshot: SnapshotDescriptor | undefined = undefined;
  /** Entries written earlier, at and after this index, are void; 0 for none. */
  truncateFrom = 0;
  entries: readonly Entry[] = NO_ENTRIES;
  /** Term, vote, entries or snapshot changed: see duty 1. A commit index alone needs no sync. */
  mustSync = false;
  /** There is something to write: `persisted(number)` is due. */
  hasWrites = false;

  messages: readonly Message[] = NO_MESSAGES;
  messagesAfterPersist: readonly Message[] = NO_MESSAGES;

  committed: readonly Entry[] = NO_ENTRIES;

  reads: readonly ReadResult[] = NO_READS;
  /** Ids of reads that will get no index: leadership or term changed. They may be asked again under a new id. */
  failedReads: readonly number[] = NO_IDS;
}
