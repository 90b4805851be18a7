import {
  ChangeKind,
  type ConfigurationChange,
  configurationOf,
  EMPTY_CONFIGURATION,
  isVoter,
  Transition,
} from '../../../raft/configuration.ts';
import { type Entry, NO_BYTES } from '../../../raft/entry.ts';
import type { InitialState } from '../../../raft/initial-state.ts';
import { isSameMember, NOBODY } from '../../../raft/member.ts';
import { type Message, MessageKind } from '../../../raft/message.ts';
import type { RaftOptions } from '../../../raft/options.ts';
import { Raft } from '../../../raft/raft.ts';
import type { Ready } from '../../../raft/ready.ts';
import { Role } from '../../../raft/role.ts';
import {
  entriesText,
  entryText,
  memberOf,
  messageText,
  numberOf,
  progressText,
  roleText,
  snapshotText,
} from './etcd-format.ts';
import { GroupInvariants } from './group-invariants.ts';
import type { ScriptCommand } from './script.ts';
import { StableStorage, type StorageWrite, writeOf } from './stable-storage.ts';

/** On its way to a member: a message of the core, or word from the member's own storage, which the scripts show as messages too. */
interface Letter {
  readonly to: number;
  readonly text: string;
  readonly type: string;
  readonly from: number;
  readonly message?: Message;
  readonly persisted?: number;
  readonly applied?: number;
}

interface AppendWork {
  readonly write: StorageWrite;
  readonly text: string;
  readonly responses: readonly Letter[];
}
interface ApplyWork {
  readonly text: string;
  readonly response: Letter;
  readonly entries: readonly Entry[];
}

interface ScriptedMember {
  readonly number: number;
  readonly raft: Raft;
  readonly storage: StableStorage;
  readonly isAsync: boolean;
  readonly options: RaftOptions;
  readonly appendWork: AppendWork[];
  readonly applyWork: ApplyWork[];
  readonly applied: Entry[];
}

const indent = (text: string): string => text.replace(/^(?=.)/gm, '  ');

/**
 * A group of members in one place, driven step by step by the commands of etcd/raft's interaction scripts. Every step is followed
 * by a check of the invariants.
 */
export class ScriptedGroup {
  readonly members: ScriptedMember[] = [];
  readonly invariants: GroupInvariants = new GroupInvariants();
  /** Numbers of members that are dead as the failure detector sees it. */
  readonly dead: Set<number> = new Set();
  /** Pre-votes are not refused but ignored while there is a leader, as etcd does. */
  readonly isSilentAboutLeaders: boolean;
  letters: Letter[] = [];
  readonly #changeTexts = new Map<string, string>();
  #isSilent = false;
  #isNobodyHeard = false;
  #onlyHeard = 0;

  constructor(isSilentAboutLeaders = false) {
    this.isSilentAboutLeaders = isSilentAboutLeaders;
  }

  /** Carries out a command. @returns its output, without a last newline; `ok` when there is none */
  handle(command: ScriptCommand): string {
    const wasSilent = this.#isSilent;
    const level = command.options.get('log-level')?.[0];
    if (level === 'none') this.#isSilent = true;
    const output = this.#run(command).replace(/\n+$/, '');
    const isShown = !this.#isSilent;
    if (level !== undefined) this.#isSilent = wasSilent;
    return `${isShown ? output || 'ok' : 'ok'}\n`;
  }

  member(number: number): ScriptedMember {
    const member = this.members[number - 1];
    if (member === undefined) throw new Error(`no member ${number}`);
    return member;
  }

  #run(command: ScriptCommand): string {
    const { words, options, name } = command;
    const numbers = words.map(Number);
    switch (name) {
      case 'log-level':
        this.#isSilent = words[0] === 'none';
        return '';
      case 'add-nodes':
        return this.#addMembers(command);
      case 'campaign':
        this.member(numbers[0]!).raft.campaign();
        return this.#checked('');
      case 'propose':
        return this.#checked(resultText(this.member(numbers[0]!).raft.propose(new TextEncoder().encode(words[1]!))));
      case 'process-ready':
        return this.#forEach(numbers, 'handling Ready', (member) => this.#processReady(member));
      case 'process-append-thread':
        return this.#forEach(numbers, 'processing append thread', (member) => this.#processAppend(member));
      case 'process-apply-thread':
        return this.#forEach(numbers, 'processing apply thread', (member) => this.#processApply(member));
      case 'deliver-msgs':
        return this.#deliverTo(numbers, options.get('drop')?.map(Number) ?? [], options.get('type')?.[0]);
      case 'stabilize':
        return this.#stabilize(numbers.length > 0 ? numbers : this.members.map(({ number }) => number));
      case 'status':
        return this.#status(this.member(numbers[0]!));
      case 'raft-state':
        return this.members.map((member) => this.#stateText(member)).join('\n');
      case 'raft-log':
        return this.#logText(this.member(numbers[0]!));
      case 'tick-heartbeat':
        this.#heartbeatTick(this.member(numbers[0]!));
        return this.#checked('');
      case 'tick-election': {
        const member = this.member(numbers[0]!);
        for (let i = 0; i < member.options.electionTicks!; i++) this.#heartbeatTick(member);
        return this.#checked('');
      }
      case 'tick':
        for (const number of numbers) this.member(number).raft.tick();
        return this.#checked('');
      case 'set-randomized-election-timeout':
        this.member(numbers[0]!).raft.state.electionTimeout = Number(options.get('timeout')![0]);
        return '';
      case 'compact':
        return this.#compact(this.member(numbers[0]!), numbers[1]!);
      case 'report-unreachable':
        this.member(numbers[0]!).raft.unreachable(memberOf(numbers[1]!));
        return '';
      case 'send-snapshot':
        return this.#sendSnapshot(numbers[0]!, numbers[1]!);
      case 'forget-leader':
        this.member(numbers[0]!).raft.forgetLeader();
        return this.#checked('');
      case 'transfer-leadership': {
        const target = memberOf(options.get('to')![0]!);
        return this.#checked(resultText(this.member(Number(options.get('from')![0])).raft.transferLeadership(target)));
      }
      case 'propose-conf-change':
        return this.#changeConfiguration(command);
      case 'liveness':
        return this.#setDead(options.get('dead')?.map(Number) ?? []);
      case 'read-index':
        return this.#checked(resultText(this.member(numbers[0]!).raft.readIndex()));
      default:
        throw new Error(`unknown command ${name}`);
    }
  }

  /**
   * etcd's tick with heartbeats, translated. A leader's heartbeat is a read round without reads: it carries term and commit
   * index and is answered; the answer is a sign of life (see `#signOfLife`). A follower's tick is one in which it hears nothing.
   */
  #heartbeatTick({ raft }: ScriptedMember): void {
    const { peers, log } = raft.state;
    if (raft.role !== Role.Leader) {
      this.#isNobodyHeard = true;
      raft.tick();
      this.#isNobodyHeard = false;
      return;
    }
    for (const { member, match } of peers) {
      if (isSameMember(member, raft.self)) continue;
      const commit = Math.min(match, log.commit);
      raft.state.send({ kind: MessageKind.ReadRound, from: raft.self, to: member, term: raft.term, round: 0, commit });
    }
  }

  /** The failure detector of `raft` heard of `from`, and of nobody else just now. */
  #signOfLife(raft: Raft, from: number): void {
    this.#onlyHeard = from;
    raft.livenessChanged();
    this.#onlyHeard = 0;
  }

  #isAlive(number: number): boolean {
    if (this.#isNobodyHeard || (this.#onlyHeard !== 0 && this.#onlyHeard !== number)) return false;
    return !this.dead.has(number);
  }

  #checked(output: string): string {
    this.invariants.check(this.members.map(({ raft, storage }) => ({ member: raft.self, raft, storage })));
    return output;
  }

  #forEach(numbers: readonly number[], title: string, run: (member: ScriptedMember) => string): string {
    if (numbers.length === 1) return this.#checked(run(this.member(numbers[0]!)));
    let output = '';
    for (const number of numbers) output += `> ${number} ${title}\n${indent(run(this.member(number)))}`;
    return this.#checked(output);
  }

  #addMembers({ words, options }: ScriptCommand): string {
    const flag = (key: string): boolean => options.get(key)?.[0] === 'true';
    const index = Number(options.get('index')?.[0] ?? 0);
    const voters = (options.get('voters') ?? []).map((number) => memberOf(number));
    const learners = (options.get('learners') ?? []).map((number) => memberOf(number));
    const configuration = voters.length === 0 ? EMPTY_CONFIGURATION : configurationOf(voters, learners);
    // Without check-quorum etcd knows no live leader: pre-votes are granted whoever leads.
    if (flag('prevote') && !flag('checkquorum')) for (let i = 1; i <= Number(words[0]); i++) this.dead.add(i);
    for (let i = 0; i < Number(words[0]); i++) {
      const number = this.members.length + 1;
      const snapshot = { index, term: index === 0 ? 0 : 1, configuration, attachment: NO_BYTES };
      const initial: InitialState = { term: 0, vote: NOBODY, commit: index, snapshot, entries: [], applied: index };
      const isAsync = flag('async-storage-writes');
      const raftOptions: RaftOptions = {
        self: memberOf(number),
        boot: 1,
        random: { next: () => 0, fill: () => {} },
        liveness: { isAlive: (member) => this.#isAlive(numberOf(member)) },
        snapshot: () => ({ index: this.member(number).raft.applied, attachment: NO_BYTES }),
        electionTicks: 3,
        staggerTicks: 1,
        preVote: flag('prevote'),
        checkQuorum: flag('checkquorum'),
        appliesInOrder: !isAsync,
        sendsAtOnce: options.get('send')?.[0] !== 'batched',
        maxInFlightMessages: Number(options.get('inflight')?.[0] ?? Number.MAX_SAFE_INTEGER),
        maxInFlightBytes: Number.POSITIVE_INFINITY,
        maxAppendBytes: Number.POSITIVE_INFINITY,
      };
      this.members.push({
        number,
        raft: new Raft(raftOptions, initial),
        storage: new StableStorage(initial),
        isAsync,
        options: raftOptions,
        appendWork: [],
        applyWork: [],
        applied: [],
      });
    }
    return this.#checked('');
  }

  #letter(message: Message): Letter {
    const text = messageText(message, this.#changeTexts);
    const type = text.split(' ')[1]!;
    return { to: numberOf(message.to), from: numberOf(message.from), text, type, message };
  }

  #hasReady({ raft }: ScriptedMember): boolean {
    const { state } = raft;
    if (this.isSilentAboutLeaders && state.leader !== NOBODY) {
      state.messages = state.messages.filter(({ kind }) => kind !== MessageKind.PreVoteReply);
    }
    return raft.hasReady();
  }

  #processReady(member: ScriptedMember): string {
    const { raft, isAsync } = member;
    const ready = raft.takeReady();
    this.invariants.observe(raft, ready);
    let output = '';
    if (ready.roleChanged) output += `Lead:${numberOf(ready.leader)} State:${roleText(ready.role)}\n`;
    if (ready.hardStateChanged) output += `HardState ${hardStateText(ready)}\n`;
    output += this.#section('Entries:', ready.entries);
    if (ready.snapshot !== undefined) output += `Snapshot ${snapshotText(ready.snapshot)}\n`;
    output += this.#section('CommittedEntries:', ready.committed);
    const letters = isAsync ? this.#handOut(member, ready) : this.#carryOut(member, ready);
    if (letters.length > 0) output += `Messages:\n${letters.map(({ text }) => `${text}\n`).join('')}`;
    if (ready.reads.length > 0)
      output += `Reads:\n${ready.reads.map(({ id, index }) => `${id} at ${index}\n`).join('')}`;
    if (ready.failedReads.length > 0) output += `FailedReads: ${ready.failedReads.join(' ')}\n`;
    return output === '' ? '<empty Ready>\n' : `Ready MustSync=${ready.mustSync}:\n${output}`;
  }

  #section(title: string, entries: readonly Entry[]): string {
    if (entries.length === 0) return '';
    return `${title}\n${entries.map((entry) => `${entryText(entry, this.#changeTexts)}\n`).join('')}`;
  }

  /** Storage in order: everything is durable and applied before the next batch. */
  #carryOut(member: ScriptedMember, ready: Ready): Letter[] {
    const { raft, storage } = member;
    storage.apply(writeOf(ready));
    const letters = [...ready.messages, ...ready.messagesAfterPersist].map((message) => this.#letter(message));
    this.letters.push(...letters);
    const { number, committed } = ready;
    raft.persisted(number);
    member.applied.push(...committed);
    if (committed.length > 0) raft.appliedTo(committed[committed.length - 1]!.index);
    return letters;
  }

  /** Asynchronous storage: the batch goes to an append and an apply queue, with the replies that wait for it. */
  #handOut(member: ScriptedMember, ready: Ready): Letter[] {
    const { number, raft } = member;
    const letters = ready.messages.map((message) => this.#letter(message));
    this.letters.push(...letters);
    const shown = [...letters];
    if (ready.hasWrites || ready.messagesAfterPersist.length > 0) {
      const own = { to: number, from: number, persisted: ready.number };
      const responses: Letter[] = [];
      const state = raft.state;
      // The core knows by itself that its own write ended; etcd shows it as messages of the member to itself.
      if (ready.role === Role.Leader && ready.entries.length > 0) {
        const text = `${number}->${number} MsgAppResp Term:${ready.term} Log:0/${raft.lastIndex}`;
        responses.push({ ...own, type: 'MsgAppResp', text });
      }
      if (ready.role === Role.Candidate && ready.hardStateChanged) {
        const text = `${number}->${number} MsgVoteResp Term:${ready.term} Log:0/0`;
        responses.push({ ...own, type: 'MsgVoteResp', text });
      }
      responses.push(...ready.messagesAfterPersist.map((message) => this.#letter(message)));
      if (state.log.durable < state.log.lastIndex) {
        const type = 'MsgStorageAppendResp';
        const text = `AppendThread->${number} ${type} Term:${ready.term} Log:${state.log.lastTerm}/${raft.lastIndex}`;
        responses.push({ ...own, type, text });
      }
      const vote = numberOf(ready.vote);
      const hard = ready.hardStateChanged
        ? `Term:${ready.term} Log:0/0 Commit:${ready.commit}${vote === 0 ? '' : ` Vote:${vote}`}`
        : 'Term:0 Log:0/0';
      const text = `${number}->AppendThread MsgStorageAppend ${hard}${entriesText(ready.entries, this.#changeTexts)}`;
      member.appendWork.push({ write: writeOf(ready), text, responses });
      shown.push({ ...own, type: '', text: text + responsesText(responses) });
    }
    if (ready.committed.length > 0) {
      const entries = entriesText(ready.committed, this.#changeTexts);
      const text = `${number}->ApplyThread MsgStorageApply Term:0 Log:0/0${entries}`;
      const response: Letter = {
        to: number,
        from: number,
        type: 'MsgStorageApplyResp',
        text: `ApplyThread->${number} MsgStorageApplyResp Term:0 Log:0/0${entries}`,
        applied: ready.committed[ready.committed.length - 1]!.index,
      };
      member.applyWork.push({ text, response, entries: ready.committed });
      shown.push({ to: number, from: number, type: '', text: text + responsesText([response]) });
    }
    return shown;
  }

  #processAppend(member: ScriptedMember): string {
    const work = member.appendWork.shift();
    if (work === undefined) return 'no append work to perform\n';
    member.storage.apply(work.write);
    this.letters.push(...work.responses);
    if (!work.responses.some(({ persisted }) => persisted !== undefined)) member.raft.persisted(work.write.number);
    return `Processing:\n${work.text}\nResponses:\n${work.responses.map(({ text }) => `${text}\n`).join('')}`;
  }

  #processApply(member: ScriptedMember): string {
    const work = member.applyWork.shift();
    if (work === undefined) return 'no apply work to perform\n';
    member.applied.push(...work.entries);
    this.letters.push(work.response);
    return `Processing:\n${work.text}\nResponses:\n${work.response.text}\n`;
  }

  #deliverTo(receivers: readonly number[], drops: readonly number[], type: string | undefined): string {
    let output = '';
    for (const number of receivers) output += this.#deliver(number, false, type);
    for (const number of drops) output += this.#deliver(number, true, type);
    return this.#checked(output === '' ? 'no messages\n' : output);
  }

  #deliver(number: number, isDropped: boolean, type: string | undefined): string {
    const isMeant = (letter: Letter): boolean => letter.to === number && (type === undefined || letter.type === type);
    const due = this.letters.filter(isMeant);
    this.letters = this.letters.filter((letter) => !isMeant(letter));
    let output = '';
    for (const letter of due) {
      output += `${isDropped ? 'dropped: ' : ''}${letter.text}\n`;
      if (!isDropped) this.#step(letter);
    }
    return output;
  }

  #step({ to, from, message, persisted, applied }: Letter): void {
    const { raft } = this.member(to);
    if (message !== undefined) raft.step(message);
    if (message?.kind === MessageKind.ReadRoundReply && raft.role === Role.Leader) this.#signOfLife(raft, from);
    if (persisted !== undefined) raft.persisted(persisted);
    if (applied !== undefined) raft.appliedTo(applied);
    this.#checked('');
  }

  #stabilize(numbers: readonly number[]): string {
    let output = '';
    for (let isDone = false; !isDone; ) {
      isDone = true;
      const pass = (title: string, run: () => string): void => {
        output += `> ${title}\n${indent(run())}`;
        isDone = false;
      };
      for (const number of numbers) {
        const member = this.member(number);
        if (this.#hasReady(member)) {
          pass(`${number} handling Ready`, () => this.#processReady(member));
        }
      }
      for (const number of numbers) {
        if (this.letters.some(({ to }) => to === number)) {
          pass(`${number} receiving messages`, () => this.#deliver(number, false, undefined));
        }
      }
      for (const number of numbers) {
        const member = this.member(number);
        if (member.appendWork.length === 0) continue;
        pass(`${number} processing append thread`, () => {
          let text = '';
          while (member.appendWork.length > 0) text += this.#processAppend(member);
          return text;
        });
      }
      for (const number of numbers) {
        const member = this.member(number);
        if (member.applyWork.length === 0) continue;
        pass(`${number} processing apply thread`, () => {
          let text = '';
          while (member.applyWork.length > 0) text += this.#processApply(member);
          return text;
        });
      }
      this.#checked('');
    }
    return output;
  }

  #status({ raft }: ScriptedMember): string {
    return raft.state.peers
      .map((progress) => {
        const isSelf = isSameMember(progress.member, raft.self);
        return progressText(progress, isSelf ? progress.match + 1 : progress.next);
      })
      .join('\n');
  }

  #stateText({ number, raft }: ScriptedMember): string {
    const kind = isVoter(raft.configuration, raft.self) ? 'Voter' : 'Non-Voter';
    return `${number}: ${roleText(raft.role)} (${kind}) Term:${raft.term} Lead:${numberOf(raft.leader)}`;
  }

  #logText({ storage }: ScriptedMember): string {
    if (storage.entries.length === 0) {
      return `log is empty: first index=${storage.snapshot.index + 1}, last index=${storage.snapshot.index}`;
    }
    return storage.entries.map((entry) => entryText(entry, this.#changeTexts)).join('\n');
  }

  #compact(member: ScriptedMember, index: number): string {
    const { raft, storage } = member;
    const { term } = raft.state.log.entryAt(index)!;
    const configuration = raft.state.history.at(index);
    storage.compact({ index, term, configuration, attachment: NO_BYTES });
    raft.compact(index);
    return this.#checked(this.#logText(member));
  }

  #sendSnapshot(from: number, to: number): string {
    const { raft } = this.member(from);
    const { state } = raft;
    const index = raft.applied;
    const letter = this.#letter({
      kind: MessageKind.Snapshot,
      from: raft.self,
      to: memberOf(to),
      term: raft.term,
      snapshot: { index, term: raft.termAt(index), configuration: state.history.at(index), attachment: NO_BYTES },
    });
    this.letters.push(letter);
    return letter.text;
  }

  #changeConfiguration({ words, options, input }: ScriptCommand): string {
    const { raft } = this.member(Number(words[0]));
    const text = input.join(' ').trim();
    const kinds: Readonly<Record<string, ChangeKind>> = {
      v: ChangeKind.AddVoter,
      l: ChangeKind.AddLearner,
      r: ChangeKind.Remove,
    };
    const parts = text.split(/\s+/).filter((part) => part !== '');
    const changes: ConfigurationChange[] = parts.map((part) => ({
      kind: kinds[part[0]!]!,
      member: memberOf(part.slice(1)),
    }));
    const names: Readonly<Record<string, Transition>> = {
      implicit: Transition.JointImplicit,
      explicit: Transition.JointExplicit,
    };
    const transition = names[options.get('transition')?.[0] ?? ''] ?? Transition.Auto;
    const result =
      changes.length === 0 ? raft.leaveJointConfiguration() : raft.changeConfiguration(changes, transition);
    if (typeof result === 'number' && result > 0) this.#changeTexts.set(`${raft.term}/${result}`, text && ` ${text}`);
    return this.#checked(typeof result === 'string' ? result : resultText(result));
  }

  #setDead(numbers: readonly number[]): string {
    this.dead.clear();
    for (const number of numbers) this.dead.add(number);
    for (const { raft } of this.members) raft.livenessChanged();
    return this.#checked('');
  }
}

const REFUSALS = [
  '',
  'not leader',
  'transfer in progress',
  'too much uncommitted',
  'log full',
  'too many reads',
  'configuration pending',
  'no such target',
] as const;
const resultText = (result: number): string => (result < 0 ? `refused: ${REFUSALS[-result]}` : '');

function responsesText(responses: readonly Letter[]): string {
  if (responses.length === 0) return '';
  return ` Responses:[\n${responses.map(({ text }) => `${indent(text)}\n`).join('')}]`;
}

function hardStateText({ term, vote, commit }: Ready): string {
  return `Term:${term}${numberOf(vote) === 0 ? '' : ` Vote:${numberOf(vote)}`} Commit:${commit}`;
}
