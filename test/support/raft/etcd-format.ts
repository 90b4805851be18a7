import type { Configuration } from '../../../raft/configuration.ts';
import { type Entry, EntryKind } from '../../../raft/entry.ts';
import type { Member } from '../../../raft/member.ts';
import { type Message, MessageKind } from '../../../raft/message.ts';
import { type Progress, ProgressState } from '../../../raft/progress.ts';
import type { Role } from '../../../raft/role.ts';
import type { SnapshotDescriptor } from '../../../raft/snapshot.ts';

/** The text in which etcd/raft's data-driven tests tell entries, messages, progress: our side of the comparison. */

const HOST_PREFIX = '00000000-0000-0000-0000-';

export function memberOf(number: number | string, incarnation = 1): Member {
  const host = (HOST_PREFIX + `${number}`.padStart(12, '0')) as Member['host'];
  return { host, incarnation: Number(number) === 0 ? 0 : incarnation };
}

export function numberOf(member: Member): number {
  return Number(member.host.slice(HOST_PREFIX.length));
}

/** Text of configuration entries, which hold the outcome and not the wish, by `term/index`. */
export type ChangeTexts = ReadonlyMap<string, string>;

export function entryText(entry: Entry, changes: ChangeTexts): string {
  const at = `${entry.term}/${entry.index}`;
  if (entry.kind === EntryKind.Configuration) return `${at} EntryConfChangeV2${changes.get(at) ?? ''}`;
  const data = new TextDecoder().decode(entry.bytes.subarray(entry.start, entry.end));
  return `${at} EntryNormal ${JSON.stringify(data)}`;
}

const idsText = (members: readonly Member[]): string => `[${members.map(numberOf).join(' ')}]`;

export function snapshotText(snapshot: SnapshotDescriptor): string {
  const { voters, outgoing, learners, learnersNext, autoLeave } = snapshot.configuration;
  return (
    `Index:${snapshot.index} Term:${snapshot.term} ConfState:Voters:${idsText(voters)} ` +
    `VotersOutgoing:${idsText(outgoing)} Learners:${idsText(learners)} LearnersNext:${idsText(learnersNext)} ` +
    `AutoLeave:${autoLeave}`
  );
}

export function entriesText(entries: readonly Entry[], changes: ChangeTexts): string {
  if (entries.length === 0) return '';
  if (entries.length === 1) return ` Entries:[${entryText(entries[0]!, changes)}]`;
  return ` Entries:[\n${entries.map((entry) => `  ${entryText(entry, changes)}`).join('\n')}\n]`;
}

const commitText = (commit: number): string => (commit === 0 ? '' : ` Commit:${commit}`);

export function messageText(message: Message, changes: ChangeTexts): string {
  const way = `${numberOf(message.from)}->${numberOf(message.to)}`;
  const head = (name: string, at = '0/0'): string => `${way} ${name} Term:${message.term} Log:${at}`;
  switch (message.kind) {
    case MessageKind.PreVote:
    case MessageKind.Vote: {
      const name = message.kind === MessageKind.Vote ? 'MsgVote' : 'MsgPreVote';
      return head(name, `${message.lastTerm}/${message.lastIndex}`);
    }
    case MessageKind.PreVoteReply:
    case MessageKind.VoteReply: {
      const name = message.kind === MessageKind.VoteReply ? 'MsgVoteResp' : 'MsgPreVoteResp';
      return head(name) + (message.isGranted ? '' : ' Rejected (Hint: 0)');
    }
    case MessageKind.Append: {
      const { prevTerm, prevIndex, commit, entries } = message;
      return head('MsgApp', `${prevTerm}/${prevIndex}`) + commitText(commit) + entriesText(entries, changes);
    }
    case MessageKind.AppendReply: {
      const { hintTerm, hintIndex, index, isRefused } = message;
      return head('MsgAppResp', `${hintTerm}/${index}`) + (isRefused ? ` Rejected (Hint: ${hintIndex})` : '');
    }
    case MessageKind.Snapshot:
      return `${head('MsgSnap')}\n  Snapshot: ${snapshotText(message.snapshot)}`;
    case MessageKind.TimeoutNow:
      return head('MsgTimeoutNow');
    case MessageKind.ReadRound: // What a heartbeat is there: term and commit index of a leader that asks for an answer.
      return head('MsgHeartbeat') + commitText(message.commit);
    case MessageKind.ReadRoundReply:
      return head('MsgHeartbeatResp');
    default:
      return head(Object.keys(MessageKind)[message.kind]!); // Ours alone: etcd's scripts know no such message.
  }
}

const STATE_NAMES = ['StateFollower', 'StatePreCandidate', 'StateCandidate', 'StateLeader'] as const;
export const roleText = (role: Role): string => STATE_NAMES[role];

const PROGRESS_NAMES = ['StateProbe', 'StateReplicate', 'StateSnapshot'] as const;

export function progressText(progress: Progress, next: number): string {
  const { state, match, isVoter, cannotSend, pendingSnapshot, inFlight } = progress;
  let text = `${numberOf(progress.member)}: ${PROGRESS_NAMES[state]} match=${match} next=${next}`;
  if (!isVoter) text += ' learner';
  if (cannotSend) text += ' paused';
  if (state === ProgressState.Snapshot) text += ` pendingSnap=${pendingSnapshot}`;
  if (inFlight.count > 0) text += ` inflight=${inFlight.count}${inFlight.isFull ? '[full]' : ''}`;
  return text;
}

const votersText = (members: readonly Member[]): string => `(${members.map(numberOf).join(' ')})`;

export function configurationText(configuration: Configuration): string {
  const { voters, outgoing, learners, learnersNext, autoLeave } = configuration;
  let text = `voters=${votersText(voters)}`;
  if (outgoing.length > 0) text += `&&${votersText(outgoing)}`;
  if (learners.length > 0) text += ` learners=${votersText(learners)}`;
  if (learnersNext.length > 0) text += ` learners_next=${votersText(learnersNext)}`;
  if (autoLeave) text += ' autoleave';
  return text;
}
