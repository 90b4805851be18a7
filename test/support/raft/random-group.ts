import { ChangeKind, type ConfigurationChange, isJoint, isVoter, membersOf } from '../../../raft/configuration.ts';
import { type Entry, EntryKind, NO_BYTES } from '../../../raft/entry.ts';
import { firstCandidate, stateWithoutTrace } from '../../../raft/initial-state.ts';
import { isSameMember, type Member } from '../../../raft/member.ts';
import { type Message, MessageKind } from '../../../raft/message.ts';
import type { RaftOptions } from '../../../raft/options.ts';
import { Raft } from '../../../raft/raft.ts';
import type { Ready } from '../../../raft/ready.ts';
import { Role } from '../../../raft/role.ts';
import { memberOf } from './etcd-format.ts';
import { GroupInvariants, InvariantError } from './group-invariants.ts';
import { StableStorage, type StorageWrite, writeOf } from './stable-storage.ts';

/** Small, fast, good enough: the same numbers everywhere for a seed (mulberry32). */
export function seededNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

interface Node {
  readonly member: Member;
  raft: Raft | undefined;
  boot: number;
  storage: StableStorage;
  /** Given to storage and not yet durable: lost by a crash, or kept as a prefix. */
  unsynced: { readonly write: StorageWrite | undefined; readonly number: number; readonly held: readonly Message[] }[];
  unapplied: (readonly Entry[])[];
  /** The state machine: what it has applied, as a running hash, and where it is durable. */
  machine: Machine;
  durableMachine: Machine;
  /** Reads under way here: the highest commit index anywhere when each began. */
  reads: Map<number, number>;
}

interface Machine {
  readonly index: number;
  readonly hash: number;
}

interface Flight {
  readonly message: Message;
  readonly at: number;
}

const START: Machine = { index: 1, hash: 17 };
const MAX_HOSTS = 5;

/** What a run may do; each seed draws its own mix, or some states would never be reached. */
interface Faults {
  readonly drop: number;
  readonly duplicate: number;
  readonly delay: number;
  readonly crash: number;
  readonly partition: number;
  readonly change: number;
  readonly transfer: number;
  readonly compact: number;
  readonly tailEntries: number;
}

/**
 * A group under a seed: random delays, losses, repetitions, partitions, crashes that lose what was not synced, configuration
 * changes, transfers, snapshots, reads. After every step all invariants are checked; `heal` then demands progress.
 */
export class RandomGroup {
  readonly #random: () => number;
  readonly #faults: Faults;
  readonly #nodes: Node[] = [];
  readonly #founders: readonly Member[];
  readonly invariants: GroupInvariants = new GroupInvariants();
  #flights: Flight[] = [];
  /** Side of each host while the network is cut; messages pass within a side only. */
  #sides: readonly number[] | undefined;
  #now = 0;
  #proposed = 0;
  #isHealed = false;
  /** Hash of the state machine by index, the same for all. */
  readonly #hashes = new Map<number, number>([[START.index, START.hash]]);
  /** What happened, so that a test can demand that interesting states were reached. */
  readonly seen: Record<string, number> = {};
  #trace = 0;
  readonly #options: Partial<RaftOptions>;

  constructor(seed: number, options: Partial<RaftOptions> = {}) {
    this.#random = seededNumbers(seed);
    this.#options = options;
    const often = (most: number): number => (this.#chance(0.5) ? this.#random() * most : 0);
    this.#faults = {
      drop: often(0.25),
      duplicate: often(0.2),
      delay: this.#random() * 12,
      crash: often(0.012),
      partition: often(0.02),
      change: often(0.05),
      transfer: often(0.01),
      compact: often(0.03),
      tailEntries: this.#int(8),
    };
    this.#founders = Array.from({ length: 1 + this.#int(MAX_HOSTS) }, (_, i) => memberOf(i + 1));
    for (let i = 1; i <= MAX_HOSTS; i++) this.#addNode(memberOf(i));
  }

  /** Of everything that happened, in order: equal for equal seeds. */
  get trace(): number {
    return this.#trace;
  }

  run(steps: number): void {
    for (let i = 0; i < steps; i++) {
      this.#now++;
      this.#misfortune();
      this.#check();
      this.#work();
      this.#check();
    }
  }

  /** No more faults: within so many steps there is a leader, a new command commits, and all members agree. */
  heal(steps: number): void {
    this.#isHealed = true;
    this.#sides = undefined;
    for (const node of this.#nodes) if (node.raft === undefined) this.#start(node);
    this.#tellLiveness();
    let target = 0;
    for (let i = 0; i < steps; i++) {
      this.#now++;
      this.#deliver(true);
      for (const node of this.#nodes) {
        if (i % 3 === 0) node.raft!.tick();
        if (i % 7 === 0) this.#compareDigests(node);
        while (node.raft!.hasReady()) this.#take(node);
        this.#sync(node, Number.POSITIVE_INFINITY);
        while (node.unapplied.length > 0) this.#apply(node);
      }
      this.#check();
      const leader = this.#leader();
      if (leader === undefined) continue;
      if (target === 0 || leader.raft!.termAt(target) === -1) target = Math.max(0, this.#propose(leader));
      const { configuration } = leader.raft!;
      if (target === 0 || isJoint(configuration) || leader.machine.index < target) continue;
      const members = this.#nodes.filter(({ member }) => membersOf(configuration).some((m) => isSameMember(m, member)));
      if (members.every(({ machine }) => machine.index >= target) && isVoter(configuration, leader.member)) return;
    }
    const states = this.#nodes.map(({ member, raft, machine }) => {
      const { role, term, commit, lastIndex } = raft!;
      const { voters, outgoing } = raft!.configuration;
      const who = [voters, outgoing].map((list) => list.map(({ host }) => host.slice(-1)).join('')).join('&');
      return `${member.host.slice(-1)}: voters ${who} role ${role} term ${term} commit ${commit} last ${lastIndex} applied ${machine.index}`;
    });
    throw new InvariantError(`no progress in ${steps} steps without faults (target ${target})\n${states.join('\n')}`);
  }

  #addNode(member: Member): void {
    const initial = stateWithoutTrace(member, this.#founders);
    const node: Node = {
      member,
      raft: undefined,
      boot: 0,
      storage: new StableStorage(initial),
      unsynced: [],
      unapplied: [],
      machine: initial.applied === 0 ? { index: 0, hash: 0 } : START,
      durableMachine: initial.applied === 0 ? { index: 0, hash: 0 } : START,
      reads: new Map(),
    };
    this.#nodes.push(node);
    this.#start(node);
  }

  #start(node: Node): void {
    node.boot++;
    node.machine = node.durableMachine;
    const random = seededNumbers(this.#int(2 ** 31));
    const options: RaftOptions = {
      self: node.member,
      boot: node.boot,
      random: { next: random, fill: () => {} },
      liveness: {
        isAlive: (member) => this.#canReach(node.member, member) && this.#nodeOf(member)?.raft !== undefined,
      },
      // A snapshot is what the state machine has durably.
      snapshot: () => {
        const { index, hash } = node.durableMachine;
        if (index < node.raft!.state.log.snapshotIndex) return undefined;
        return { index, attachment: new Uint8Array(Float64Array.of(hash).buffer) };
      },
      electionTicks: 5,
      maxAppendBytes: 40,
      maxInFlightMessages: 3,
      maxInFlightBytes: 100,
      maxUncommittedBytes: 200,
      maxApplyingBytes: 30,
      ...this.#options,
    };
    const initial = node.storage.load(node.machine.index);
    node.raft = new Raft(options, initial);
    this.invariants.restarted(node.member, initial.applied);
    node.raft.start(isSameMember(firstCandidate(this.#founders, 7), node.member));
  }

  #misfortune(): void {
    const { crash, partition, change, transfer, compact } = this.#faults;
    const node = this.#nodes[this.#int(MAX_HOSTS)]!;
    if (node.raft === undefined) {
      if (this.#chance(0.05)) {
        this.#start(node);
        this.#tellLiveness();
      }
      return;
    }
    if (this.#chance(crash)) {
      this.#crash(node);
      return;
    }
    if (this.#chance(partition)) {
      this.#sides = this.#chance(0.4) ? undefined : this.#nodes.map(() => this.#int(2));
      this.#tellLiveness();
    }
    // Also one that was deposed and does not know it: what it appends will be taken back.
    const leader = node.raft.role === Role.Leader ? node : this.#leader();
    if (leader === undefined) return;
    if (this.#chance(0.3)) this.#propose(leader);
    if (this.#chance(0.1)) this.#read(node);
    if (this.#chance(change)) this.#change(leader);
    if (this.#chance(transfer)) this.#count('transfer', leader.raft!.transferLeadership(this.#anyMember()) === 0);
    if (this.#chance(compact)) this.#compact(node);
  }

  /** One random piece of honest work: a tick, a batch, a sync, an apply, a delivery. */
  #work(): void {
    const node = this.#nodes[this.#int(MAX_HOSTS)]!;
    this.#deliver(false);
    if (node.raft === undefined) return;
    if (this.#chance(0.02)) this.#compareDigests(node);
    const what = this.#int(8);
    if (what === 0) node.raft.tick();
    else if (what < 4 && node.raft.hasReady()) this.#take(node);
    else if (what < 6) this.#sync(node, 1 + this.#int(3));
    else if (node.unapplied.length > 0) this.#apply(node);
    this.#mix(node.raft.term, node.raft.commit, node.raft.lastIndex, node.raft.role);
  }

  #take(node: Node): void {
    const raft = node.raft!;
    const ready = raft.takeReady();
    this.invariants.observe(raft, ready);
    for (const message of ready.messages) this.#post(message);
    this.#countReady(raft, ready);
    const write = ready.hasWrites ? writeOf(ready) : undefined;
    if (write !== undefined || ready.messagesAfterPersist.length > 0) {
      node.unsynced.push({ write, number: ready.number, held: ready.messagesAfterPersist });
    }
    if (ready.committed.length > 0) node.unapplied.push(ready.committed);
    for (const { id, index } of ready.reads) {
      if (index < node.reads.get(id)!)
        throw new InvariantError(`read ${id} got ${index}, ${node.reads.get(id)} was committed`);
      node.reads.delete(id);
      this.#count('read', true);
    }
    for (const id of ready.failedReads) node.reads.delete(id);
  }

  #sync(node: Node, count: number): void {
    for (let i = 0; i < count && node.unsynced.length > 0; i++) {
      const { write, number, held } = node.unsynced.shift()!;
      if (write !== undefined) {
        node.storage.apply(write);
        if (write.snapshot !== undefined) this.#installed(node, write.snapshot);
      }
      node.raft!.persisted(number);
      for (const message of held) this.#post(message);
    }
  }

  #installed(node: Node, snapshot: NonNullable<StorageWrite['snapshot']>): void {
    const hash = new Float64Array(snapshot.attachment.slice().buffer)[0]!;
    if (hash !== this.#hashes.get(snapshot.index)) throw new InvariantError('a snapshot of another state');
    node.machine = { index: snapshot.index, hash };
    node.durableMachine = node.machine;
    node.unapplied = [];
    this.#count('snapshot', true);
  }

  #apply(node: Node): void {
    let { index, hash } = node.machine;
    for (const entry of node.unapplied.shift()!) {
      if (entry.index !== index + 1) throw new InvariantError(`state machine at ${index} is given ${entry.index}`);
      index = entry.index;
      hash = (Math.imul(hash, 31) + entry.term * 7 + (entry.bytes[entry.start] ?? 0) + (entry.kind + 1)) | 0;
      const known = this.#hashes.get(index);
      if (known !== undefined && known !== hash) throw new InvariantError(`two states at ${index}`);
      this.#hashes.set(index, hash);
    }
    node.machine = { index, hash };
    node.raft!.appliedTo(index);
  }

  /** Power goes: what was not synced is lost, except perhaps the first few writes; the state machine falls back to its last flush. */
  #crash(node: Node): void {
    const kept = this.#int(node.unsynced.length + 1);
    for (const { write } of node.unsynced.slice(0, kept)) {
      if (write === undefined) continue;
      node.storage.apply(write);
      if (write.snapshot !== undefined) this.#installed(node, write.snapshot);
    }
    node.raft = undefined;
    node.unsynced = [];
    node.unapplied = [];
    node.reads.clear();
    this.#count('crash', true);
    this.#tellLiveness();
  }

  #compact(node: Node): void {
    const raft = node.raft!;
    if (node.unsynced.some(({ write }) => write?.snapshot !== undefined)) return;
    node.durableMachine = node.machine;
    const index = raft.compact(Math.min(node.machine.index, raft.tailStart(this.#faults.tailEntries, 1000)));
    if (index <= node.storage.snapshot.index || index > node.storage.lastIndex) return;
    const configuration = raft.state.history.at(index);
    node.storage.compact({ index, term: raft.termAt(index), configuration, attachment: NO_BYTES });
    this.#count('compact', true);
  }

  #propose(leader: Node): number {
    this.#proposed++;
    const bytes = new Uint8Array(1 + this.#int(20)).fill(this.#proposed & 0xff);
    return leader.raft!.propose(bytes);
  }

  #read(node: Node): void {
    const { maxCommit } = this.invariants;
    const id = node.raft!.readIndex();
    if (id > 0) node.reads.set(id, maxCommit);
  }

  #change(leader: Node): void {
    const kinds = [ChangeKind.AddVoter, ChangeKind.AddLearner, ChangeKind.Remove] as const;
    const changes: ConfigurationChange[] = Array.from({ length: 1 + this.#int(2) }, () => ({
      kind: kinds[this.#int(3)]!,
      member: this.#anyMember(),
    }));
    const result = leader.raft!.changeConfiguration(changes);
    this.#count('change', typeof result === 'number' && result > 0);
    this.#count('joint', isJoint(leader.raft!.configuration));
  }

  #post(message: Message): void {
    const { drop, duplicate, delay } = this.#faults;
    this.invariants.sending(message, this.#nodeOf(message.from)!.storage);
    if (!this.#isHealed && this.#chance(drop)) {
      this.#lost(message);
      return;
    }
    const post = (): number => this.#flights.push({ message, at: this.#now + this.#random() * delay });
    post();
    if (this.#chance(duplicate)) post();
  }

  /** The host always tells how a transfer ended. */
  #lost(message: Message): void {
    if (message.kind === MessageKind.Snapshot) this.#nodeOf(message.from)?.raft?.snapshotEnded(message.to, false);
  }

  #deliver(all: boolean): void {
    const due = this.#flights.filter(({ at }) => all || at <= this.#now);
    if (due.length === 0) return;
    this.#flights = this.#flights.filter(({ at }) => !all && at > this.#now);
    due.sort((one, other) => one.at - other.at);
    for (const { message } of due) {
      const node = this.#nodeOf(message.to);
      if (node?.raft === undefined || !this.#canReach(message.from, message.to)) {
        this.#lost(message);
        continue;
      }
      node.raft.step(message);
      if (message.kind === MessageKind.Snapshot) this.#nodeOf(message.from)?.raft?.snapshotEnded(message.to, true);
      this.#check();
    }
  }

  #check(): void {
    this.invariants.check(this.#nodes);
  }

  /**
   * What the shards' digests do: whoever follows a leader that is alive and does not lead this term is told so. Without it a
   * follower would trust, and refuse pre-votes for, a member that has stepped down.
   */
  #compareDigests(node: Node): void {
    const { raft } = node;
    if (raft === undefined || raft.role !== Role.Follower) return;
    const leader = this.#nodeOf(raft.leader)?.raft;
    if (leader === undefined || !this.#canReach(node.member, raft.leader)) return;
    if (leader.role !== Role.Leader || leader.term !== raft.term) raft.forgetLeader();
  }

  #tellLiveness(): void {
    for (const { raft } of this.#nodes) raft?.livenessChanged();
  }

  #leader(): Node | undefined {
    let best: Node | undefined;
    for (const node of this.#nodes) {
      if (node.raft?.role !== Role.Leader) continue;
      if (best === undefined || node.raft.term > best.raft!.term) best = node;
    }
    return best;
  }

  #nodeOf(member: Member): Node | undefined {
    return this.#nodes.find((node) => isSameMember(node.member, member));
  }

  #canReach(from: Member, to: Member): boolean {
    if (this.#sides === undefined || isSameMember(from, to)) return true;
    const sideOf = (member: Member): number => this.#sides![this.#nodes.findIndex((node) => node.member === member)]!;
    return sideOf(this.#nodeOf(from)!.member) === sideOf(this.#nodeOf(to)!.member);
  }

  #anyMember(): Member {
    return this.#nodes[this.#int(MAX_HOSTS)]!.member;
  }

  #countReady(raft: Raft, ready: Ready): void {
    this.#count('leader', ready.roleChanged && ready.role === Role.Leader);
    this.#count('truncate', ready.truncateFrom > 0);
    this.#count('batch', ready.entries.length > 1);
    this.#count(
      'joint entry',
      ready.entries.some(({ kind }) => kind === EntryKind.Configuration),
    );
    this.#mix(ready.number, ready.messages.length, raft.term, ready.commit);
  }

  #count(what: string, isSo: boolean): void {
    if (isSo) this.seen[what] = (this.seen[what] ?? 0) + 1;
  }

  #mix(...numbers: number[]): void {
    for (const number of numbers) this.#trace = (Math.imul(this.#trace, 0x01000193) ^ number) >>> 0;
  }

  #chance(probability: number): boolean {
    return this.#random() < probability;
  }

  #int(below: number): number {
    return Math.floor(this.#random() * below);
  }
}
