import { compareMembers, includesMember, isSameMember, type Member, NOBODY } from './member.ts';

/**
 * Who votes and who only listens, and the arithmetic of changing it (thesis §4.3, joint consensus; etcd/raft `confchange`).
 *
 *   simple:  at most one voter comes or goes                    C_old -> C_new
 *   joint:   C_old -> enter -> both majorities decide -> leave -> C_new
 *
 * A configuration is a value: changes make a new one. Lists are sorted. Voters and learners never overlap; a voter of the
 * outgoing half that becomes a learner waits in `learnersNext` until the joint configuration is left.
 */
export interface Configuration {
  readonly voters: readonly Member[];
  /** The old half while joint; empty otherwise. */
  readonly outgoing: readonly Member[];
  readonly learners: readonly Member[];
  readonly learnersNext: readonly Member[];
  /** The leader leaves the joint configuration by itself once it is committed. */
  readonly autoLeave: boolean;
}

export const EMPTY_CONFIGURATION: Configuration = {
  voters: [],
  outgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

export const ChangeKind = { AddVoter: 0, AddLearner: 1, Remove: 2 } as const;
export type ChangeKind = (typeof ChangeKind)[keyof typeof ChangeKind];

/** One wish. Adding whom is there and removing whom is not are no-ops; a change that names `NOBODY` is ignored. */
export interface ConfigurationChange {
  readonly kind: ChangeKind;
  readonly member: Member;
}

/** Why a change makes no legal configuration. */
export const ChangeRefusal = {
  AlreadyJoint: 'the configuration is joint already',
  NotJoint: 'the configuration is not joint',
  JointForbidsSimple: 'a simple change needs a configuration that is not joint',
  NoVotersBefore: 'a configuration without voters cannot become joint',
  NoVotersLeft: 'no voter would be left',
  SeveralVoters: 'more than one voter would change without a joint configuration',
  HostTwice: 'one host would be there with two incarnations',
} as const;
export type ChangeRefusal = (typeof ChangeRefusal)[keyof typeof ChangeRefusal];

/** Several voters may change only by way of a joint configuration. */
export const Transition = {
  /** Simple if at most one voter changes, else joint with automatic leave. */
  Auto: 0,
  /** Joint, left by itself. */
  JointImplicit: 1,
  /** Joint, left when somebody proposes to leave. */
  JointExplicit: 2,
} as const;
export type Transition = (typeof Transition)[keyof typeof Transition];

/** A configuration of these voters and learners. */
export function configurationOf(voters: readonly Member[], learners: readonly Member[] = []): Configuration {
  return {
    ...EMPTY_CONFIGURATION,
    voters: [...voters].sort(compareMembers),
    learners: [...learners].sort(compareMembers),
  };
}

export function isJoint(configuration: Configuration): boolean {
  return configuration.outgoing.length > 0;
}

/** True for a voter of either half. */
export function isVoter(configuration: Configuration, member: Member): boolean {
  return includesMember(configuration.voters, member) || includesMember(configuration.outgoing, member);
}

/** Everybody who gets appends, once each, sorted. */
export function membersOf(configuration: Configuration): Member[] {
  const members = [...configuration.voters];
  for (const list of [configuration.outgoing, configuration.learners, configuration.learnersNext]) {
    for (const member of list) if (!includesMember(members, member)) members.push(member);
  }
  return members.sort(compareMembers);
}

/** Voters of either half, once each, sorted. */
export function votersOf(configuration: Configuration): readonly Member[] {
  if (!isJoint(configuration)) return configuration.voters;
  const voters = [...configuration.voters];
  for (const member of configuration.outgoing) if (!includesMember(voters, member)) voters.push(member);
  return voters.sort(compareMembers);
}

/** The configuration after changes of which at most one concerns a voter. */
export function changeSimply(
  before: Configuration,
  changes: readonly ConfigurationChange[],
): Configuration | ChangeRefusal {
  if (isJoint(before)) return ChangeRefusal.JointForbidsSimple;
  const after = withChanges(before, changes);
  if (typeof after === 'string') return after;
  const gone = before.voters.filter((voter) => !includesMember(after.voters, voter)).length;
  const come = after.voters.filter((voter) => !includesMember(before.voters, voter)).length;
  return gone + come > 1 ? ChangeRefusal.SeveralVoters : after;
}

/** The joint configuration in which both the voters of `before` and the changed ones decide. */
export function enterJoint(
  before: Configuration,
  autoLeave: boolean,
  changes: readonly ConfigurationChange[],
): Configuration | ChangeRefusal {
  if (isJoint(before)) return ChangeRefusal.AlreadyJoint;
  if (before.voters.length === 0) return ChangeRefusal.NoVotersBefore;
  return withChanges({ ...before, outgoing: before.voters, autoLeave }, changes);
}

export function leaveJoint(before: Configuration): Configuration | ChangeRefusal {
  if (!isJoint(before)) return ChangeRefusal.NotJoint;
  return configurationOf(before.voters, [...before.learners, ...before.learnersNext]);
}

/** The next configuration on the way to `changes`, by `transition`. */
export function nextConfiguration(
  before: Configuration,
  changes: readonly ConfigurationChange[],
  transition: Transition,
): Configuration | ChangeRefusal {
  if (transition !== Transition.Auto) {
    return enterJoint(before, transition === Transition.JointImplicit, changes);
  }
  const simple = changeSimply(before, changes);
  return simple === ChangeRefusal.SeveralVoters ? enterJoint(before, true, changes) : simple;
}

function withChanges(before: Configuration, changes: readonly ConfigurationChange[]): Configuration | ChangeRefusal {
  const { outgoing, autoLeave } = before;
  let { voters, learners, learnersNext } = before;
  for (const { kind, member } of changes) {
    if (isSameMember(member, NOBODY)) continue;
    if (kind === ChangeKind.AddLearner && includesMember(learners, member)) continue;
    voters = without(voters, member);
    learners = without(learners, member);
    learnersNext = without(learnersNext, member);
    if (kind === ChangeKind.AddVoter) voters = [...voters, member];
    if (kind !== ChangeKind.AddLearner) continue;
    if (includesMember(outgoing, member)) learnersNext = [...learnersNext, member];
    else learners = [...learners, member];
  }
  if (voters.length === 0) return ChangeRefusal.NoVotersLeft;
  const after: Configuration = {
    voters: [...voters].sort(compareMembers),
    outgoing,
    learners: [...learners].sort(compareMembers),
    learnersNext: [...learnersNext].sort(compareMembers),
    autoLeave,
  };
  const hosts = membersOf(after).map((member) => member.host);
  // Sorted by host, so that twins are neighbours. Two lives of one host would be two votes of one disk.
  return hosts.some((host, i) => host === hosts[i + 1]) ? ChangeRefusal.HostTwice : after;
}

function without(members: readonly Member[], member: Member): readonly Member[] {
  return includesMember(members, member) ? members.filter((other) => !isSameMember(other, member)) : members;
}
