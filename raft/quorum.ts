/**
 * Majorities, plain and joint. Both halves of a joint configuration decide: an index is committed, an election won, when
 * each half says so. A half without voters agrees to everything, so that a plain configuration is a joint one whose
 * outgoing half is empty.
 */

/** Somebody counted: a voter of the incoming half, of the outgoing half, of both, or of none (a learner). */
export interface Counted {
  readonly isIncoming: boolean;
  readonly isOutgoing: boolean;
}

export const VoteResult = { Pending: 0, Lost: 1, Won: 2 } as const;
export type VoteResult = (typeof VoteResult)[keyof typeof VoteResult];

/** What a voter said: nothing yet, no, yes. */
export const Answer = { None: 0, No: 1, Yes: 2 } as const;
export type Answer = (typeof Answer)[keyof typeof Answer];

/** Values of one half, descending. Shared by all groups of a thread: used within one call only. */
const scratch: number[] = [];

/**
 * The largest value that a majority of voters has reached, of each half when joint; learners do not count.
 * @param reachedBy a constant function, not a closure made per call
 * @returns Infinity when there is no voter
 */
export function quorumValue<T extends Counted>(members: readonly T[], reachedBy: (member: T) => number): number {
  return Math.min(halfValue(members, reachedBy, false), halfValue(members, reachedBy, true));
}

function halfValue<T extends Counted>(
  members: readonly T[],
  reachedBy: (member: T) => number,
  ofOutgoing: boolean,
): number {
  let count = 0;
  for (let i = 0; i < members.length; i++) {
    const member = members[i]!;
    if (!(ofOutgoing ? member.isOutgoing : member.isIncoming)) continue;
    const value = reachedBy(member);
    let at = count++;
    for (; at > 0 && scratch[at - 1]! < value; at--) scratch[at] = scratch[at - 1]!;
    scratch[at] = value;
  }
  // Of n values in descending order, the one at floor(n / 2) is reached by floor(n / 2) + 1 voters.
  return count === 0 ? Number.POSITIVE_INFINITY : scratch[count >> 1]!;
}

/** Won when each half has a majority of Yes; lost when in either half a majority of Yes has become impossible. */
export function voteResult<T extends Counted>(members: readonly T[], answerOf: (member: T) => Answer): VoteResult {
  const incoming = halfResult(members, answerOf, false);
  const outgoing = halfResult(members, answerOf, true);
  if (incoming === VoteResult.Lost || outgoing === VoteResult.Lost) return VoteResult.Lost;
  return Math.min(incoming, outgoing) as VoteResult;
}

function halfResult<T extends Counted>(
  members: readonly T[],
  answerOf: (member: T) => Answer,
  ofOutgoing: boolean,
): VoteResult {
  let count = 0;
  let yes = 0;
  let no = 0;
  for (let i = 0; i < members.length; i++) {
    const member = members[i]!;
    if (!(ofOutgoing ? member.isOutgoing : member.isIncoming)) continue;
    count++;
    const answer = answerOf(member);
    if (answer === Answer.Yes) yes++;
    else if (answer === Answer.No) no++;
  }
  const majority = (count >> 1) + 1;
  if (count === 0 || yes >= majority) return VoteResult.Won;
  return count - no < majority ? VoteResult.Lost : VoteResult.Pending;
}
