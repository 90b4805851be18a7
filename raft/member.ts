import type { HostId } from '../core/ids.ts';
import { NIL_UUID } from '../core/uuid-bytes.ts';

/**
 * Who takes part in a group. A host that leaves and comes back is another member: group 0 gives it the next incarnation,
 * and what was said by or to the earlier one no longer counts (invariant INV-15). A restart changes neither.
 */
export interface Member {
  readonly host: HostId;
  /** From 1. */
  readonly incarnation: number;
}

/** No member: no leader known, no vote given, no transfer under way. */
export const NOBODY: Member = { host: NIL_UUID as HostId, incarnation: 0 };

export function isSameMember(one: Member, other: Member): boolean {
  return one === other || (one.incarnation === other.incarnation && one.host === other.host);
}

/** By host, then incarnation: every list that can be seen from outside is in this order. */
export function compareMembers(one: Member, other: Member): number {
  if (one.host !== other.host) return one.host < other.host ? -1 : 1;
  return one.incarnation - other.incarnation;
}

export function includesMember(members: readonly Member[], member: Member): boolean {
  for (let i = 0; i < members.length; i++) {
    if (isSameMember(members[i]!, member)) return true;
  }
  return false;
}
