import { isSameMember, type Member } from './member.ts';
import { MessageKind, type ReadRequest, type ReadRoundReply } from './message.ts';
import { ackedRoundOf } from './progress.ts';
import { quorumValue } from './quorum.ts';
import type { RaftState } from './state.ts';

/**
 * Linearizable reads by ReadIndex (thesis §6.4): note the commit index, prove leadership by a round that began afterwards,
 * answer with the index. One round per batch serves all reads taken in before it.
 */

/** A read of this leader or of a follower. It has an index as soon as this leader has committed an entry of its term (bug B-33). */
export function takeRead(state: RaftState, from: Member, boot: number, id: number): void {
  state.reads.add(from, boot, id, state.hasCommittedInTerm ? state.log.commit : 0);
  confirmReads(state);
}

export function giveIndexToEarlyReads(state: RaftState): void {
  state.reads.setIndexOfEarly(state.log.commit);
  confirmReads(state);
}

/** The configuration changed under reads that wait: what the old quorum said does not count for the new one. */
export function restartReads(state: RaftState): void {
  state.reads.restart();
}

/** Starts the round that all reads without one share. Called once per batch. */
export function startReadRound(state: RaftState): void {
  if (!state.reads.needsRound) return;
  state.reads.startRound();
  const own = state.progressOf(state.self);
  if (own !== undefined) own.ackedRound = state.reads.round;
  confirmReads(state);
  if (state.reads.hasOpenRound) askVoters(state);
}

/** Asks the voters that have not confirmed the newest round; also again at each tick, since messages are lost. */
export function askVoters(state: RaftState): void {
  const { round } = state.reads;
  for (const { isVoter, member, match, ackedRound } of state.peers) {
    if (!isVoter || member === state.self || ackedRound >= round) continue;
    const commit = Math.min(match, state.log.commit);
    state.send({ kind: MessageKind.ReadRound, from: state.self, to: member, term: state.term, round, commit });
  }
}

export function onReadRoundReply(state: RaftState, reply: ReadRoundReply): void {
  const progress = state.progressOf(reply.from);
  if (progress === undefined || reply.round > state.reads.round) return;
  progress.wasHeard = true;
  if (reply.round <= progress.ackedRound) return;
  progress.ackedRound = reply.round;
  confirmReads(state);
}

export function onReadRequest(state: RaftState, request: ReadRequest): void {
  // Too many: the follower hears nothing, and asks again under a new id.
  if (state.isLeader && state.reads.pendingCount < state.options.maxPendingReads) {
    takeRead(state, request.from, request.boot, request.id);
  }
}

/** Answers the reads whose round a quorum of the current configuration has confirmed. */
function confirmReads(state: RaftState): void {
  const { voters, outgoing } = state.configuration;
  const isAlone = outgoing.length === 0 && voters.length === 1 && isSameMember(voters[0]!, state.self);
  const confirmed = isAlone ? Number.POSITIVE_INFINITY : quorumValue(state.peers, ackedRoundOf);
  if (confirmed === 0) return;
  for (const { from, boot, id, index } of state.reads.takeConfirmed(confirmed)) {
    if (isSameMember(from, state.self)) state.reads.result(id, index);
    else state.send({ kind: MessageKind.ReadReply, from: state.self, to: from, term: state.term, boot, id, index });
  }
}
