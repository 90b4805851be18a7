import { unreachable } from '../core/assert.ts';
import type { Configuration } from './configuration.ts';
import { campaign, onFindLeader, onVoteReply, onVoteRequest } from './election.ts';
import { checkAppend, onAppend, onReadRound, onSnapshot } from './follower.ts';
import { onAppendReply } from './leader.ts';
import { isSameMember, type Member, NOBODY } from './member.ts';
import { type Message, MessageKind } from './message.ts';
import { onReadRequest, onReadRoundReply } from './reads.ts';
import { probeAnew } from './replication.ts';
import { Role } from './role.ts';
import type { RaftState } from './state.ts';

/**
 * Takes in a message of another member: who it is for, what its term means (Raft §5.1), then what it says.
 * @throws ProtocolError for a message that no member sends
 */
export function step(state: RaftState, message: Message): void {
  if (!isSameMember(message.to, state.self) || isOfEarlierLife(state.configuration, message.from)) return;
  if (message.kind === MessageKind.Append) checkAppend(message);
  if (message.term > state.term) {
    onHigherTerm(state, message);
  } else if (message.term < state.term) {
    onLowerTerm(state, message);
    return;
  }
  switch (message.kind) {
    case MessageKind.PreVote:
    case MessageKind.Vote:
      onVoteRequest(state, message);
      break;
    case MessageKind.PreVoteReply:
    case MessageKind.VoteReply:
      onVoteReply(state, message);
      break;
    case MessageKind.Append:
      onAppend(state, message);
      break;
    case MessageKind.Snapshot:
      onSnapshot(state, message);
      break;
    case MessageKind.ReadRound:
      onReadRound(state, message);
      break;
    case MessageKind.AppendReply:
      if (state.isLeader) onAppendReply(state, message);
      break;
    case MessageKind.ReadRoundReply:
      if (state.isLeader) onReadRoundReply(state, message);
      break;
    case MessageKind.TimeoutNow:
      if (state.role === Role.Follower) campaign(state, false, true);
      break;
    case MessageKind.FindLeader:
      onFindLeader(state, message);
      break;
    case MessageKind.ReadRequest:
      onReadRequest(state, message);
      break;
    case MessageKind.ReadReply:
      if (message.boot === state.options.boot) state.reads.answer(message.id, message.index);
      break;
    case MessageKind.Propose:
      break; // `Raft.step` has taken it.
    default:
      unreachable(message);
  }
}

/** The sender's host is a member with a later incarnation: what this one says belongs to an earlier stay. */
function isOfEarlierLife(configuration: Configuration, from: Member): boolean {
  const { voters, outgoing, learners, learnersNext } = configuration;
  return (
    hasLaterLife(voters, from) ||
    hasLaterLife(outgoing, from) ||
    hasLaterLife(learners, from) ||
    hasLaterLife(learnersNext, from)
  );
}

function hasLaterLife(members: readonly Member[], from: Member): boolean {
  for (let i = 0; i < members.length; i++) {
    const { host, incarnation } = members[i]!;
    if (incarnation > from.incarnation && host === from.host) return true;
  }
  return false;
}

/**
 * This member is behind. The sender leads the new term if it says what only leaders say. A pre-vote asks about a term that
 * nobody is in yet, and so does the answer that grants it.
 */
function onHigherTerm(state: RaftState, message: Message): void {
  switch (message.kind) {
    case MessageKind.PreVote:
      return;
    case MessageKind.PreVoteReply:
      if (message.isGranted) return;
      break;
    case MessageKind.Append:
    case MessageKind.Snapshot:
    case MessageKind.ReadRound:
      state.becomeFollower(message.term, message.from);
      return;
    default:
  }
  state.becomeFollower(message.term, NOBODY);
}

/** The sender is behind: most of what it says is void, but it must not go on believing that it leads or may stand. */
function onLowerTerm(state: RaftState, message: Message): void {
  const { self: from, term } = state;
  const { from: to } = message;
  switch (message.kind) {
    case MessageKind.Append:
    case MessageKind.Snapshot:
    case MessageKind.ReadRound:
      state.sendAfterPersist({
        kind: MessageKind.AppendReply,
        from,
        to,
        term,
        index: 0,
        isRefused: false,
        hintIndex: 0,
        hintTerm: 0,
        commit: 0,
      });
      break;
    case MessageKind.PreVote: // Not silently: who waits for an answer for ever blocks a mixed group (bug B-13).
      state.send({ kind: MessageKind.PreVoteReply, from, to, term, isGranted: false });
      break;
    case MessageKind.FindLeader: {
      const progress = state.isLeader ? state.progressOf(to) : undefined;
      if (progress !== undefined) probeAnew(state, progress);
      break;
    }
    default:
  }
}
