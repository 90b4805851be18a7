import type { Entry } from './entry.ts';
import type { Member } from './member.ts';
import type { SnapshotDescriptor } from './snapshot.ts';

/**
 * What members of a group say to each other. Every message names both with their incarnations and carries the sender's term
 * (a pre-vote the term it would stand for). The network may lose, repeat, delay and reorder messages.
 *
 * Everything that a host tells its own member (ticks, durable writes, liveness, lost links, ended transfers) is a method of
 * `Raft` and no message, so that it cannot come from the network (bug B-54).
 */
export const MessageKind = {
  PreVote: 0,
  PreVoteReply: 1,
  Vote: 2,
  VoteReply: 3,
  Append: 4,
  AppendReply: 5,
  Snapshot: 6,
  TimeoutNow: 7,
  FindLeader: 8,
  ReadRound: 9,
  ReadRoundReply: 10,
  ReadRequest: 11,
  ReadReply: 12,
  Propose: 13,
} as const;
export type MessageKind = (typeof MessageKind)[keyof typeof MessageKind];

interface Addressed {
  readonly from: Member;
  readonly to: Member;
  readonly term: number;
}

/** "Would you vote for me?" and "Vote for me": `Vote` counts in `term`, `PreVote` changes nothing at the receiver. */
export interface VoteRequest extends Addressed {
  readonly kind: typeof MessageKind.PreVote | typeof MessageKind.Vote;
  readonly lastIndex: number;
  readonly lastTerm: number;
  /** The leader itself asked for this election. */
  readonly isTransfer: boolean;
}

/** Granted: `term` is the request's. Refused: the voter's own (bug B-12). */
export interface VoteReply extends Addressed {
  readonly kind: typeof MessageKind.PreVoteReply | typeof MessageKind.VoteReply;
  readonly isGranted: boolean;
}

/** Entries after (prevIndex, prevTerm); without entries it probes that position and tells the commit index. */
export interface Append extends Addressed {
  readonly kind: typeof MessageKind.Append;
  readonly prevIndex: number;
  readonly prevTerm: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
}

export interface AppendReply extends Addressed {
  readonly kind: typeof MessageKind.AppendReply;
  /** Accepted: the follower durably agrees with the leader up to here. Refused: prevIndex of the append. */
  readonly index: number;
  readonly isRefused: boolean;
  /** Refused: where the follower may agree, see `RaftLog.possibleMatch`. */
  readonly hintIndex: number;
  readonly hintTerm: number;
  /** The follower's commit index, so that the leader knows when all is quiet. */
  readonly commit: number;
}

/**
 * Offers a snapshot. The leader's host, which sees it in `Ready.messages`, moves the data (and may put a newer descriptor in);
 * the receiver's host steps it only when all data is staged durably.
 */
export interface InstallSnapshot extends Addressed {
  readonly kind: typeof MessageKind.Snapshot;
  readonly snapshot: SnapshotDescriptor;
}

/** "Stand for election at once": leadership transfer. */
export interface TimeoutNow extends Addressed {
  readonly kind: typeof MessageKind.TimeoutNow;
}

/** From a follower that knows no leader: a leader answers with an append, a candidate with its vote request. */
export interface FindLeader extends Addressed {
  readonly kind: typeof MessageKind.FindLeader;
}

/** "Am I still the leader?", for all reads of rounds up to `round`. */
export interface ReadRound extends Addressed {
  readonly kind: typeof MessageKind.ReadRound;
  readonly round: number;
  /** At most what the receiver is known to hold (bug B-02). */
  readonly commit: number;
}

export interface ReadRoundReply extends Addressed {
  readonly kind: typeof MessageKind.ReadRoundReply;
  readonly round: number;
}

/** A follower asks for an index at which a read is linearizable. (boot, id) is never used again. */
export interface ReadRequest extends Addressed {
  readonly kind: typeof MessageKind.ReadRequest;
  readonly boot: number;
  readonly id: number;
}

export interface ReadReply extends Addressed {
  readonly kind: typeof MessageKind.ReadReply;
  readonly boot: number;
  readonly id: number;
  readonly index: number;
}

/** A command forwarded to the leader; nobody answers. */
export interface Propose extends Addressed {
  readonly kind: typeof MessageKind.Propose;
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

export type Message =
  | VoteRequest
  | VoteReply
  | Append
  | AppendReply
  | InstallSnapshot
  | TimeoutNow
  | FindLeader
  | ReadRound
  | ReadRoundReply
  | ReadRequest
  | ReadReply
  | Propose;
