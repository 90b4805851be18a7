import type { Random } from '../core/ports/random.ts';
import type { Configuration } from './configuration.ts';
import type { ConfigurationHistory } from './configuration-history.ts';
import { type InitialState, loadHistory, loadLog } from './initial-state.ts';
import type { RaftLog } from './log.ts';
import { isSameMember, type Member, NOBODY } from './member.ts';
import type { Message } from './message.ts';
import { DEFAULT_OPTIONS, type RaftOptions } from './options.ts';
import { PendingWrites } from './pending-writes.ts';
import type { Progress } from './progress.ts';
import type { Answer, Counted } from './quorum.ts';
import { ReadQueue } from './read-queue.ts';
import { Role } from './role.ts';
import type { SnapshotDescriptor } from './snapshot.ts';

/** A voter's answer to a candidate. */
export interface Ballot extends Counted {
  readonly member: Member;
  answer: Answer;
}
export const answerOf = (ballot: Ballot): Answer => ballot.answer;

const NO_BALLOTS: readonly Ballot[] = [];
const NO_PEERS: readonly Progress[] = [];

/** Everything one member of one group knows. The rules are in the files around; this one only keeps and resets. */
export class RaftState {
  readonly options: Required<RaftOptions>;
  readonly self: Member;
  readonly random: Random;
  readonly log: RaftLog;
  readonly history: ConfigurationHistory;
  /** `history.latest`: in force since it was appended. */
  configuration: Configuration;

  term: number;
  vote: Member;
  role: Role = Role.Follower;
  leader: Member = NOBODY;

  /** Ticks of this life, for the age of forwarded reads. */
  tick = 0;
  electionElapsed = 0;
  electionTimeout = 0;
  /** As leader: ticks since a quorum was last seen alive. */
  quorumLostTicks = 0;
  /** As candidate: one per voter of either half. */
  ballots: readonly Ballot[] = NO_BALLOTS;
  /** As candidate: (term, vote = self) is on disk. */
  isOwnVoteDurable = false;
  /** The election was asked for by the leader. */
  isTransferElection = false;

  /** As leader: one per member, sorted; nothing otherwise, so that followers stay small. */
  peers: readonly Progress[] = NO_PEERS;
  /** As leader: index of the first entry of its term. */
  termStart = 0;
  uncommittedBytes = 0;
  /** Appends are due to all peers at the next `takeReady`. */
  isBroadcastDue = false;
  transferTarget: Member = NOBODY;
  transferElapsed = 0;

  readonly reads: ReadQueue = new ReadQueue();
  readonly writes: PendingWrites = new PendingWrites();
  /** Received and not yet handed to the host. */
  unhandedSnapshot: SnapshotDescriptor | undefined = undefined;
  /** Index of the newest received snapshot that is not yet durable at the host; 0 for none. */
  installing = 0;

  messages: Message[] = [];
  messagesAfterPersist: Message[] = [];

  constructor(options: RaftOptions, initial: InitialState) {
    this.options = { ...DEFAULT_OPTIONS, ...options };
    this.self = options.self;
    this.random = options.random;
    this.log = loadLog(initial);
    this.history = loadHistory(initial);
    this.configuration = this.history.latest;
    this.term = initial.term;
    this.vote = isSameMember(initial.vote, NOBODY) ? NOBODY : initial.vote;
    this.drawElectionTimeout();
  }

  get isLeader(): boolean {
    return this.role === Role.Leader;
  }

  /** An entry of the own term is committed: the commit index is not behind that of any earlier leader. */
  get hasCommittedInTerm(): boolean {
    return this.log.commit >= this.termStart;
  }

  /** Leaves with the next batch at once: it rests on nothing that is not yet durable. */
  send(message: Message): void {
    this.messages.push(message);
  }

  /** Leaves when everything given to storage before is durable. */
  sendAfterPersist(message: Message): void {
    this.messagesAfterPersist.push(message);
  }

  isAlive(member: Member): boolean {
    return this.options.liveness.isAlive(member);
  }

  progressOf(member: Member): Progress | undefined {
    for (let i = 0; i < this.peers.length; i++) {
      const progress = this.peers[i]!;
      if (isSameMember(progress.member, member)) return progress;
    }
    return undefined;
  }

  setLeader(leader: Member): void {
    if (isSameMember(leader, this.leader)) return;
    this.leader = leader;
    this.reads.failAll(this.self);
  }

  /** Anew at every change of role, so that two that timed out together do not do so again. */
  drawElectionTimeout(): void {
    const { electionTicks } = this.options;
    this.electionTimeout = electionTicks + Math.floor(this.random.next() * electionTicks);
  }

  /** Forgets what belonged to the role and, with the term, to the term. */
  resetRole(term: number): void {
    if (term !== this.term) {
      this.term = term;
      this.vote = NOBODY;
      this.setLeader(NOBODY);
    }
    this.electionElapsed = 0;
    this.drawElectionTimeout();
    this.quorumLostTicks = 0;
    this.ballots = NO_BALLOTS;
    this.isOwnVoteDurable = false;
    this.isTransferElection = false;
    this.peers = NO_PEERS;
    this.uncommittedBytes = 0;
    this.isBroadcastDue = false;
    this.transferTarget = NOBODY;
    this.transferElapsed = 0;
    this.reads.failAll(this.self);
  }

  becomeFollower(term: number, leader: Member): void {
    this.resetRole(term);
    this.role = Role.Follower;
    this.setLeader(leader);
  }
}
