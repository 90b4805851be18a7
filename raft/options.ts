import type { Random } from '../core/ports/random.ts';
import type { Member } from './member.ts';
import type { AvailableSnapshot } from './snapshot.ts';

/**
 * Who is alive, as the failure detector of this shard sees it: one exchange per pair of shards serves all groups, which send
 * no heartbeats of their own. The host calls `Raft.livenessChanged` when an answer changes. Itself it counts as alive.
 */
export interface Liveness {
  isAlive(member: Member): boolean;
}

/** Limits and times of a group. Bytes are payload bytes (`entrySize`). */
export interface RaftOptions {
  readonly self: Member;
  /** Start counter of this node: tells reads of this life from those of an earlier one. */
  readonly boot: number;
  /** For election timeouts only. Seeded by the host from group, host and boot. */
  readonly random: Random;
  readonly liveness: Liveness;
  /** The newest state that can be handed to a member that lags, or undefined while there is none. */
  snapshot(): AvailableSnapshot | undefined;

  /** Least election timeout, in ticks; the actual one is drawn from [electionTicks, 2 * electionTicks). */
  readonly electionTicks?: number;
  /** A follower whose leader died stands after 1 to this many ticks, rather than after a whole timeout. */
  readonly staggerTicks?: number;
  /** Ask before standing. Off only in scripts. */
  readonly preVote?: boolean;
  /** A leader without a live quorum for an election timeout steps down. Off only in scripts. */
  readonly checkQuorum?: boolean;
  /** A follower passes proposals on to the leader (group 0), rather than refusing them (tablets: the leader picks timestamps). */
  readonly forwardsProposals?: boolean;
  /**
   * The host carries out each `Ready` as a whole, writes before applying, before it takes the next one. Committed entries then
   * come in the same batch in which they are written; otherwise only when they are durable here.
   */
  readonly appliesInOrder?: boolean;
  /** An append leaves for each proposal and each step of the commit index, rather than one for all since the last `takeReady`. */
  readonly sendsAtOnce?: boolean;

  readonly maxAppendBytes?: number;
  readonly maxInFlightMessages?: number;
  /** Per peer. */
  readonly maxInFlightBytes?: number;
  /** Commands of this leader that are not yet committed. */
  readonly maxUncommittedBytes?: number;
  /** Committed entries handed out and not yet applied. */
  readonly maxApplyingBytes?: number;
  /** The whole log in memory; proposals are refused above it until a snapshot lets the log be cut. */
  readonly maxLogBytes?: number;
  /** Reads waiting for their round, own and others'. */
  readonly maxPendingReads?: number;
}

export const DEFAULT_OPTIONS: Required<Omit<RaftOptions, 'self' | 'boot' | 'random' | 'liveness' | 'snapshot'>> = {
  electionTicks: 10,
  staggerTicks: 3,
  preVote: true,
  checkQuorum: true,
  forwardsProposals: false,
  appliesInOrder: false,
  sendsAtOnce: false,
  maxAppendBytes: 100 * 1024,
  maxInFlightMessages: 128,
  maxInFlightBytes: 1024 * 1024,
  maxUncommittedBytes: 4 * 1024 * 1024,
  maxApplyingBytes: 4 * 1024 * 1024,
  maxLogBytes: 20 * 1024 * 1024,
  maxPendingReads: 65_536,
};
