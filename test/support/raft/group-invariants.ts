import { votersOf } from '../../../raft/configuration.ts';
import { encodeConfiguration } from '../../../raft/configuration-codec.ts';
import { type Entry, EntryKind } from '../../../raft/entry.ts';
import { includesMember, isSameMember, type Member } from '../../../raft/member.ts';
import { type Message, MessageKind } from '../../../raft/message.ts';
import { ProgressState } from '../../../raft/progress.ts';
import { Answer, VoteResult, voteResult } from '../../../raft/quorum.ts';
import type { Raft } from '../../../raft/raft.ts';
import type { Ready } from '../../../raft/ready.ts';
import { Role } from '../../../raft/role.ts';
import type { SnapshotDescriptor } from '../../../raft/snapshot.ts';
import type { StableStorage } from './stable-storage.ts';

export interface CheckedMember {
  readonly member: Member;
  /** Undefined while it is down. */
  readonly raft: Raft | undefined;
  readonly storage: StableStorage;
}

interface Watched {
  term: number;
  commit: number;
  applied: number;
}

const nameOf = ({ host, incarnation }: Member): string => `${host.slice(-3)}#${incarnation}`;

/** An invariant of Raft does not hold. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/**
 * What must hold in a group whatever happens (Raft figure 3; raft.md's list), over all members and the whole history. `check`
 * after every step, `observe` with every batch before it is carried out.
 */
export class GroupInvariants {
  readonly #leaders = new Map<number, string>();
  /** Per member and term: votes that were ever durable. */
  readonly #votes = new Map<string, Member>();
  readonly #watched = new Map<Raft, Watched>();
  readonly #observedCommit = new Map<Raft, number>();
  /** Every entry ever written anywhere, by index and term, with the term before it: log matching by induction. */
  readonly #written = new Map<string, { readonly entry: Entry; readonly prevTerm: number }>();
  /** Entries that some member called committed, by index. */
  readonly #committed = new Map<number, { readonly term: number; readonly entry: Entry | undefined }>();
  /** Where each member's state machine stands; survives restarts when told by `restarted`. */
  readonly #appliedTo = new Map<string, number>();
  #members: readonly CheckedMember[] = [];
  maxCommit = 0;

  /** The member starts anew: its state machine has everything up to `applied`. */
  restarted(member: Member, applied: number): void {
    this.#appliedTo.set(nameOf(member), applied);
  }

  check(members: readonly CheckedMember[]): void {
    this.#members = members;
    for (const { member, raft, storage } of members) {
      this.#checkVote(member, storage);
      if (raft === undefined) continue;
      this.#checkMember(raft);
      this.#observeCommit(raft);
      this.maxCommit = Math.max(this.maxCommit, raft.commit);
    }
    for (const { raft } of members) if (raft?.role === Role.Leader) this.#checkLeader(raft);
  }

  /** A message leaves: what it promises lies on the sender's disk. */
  sending(message: Message, storage: StableStorage): void {
    const what = `${nameOf(message.from)} in term ${message.term}`;
    if (message.kind === MessageKind.VoteReply && message.isGranted) {
      const isKept =
        storage.term > message.term || (storage.term === message.term && isSameMember(storage.vote, message.to));
      if (!isKept) this.#fail(`${what}: a vote that the disk does not remember`);
    }
    if (message.kind === MessageKind.AppendReply) {
      if (storage.term < message.term) this.#fail(`${what}: a reply in a term that the disk does not know`);
      const isStale = storage.term > message.term; // What it promised may have been overwritten by a later leader.
      if (!message.isRefused && !isStale && storage.lastIndex < message.index) {
        this.#fail(`${what}: accepts ${message.index}, its disk ends at ${storage.lastIndex}`);
      }
    }
    if (
      message.kind === MessageKind.Append &&
      (storage.term < message.term || !isSameMember(storage.vote, message.from))
    ) {
      if (storage.term <= message.term) this.#fail(`${what}: leads without a durable vote for itself`);
    }
  }

  /** Within a life votes may be lost with the power, before anybody heard of them; on disk there is one per term. */
  #checkVote(member: Member, { term, vote }: StableStorage): void {
    if (vote.incarnation === 0) return;
    const key = `${nameOf(member)}@${term}`;
    const known = this.#votes.get(key);
    if (known !== undefined && !isSameMember(known, vote)) this.#fail(`${nameOf(member)}: two votes in term ${term}`);
    this.#votes.set(key, vote);
  }

  observe(raft: Raft, ready: Ready): void {
    const { log } = raft.state;
    const who = nameOf(raft.self);
    for (const entry of ready.entries) {
      const key = `${entry.index}/${entry.term}`;
      const prevTerm = log.termAt(entry.index - 1);
      const known = this.#written.get(key);
      if (known === undefined) this.#written.set(key, { entry, prevTerm });
      else if (known.entry !== entry && !isEqual(known.entry, entry)) this.#fail(`${who}: two entries at ${key}`);
      else if (known.prevTerm !== prevTerm) this.#fail(`${who}: two histories before ${key}`);
    }
    let applied = this.#appliedTo.get(who) ?? log.applied;
    if (ready.snapshot !== undefined) {
      applied = Math.max(applied, ready.snapshot.index);
      this.#checkSnapshot(who, ready.snapshot);
      if (ready.committed.length > 0) this.#fail(`${who}: applies over a snapshot that is being installed`);
    }
    for (const { index, term } of ready.committed) {
      if (index !== applied + 1) this.#fail(`${who}: applies ${index} after ${applied}`);
      if (this.#committed.get(index)?.term !== term)
        this.#fail(`${who}: applies ${index} of term ${term}, not committed`);
      if (!raft.state.options.appliesInOrder && index > log.durable)
        this.#fail(`${who}: applies ${index}, not durable`);
      applied = index;
    }
    this.#appliedTo.set(who, applied);
    if (log.applyingBytes < 0) this.#fail(`${who}: applying ${log.applyingBytes} bytes`);
  }

  /** A snapshot carries the configuration of its index. */
  #checkSnapshot(who: string, { index, configuration }: SnapshotDescriptor): void {
    for (let at = index; at > 0; at--) {
      const entry = this.#committed.get(at)?.entry;
      if (entry === undefined || entry.kind !== EntryKind.Configuration) continue;
      const wanted = entry.bytes.subarray(entry.start, entry.end);
      if (!isSameBytes(wanted, encodeConfiguration(configuration)))
        this.#fail(`${who}: another configuration at ${index}`);
      return;
    }
  }

  /** At the step in which it happens: a moment later another configuration may be in force. */
  #observeCommit(raft: Raft): void {
    const { log } = raft.state;
    const { commit } = raft;
    const who = nameOf(raft.self);
    const before = this.#observedCommit.get(raft) ?? log.snapshotIndex;
    if (commit <= before) return;
    this.#observedCommit.set(raft, commit);
    for (let index = Math.max(log.firstIndex, before + 1); index <= commit; index++) {
      const term = log.termAt(index);
      const known = this.#committed.get(index);
      if (known === undefined) {
        this.#committed.set(index, { term, entry: log.entryAt(index) });
        this.#checkDurable(raft, index, term);
      } else if (known.term !== term) {
        this.#fail(`${who}: commits ${index} of term ${term}, another has term ${known.term} there`);
      }
    }
  }

  /** What the first member calls committed lies on the disks of a quorum. */
  #checkDurable(leader: Raft, index: number, term: number): void {
    const has = (member: Member): boolean =>
      this.#members.some(({ member: owner, storage }) => {
        if (!isSameMember(owner, member)) return false;
        return storage.snapshot.index >= index || storage.entryAt(index)?.term === term;
      });
    // In-order storage shows its write only after the batch: the own disk is about to have it.
    const isOwn = (member: Member): boolean => leader.state.options.appliesInOrder === true && member === leader.self;
    const { voters, outgoing } = leader.configuration;
    const counted = votersOf(leader.configuration).map((member) => ({
      member,
      isIncoming: includesMember(voters, member),
      isOutgoing: includesMember(outgoing, member),
    }));
    const result = voteResult(counted, ({ member }) => (has(member) || isOwn(member) ? Answer.Yes : Answer.No));
    if (result !== VoteResult.Won) this.#fail(`${nameOf(leader.self)}: ${index} is committed without a durable quorum`);
  }

  #checkMember(raft: Raft): void {
    const { log } = raft.state;
    const who = nameOf(raft.self);
    const watched = this.#watched.get(raft);
    const now: Watched = { term: raft.term, commit: raft.commit, applied: raft.applied };
    if (watched !== undefined) {
      if (now.term < watched.term) this.#fail(`${who}: term fell`);
      if (now.commit < watched.commit) this.#fail(`${who}: commit index fell`);
      if (now.applied < watched.applied) this.#fail(`${who}: applied index fell`);
    }
    this.#watched.set(raft, now);
    if (log.applied > log.commit || log.applying > log.commit) this.#fail(`${who}: applied above commit`);
    if (log.commit > log.lastIndex) this.#fail(`${who}: commit above the log's end`);
    if (log.durable > log.handed || log.handed > log.lastIndex) this.#fail(`${who}: durable above handed`);
  }

  #checkLeader(raft: Raft): void {
    const { state, term } = raft;
    const { log } = state;
    const who = nameOf(raft.self);
    const known = this.#leaders.get(term);
    if (known === undefined) {
      this.#leaders.set(term, who);
      for (const [index, committed] of this.#committed) {
        if (index > log.snapshotIndex && log.termAt(index) !== committed.term) {
          this.#fail(`${who} leads term ${term} without committed entry ${index}`);
        }
      }
    } else if (known !== who) this.#fail(`${known} and ${who} lead term ${term}`);
    if (state.uncommittedBytes < 0) this.#fail(`${who}: ${state.uncommittedBytes} uncommitted bytes`);
    if (log.commit === log.lastIndex && state.uncommittedBytes !== 0) this.#fail(`${who}: uncommitted bytes leak`);
    let open = 0;
    for (let index = Math.max(log.firstIndex, this.maxCommit + 1); index <= log.lastIndex; index++) {
      if (log.entryAt(index)!.kind === EntryKind.Configuration) open++;
    }
    if (open > 1) this.#fail(`${who}: ${open} uncommitted configurations`);
    for (const progress of state.peers) this.#checkProgress(raft, progress);
  }

  #checkProgress(raft: Raft, progress: Raft['state']['peers'][number]): void {
    const who = `${nameOf(raft.self)} about ${nameOf(progress.member)}`;
    if (progress.match >= progress.next && progress.member !== raft.self) this.#fail(`${who}: match is not below next`);
    if (
      progress.state === ProgressState.Replicate &&
      progress.match === raft.lastIndex &&
      progress.inFlight.count > 0
    ) {
      this.#fail(`${who}: in flight though all is acknowledged`);
    }
    if (progress.inFlight.count === 0 && progress.inFlight.bytes !== 0) this.#fail(`${who}: in-flight bytes leak`);
    const peer = this.#members.find(({ member }) => isSameMember(member, progress.member));
    if (peer === undefined || Math.max(peer.storage.term, peer.raft?.term ?? 0) > raft.term) return;
    const { storage } = peer;
    // In-order storage is written when the batch is taken, in the same step as its acknowledgement.
    if (progress.match > Math.max(storage.lastIndex, storage.snapshot.index)) {
      this.#fail(`${who}: match ${progress.match}, disk ${storage.lastIndex}`);
    }
  }

  #fail(why: string): never {
    throw new InvariantError(why);
  }
}

function isSameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, i) => byte === other[i]);
}

function isEqual(one: Entry, other: Entry): boolean {
  if (one.kind !== other.kind) return false;
  return isSameBytes(one.bytes.subarray(one.start, one.end), other.bytes.subarray(other.start, other.end));
}
