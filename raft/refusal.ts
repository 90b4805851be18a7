/** Why a member did not take what it was asked for: certainly nothing was appended. Negative, so that no index is one. */
export const Refusal = {
  /** See `Raft.leader` for who may know better. */
  NotLeader: -1,
  /** Leadership is on its way to another member. */
  TransferInProgress: -2,
  /** `maxUncommittedBytes`: goes away as entries commit. */
  TooMuchUncommitted: -3,
  /** `maxLogBytes`: goes away when a snapshot lets the log be cut. */
  LogFull: -4,
  /** `maxPendingReads`. */
  TooManyReads: -5,
  /** The last configuration is not yet committed, or no entry of the leader's term is. */
  ConfigurationPending: -6,
  /** No voter of the configuration, or the leader itself as target of a transfer. */
  NoSuchTarget: -7,
} as const;
export type Refusal = (typeof Refusal)[keyof typeof Refusal];

/** The proposal went to the leader; what becomes of it only the log will tell. */
export const FORWARDED = 0;
