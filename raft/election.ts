import { isVoter, votersOf } from './configuration.ts';
import { becomeLeader } from './leader.ts';
import { includesMember, isSameMember, NOBODY } from './member.ts';
import { type FindLeader, MessageKind, type VoteReply, type VoteRequest } from './message.ts';
import { Answer, VoteResult, voteResult } from './quorum.ts';
import { probeAnew } from './replication.ts';
import { Role } from './role.ts';
import { answerOf, type Ballot, type RaftState } from './state.ts';

/** Elections: when a member stands, whom it asks, whom it gives its vote (Raft §5.2, §5.4.1; thesis §9.6 for the pre-vote). */

/**
 * A leader that this member knows, whose shard is alive, and which the configuration counts: no election is needed. One that was
 * removed may be alive for long without leading anybody (bug B-16).
 */
export function hasStableLeader(state: RaftState): boolean {
  return state.leader !== NOBODY && isVoter(state.configuration, state.leader) && state.isAlive(state.leader);
}

/** A voter of a configuration that may be in force, with a state machine that is not just being replaced. */
export function mayStand(state: RaftState): boolean {
  return state.role !== Role.Leader && state.installing === 0 && state.history.mayVote(state.self, state.log.commit);
}

/** Stands for election, by way of a pre-vote if that is on and there is somebody to ask. */
export function campaign(state: RaftState, withPreVote: boolean, isTransfer: boolean): void {
  if (!mayStand(state)) return;
  const voters = votersOf(state.configuration);
  const isAlone = voters.length === 1 && isSameMember(voters[0]!, state.self);
  if (withPreVote && !isAlone) {
    state.resetRole(state.term);
    state.role = Role.PreCandidate;
    state.setLeader(NOBODY);
    makeBallots(state);
    // Asks for nothing that a crash could make it ask twice: the own answer needs no disk.
    recordAnswer(state, state.self, true);
  } else {
    state.resetRole(state.term + 1);
    state.role = Role.Candidate;
    state.vote = state.self;
    makeBallots(state);
  }
  state.isTransferElection = isTransfer;
  for (const { member } of state.ballots) if (member !== state.self) requestVote(state, member);
  decide(state);
}

function makeBallots(state: RaftState): void {
  const { configuration, self } = state;
  state.ballots = votersOf(configuration).map((member) => ({
    member: isSameMember(member, self) ? self : member,
    isIncoming: includesMember(configuration.voters, member),
    isOutgoing: includesMember(configuration.outgoing, member),
    answer: Answer.None,
  }));
}

function requestVote(state: RaftState, to: Ballot['member']): void {
  const isPreVote = state.role === Role.PreCandidate;
  state.send({
    kind: isPreVote ? MessageKind.PreVote : MessageKind.Vote,
    from: state.self,
    to,
    term: isPreVote ? state.term + 1 : state.term,
    lastIndex: state.log.lastIndex,
    lastTerm: state.log.lastTerm,
    isTransfer: state.isTransferElection,
  });
}

/** The first answer of a voter counts; the network may repeat it (bug B-09). */
function recordAnswer(state: RaftState, from: Ballot['member'], isGranted: boolean): void {
  for (const ballot of state.ballots) {
    if (!isSameMember(ballot.member, from)) continue;
    if (ballot.answer === Answer.None) ballot.answer = isGranted ? Answer.Yes : Answer.No;
    return;
  }
}

function decide(state: RaftState): void {
  const result = voteResult(state.ballots, answerOf);
  if (result === VoteResult.Lost) {
    state.becomeFollower(state.term, NOBODY);
  } else if (result === VoteResult.Won) {
    if (state.role === Role.PreCandidate) campaign(state, false, false);
    else if (state.isOwnVoteDurable) becomeLeader(state);
  }
}

/** The disk holds this member's vote for itself in `term`: now it counts. */
export function ownVotePersisted(state: RaftState, term: number): void {
  if (state.role !== Role.Candidate || state.term !== term) return;
  state.isOwnVoteDurable = true;
  recordAnswer(state, state.self, true);
  decide(state);
}

/**
 * Answers a candidate. Who is asked answers, learner or not: the candidate may know of a promotion that has not come here.
 * Real votes are never ignored; pre-votes are refused as long as there is a stable leader other than the asking one.
 */
export function onVoteRequest(state: RaftState, request: VoteRequest): void {
  const { from, term } = request;
  const isPreVote = request.kind === MessageKind.PreVote;
  const isFree = state.vote === NOBODY && state.leader === NOBODY;
  const isOpen = isSameMember(state.vote, from) || isFree || (isPreVote && term > state.term);
  // Who asks does not lead any more, whatever was known (bug B-17).
  const isLed = isPreVote && hasStableLeader(state) && !isSameMember(state.leader, from);
  const isGranted = isOpen && !isLed && state.log.isUpToDate(request.lastIndex, request.lastTerm);
  const answerTerm = isGranted ? term : state.term;
  if (isPreVote) {
    const kind = MessageKind.PreVoteReply;
    state.send({ kind, from: state.self, to: from, term: answerTerm, isGranted });
    return;
  }
  const kind = MessageKind.VoteReply;
  state.sendAfterPersist({ kind, from: state.self, to: from, term: answerTerm, isGranted });
  if (!isGranted) return;
  if (!isSameMember(state.vote, from)) state.vote = from; // The same object: nothing new to write.
  state.electionElapsed = 0; // Bug B-07; not for a pre-vote (B-11), which must not put off an election.
}

export function onVoteReply(state: RaftState, reply: VoteReply): void {
  // Late answers to the pre-vote are no votes (bug B-14).
  const role = reply.kind === MessageKind.PreVoteReply ? Role.PreCandidate : Role.Candidate;
  if (state.role !== role) return;
  recordAnswer(state, reply.from, reply.isGranted);
  decide(state);
}

/** Somebody knows no leader: a leader shows itself, a candidate whose request was lost asks again. */
export function onFindLeader(state: RaftState, message: FindLeader): void {
  if (state.isLeader) {
    const progress = state.progressOf(message.from);
    if (progress !== undefined) probeAnew(state, progress);
  } else if (state.role !== Role.Follower) {
    const ballot = state.ballots.find(({ member }) => isSameMember(member, message.from));
    if (ballot !== undefined && ballot.answer === Answer.None) requestVote(state, ballot.member);
  }
}

/** A follower without a leader asks the voters that are alive. */
export function findLeader(state: RaftState): void {
  for (const member of votersOf(state.configuration)) {
    if (isSameMember(member, state.self) || !state.isAlive(member)) continue;
    state.send({ kind: MessageKind.FindLeader, from: state.self, to: member, term: state.term });
  }
}
