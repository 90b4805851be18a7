import { assert } from '../core/assert.ts';
import type { Configuration, ConfigurationChange } from './configuration.ts';
import { type ChangeRefusal, leaveJoint, nextConfiguration, Transition, votersOf } from './configuration.ts';
import { campaign, ownVotePersisted } from './election.ts';
import { EntryKind } from './entry.ts';
import { type InitialState, isFoundingState } from './initial-state.ts';
import { appendAsLeader, appendConfiguration, maybeStepDownRemoved, ownWritesPersisted } from './leader.ts';
import { includesMember, isSameMember, type Member, NOBODY } from './member.ts';
import { type Message, MessageKind } from './message.ts';
import type { RaftOptions } from './options.ts';
import { ProgressState } from './progress.ts';
import { startReadRound, takeRead } from './reads.ts';
import { NO_MESSAGES, Ready } from './ready.ts';
import { FORWARDED, Refusal } from './refusal.ts';
import { broadcastAppend, flushAppends, maybeSendAppend } from './replication.ts';
import { Role } from './role.ts';
import { RaftState } from './state.ts';
import { step } from './step.ts';
import { isQuiet, livenessChanged, tick } from './tick.ts';

/**
 * One member of one Raft group: a state machine without clock, disk, network or randomness of its own. Inputs are method
 * calls; everything that is to be done outside comes out of `takeReady` (see `Ready` for the host's duties and their order).
 * The same inputs give the same outputs.
 *
 *   const raft = new Raft(options, initial); raft.start(isFirstCandidate);
 *   on every input: step(message) | tick() | propose(...) | persisted(n) | applied(i) | livenessChanged() | ...
 *   then: while (raft.hasReady()) carryOut(raft.takeReady());
 *
 * Expected refusals are return values. An `AssertionError` means that this member's state or the group's is broken: the host
 * stops this group on this node and leaves the others running. A `ProtocolError` from `step` means a message that no correct
 * member sends; nothing of it was taken in.
 */
export class Raft {
  /** For the harnesses that check invariants; a host does not touch it. */
  readonly state: RaftState;
  readonly #ready: Ready = new Ready();

  /** @throws InvalidRaftStateError, ProtocolError when `initial` is damaged */
  constructor(options: RaftOptions, initial: InitialState) {
    this.state = new RaftState(options, initial);
    const ready = this.#ready;
    ready.term = this.state.term;
    ready.vote = this.state.vote;
    ready.commit = this.state.log.commit;
  }

  get self(): Member {
    return this.state.self;
  }
  get role(): Role {
    return this.state.role;
  }
  get term(): number {
    return this.state.term;
  }
  /** `NOBODY` while unknown. */
  get leader(): Member {
    return this.state.leader;
  }
  get commit(): number {
    return this.state.log.commit;
  }
  get applied(): number {
    return this.state.log.applied;
  }
  get lastIndex(): number {
    return this.state.log.lastIndex;
  }
  /** The newest, in force since it was appended; perhaps not yet committed. */
  get configuration(): Configuration {
    return this.state.configuration;
  }
  /** The own proposals up to here are decided one way or the other once `commit` has passed them; see `termAt`. */
  get termStart(): number {
    return this.state.termStart;
  }

  /** The term at `index`, or -1: whoever waits for (term, index) learns whether its entry is the one that was committed. */
  termAt(index: number): number {
    return this.state.log.termAt(index);
  }

  /**
   * Once, first of all. A group with this member as only voter gets its leader at once; a new group does when its first
   * candidate stands without asking.
   * @param isFirstCandidate see `firstCandidate`
   */
  start(isFirstCandidate: boolean): void {
    const { configuration, self, term, vote, log } = this.state;
    const voters = votersOf(configuration);
    const isAlone = voters.length === 1 && isSameMember(voters[0]!, self);
    if (isAlone || (isFirstCandidate && isFoundingState(term, vote, log))) campaign(this.state, false, false);
  }

  /** Time passes. Groups for which `isQuiet` holds need no ticks. */
  tick(): void {
    tick(this.state);
    this.#settle();
  }

  /** Nothing is to be done or waited for; any input may end that. */
  isQuiet(): boolean {
    return isQuiet(this.state) && !this.hasReady();
  }

  /**
   * A message of another member. Those for another incarnation of this host, or from an earlier one of the sender's, are dropped.
   * @throws ProtocolError for a message that no member sends
   */
  step(message: Message): void {
    if (message.kind === MessageKind.Propose) this.#onPropose(message.to, message.bytes, message.start, message.end);
    else step(this.state, message);
    this.#settle();
  }

  /** Stands for election now, by way of a pre-vote if that is on. */
  campaign(): void {
    campaign(this.state, this.state.options.preVote, false);
  }

  /**
   * Appends a command to the log, if this member leads.
   * @param bytes owned by the log from here on: bytes[start, end) must not change
   * @returns the index of the entry, whose term is `term`; `FORWARDED`; or a `Refusal`. An entry is decided when `commit`
   * passes its index: it is committed if it still has its term there, else it is certainly not in the log.
   */
  propose(bytes: Uint8Array, start = 0, end: number = bytes.length): number {
    const { state } = this;
    if (!state.isLeader) return this.#forward(bytes, start, end);
    if (state.transferTarget !== NOBODY || state.progressOf(state.self) === undefined)
      return Refusal.TransferInProgress;
    const size = end - start;
    const { maxUncommittedBytes, maxLogBytes } = state.options;
    // One is always let in when nothing waits, and empty ones always, or a limit could block for ever.
    const isTooMuch = state.uncommittedBytes > 0 && size > 0 && state.uncommittedBytes + size > maxUncommittedBytes;
    if (isTooMuch) return Refusal.TooMuchUncommitted;
    if (state.log.sizeBytes > maxLogBytes) return Refusal.LogFull;
    const index = appendAsLeader(state, EntryKind.Command, bytes, start, end);
    broadcastAppend(state);
    return index;
  }

  /**
   * Asks for a linearizable read. The answer is in `Ready.reads` or `Ready.failedReads`; it may never come if messages are
   * lost, so the host keeps its deadline.
   * @returns the id of the read, above 0 and never used again in this life; or a `Refusal`
   */
  readIndex(): number {
    const { state } = this;
    if (state.reads.pendingCount >= state.options.maxPendingReads) return Refusal.TooManyReads;
    if (!state.isLeader && state.leader === NOBODY) return Refusal.NotLeader;
    const id = state.reads.nextId();
    const { boot } = state.options;
    if (state.isLeader) {
      takeRead(state, state.self, boot, id);
    } else {
      state.reads.forward(id, state.tick);
      const { self: from, leader: to, term } = state;
      state.send({ kind: MessageKind.ReadRequest, from, to, term, boot, id });
    }
    return id;
  }

  /**
   * Proposes another configuration, which is in force once appended; a joint one is left by itself unless `JointExplicit`.
   * @returns the index of the entry, a `Refusal`, or why the changes make no configuration
   */
  changeConfiguration(
    changes: readonly ConfigurationChange[],
    transition: Transition = Transition.Auto,
  ): number | ChangeRefusal {
    const refusal = this.#configurationRefusal();
    if (refusal !== undefined) return refusal;
    return this.#appendIfLegal(nextConfiguration(this.state.configuration, changes, transition));
  }

  /** Leaves a joint configuration entered with `JointExplicit`. */
  leaveJointConfiguration(): number | ChangeRefusal {
    const refusal = this.#configurationRefusal();
    if (refusal !== undefined) return refusal;
    return this.#appendIfLegal(leaveJoint(this.state.configuration));
  }

  /**
   * Hands leadership to a voter: brings it up to date, tells it to stand, and takes no proposals meanwhile. Given up after one
   * election timeout. Another call with another target replaces the first.
   * @returns 0, or a `Refusal`
   */
  transferLeadership(target: Member): number {
    const { state } = this;
    if (!state.isLeader) return Refusal.NotLeader;
    const progress = state.progressOf(target);
    if (progress === undefined || !includesMember(state.configuration.voters, target)) return Refusal.NoSuchTarget;
    if (progress.member === state.self) return Refusal.NoSuchTarget;
    if (isSameMember(target, state.transferTarget)) return 0;
    state.transferTarget = progress.member;
    state.transferElapsed = 0;
    if (progress.match === state.log.lastIndex) {
      state.send({ kind: MessageKind.TimeoutNow, from: state.self, to: progress.member, term: state.term });
    } else {
      maybeSendAppend(state, progress, true);
    }
    return 0;
  }

  /** The failure detector changed its answer about a member of this group. */
  livenessChanged(): void {
    livenessChanged(this.state);
    this.#settle();
  }

  /** The known leader does not lead any more although its shard is alive (its digest lacks the group). */
  forgetLeader(): void {
    if (this.state.role === Role.Follower) this.state.setLeader(NOBODY);
  }

  /** Messages to `member` were lost: as leader, goes back to probing it. */
  unreachable(member: Member): void {
    const progress = this.state.progressOf(member);
    if (progress?.state === ProgressState.Replicate) progress.becomeProbe();
  }

  /** The transfer of a snapshot that `Ready.messages` asked for ended. Must be told in every case. */
  snapshotEnded(member: Member, isInstalled: boolean): void {
    const progress = this.state.progressOf(member);
    if (progress?.state !== ProgressState.Snapshot) return;
    if (!isInstalled) progress.pendingSnapshot = 0; // First, or the failed index would be taken for reached.
    progress.becomeProbe();
    progress.isPaused = true; // Until it says something, or the next tick.
  }

  /**
   * Forgets log entries up to and including `index`: the host has a durable snapshot of at least that. Entries that follow a
   * snapshot under way to a member stay.
   * @returns the index up to which the log is now cut
   */
  compact(index: number): number {
    const { state } = this;
    let upTo = Math.min(index, state.log.applied);
    for (const progress of state.peers) {
      if (progress.state === ProgressState.Snapshot) upTo = Math.min(upTo, progress.pendingSnapshot);
    }
    state.log.compact(upTo);
    state.history.compact(upTo);
    return state.log.snapshotIndex;
  }

  /** The highest index to `compact` to when a tail of so many entries and bytes stays for members that lag. */
  tailStart(entries: number, bytes: number): number {
    return this.state.log.tailStart(entries, bytes);
  }

  /** Batch `number` and all before it are durable. */
  persisted(number: number): void {
    const { state } = this;
    const { lastIndex, ownVoteTerm, snapshotIndex } = state.writes.persisted(number);
    if (snapshotIndex > 0) {
      state.log.appliedTo(snapshotIndex); // Installed: data and descriptor are one durable act.
      if (snapshotIndex === state.installing) state.installing = 0;
    }
    if (lastIndex > 0) state.log.durableTo(lastIndex);
    if (ownVoteTerm > 0) ownVotePersisted(state, ownVoteTerm);
    else if (lastIndex > 0 && state.isLeader) ownWritesPersisted(state);
    this.#settle();
  }

  /** The state machine has everything up to `index`. */
  appliedTo(index: number): void {
    this.state.log.appliedTo(index);
  }

  hasReady(): boolean {
    const { state } = this;
    const ready = this.#ready;
    return (
      state.messages.length > 0 ||
      state.messagesAfterPersist.length > 0 ||
      state.log.hasUnwritten ||
      state.term !== ready.term ||
      state.vote !== ready.vote ||
      state.log.commit !== ready.commit ||
      state.role !== ready.role ||
      state.leader !== ready.leader ||
      state.unhandedSnapshot !== undefined ||
      state.isBroadcastDue ||
      state.reads.needsRound ||
      state.reads.hasOutput ||
      state.log.hasToApply(this.#applyLimit(), state.options.maxApplyingBytes)
    );
  }

  /** The next batch of things to do. The object is reused by the next call; its arrays belong to the caller. */
  takeReady(): Ready {
    const { state } = this;
    const { log } = state;
    const ready = this.#ready;
    if (state.isBroadcastDue) flushAppends(state);
    if (state.reads.needsRound) startReadRound(state);
    ready.number++;
    ready.roleChanged = ready.role !== state.role || ready.leader !== state.leader;
    ready.role = state.role;
    ready.leader = state.leader;
    const isVoteNew = ready.term !== state.term || ready.vote !== state.vote;
    ready.hardStateChanged = isVoteNew || ready.commit !== log.commit;
    ready.term = state.term;
    ready.vote = state.vote;
    ready.commit = log.commit;
    ready.snapshot = state.unhandedSnapshot;
    state.unhandedSnapshot = undefined;
    ready.truncateFrom = log.takeTruncation();
    ready.entries = log.takeUnwritten();
    ready.mustSync = isVoteNew || ready.entries.length > 0 || ready.snapshot !== undefined;
    ready.hasWrites = ready.hardStateChanged || ready.mustSync;
    ready.committed = log.takeToApply(this.#applyLimit(), state.options.maxApplyingBytes);
    this.#takeOutput(ready);
    if (ready.hasWrites) {
      const ownVoteTerm = state.role === Role.Candidate && isVoteNew ? state.term : 0;
      state.writes.add(ready.number, log.lastIndex, ownVoteTerm, ready.snapshot?.index ?? 0);
    }
    return ready;
  }

  #takeOutput(ready: Ready): void {
    const { state } = this;
    ready.messages = NO_MESSAGES;
    ready.messagesAfterPersist = NO_MESSAGES;
    if (state.messages.length > 0) {
      ready.messages = state.messages;
      state.messages = [];
    }
    if (state.messagesAfterPersist.length > 0) {
      ready.messagesAfterPersist = state.messagesAfterPersist;
      state.messagesAfterPersist = [];
    }
    ready.reads = state.reads.takeResults();
    ready.failedReads = state.reads.takeFailed();
  }

  /** Apply <= min(commit, durable). Not over a snapshot that is being installed. */
  #applyLimit(): number {
    const { log, installing, options } = this.state;
    if (installing !== 0) return 0;
    return options.appliesInOrder ? log.lastIndex : log.durable;
  }

  #forward(bytes: Uint8Array, start: number, end: number): number {
    const { self: from, leader: to, term, options } = this.state;
    if (!options.forwardsProposals || to === NOBODY) return Refusal.NotLeader;
    this.state.send({ kind: MessageKind.Propose, from, to, term, bytes, start, end });
    return FORWARDED;
  }

  /** Of any term: whether it may be appended is decided here and now. Not passed on a second time: no loops. */
  #onPropose(to: Member, bytes: Uint8Array, start: number, end: number): void {
    if (this.state.isLeader && isSameMember(to, this.state.self)) this.propose(bytes, start, end);
  }

  /** One change at a time, and none before the leader knows that earlier leaders left none behind (Ongaro, raft-dev 2015). */
  #configurationRefusal(): Refusal | undefined {
    const { state } = this;
    if (!state.isLeader) return Refusal.NotLeader;
    if (state.transferTarget !== NOBODY) return Refusal.TransferInProgress;
    const isPending = state.history.latestIndex > state.log.commit || !state.hasCommittedInTerm;
    return isPending ? Refusal.ConfigurationPending : undefined;
  }

  #appendIfLegal(next: Configuration | ChangeRefusal): number | ChangeRefusal {
    if (typeof next === 'string') return next;
    const index = appendConfiguration(this.state, next);
    assert(index > 0, 'an appended configuration has an index');
    this.#settle();
    return index;
  }

  #settle(): void {
    maybeStepDownRemoved(this.state);
  }
}
