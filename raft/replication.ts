import { assert } from '../core/assert.ts';
import { entriesSize, NO_ENTRIES } from './entry.ts';
import { UNKNOWN_TERM } from './log.ts';
import { MessageKind } from './message.ts';
import { type Progress, ProgressState } from './progress.ts';
import type { RaftState } from './state.ts';

/** What a leader sends to whom: appends within each peer's window, snapshots where the log no longer reaches. */

/**
 * Sends the next append to a peer, or a snapshot, if its progress allows.
 * @param evenIfEmpty also without entries: to tell the commit index or to probe
 * @returns true if something was sent
 */
export function maybeSendAppend(state: RaftState, progress: Progress, evenIfEmpty: boolean): boolean {
  if (progress.cannotSend) return false;
  return sendNext(state, progress, evenIfEmpty);
}

/**
 * An empty append although the window is full or a probe is out: all that was sent may be lost, and only a refusal
 * can tell (bug B-19).
 */
export function probeAnew(state: RaftState, progress: Progress): void {
  if (progress.state === ProgressState.Snapshot) return;
  progress.isPaused = false;
  sendNext(state, progress, true);
}

function sendNext(state: RaftState, progress: Progress, evenIfEmpty: boolean): boolean {
  const { log, options } = state;
  const prevIndex = progress.next - 1;
  const prevTerm = log.termAt(prevIndex);
  if (prevTerm === UNKNOWN_TERM) return sendSnapshot(state, progress);
  const hasRoom = progress.state !== ProgressState.Replicate || !progress.inFlight.isFull;
  const entries = hasRoom ? log.slice(progress.next, options.maxAppendBytes) : NO_ENTRIES;
  if (entries.length === 0 && !evenIfEmpty) return false;
  const commit = log.commit;
  state.send({
    kind: MessageKind.Append,
    from: state.self,
    to: progress.member,
    term: state.term,
    prevIndex,
    prevTerm,
    entries,
    commit,
  });
  progress.sent(entries.length, entriesSize(entries));
  progress.commitSent(commit);
  return true;
}

/** One transfer at a time per peer; while the host has no snapshot or the peer is dead, the next tick tries again. */
function sendSnapshot(state: RaftState, progress: Progress): boolean {
  const { log } = state;
  if (!state.isAlive(progress.member)) return false;
  const available = state.options.snapshot();
  if (available === undefined) return false;
  const { index, attachment } = available;
  assert(index >= log.snapshotIndex && index <= log.applied, 'a snapshot joins the log and holds only what is applied');
  state.send({
    kind: MessageKind.Snapshot,
    from: state.self,
    to: progress.member,
    term: state.term,
    snapshot: { index, term: log.termAt(index), configuration: state.history.at(index), attachment },
  });
  progress.becomeSnapshot(index);
  return true;
}

/** Something new is to be told to everybody: now with `sendsAtOnce`, else with the next batch. */
export function broadcastAppend(state: RaftState): void {
  if (!state.options.sendsAtOnce) {
    state.isBroadcastDue = true;
    return;
  }
  for (const progress of state.peers) {
    if (progress.member !== state.self) maybeSendAppend(state, progress, true);
  }
}

/** The broadcast that was put off: to each peer all that its window takes, or the commit index alone. */
export function flushAppends(state: RaftState): void {
  state.isBroadcastDue = false;
  for (let i = 0; i < state.peers.length; i++) {
    const progress = state.peers[i]!;
    if (progress.member === state.self) continue;
    maybeSendAppend(state, progress, progress.canRaiseCommit(state.log.commit));
    sendAllThatFits(state, progress);
  }
}

export function sendAllThatFits(state: RaftState, progress: Progress): void {
  while (maybeSendAppend(state, progress, false));
}
