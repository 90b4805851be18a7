import { campaign, findLeader, hasStableLeader, mayStand } from './election.ts';
import { maybeLeaveJoint } from './leader.ts';
import { isSameMember, NOBODY } from './member.ts';
import { MessageKind } from './message.ts';
import { type Progress, ProgressState } from './progress.ts';
import { Answer, VoteResult, voteResult } from './quorum.ts';
import { askVoters } from './reads.ts';
import { maybeSendAppend, probeAnew } from './replication.ts';
import { Role } from './role.ts';
import type { RaftState } from './state.ts';

/** What time and the failure detector bring about. Groups send no heartbeats: a quiet group is not even ticked. */

/** Forwarded reads that got no answer for so many election timeouts are lost. */
const READ_TIMEOUTS = 2;

export function tick(state: RaftState): void {
  state.tick++;
  if (state.isLeader) {
    tickLeader(state);
    return;
  }
  state.reads.failForwardedBefore(state.tick - READ_TIMEOUTS * state.options.electionTicks);
  if (state.role === Role.Follower && hasStableLeader(state)) {
    state.electionElapsed = 0;
    return;
  }
  state.electionElapsed++;
  if (state.electionElapsed >= state.electionTimeout && mayStand(state)) {
    campaign(state, state.options.preVote, false);
  } else if (state.role === Role.Follower && state.leader === NOBODY) {
    findLeader(state);
  }
}

function tickLeader(state: RaftState): void {
  const { electionTicks, checkQuorum } = state.options;
  state.quorumLostTicks = hasLiveQuorum(state) ? 0 : state.quorumLostTicks + 1;
  if (checkQuorum && state.quorumLostTicks >= electionTicks) {
    state.becomeFollower(state.term, NOBODY);
    return;
  }
  tickTransfer(state);
  maybeLeaveJoint(state);
  for (const progress of state.peers) {
    if (progress.member !== state.self) tickPeer(state, progress);
  }
  if (state.reads.hasOpenRound) askVoters(state);
}

/** Whoever lags and was silent since the last tick gets another append: what was sent before may be lost. */
function tickPeer(state: RaftState, progress: Progress): void {
  const wasHeard = progress.wasHeard;
  progress.wasHeard = false;
  if (isCaughtUp(state, progress) || !state.isAlive(progress.member)) return;
  if (progress.state === ProgressState.Replicate && wasHeard) maybeSendAppend(state, progress, true);
  else probeAnew(state, progress);
}

/** The request, or the vote request that it caused, may be lost: it goes out again; and not for ever. */
function tickTransfer(state: RaftState): void {
  const target = state.transferTarget;
  if (target === NOBODY) return;
  state.transferElapsed++;
  if (state.transferElapsed >= state.options.electionTicks) {
    state.transferTarget = NOBODY;
  } else if (state.progressOf(target)?.match === state.log.lastIndex) {
    state.send({ kind: MessageKind.TimeoutNow, from: state.self, to: target, term: state.term });
  }
}

function isCaughtUp(state: RaftState, progress: Progress): boolean {
  return (
    progress.state === ProgressState.Replicate &&
    progress.match === state.log.lastIndex &&
    progress.ackedCommit >= state.log.commit
  );
}

/** Of each half when joint; learners do not count (bug B-49). */
export function hasLiveQuorum(state: RaftState): boolean {
  const answer = ({ member }: Progress): Answer =>
    member === state.self || state.isAlive(member) ? Answer.Yes : Answer.No;
  return voteResult(state.peers, answer) === VoteResult.Won;
}

/** The failure detector changed its mind about somebody of this group. */
export function livenessChanged(state: RaftState): void {
  if (state.isLeader) {
    if (hasLiveQuorum(state)) state.quorumLostTicks = 0;
    for (const progress of state.peers) {
      if (progress.member !== state.self) peerLivenessChanged(state, progress);
    }
    return;
  }
  const { staggerTicks } = state.options;
  if (state.role !== Role.Follower || state.leader === NOBODY || hasStableLeader(state)) return;
  // Soon, and not all groups and members at once. Only once: more events must not put it off.
  if (state.electionTimeout <= staggerTicks) return;
  state.electionElapsed = 0;
  state.electionTimeout = 1 + Math.floor(state.random.next() * staggerTicks);
}

function peerLivenessChanged(state: RaftState, progress: Progress): void {
  if (state.isAlive(progress.member)) {
    if (!isCaughtUp(state, progress)) probeAnew(state, progress);
  } else if (progress.state === ProgressState.Snapshot) {
    progress.pendingSnapshot = 0; // The transfer died with it.
    progress.becomeProbe();
  }
}

/**
 * Nothing is to be done, sent or waited for: the host need not tick this group until something reaches it. As leader only
 * members that are alive are looked at; the host wakes the group when a dead one comes back.
 */
export function isQuiet(state: RaftState): boolean {
  const { log, reads, configuration } = state;
  const isIdle = log.applied === log.commit && state.installing === 0 && reads.pendingCount === 0;
  if (!isIdle) return false;
  if (!state.isLeader) return state.role === Role.Follower && hasStableLeader(state);
  if (log.commit !== log.lastIndex || configuration.outgoing.length > 0) return false;
  if (state.transferTarget !== NOBODY || !hasLiveQuorum(state)) return false;
  const isDone = (progress: Progress): boolean =>
    isSameMember(progress.member, state.self) || !state.isAlive(progress.member) || isCaughtUp(state, progress);
  return state.peers.every(isDone);
}
