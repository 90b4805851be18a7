import { assert } from '../core/assert.ts';
import { ProtocolError } from '../core/errors.ts';
import { type Entry, EntryKind } from './entry.ts';
import { configurationIn } from './initial-state.ts';
import { isSameMember } from './member.ts';
import { type Append, type InstallSnapshot, MessageKind, type ReadRound } from './message.ts';
import { Role } from './role.ts';
import type { RaftState } from './state.ts';

/** What a follower does with what its leader sends. */

/** The sender leads this term: candidates give up, followers without a leader adopt it (bug B-08). */
export function followLeader(state: RaftState, message: Append | InstallSnapshot | ReadRound): void {
  assert(state.role !== Role.Leader, 'two leaders in one term');
  if (state.role !== Role.Follower) state.becomeFollower(state.term, message.from);
  assert(
    state.leader.incarnation === 0 || isSameMember(state.leader, message.from),
    'two leaders in one term, as a follower sees it',
  );
  state.setLeader(message.from);
  state.electionElapsed = 0;
}

export function onAppend(state: RaftState, append: Append): void {
  followLeader(state, append);
  const { log } = state;
  const { prevIndex, prevTerm, entries } = append;
  if (prevIndex < log.commit) {
    // What is committed agrees by definition; the position may lie inside a snapshot, where no term is known (bug B-22).
    accept(state, append, log.commit);
  } else if (log.termAt(prevIndex) !== prevTerm) {
    const hint = log.possibleMatch(Math.min(prevIndex, log.lastIndex), prevTerm);
    state.sendAfterPersist({
      kind: MessageKind.AppendReply,
      from: state.self,
      to: append.from,
      term: state.term,
      index: prevIndex,
      isRefused: true,
      hintIndex: hint.index,
      hintTerm: hint.term,
      commit: log.commit,
    });
  } else {
    appendNew(state, entries);
    const lastIndex = prevIndex + entries.length;
    // Not the own last index: behind this message there may be a stale tail (bug B-01).
    const commit = Math.min(append.commit, lastIndex);
    if (commit > log.commit) log.commitTo(commit);
    accept(state, append, lastIndex);
  }
}

function accept(state: RaftState, message: Append | InstallSnapshot, index: number): void {
  state.sendAfterPersist({
    kind: MessageKind.AppendReply,
    from: state.self,
    to: message.from,
    term: state.term,
    index,
    isRefused: false,
    hintIndex: 0,
    hintTerm: 0,
    commit: state.log.commit,
  });
}

/** Appends what is new. The log is cut only at a real conflict: a short append says nothing about what comes after it. */
function appendNew(state: RaftState, entries: readonly Entry[]): void {
  const { log } = state;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    if (log.termAt(entry.index) === entry.term) continue;
    if (entry.index <= log.lastIndex) truncate(state, entry.index);
    const configuration = entry.kind === EntryKind.Configuration ? configurationIn(entry) : undefined;
    log.append(entry);
    if (configuration === undefined) continue;
    state.history.append(entry.index, configuration);
    state.configuration = configuration;
  }
}

function truncate(state: RaftState, index: number): void {
  state.log.truncate(index);
  state.writes.truncate(index);
  state.history.truncate(index);
  state.configuration = state.history.latest;
}

/** Before anything is taken in. @throws ProtocolError for entries that no leader sends */
export function checkAppend(append: Append): void {
  const { prevIndex, prevTerm, entries, term } = append;
  let lastTerm = prevTerm;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i]!;
    const isSound = entry.index === prevIndex + 1 + i && entry.term >= lastTerm && entry.term <= term;
    if (!isSound) throw new ProtocolError('Raft append whose entries do not follow each other', { prevIndex, term });
    lastTerm = entry.term;
    if (entry.kind === EntryKind.Configuration) configurationIn(entry);
  }
}

/**
 * The host has staged the data of a snapshot: it takes the place of log and state machine, unless this member is past it (bug
 * B-40). A second one may come while the first is still being installed. The configuration need not name this member: it is
 * that of the snapshot's index, and the entry that added the member may come after it.
 */
export function onSnapshot(state: RaftState, message: InstallSnapshot): void {
  followLeader(state, message);
  const { log } = state;
  const { snapshot } = message;
  const { index, term, configuration } = snapshot;
  if (index <= log.commit) {
    accept(state, message, log.commit);
    return;
  }
  if (log.termAt(index) === term) {
    log.commitTo(index); // The log has it all: nothing needs to be replaced.
    accept(state, message, index);
    return;
  }
  log.restore(index, term);
  state.writes.truncate(0);
  state.history.reset(index, configuration);
  state.configuration = configuration;
  state.unhandedSnapshot = snapshot;
  state.installing = index;
  accept(state, message, index);
}

/** "Am I still the leader?" The commit index in it is one that this log is known to hold (bug B-02). */
export function onReadRound(state: RaftState, message: ReadRound): void {
  followLeader(state, message);
  const commit = Math.min(message.commit, state.log.lastIndex);
  if (commit > state.log.commit) state.log.commitTo(commit);
  const { from: to, round } = message;
  state.send({ kind: MessageKind.ReadRoundReply, from: state.self, to, term: state.term, round });
}
