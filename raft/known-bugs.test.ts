import { describe, expect, test } from 'vitest';
import { memberOf } from '../test/support/raft/etcd-format.ts';
import { seededNumbers } from '../test/support/raft/random-group.ts';
import { StableStorage, writeOf } from '../test/support/raft/stable-storage.ts';
import { ChangeKind, configurationOf, EMPTY_CONFIGURATION, isJoint, Transition } from './configuration.ts';
import { encodeConfiguration } from './configuration-codec.ts';
import { Entry, EntryKind, NO_BYTES } from './entry.ts';
import { InFlight } from './in-flight.ts';
import { firstCandidate, type InitialState, stateWithoutTrace } from './initial-state.ts';
import { RaftLog } from './log.ts';
import { type Member, NOBODY } from './member.ts';
import { type Append, type AppendReply, type Message, MessageKind } from './message.ts';
import type { RaftOptions } from './options.ts';
import { Progress, ProgressState } from './progress.ts';
import { Raft } from './raft.ts';
import { Refusal } from './refusal.ts';
import { Role } from './role.ts';

/**
 * Bugs that Raft libraries had, one test each, numbered as in the project's catalogue. B-30 is in configuration.test.ts, B-48 and the
 * arithmetic of B-49 in quorum.test.ts; B-32 comes with leases. B-41 and B-42 need many faults at once: random-group.test.ts has them.
 * What lies with the host rather than the core belongs to tests of the host: B-05 (syncs of the log), B-06 and B-51 (damage and
 * maintenance of files), B-27, B-37 and B-38 (waiters), B-36 and B-57 (links, stopping), B-39 (reasons of snapshot records),
 * B-43 and B-44 (clients), B-50, B-55 and B-56 (applying), B-58 (timestamps), B-59 (Paxos), B-60 (group 0).
 */
const ME = memberOf(1);
const OTHER = memberOf(2);
const THIRD = memberOf(3);
const TRIO = configurationOf([ME, OTHER, THIRD]);

const command = (term: number, index: number, size = 1): Entry =>
  new Entry(term, index, EntryKind.Command, new Uint8Array(size), 0, size);

function initial(terms: readonly number[], changes: Partial<InitialState> = {}): InitialState {
  const snapshot = { index: 0, term: 0, configuration: TRIO, attachment: NO_BYTES };
  const entries = terms.map((term, i) => command(term, i + 1));
  return { term: terms.at(-1) ?? 0, vote: NOBODY, commit: 0, snapshot, entries, applied: 0, ...changes };
}

class World {
  readonly dead: Set<Member> = new Set();
  readonly raft: Raft;
  readonly disk: StableStorage;
  readonly sent: Message[] = [];
  readonly held: Message[] = [];
  readonly applied: Entry[] = [];
  readonly reads: { id: number; index: number }[] = [];
  readonly failedReads: number[] = [];

  constructor(from: InitialState, options: Partial<RaftOptions> = {}) {
    this.disk = new StableStorage(from);
    this.raft = new Raft(
      {
        self: ME,
        boot: 1,
        random: { next: () => 0, fill: () => {} },
        liveness: { isAlive: (member) => ![...this.dead].some(({ host }) => host === member.host) },
        snapshot: () => ({ index: this.raft.applied, attachment: NO_BYTES }),
        electionTicks: 5,
        ...options,
      },
      from,
    );
  }

  /** Carries batches out until there are none. @returns what was sent meanwhile */
  settle(): Message[] {
    const before = this.sent.length;
    while (this.raft.hasReady()) this.batch();
    return this.sent.slice(before);
  }

  batch(sync = true): void {
    const ready = this.raft.takeReady();
    this.sent.push(...ready.messages);
    this.reads.push(...ready.reads);
    this.failedReads.push(...ready.failedReads);
    this.applied.push(...ready.committed);
    if (!sync) {
      this.held.push(...ready.messagesAfterPersist);
      return;
    }
    this.disk.apply(writeOf(ready));
    this.raft.persisted(ready.number);
    this.sent.push(...ready.messagesAfterPersist);
    if (ready.committed.length > 0) this.raft.appliedTo(ready.committed.at(-1)!.index);
  }

  step(message: Message): Message[] {
    this.raft.step(message);
    return this.settle();
  }

  /** Wins an election with the votes of the others. */
  lead(): Message[] {
    this.raft.campaign();
    this.settle();
    const { term } = this.raft;
    const vote = (
      from: Member,
      kind: typeof MessageKind.PreVoteReply | typeof MessageKind.VoteReply,
      of: number,
    ): void => {
      this.step({ kind, from, to: ME, term: of, isGranted: true });
    };
    vote(OTHER, MessageKind.PreVoteReply, term + 1);
    vote(OTHER, MessageKind.VoteReply, term + 1);
    expect(this.raft.role).toBe(Role.Leader);
    return this.settle();
  }

  accept(from: Member, index: number): Message[] {
    return this.step(reply(from, this.raft.term, index));
  }
}

function reply(from: Member, term: number, index: number, refusal?: Partial<AppendReply>): AppendReply {
  const kind = MessageKind.AppendReply;
  const hints = { hintIndex: 0, hintTerm: 0, commit: 0 };
  return { kind, from, to: ME, term, index, isRefused: refusal !== undefined, ...hints, ...refusal };
}

function append(term: number, prevIndex: number, prevTerm: number, entries: readonly Entry[], commit: number): Append {
  return { kind: MessageKind.Append, from: OTHER, to: ME, term, prevIndex, prevTerm, entries, commit };
}

const ofKind = (messages: readonly Message[], kind: MessageKind): Message[] => messages.filter((m) => m.kind === kind);

describe('the catalogue of known bugs', () => {
  test('B-01: an empty append with a high commit index does not commit a stale tail', () => {
    const world = new World(initial([1, 1, 1, 1]));
    world.step(append(2, 2, 1, [], 4));
    expect(world.raft.commit).toBe(2);
  });

  test('B-02: nor does a read round: the leader caps the commit index at what the follower is known to hold', () => {
    const world = new World(initial([1, 1]));
    world.lead();
    world.accept(OTHER, 3);
    world.raft.readIndex();
    const rounds = ofKind(world.settle(), MessageKind.ReadRound);
    expect(rounds).toMatchObject([
      { to: OTHER, commit: 3 },
      { to: THIRD, commit: 0 },
    ]);
  });

  test('B-03: an entry of an older term is not committed by counting', () => {
    const world = new World(initial([1, 1]));
    world.lead();
    world.accept(OTHER, 2); // On a majority, but of term 1.
    expect(world.raft.commit).toBe(0);
    world.accept(OTHER, 3);
    expect(world.raft.commit).toBe(3);
  });

  test('B-04: a single voter commits only what its own disk has', () => {
    const world = new World(
      initial([1], { snapshot: { ...initial([]).snapshot, configuration: configurationOf([ME]) } }),
    );
    world.raft.start(false);
    world.settle();
    const index = world.raft.propose(Uint8Array.of(1));
    world.batch(false);
    expect(world.raft.commit).toBe(index - 1);
    world.raft.persisted(Number.MAX_SAFE_INTEGER);
    expect(world.raft.commit).toBe(index);
  });

  test('B-04: nobody leads before its own vote is durable', () => {
    const world = new World(initial([1]), { preVote: false });
    world.raft.campaign();
    world.batch(false);
    const { term } = world.raft;
    for (const from of [OTHER, THIRD]) {
      world.raft.step({ kind: MessageKind.VoteReply, from, to: ME, term, isGranted: true });
    }
    expect(world.raft.role).toBe(Role.Candidate);
    world.raft.persisted(Number.MAX_SAFE_INTEGER);
    expect(world.raft.role).toBe(Role.Leader);
  });

  test('B-07, B-11: a granted vote puts an election off, a granted pre-vote does not', () => {
    const grant = (kind: typeof MessageKind.PreVote | typeof MessageKind.Vote): number => {
      const world = new World(initial([1]));
      for (let i = 0; i < 3; i++) world.raft.tick();
      world.step({ kind, from: OTHER, to: ME, term: 2, lastIndex: 1, lastTerm: 1, isTransfer: false });
      return world.raft.state.electionElapsed;
    };
    expect([grant(MessageKind.PreVote), grant(MessageKind.Vote)]).toEqual([3, 0]);
  });

  test('B-08: after a vote the first append of the same term makes its sender the leader', () => {
    const world = new World(initial([1]));
    const kind = MessageKind.Vote;
    world.step({ kind, from: OTHER, to: ME, term: 2, lastIndex: 1, lastTerm: 1, isTransfer: false });
    expect(world.raft.leader).toBe(NOBODY);
    world.step(append(2, 1, 1, [], 0));
    expect(world.raft.leader).toEqual(OTHER);
  });

  test('B-09: the same vote twice is one vote', () => {
    const five = configurationOf([1, 2, 3, 4, 5].map((number) => memberOf(number)));
    const world = new World(initial([1], { snapshot: { ...initial([]).snapshot, configuration: five } }), {
      preVote: false,
    });
    world.raft.campaign();
    world.settle();
    for (let i = 0; i < 3; i++)
      world.step({ kind: MessageKind.VoteReply, from: OTHER, to: ME, term: 2, isGranted: true });
    expect(world.raft.role).toBe(Role.Candidate);
  });

  test('B-10: what is said to or by an earlier life of a host does not count', () => {
    const again = configurationOf([ME, memberOf(2, 2), THIRD]);
    const world = new World(initial([1], { snapshot: { ...initial([]).snapshot, configuration: again } }), {
      preVote: false,
    });
    world.raft.campaign();
    world.settle();
    world.step({ kind: MessageKind.VoteReply, from: OTHER, to: ME, term: 2, isGranted: true });
    world.step({ kind: MessageKind.VoteReply, from: memberOf(2, 2), to: memberOf(1, 2), term: 2, isGranted: true });
    expect(world.raft.role).toBe(Role.Candidate);
    world.step({ kind: MessageKind.VoteReply, from: memberOf(2, 2), to: ME, term: 2, isGranted: true });
    expect(world.raft.role).toBe(Role.Leader);
    expect(stateWithoutTrace(memberOf(2, 2), [ME, OTHER, THIRD])).toMatchObject({ term: 0, commit: 0 });
  });

  test('B-12: a granted vote echoes the term of the request, a refused one tells the own', () => {
    const world = new World(initial([1, 3]));
    const ask = (term: number, lastTerm: number): Message[] =>
      world.step({ kind: MessageKind.PreVote, from: OTHER, to: ME, term, lastIndex: 2, lastTerm, isTransfer: false });
    expect(ask(7, 3)).toMatchObject([{ term: 7, isGranted: true }]);
    expect(ask(7, 2)).toMatchObject([{ term: 3, isGranted: false }]);
  });

  test('B-13: a pre-vote of a lower term is refused aloud', () => {
    const world = new World(initial([3]));
    const kind = MessageKind.PreVote;
    const answers = world.step({ kind, from: OTHER, to: ME, term: 2, lastIndex: 9, lastTerm: 2, isTransfer: false });
    expect(answers).toMatchObject([{ kind: MessageKind.PreVoteReply, term: 3, isGranted: false }]);
  });

  test('B-14: a late answer to the pre-vote is no vote', () => {
    const five = configurationOf([1, 2, 3, 4, 5].map((number) => memberOf(number)));
    const world = new World(initial([1], { snapshot: { ...initial([]).snapshot, configuration: five } }));
    world.raft.campaign();
    world.settle();
    for (const number of [2, 3, 4, 5]) {
      world.step({ kind: MessageKind.PreVoteReply, from: memberOf(number), to: ME, term: 2, isGranted: true });
    }
    expect([world.raft.role, world.raft.term]).toEqual([Role.Candidate, 2]);
  });

  test('B-15: a real vote is given although the known leader is alive', () => {
    const world = new World(initial([1]));
    world.step(append(1, 1, 1, [], 0));
    const kind = MessageKind.Vote;
    const answers = world.step({ kind, from: THIRD, to: ME, term: 2, lastIndex: 1, lastTerm: 1, isTransfer: false });
    expect(answers).toMatchObject([{ isGranted: true }]);
  });

  test('B-16: a leader that the configuration does not count keeps nobody from an election', () => {
    const world = new World(initial([1]));
    const bytes = encodeConfiguration(configurationOf([ME, THIRD]));
    world.step(append(1, 1, 1, [new Entry(1, 2, EntryKind.Configuration, bytes, 0, bytes.length)], 2));
    for (let i = 0; i < 5; i++) world.raft.tick();
    expect(world.raft.role).toBe(Role.PreCandidate);
  });

  test('B-17: the pre-vote of the leader that a follower knows is granted', () => {
    const world = new World(initial([1]));
    world.step(append(1, 1, 1, [], 0));
    const ask = (from: Member): Message[] =>
      world.step({ kind: MessageKind.PreVote, from, to: ME, term: 2, lastIndex: 1, lastTerm: 1, isTransfer: false });
    expect(ask(THIRD)).toMatchObject([{ isGranted: false }]);
    expect(ask(OTHER)).toMatchObject([{ isGranted: true }]);
  });

  test('B-18: stray refusals never take back what is known to match', () => {
    const world = new World(initial([1, 1]));
    world.lead();
    world.accept(OTHER, 3);
    const progress = world.raft.state.progressOf(OTHER)!;
    for (const index of [0, 1, 2, 3]) world.step(reply(OTHER, world.raft.term, index, { hintIndex: 0, hintTerm: 0 }));
    expect([progress.match, progress.next, progress.state]).toEqual([3, 4, ProgressState.Replicate]);
  });

  test('B-19: a full window whose appends were all lost is probed at the next tick', () => {
    const world = new World(initial([1]), { maxInFlightMessages: 2 });
    world.lead();
    world.accept(OTHER, 2);
    for (let i = 0; i < 5; i++) {
      world.raft.propose(Uint8Array.of(i));
      world.settle();
    }
    world.raft.tick(); // It was heard from just now.
    world.settle();
    world.raft.tick();
    const probes = ofKind(world.settle(), MessageKind.Append).filter(
      ({ to }) => to === OTHER || to.host === OTHER.host,
    );
    expect(probes).toMatchObject([{ prevIndex: 4, entries: [] }]);
  });

  test('B-20: a position that the log does not hold equals no term, not even 0', () => {
    const world = new World(initial([1]));
    const answers = world.step(append(2, 5, 0, [], 5));
    expect(answers).toMatchObject([{ isRefused: true }]);
    expect(world.raft.commit).toBe(0);
  });

  test('B-21: a caught-up peer does not stay in probe state', () => {
    const world = new World(initial([1]));
    world.lead();
    world.accept(OTHER, 2);
    world.raft.unreachable(OTHER);
    expect(world.raft.state.progressOf(OTHER)!.state).toBe(ProgressState.Probe);
    world.accept(OTHER, 2);
    expect(world.raft.state.progressOf(OTHER)!.state).toBe(ProgressState.Replicate);
  });

  test('B-22: an append that begins inside the snapshot is accepted', () => {
    const snapshot = { index: 10, term: 2, configuration: TRIO, attachment: NO_BYTES };
    const world = new World(initial([], { term: 2, snapshot, commit: 10, applied: 10 }));
    expect(world.step(append(2, 4, 1, [command(1, 5)], 5))).toMatchObject([{ isRefused: false, index: 10 }]);
  });

  test('B-23: whatever append comes, the log is that of a model', () => {
    const random = seededNumbers(23);
    const below = (limit: number): number => Math.floor(random() * limit);
    for (let run = 0; run < 300; run++) {
      const own = Array.from({ length: below(6) }, () => 1 + below(2)).sort();
      const theirs = Array.from({ length: below(8) }, () => 1 + below(3)).sort();
      let shared = 0;
      while (shared < Math.min(own.length, theirs.length) && own[shared] === theirs[shared]) shared++;
      const world = new World(initial(own, { term: 3 }));
      const prevIndex = below(theirs.length + 1);
      const entries = theirs.slice(prevIndex).map((term, i) => command(term, prevIndex + 1 + i));
      const answers = world.step(append(3, prevIndex, theirs[prevIndex - 1] ?? 0, entries, below(theirs.length + 1)));
      const fits = prevIndex === 0 || own[prevIndex - 1] === theirs[prevIndex - 1];
      // Two logs that agree at a position agree before it only if a leader made them; these are random.
      const wanted = !fits ? own : mergeModel(own, theirs, prevIndex);
      expect(
        world.disk.entries.map(({ term }) => term),
        `run ${run}`,
      ).toEqual(wanted);
      expect(answers).toMatchObject([{ isRefused: !fits }]);
    }
  });

  test('B-24: committed entries are handed out page by page, none left out, and the commit index stays', () => {
    const world = new World(initial([1, 1, 1, 1, 1]), { maxApplyingBytes: 2 });
    world.raft.step(append(1, 5, 1, [], 5));
    const pages: number[] = [];
    while (world.raft.hasReady()) {
      const { committed, commit } = world.raft.takeReady();
      expect(commit).toBe(5);
      if (committed.length > 0) pages.push(committed.length);
      if (committed.length > 0) world.raft.appliedTo(committed.at(-1)!.index);
    }
    expect(pages).toEqual([2, 2, 1]);
  });

  test('B-25: the count of uncommitted bytes returns to zero, also after refusals and a change of leader', () => {
    const world = new World(initial([1]), { maxUncommittedBytes: 10 });
    world.lead();
    expect(world.raft.propose(new Uint8Array(50))).toBe(3); // One is always let in.
    expect(world.raft.propose(new Uint8Array(1))).toBe(Refusal.TooMuchUncommitted);
    expect(world.raft.propose(NO_BYTES)).toBe(4);
    expect(world.raft.changeConfiguration([{ kind: ChangeKind.AddVoter, member: memberOf(4) }])).toBe(
      Refusal.ConfigurationPending,
    );
    world.settle();
    world.accept(OTHER, 4);
    expect(world.raft.state.uncommittedBytes).toBe(0);
    expect(world.raft.propose(new Uint8Array(1))).toBe(5);
    world.step(append(9, 4, 2, [], 4));
    expect(world.raft.state.uncommittedBytes).toBe(0);
  });

  test('B-26: the bytes in flight are forgotten with the window', () => {
    const progress = new Progress(OTHER, 1, 4, 100);
    progress.becomeReplicate();
    progress.sent(1, 60);
    progress.becomeProbe();
    progress.becomeReplicate();
    progress.sent(1, 60);
    expect([progress.inFlight.bytes, progress.isPaused]).toEqual([60, false]);
    progress.becomeSnapshot(9);
    expect(progress.inFlight.bytes).toBe(0);
    const window = new InFlight(3, 1000);
    for (let i = 1; i <= 20; i++) {
      window.add(i, i);
      if (i > 2) window.freeTo(i - 2);
    }
    expect([window.count, window.bytes]).toEqual([2, 39]);
  });

  test('B-28: a joint configuration is left once, however many entries commit', () => {
    const world = new World(initial([1]));
    world.lead();
    world.accept(OTHER, 2);
    const change = [ChangeKind.AddVoter, ChangeKind.AddVoter].map((kind, i) => ({ kind, member: memberOf(4 + i) }));
    expect(world.raft.changeConfiguration(change)).toBe(3);
    for (let i = 0; i < 4; i++) world.raft.propose(Uint8Array.of(i));
    world.settle();
    for (let index = 3; index <= 7; index++) for (const from of [OTHER, THIRD, memberOf(4)]) world.accept(from, index);
    const kinds = world.disk.entries.filter(({ kind }) => kind === EntryKind.Configuration);
    expect(kinds.map(({ index }) => index)).toEqual([3, 8]);
  });

  test('B-28: an earlier leader joined, the next one leaves; not during a transfer, but after it', () => {
    const joint = new World(initial([1]));
    joint.lead();
    joint.accept(OTHER, 2);
    joint.raft.changeConfiguration([{ kind: ChangeKind.Remove, member: THIRD }], Transition.JointImplicit);
    joint.settle();
    const world = new World(joint.disk.load(0));
    world.lead();
    expect(isJoint(world.raft.configuration)).toBe(true);
    world.raft.transferLeadership(OTHER);
    world.accept(OTHER, 4);
    expect([world.raft.commit, isJoint(world.raft.configuration)]).toEqual([4, true]);
    for (let i = 0; i < 5; i++) world.raft.tick();
    expect(isJoint(world.raft.configuration)).toBe(false);
  });

  test('B-29: a restart in the joint state remembers both halves', () => {
    const world = new World(initial([1]));
    world.lead();
    world.accept(OTHER, 2);
    world.raft.changeConfiguration([{ kind: ChangeKind.Remove, member: THIRD }], Transition.JointExplicit);
    world.settle();
    expect(new World(world.disk.load(0)).raft.configuration).toEqual(world.raft.configuration);
    expect(isJoint(world.raft.configuration)).toBe(true);
  });

  test('B-31: a snapshot carries the configuration of its index, not the newest', () => {
    const world = new World(initial([1]), { snapshot: () => ({ index: 2, attachment: NO_BYTES }) });
    world.lead();
    world.accept(OTHER, 2);
    world.raft.compact(2);
    world.raft.changeConfiguration([{ kind: ChangeKind.AddLearner, member: memberOf(4) }]);
    world.settle();
    const sent = world.step(reply(memberOf(4), world.raft.term, 2, { hintIndex: 0 }));
    expect(ofKind(sent, MessageKind.Snapshot)).toMatchObject([{ snapshot: { index: 2, configuration: TRIO } }]);
  });

  test('B-33: a new leader gives no read index before it has committed an entry of its term', () => {
    const world = new World(initial([1, 1], { commit: 1 }));
    world.lead();
    const id = world.raft.readIndex();
    expect(ofKind(world.settle(), MessageKind.ReadRound)).toEqual([]);
    world.accept(OTHER, 3);
    world.step({ kind: MessageKind.ReadRoundReply, from: OTHER, to: ME, term: world.raft.term, round: 1 });
    expect(world.reads).toEqual([{ id, index: 3 }]);
  });

  test('B-34: no read is confirmed by a round that began before it, and no id is used twice', () => {
    const world = new World(initial([1]));
    world.lead();
    world.accept(OTHER, 2);
    const first = world.raft.readIndex();
    world.settle();
    const second = world.raft.readIndex();
    world.settle();
    const { term } = world.raft;
    world.step({ kind: MessageKind.ReadRoundReply, from: OTHER, to: ME, term, round: 1 });
    expect(world.reads.map(({ id }) => id)).toEqual([first]);
    world.step({ kind: MessageKind.ReadRoundReply, from: OTHER, to: ME, term, round: 7 }); // Never asked.
    expect(world.reads).toHaveLength(1);
    world.step(append(term + 1, 2, term, [], 2));
    expect(world.failedReads).toEqual([second]);
    expect(world.raft.readIndex()).toBeGreaterThan(second);
  });

  test('B-34: an answer to a read of an earlier life of the node is not taken for one of this', () => {
    const world = new World(initial([1]), { boot: 2 });
    world.step(append(1, 1, 1, [], 0));
    const id = world.raft.readIndex();
    const answer = { kind: MessageKind.ReadReply, from: OTHER, to: ME, term: 1, id, index: 1 } as const;
    world.step({ ...answer, boot: 1 });
    expect(world.reads).toEqual([]);
    world.step({ ...answer, boot: 2 });
    expect(world.reads).toEqual([{ id, index: 1 }]);
  });

  test('B-35: a follower that has just started has no leader to ask, and serves nothing', () => {
    expect(new World(initial([1])).raft.readIndex()).toBe(Refusal.NotLeader);
  });

  test('reads asked of one quorum are asked again when another decides', () => {
    const world = new World(initial([1]));
    world.lead();
    world.accept(OTHER, 2);
    world.raft.readIndex();
    world.settle();
    world.raft.changeConfiguration([{ kind: ChangeKind.AddVoter, member: memberOf(4) }]);
    const sent = ofKind(world.settle(), MessageKind.ReadRound);
    expect(sent.map((message) => (message as { round: number }).round)).toEqual([2, 2, 2]);
    world.step({ kind: MessageKind.ReadRoundReply, from: OTHER, to: ME, term: world.raft.term, round: 1 });
    expect(world.reads).toEqual([]);
  });

  test('B-40, B-52: snapshots in any order and close together: the newest stays', () => {
    const world = new World(initial([1]));
    const offer = (index: number): void => {
      const snapshot = { index, term: 2, configuration: TRIO, attachment: NO_BYTES };
      world.raft.step({ kind: MessageKind.Snapshot, from: OTHER, to: ME, term: 2, snapshot });
    };
    offer(10);
    world.batch(false);
    offer(20);
    offer(15);
    expect(world.raft.state.installing).toBe(20);
    world.raft.campaign();
    expect(world.raft.role).toBe(Role.Follower); // Not while it is being installed.
    world.settle();
    expect([world.raft.applied, world.raft.commit, world.disk.snapshot.index]).toEqual([20, 20, 20]);
  });

  test('B-45: a forwarded proposal is sent once, and not passed on by whoever leads no more', () => {
    const world = new World(initial([1]), { forwardsProposals: true });
    world.step(append(1, 1, 1, [], 0));
    expect(world.raft.propose(Uint8Array.of(7))).toBe(0);
    expect(ofKind(world.settle(), MessageKind.Propose)).toMatchObject([{ to: OTHER }]);
    const kind = MessageKind.Propose;
    world.raft.step({ kind, from: THIRD, to: ME, term: 1, bytes: Uint8Array.of(1), start: 0, end: 1 });
    expect(world.settle()).toEqual([]);
    for (let i = 0; i < 20; i++) world.raft.tick();
    expect(ofKind(world.settle(), MessageKind.Propose)).toEqual([]);
  });

  test('B-46, B-47: no proposals during a transfer, none of it without leadership, and it ends by itself', () => {
    const world = new World(initial([1]));
    expect(world.raft.transferLeadership(OTHER)).toBe(Refusal.NotLeader);
    world.raft.campaign();
    expect(world.raft.transferLeadership(OTHER)).toBe(Refusal.NotLeader);
    world.lead();
    expect(world.raft.transferLeadership(ME)).toBe(Refusal.NoSuchTarget);
    expect(world.raft.transferLeadership(memberOf(9))).toBe(Refusal.NoSuchTarget);
    expect(world.raft.transferLeadership(THIRD)).toBe(0);
    expect(world.raft.propose(Uint8Array.of(1))).toBe(Refusal.TransferInProgress);
    for (let i = 0; i < 5; i++) world.raft.tick();
    expect(world.raft.propose(Uint8Array.of(1))).toBe(3);
  });

  test('B-49: dead learners do not make a leader step down, a dead quorum does', () => {
    const learners = configurationOf([ME], [OTHER, THIRD]);
    const world = new World(initial([1], { snapshot: { ...initial([]).snapshot, configuration: learners } }));
    world.raft.start(false);
    world.settle();
    world.dead.add(OTHER).add(THIRD);
    for (let i = 0; i < 20; i++) world.raft.tick();
    expect(world.raft.role).toBe(Role.Leader);
  });

  test('B-53: a stored state that contradicts itself is refused, not run', () => {
    expect(() => new World(initial([1], { commit: 2 }))).toThrow(/commit index 2, but the log ends at 1/);
    expect(() => new World(initial([2, 1], { term: 2 }))).toThrow(/the term falls at entry 2/);
    expect(() => new World(initial([2], { term: 1 }))).toThrow(/term 1, but the log ends in term 2/);
    expect(() => new World(initial([1], { entries: [command(1, 2)] }))).toThrow(/entry 2 follows entry 0/);
    expect(() => new World(initial([1], { applied: 1 }))).toThrow(/applied up to 1/);
  });

  test('B-54: messages that no member sends are refused before anything is taken in', () => {
    const world = new World(initial([1]));
    const gap = append(2, 1, 1, [command(2, 3)], 0);
    const late = append(2, 1, 1, [command(3, 2)], 0);
    const broken = append(2, 1, 1, [new Entry(2, 2, EntryKind.Configuration, Uint8Array.of(9), 0, 1)], 0);
    for (const message of [gap, late, broken]) expect(() => world.raft.step(message)).toThrow(/Raft/);
    expect([world.raft.term, world.raft.lastIndex]).toEqual([1, 1]);
    world.lead();
    world.accept(OTHER, 99);
    expect(world.raft.commit).toBe(0);
  });
});

describe('founding', () => {
  test('founders start at (1, 1), others at 0; one of the founders stands at once and without asking', () => {
    const founders = [THIRD, ME, OTHER];
    expect(firstCandidate(founders, 7)).toEqual(OTHER);
    const world = new World(stateWithoutTrace(ME, founders));
    world.raft.start(true);
    expect([world.raft.role, world.raft.term]).toEqual([Role.Candidate, 2]);
    const joiner = new World(stateWithoutTrace(ME, [OTHER, THIRD]));
    joiner.raft.start(true);
    expect([joiner.raft.role, joiner.raft.configuration]).toEqual([Role.Follower, EMPTY_CONFIGURATION]);
  });

  test('whoever has voted or has a log asks first', () => {
    const state = stateWithoutTrace(ME, [ME, OTHER, THIRD]);
    for (const changed of [
      { ...state, vote: OTHER },
      { ...state, term: 2 },
      { ...state, entries: [command(1, 2)] },
    ]) {
      const world = new World(changed);
      world.raft.start(true);
      expect(world.raft.role).toBe(Role.Follower);
    }
  });
});

describe('a quiet group', () => {
  test('needs no ticks and sends nothing; a proposal or a dead leader wakes it', () => {
    const world = new World(initial([1]));
    world.lead();
    expect(world.raft.isQuiet()).toBe(false);
    for (const from of [OTHER, THIRD]) world.step(reply(from, world.raft.term, 2, { isRefused: false, commit: 0 }));
    expect(world.raft.isQuiet()).toBe(false);
    for (const from of [OTHER, THIRD]) world.step(reply(from, world.raft.term, 2, { isRefused: false, commit: 2 }));
    expect(world.raft.isQuiet()).toBe(true);
    world.raft.tick();
    expect(world.settle()).toEqual([]);
    world.dead.add(OTHER);
    world.raft.livenessChanged();
    expect(world.raft.isQuiet()).toBe(true); // A dead member is waited for by the host, not by ticks.
    world.dead.add(THIRD);
    expect(world.raft.isQuiet()).toBe(false); // No quorum: the ticks to stepping down.
  });

  test('the log is cut behind what is applied, not behind a snapshot under way', () => {
    const log = new RaftLog(0, 0);
    for (let index = 1; index <= 10; index++) log.append(command(1, index, 5));
    expect([log.tailStart(4, 1000), log.tailStart(100, 12), log.sizeBytes]).toEqual([6, 8, 50]);
  });
});

function mergeModel(own: readonly number[], theirs: readonly number[], prevIndex: number): number[] {
  for (let i = prevIndex; i < theirs.length; i++) {
    if (i >= own.length || own[i] !== theirs[i]) return [...own.slice(0, i), ...theirs.slice(i)];
  }
  return [...own];
}
