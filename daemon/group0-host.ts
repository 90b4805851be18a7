import { encodePlain } from '../cluster/codec.ts';
import {
  applyCommand,
  EMPTY_GROUP0_STATE,
  type Group0,
  type Group0Command,
  type Group0State,
  type ProposalOutcome,
} from '../cluster/group0.ts';
import { decodeCommand, encodeCommand } from '../cluster/group0-codec.ts';
import { decodeCheckpoint, EMPTY_CHECKPOINT, encodeCheckpoint } from '../commitlog/checkpoint-record.ts';
import { NO_KEY, SyncMode } from '../commitlog/commitlog-options.ts';
import { examineLog } from '../commitlog/examine.ts';
import {
  decodeRaftEntry,
  decodeRaftHard,
  encodeRaftEntry,
  encodeRaftHard,
  encodeRaftSnapshot,
  RaftEntryKind,
  RaftEntryView,
  RaftSnapshotReason,
} from '../commitlog/raft-records.ts';
import { RecordKind, recordKindName } from '../commitlog/record-kind.ts';
import { replayLog } from '../commitlog/replay.ts';
import { CommitlogWriter } from '../commitlog/writer.ts';
import { type ByteCursor, ByteWriter } from '../core/bytes.ts';
import { CorruptFileError, NotReadyError, TesseraError, UnsupportedFormatError } from '../core/errors.ts';
import type { HostId } from '../core/ids.ts';
import { INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI, INT64_MIN_LO } from '../core/int64.ts';
import type { Files } from '../core/ports/files.ts';
import { type Log, LogLevel } from '../core/ports/log.ts';
import type { Random } from '../core/ports/random.ts';
import type { Tasks } from '../core/ports/tasks.ts';
import { NIL_UUID, uuidBytes } from '../core/uuid-bytes.ts';
import { type Group0Checkpoint, readGroup0Checkpoint, writeGroup0Checkpoint } from './group0-checkpoint.ts';
import { randomUuid } from './random-uuid.ts';

export interface Group0HostOptions {
  readonly files: Files;
  readonly tasks: Tasks;
  readonly log: Log;
  readonly random: Random;
  /** `<workdir>/group0`: made if it is not there. */
  readonly directory: string;
  readonly hostId: HostId;
  /** Bytes of a log segment; a command may have nearly half of that. */
  readonly segmentBytes?: number;
  /** Entries, and bytes of entries, after which the state is written and the log cut. */
  readonly checkpointEntries?: number;
  readonly checkpointBytes?: number;
}

const SEGMENT_BYTES = 2 * 1024 * 1024;
const CHECKPOINT_ENTRIES = 256;
const CHECKPOINT_BYTES = 1024 * 1024;
/** Until the Raft core elects leaders, all entries are of the term in which a founder would win its first election. */
const TERM = 1;
const INCARNATION = 1;
/** Commands of group 0 are no writes: they have no write timestamps. */
const NO_TIMESTAMP = { hi: 0, lo: 0 };
const ALL_TOKENS = { first: { hi: INT64_MIN_HI, lo: INT64_MIN_LO }, last: { hi: INT64_MAX_HI, lo: INT64_MAX_LO } };

/**
 * Group 0 as its only member runs it: every command is one RAFT_ENTRY of term 1 in a log of its own (docs/formats/group0.md),
 * applied when it is durable. The state is in memory; now and then it is written to `state.db`, and what the log has of it
 * is freed.
 *
 *   start    state.db, then the log's entries above its index, in order; all of them are committed, one vote being a majority
 *   propose  guard, append, fdatasync, apply; one after the other
 *
 * The data are those that a member of a Raft group keeps, so that the directory survives the coming of the others.
 */
export class Group0Host implements Group0 {
  readonly #options: Group0HostOptions;
  readonly #statePath: string;
  readonly #group: string;
  readonly #groupBytes: Uint8Array;
  /** This member as the only voter. */
  readonly #configuration: Uint8Array;
  readonly #log: CommitlogWriter;
  readonly #key: number;
  readonly #listeners: ((state: Group0State, command: Group0Command) => void)[] = [];
  #state: Group0State;
  /** Index of the last entry of the log, and of the last one in state.db. */
  #lastIndex: number;
  #checkpointIndex: number;
  #bytesSinceCheckpoint = 0;
  /** Proposals and checkpoints run one after the other. */
  #queue: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  private constructor(options: Group0HostOptions, replayed: Replay, makeLog: (host: Group0Host) => CommitlogWriter) {
    this.#options = options;
    this.#statePath = statePathOf(options.directory);
    this.#group = replayed.base.group;
    this.#groupBytes = uuidBytes(this.#group);
    this.#configuration = encodePlain({ format: 1, voters: [[options.hostId, INCARNATION]], learners: [] });
    this.#state = replayed.state;
    this.#lastIndex = replayed.lastIndex;
    this.#checkpointIndex = replayed.base.index;
    this.#log = makeLog(this);
    this.#key = this.#log.tracker.acquireKey();
    for (const { segmentId, bytes } of replayed.entries) {
      this.#log.tracker.addTo(segmentId, this.#key);
      this.#bytesSinceCheckpoint += bytes;
    }
    this.#log.replayFinished();
  }

  /**
   * Reads the directory back, or founds the group when there is nothing; what it then tells is durable.
   * @throws CorruptFileError at damage; UnsupportedFormatError for data of a newer version or another host;
   * FileOperationError
   */
  static async open(options: Group0HostOptions): Promise<Group0Host> {
    const { files, directory, hostId } = options;
    const statePath = statePathOf(directory);
    // Even if it is there: whoever made it may have died before its name was durable.
    files.makeDirectory(directory);
    files.syncDirectory(directory.slice(0, directory.lastIndexOf('/')) || '/');
    const examination = examineLog({ files, directory, shard: 0, shardCount: 1, hostId, skipDamaged: false });
    let base = readGroup0Checkpoint(files, statePath);
    const isFounding = base === undefined;
    if (base === undefined) {
      if (examination.chains.some((chain) => chain.kept.length > 0)) {
        throw new CorruptFileError(statePath, 0, 'the state of group 0 is missing, but its log is there');
      }
      base = {
        group: randomUuid(options.random),
        incarnation: INCARNATION,
        index: 0,
        term: 0,
        state: EMPTY_GROUP0_STATE,
      };
      // Before the first record of the log: a log without this file is damage.
      await writeGroup0Checkpoint(files, statePath, base);
    }
    const replay = new Replay(base, directory);
    await replayLog(files, examination, replay);
    replay.finish();
    const host = new Group0Host(
      options,
      replay,
      (self) =>
        new CommitlogWriter({
          files,
          tasks: options.tasks,
          log: options.log,
          shard: 0,
          shardCount: 1,
          hostId,
          segmentBytes: options.segmentBytes ?? SEGMENT_BYTES,
          totalBytes: Number.MAX_SAFE_INTEGER,
          syncMode: SyncMode.Batch,
          syncPeriodMs: 10_000,
          groupWindowMs: 1,
          examination,
          leastCounter: 0,
          checkpoint: (out) => self.#writeLogCheckpoint(out),
          onSpacePressure: () => {},
        }),
    );
    if (isFounding || !replay.hasHardState) await host.#enqueue(() => host.#appendHardState());
    return host;
  }

  state(): Group0State {
    return this.#state;
  }

  onApplied(listener: (state: Group0State, command: Group0Command) => void): void {
    this.#listeners.push(listener);
  }

  propose(command: Group0Command): Promise<ProposalOutcome> {
    const outcome = this.#enqueue(() => this.#propose(command));
    const { checkpointEntries = CHECKPOINT_ENTRIES, checkpointBytes = CHECKPOINT_BYTES } = this.#options;
    const checkpointIfDue = async () => {
      const isDue =
        this.#lastIndex - this.#checkpointIndex >= checkpointEntries || this.#bytesSinceCheckpoint >= checkpointBytes;
      if (isDue && !this.#isClosed) await this.#checkpoint();
    };
    this.#enqueue(checkpointIfDue).catch((error: unknown) => {
      if (!(error instanceof TesseraError)) throw error;
      // The log still has everything; the next proposal tries again.
      this.#options.log.write(LogLevel.Warn, 'group0', `cannot write the state of group 0: ${error.message}`);
    });
    return outcome;
  }

  /** Writes the state and frees what the log has of it. @throws FileOperationError: nothing is lost */
  checkpoint(): Promise<void> {
    return this.#enqueue(() => this.#checkpoint());
  }

  /** Ends after what was proposed; later proposals are refused. */
  async close(): Promise<void> {
    if (this.#isClosed) return;
    await this.#enqueue(async () => {
      this.#isClosed = true;
      await this.#log.close();
    });
  }

  #enqueue<Result>(step: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(step);
    this.#queue = result.catch(() => {}); // whoever asked for the step gets its error
    return result;
  }

  async #propose(command: Group0Command): Promise<ProposalOutcome> {
    if (this.#isClosed) throw new NotReadyError('group 0 is closed');
    const before = this.#state;
    const { state, outcome } = applyCommand(before, command);
    if (state === before) return outcome;
    const payload = encodeCommand(command);
    const out = new ByteWriter(payload.length + 64);
    const index = this.#lastIndex + 1;
    encodeRaftEntry(out, this.#groupBytes, INCARNATION, TERM, index, RaftEntryKind.Command, payload, 0, payload.length);
    this.#log.append(RecordKind.RaftEntry, this.#key, out.bytes, 0, out.length);
    this.#lastIndex = index;
    try {
      await this.#durable();
    } catch (error) {
      if (this.#log.failure === undefined) {
        this.#lastIndex = index - 1; // refused: nothing of it is in the log
        throw error;
      }
      return 'unknown';
    }
    this.#bytesSinceCheckpoint += out.length;
    this.#state = state;
    for (const listener of this.#listeners) listener(state, command);
    return 'applied';
  }

  async #appendHardState(): Promise<void> {
    const out = new ByteWriter(128);
    encodeRaftHard(out, this.#groupBytes, INCARNATION, TERM, uuidBytes(this.#options.hostId), INCARNATION, 0);
    this.#log.append(RecordKind.RaftHard, NO_KEY, out.bytes, 0, out.length);
    await this.#durable();
  }

  async #checkpoint(): Promise<void> {
    const index = this.#lastIndex;
    if (index === this.#checkpointIndex) return;
    const checkpoint: Group0Checkpoint = {
      group: this.#group,
      incarnation: INCARNATION,
      index,
      term: TERM,
      state: this.#state,
    };
    await writeGroup0Checkpoint(this.#options.files, this.#statePath, checkpoint);
    // From here on the log's CHECKPOINTs may leave the entries out, and their segments may go.
    this.#checkpointIndex = index;
    this.#bytesSinceCheckpoint = 0;
    this.#log.tracker.clear(this.#key);
    const out = new ByteWriter(128);
    encodeRaftSnapshot(out, {
      group: this.#group,
      incarnation: INCARNATION,
      reason: RaftSnapshotReason.Local,
      index,
      term: TERM,
      configuration: this.#configuration,
      lastTimestamp: NO_TIMESTAMP,
      generations: [],
    });
    this.#log.append(RecordKind.RaftSnapshot, NO_KEY, out.bytes, 0, out.length);
    this.#log.rotate();
    await this.#durable();
  }

  /** Called by the log when it begins a segment. */
  #writeLogCheckpoint(out: ByteWriter): void {
    const first = this.#checkpointIndex + 1;
    encodeCheckpoint(out, {
      ...EMPTY_CHECKPOINT,
      groups: [
        {
          group: this.#group,
          incarnation: INCARNATION,
          tableId: NIL_UUID,
          range: ALL_TOKENS,
          session: NIL_UUID,
          hard: {
            term: TERM,
            vote: { host: this.#options.hostId, incarnation: INCARNATION },
            commit: this.#checkpointIndex,
          },
          snapshot: {
            index: this.#checkpointIndex,
            term: this.#checkpointIndex === 0 ? 0 : TERM,
            configuration: this.#configuration,
            lastTimestamp: NO_TIMESTAMP,
          },
          runs: this.#lastIndex < first ? [] : [{ term: TERM, firstIndex: first }],
          lastIndex: this.#lastIndex,
        },
      ],
    });
  }

  #durable(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#log.whenDurable((error) => (error === undefined ? resolve() : reject(error)), 0);
    });
  }
}

function statePathOf(directory: string): string {
  return `${directory}/state.db`;
}

/** Rebuilds the state from state.db and the records of the log. */
class Replay {
  readonly base: Group0Checkpoint;
  readonly entries: { readonly segmentId: number; readonly bytes: number }[] = [];
  readonly #directory: string;
  readonly #view: RaftEntryView = new RaftEntryView();
  state: Group0State;
  lastIndex: number;
  hasHardState = false;
  #hasCheckpoint = false;

  constructor(base: Group0Checkpoint, directory: string) {
    this.base = base;
    this.#directory = directory;
    this.state = base.state;
    this.lastIndex = base.index;
  }

  record(kind: RecordKind, cursor: ByteCursor, segmentId: number): void {
    const at = cursor.base + cursor.pos;
    switch (kind) {
      case RecordKind.Checkpoint:
        this.#checkpoint(cursor, at);
        break;
      case RecordKind.RaftEntry:
        this.#entry(cursor, at, segmentId);
        break;
      case RecordKind.RaftHard: {
        const hard = decodeRaftHard(cursor);
        this.#checkTerm(cursor, hard.term);
        this.hasHardState = true;
        break;
      }
      case RecordKind.RaftSnapshot:
        break; // state.db is what it tells of, and was there before it
      default:
        throw new CorruptFileError(cursor.path, at, `a ${recordKindName(kind)} record in the log of group 0`);
    }
  }

  /** After the last record. @throws CorruptFileError when the log cannot be the one of the state */
  finish(): void {
    if (this.base.index > 0 && !this.#hasCheckpoint) {
      throw new CorruptFileError(this.#directory, 0, 'the log of group 0 is missing, but its state is there');
    }
  }

  #checkpoint(cursor: ByteCursor, at: number): void {
    const { groups } = decodeCheckpoint(cursor);
    const [group] = groups;
    if (group === undefined || groups.length > 1 || group.group !== this.base.group) {
      throw new CorruptFileError(cursor.path, at, 'the log is of another group than the state');
    }
    this.#checkTerm(cursor, group.hard.term);
    // Entries are never taken back here, so what a checkpoint tells was seen before it, or is in the state.
    if (group.lastIndex > this.lastIndex || group.snapshot.index > this.base.index) {
      throw new CorruptFileError(
        cursor.path,
        at,
        `entries up to ${group.lastIndex} of group 0 are missing: state and log end at ${this.lastIndex}`,
      );
    }
    this.hasHardState = true;
    this.#hasCheckpoint = true;
  }

  #entry(cursor: ByteCursor, at: number, segmentId: number): void {
    const view = this.#view;
    decodeRaftEntry(cursor, view);
    if (view.group !== this.base.group) throw new CorruptFileError(cursor.path, at, 'an entry of another group');
    this.#checkTerm(cursor, view.term);
    if (view.index <= this.base.index) return;
    if (view.index !== this.lastIndex + 1) {
      throw new CorruptFileError(cursor.path, at, `entry ${view.index} of group 0 follows entry ${this.lastIndex}`);
    }
    this.lastIndex = view.index;
    this.entries.push({ segmentId, bytes: view.payloadEnd - view.payloadStart });
    if (view.kind !== RaftEntryKind.Command) return;
    const command = decodeCommand(cursor.bytes, view.payloadStart, view.payloadEnd, cursor.path);
    this.state = applyCommand(this.state, command).state;
  }

  #checkTerm(cursor: ByteCursor, term: number): void {
    if (term !== TERM) {
      throw new UnsupportedFormatError(
        cursor.path,
        `group 0 is in term ${term}: a version with several members wrote it`,
      );
    }
  }
}
