import { type Configuration, configurationOf, EMPTY_CONFIGURATION } from './configuration.ts';
import { decodeConfiguration } from './configuration-codec.ts';
import { ConfigurationHistory } from './configuration-history.ts';
import { type Entry, EntryKind, NO_BYTES, NO_ENTRIES } from './entry.ts';
import { InvalidRaftStateError } from './errors.ts';
import { RaftLog } from './log.ts';
import { compareMembers, includesMember, type Member, NOBODY } from './member.ts';
import type { SnapshotDescriptor } from './snapshot.ts';

/** What a member's disk tells at start. */
export interface InitialState {
  readonly term: number;
  readonly vote: Member;
  /** May lie behind what is committed. */
  readonly commit: number;
  readonly snapshot: SnapshotDescriptor;
  /** After the snapshot, without gaps. */
  readonly entries: readonly Entry[];
  /** What the state machine has durably; at least the snapshot's index, at most `commit`. */
  readonly applied: number;
}

/** Every founder starts from here: as if a snapshot at (1, 1) with the founders as voters had been installed. */
const FOUNDING_INDEX = 1;
const FOUNDING_TERM = 1;

/**
 * The state in which a member takes part that has no trace of the group. Founders, and only they, start at (1, 1); whoever
 * came later starts at 0 and needs a snapshot, since a member that voted from an empty log could undo what is committed.
 * @param founders fixed by group 0 when it made the group, and never changed
 */
export function stateWithoutTrace(self: Member, founders: readonly Member[]): InitialState {
  const isFounder = includesMember(founders, self);
  const index = isFounder ? FOUNDING_INDEX : 0;
  const term = isFounder ? FOUNDING_TERM : 0;
  const configuration = isFounder ? configurationOf(founders) : EMPTY_CONFIGURATION;
  const snapshot = { index, term, configuration, attachment: NO_BYTES };
  return { term, vote: NOBODY, commit: index, snapshot, entries: NO_ENTRIES, applied: index };
}

/**
 * The founder that stands first, at once and without asking, so that a new group has a leader in one round trip and leaders
 * spread over the founders.
 * @param groupHash a non-negative integer, the same on all members
 */
export function firstCandidate(founders: readonly Member[], groupHash: number): Member {
  return [...founders].sort(compareMembers)[groupHash % founders.length] ?? NOBODY;
}

/** True while nothing but the founding has happened to this member: only then may it stand without a pre-vote. */
export function isFoundingState(term: number, vote: Member, log: RaftLog): boolean {
  return (
    term === FOUNDING_TERM &&
    vote === NOBODY &&
    log.lastIndex === FOUNDING_INDEX &&
    log.snapshotIndex === FOUNDING_INDEX &&
    log.lastTerm === FOUNDING_TERM
  );
}

/** The log that `initial` tells. @throws InvalidRaftStateError */
export function loadLog(initial: InitialState): RaftLog {
  const { snapshot, entries, commit, applied, term } = initial;
  const log = new RaftLog(snapshot.index, snapshot.term);
  for (const entry of entries) {
    if (entry.index !== log.lastIndex + 1) {
      throw new InvalidRaftStateError(`entry ${entry.index} follows entry ${log.lastIndex}`);
    }
    if (entry.term < log.lastTerm) throw new InvalidRaftStateError(`the term falls at entry ${entry.index}`);
    log.append(entry);
  }
  // The term of a snapshot may be later: the descriptor says nothing about elections.
  if (entries.length > 0 && log.lastTerm > term)
    throw new InvalidRaftStateError(`term ${term}, but the log ends in term ${log.lastTerm}`);
  if (commit > log.lastIndex) {
    throw new InvalidRaftStateError(`commit index ${commit}, but the log ends at ${log.lastIndex}`);
  }
  if (applied < snapshot.index || applied > Math.max(commit, snapshot.index)) {
    throw new InvalidRaftStateError(`applied up to ${applied}, snapshot ${snapshot.index}, commit index ${commit}`);
  }
  log.setLoaded(Math.max(commit, snapshot.index), applied);
  return log;
}

/** The configurations of the snapshot and of the log, joint ones too (bug B-29). @throws ProtocolError for damaged bytes */
export function loadHistory(initial: InitialState): ConfigurationHistory {
  const history = new ConfigurationHistory(initial.snapshot.index, initial.snapshot.configuration);
  for (const entry of initial.entries) {
    if (entry.kind === EntryKind.Configuration) history.append(entry.index, configurationIn(entry));
  }
  return history;
}

/** The configuration that a `Configuration` entry holds. @throws ProtocolError */
export function configurationIn(entry: Entry): Configuration {
  return decodeConfiguration(entry.bytes, entry.start, entry.end);
}
