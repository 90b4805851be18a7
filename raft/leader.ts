import { assert } from '../core/assert.ts';
import { type Configuration, isJoint, isVoter, leaveJoint, membersOf } from './configuration.ts';
import { encodeConfiguration } from './configuration-codec.ts';
import { Entry, EntryKind, entrySize, NO_BYTES } from './entry.ts';
import { includesMember, isSameMember, NOBODY } from './member.ts';
import { type AppendReply, MessageKind } from './message.ts';
import { matchOf, Progress, ProgressState } from './progress.ts';
import { quorumValue } from './quorum.ts';
import { giveIndexToEarlyReads, restartReads } from './reads.ts';
import { broadcastAppend, maybeSendAppend, sendAllThatFits } from './replication.ts';
import { Role } from './role.ts';
import type { RaftState } from './state.ts';

/** What a leader does with its own log: append, count, commit, change the configuration. */

/** Won: appends an empty entry of the new term, with which everything before it commits (Raft §5.4.2). */
export function becomeLeader(state: RaftState): void {
  assert(state.role === Role.Candidate && state.isOwnVoteDurable, 'a leader won an election that its disk remembers');
  state.resetRole(state.term);
  state.role = Role.Leader;
  state.setLeader(state.self);
  state.termStart = state.log.lastIndex + 1;
  trackMembers(state, state.log.lastIndex + 1);
  const own = state.progressOf(state.self);
  if (own !== undefined) {
    own.match = state.log.durable;
    own.state = ProgressState.Replicate;
  }
  appendAsLeader(state, EntryKind.NoOp, NO_BYTES, 0, 0);
  broadcastAppend(state);
}

/** Appends to the own log, without sending. A configuration is in force from here on. @returns the index */
export function appendAsLeader(
  state: RaftState,
  kind: EntryKind,
  bytes: Uint8Array,
  start: number,
  end: number,
): number {
  const { log } = state;
  const entry = new Entry(state.term, log.lastIndex + 1, kind, bytes, start, end);
  log.append(entry);
  if (kind === EntryKind.Command) state.uncommittedBytes += entrySize(entry);
  return entry.index;
}

/** Appends `configuration`, which decides from now on, also about its own entry. @returns the index of the entry */
export function appendConfiguration(state: RaftState, configuration: Configuration): number {
  const bytes = encodeConfiguration(configuration);
  const index = appendAsLeader(state, EntryKind.Configuration, bytes, 0, bytes.length);
  state.history.append(index, configuration);
  state.configuration = configuration;
  // New members are probed just before the entry that made them one.
  trackMembers(state, index);
  restartReads(state);
  if (!isVoter(configuration, state.transferTarget)) state.transferTarget = NOBODY;
  broadcastAppend(state);
  // A smaller quorum may have what the larger one had not.
  maybeCommit(state);
  return index;
}

/** Makes `peers` those of the configuration: who stays keeps its progress, who is new starts at `next`. */
function trackMembers(state: RaftState, next: number): void {
  const { configuration, options } = state;
  state.peers = membersOf(configuration).map((member) => {
    // The own member always as the same object, so that "not myself" is one comparison.
    const who = isSameMember(member, state.self) ? state.self : member;
    const progress =
      state.progressOf(member) ?? new Progress(who, next, options.maxInFlightMessages, options.maxInFlightBytes);
    progress.isIncoming = includesMember(configuration.voters, member);
    progress.isOutgoing = includesMember(configuration.outgoing, member);
    return progress;
  });
}

/** The own disk has everything up to `log.durable`: only now the leader counts itself (bug B-04). */
export function ownWritesPersisted(state: RaftState): void {
  const own = state.progressOf(state.self);
  if (own === undefined) return; // Not of the configuration any more: it replicates without counting itself.
  if (own.accept(state.log.durable) && maybeCommit(state)) broadcastAppend(state);
}

/**
 * Raises the commit index to what a quorum has, if that entry is of the own term (Raft §5.4.2, bug B-03).
 * @returns true if it rose
 */
export function maybeCommit(state: RaftState): boolean {
  const { log } = state;
  const reached = quorumValue(state.peers, matchOf);
  if (reached <= log.commit || log.termAt(reached) !== state.term) return false;
  const hadCommittedInTerm = state.hasCommittedInTerm;
  for (let index = Math.max(log.commit + 1, state.termStart); index <= reached; index++) {
    const entry = log.entryAt(index)!;
    if (entry.kind === EntryKind.Command) state.uncommittedBytes -= entrySize(entry);
  }
  assert(state.uncommittedBytes >= 0, 'what commits was counted when it was appended');
  log.commitTo(reached);
  if (!hadCommittedInTerm) giveIndexToEarlyReads(state);
  maybeLeaveJoint(state);
  return true;
}

/**
 * Leaves a joint configuration once it is committed, also one that an earlier leader entered. Nothing needs to be remembered:
 * after the append the configuration is no longer joint (bug B-28).
 */
export function maybeLeaveJoint(state: RaftState): void {
  const { configuration } = state;
  if (!state.isLeader || !isJoint(configuration) || !configuration.autoLeave) return;
  if (state.history.latestIndex > state.log.commit || !state.hasCommittedInTerm) return;
  if (state.transferTarget !== NOBODY) return; // The next leader does it, or this one when the transfer has failed.
  const left = leaveJoint(configuration);
  assert(typeof left !== 'string', 'a joint configuration can be left');
  appendConfiguration(state, left);
}

/** A leader that the committed configuration does not count hands over to whom it can and steps down. */
export function maybeStepDownRemoved(state: RaftState): void {
  if (!state.isLeader || isVoter(state.configuration, state.self)) return;
  if (state.history.latestIndex > state.log.commit) return;
  let heir: Progress | undefined;
  for (const progress of state.peers) {
    if (!progress.isVoter || !state.isAlive(progress.member)) continue;
    if (heir === undefined || progress.match > heir.match) heir = progress;
  }
  // One that is behind would lose, and only disturb whom the others choose.
  if (heir !== undefined && heir.match === state.log.lastIndex) {
    maybeSendAppend(state, heir, true); // So that it knows the configuration to be committed.
    state.send({ kind: MessageKind.TimeoutNow, from: state.self, to: heir.member, term: state.term });
  }
  state.becomeFollower(state.term, NOBODY);
}

export function onAppendReply(state: RaftState, reply: AppendReply): void {
  const progress = state.progressOf(reply.from);
  if (progress === undefined) return;
  progress.wasHeard = true;
  progress.ackedCommit = Math.max(progress.ackedCommit, reply.commit);
  if (reply.isRefused) onRefusal(state, progress, reply);
  else onAcceptance(state, progress, reply);
}

function onRefusal(state: RaftState, progress: Progress, reply: AppendReply): void {
  const { log } = state;
  // Term 0: the follower knows no term there, and its hint is all there is.
  const hint = reply.hintTerm > 0 ? log.possibleMatch(reply.hintIndex, reply.hintTerm).index : reply.hintIndex;
  if (!progress.refuse(reply.index, hint)) return;
  if (progress.state === ProgressState.Replicate) progress.becomeProbe();
  maybeSendAppend(state, progress, true);
}

function onAcceptance(state: RaftState, progress: Progress, reply: AppendReply): void {
  const { log } = state;
  // More than was ever sent: an answer that no member of this group gives.
  if (reply.index > log.lastIndex) return;
  const isNews = progress.accept(reply.index);
  // Equal in probe state: the peer had everything and was only out of reach (bug B-21).
  if (!isNews && !(progress.match === reply.index && progress.state === ProgressState.Probe)) return;
  if (progress.state === ProgressState.Probe) progress.becomeReplicate();
  else if (progress.state === ProgressState.Replicate) progress.inFlight.freeTo(reply.index);
  else if (progress.match + 1 >= log.firstIndex) {
    progress.becomeProbe();
    progress.becomeReplicate();
  }
  if (maybeCommit(state)) broadcastAppend(state);
  else if (progress.canRaiseCommit(log.commit)) maybeSendAppend(state, progress, true);
  sendAllThatFits(state, progress);
  if (isSameMember(progress.member, state.transferTarget) && progress.match === log.lastIndex) {
    state.send({ kind: MessageKind.TimeoutNow, from: state.self, to: progress.member, term: state.term });
  }
}
