import { decodeCheckpoint, EMPTY_CHECKPOINT, encodeCheckpoint } from '../../commitlog/checkpoint-record.ts';
import { type CommitlogOptions, SyncMode } from '../../commitlog/commitlog-options.ts';
import { examineLog, type LogExamination } from '../../commitlog/examine.ts';
import { RecordKind } from '../../commitlog/record-kind.ts';
import { replayLog } from '../../commitlog/replay.ts';
import { CommitlogWriter } from '../../commitlog/writer.ts';
import type { ByteWriter } from '../../core/bytes.ts';
import { readU32LE, writeI32LE } from '../../core/bytes.ts';
import type { Log } from '../../core/ports/log.ts';
import { SimTime } from '../sim/sim-clock.ts';
import { SimFiles } from '../sim/sim-files.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { SimTasks } from '../sim/sim-tasks.ts';

export const LOG_DIRECTORY = '/log';
export const HOST_ID = '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11';
const NO_TABLE = '00000000-0000-0000-0000-000000000001';

/** What replay handed over of the test's own records: their numbers, with where each stood. */
export interface Replayed {
  readonly examination: LogExamination;
  readonly numbers: number[];
  readonly segmentIds: number[];
  readonly positions: number[];
  /** The last number that the log tells of, in a record or a CHECKPOINT. */
  lastTaken: number;
}

/** A commit log on simulated files, whose records are numbered, so that a test can tell which came back. */
export class LogHarness {
  readonly time: SimTime = new SimTime();
  readonly random: SimRandom;
  readonly files: SimFiles;
  tasks: SimTasks;
  readonly messages: string[] = [];
  pressures: number[] = [];
  /** Number of the last record that was tried. */
  lastNumber = 0;
  /** Number of the last record that the log has taken; the CHECKPOINT tells it, and replay compares. */
  lastTaken = 0;
  hostId: string = HOST_ID;
  shard = 0;
  shardCount = 1;
  skipDamaged = false;
  readonly #log: Log;

  constructor(seed: number) {
    this.random = new SimRandom(seed);
    this.files = new SimFiles((operation) => this.time.after(0.05 + this.random.next() * 3, operation));
    this.tasks = new SimTasks(this.time, this.random);
    this.#log = { write: (_level, _module, message) => this.messages.push(message) };
    this.files.makeDirectory(LOG_DIRECTORY);
    this.files.syncDirectory('/');
  }

  examine(): LogExamination {
    return examineLog({
      files: this.files,
      directory: LOG_DIRECTORY,
      shard: this.shard,
      shardCount: this.shardCount,
      hostId: this.hostId,
      skipDamaged: this.skipDamaged,
    });
  }

  /** Reads the log back. Throws if a CHECKPOINT contradicts the records before it. */
  async replay(): Promise<Replayed> {
    const examination = this.examine();
    const replayed: Replayed = { examination, numbers: [], segmentIds: [], positions: [], lastTaken: 0 };
    let shard = -1;
    let isFirst = true;
    await replayLog(this.files, examination, {
      segment: (_segment, writer) => {
        isFirst = writer !== shard;
        shard = writer;
      },
      record: (kind, cursor, segmentId, offset) => {
        if (kind === RecordKind.Checkpoint) {
          const told = decodeCheckpoint(cursor).truncates[0]!.truncatedAtUs;
          const last = isFirst ? told : (replayed.numbers.at(-1) ?? told);
          isFirst = false;
          if (last !== told && !this.skipDamaged)
            throw new Error(`the checkpoint tells ${told}, but ${last} came before`);
          replayed.lastTaken = told;
          return;
        }
        checkRecord(cursor.bytes, cursor.pos, cursor.end);
        replayed.numbers.push(readU32LE(cursor.bytes, cursor.pos));
        replayed.lastTaken = replayed.numbers.at(-1)!;
        replayed.segmentIds.push(segmentId);
        replayed.positions.push(offset);
      },
    });
    return replayed;
  }

  /** Opens a writer over what was examined. */
  open(examination: LogExamination, options: Partial<CommitlogOptions> = {}): CommitlogWriter {
    return new CommitlogWriter({
      files: this.files,
      tasks: this.tasks,
      log: this.#log,
      shard: this.shard,
      shardCount: this.shardCount,
      hostId: this.hostId,
      segmentBytes: 4096,
      totalBytes: 1 << 30,
      syncMode: SyncMode.Batch,
      syncPeriodMs: 10_000,
      groupWindowMs: 2,
      leastCounter: 0,
      examination,
      checkpoint: (out) => this.#checkpoint(out),
      onSpacePressure: (oldest) => this.pressures.push(oldest),
      ...options,
    });
  }

  /** Appends the next numbered record with `payloadBytes` bytes, at least 4. Returns its number. */
  append(log: CommitlogWriter, payloadBytes: number, key = -1): number {
    const number = ++this.lastNumber;
    const record = numberedRecord(number, payloadBytes);
    log.append(RecordKind.Mutation, key, record, 0, record.length);
    this.lastTaken = number;
    return number;
  }

  /** Closes a log, letting time pass until it is done. */
  async closeOrderly(log: CommitlogWriter): Promise<void> {
    let isClosed = false;
    const closing = log.close().finally(() => {
      isClosed = true;
    });
    while (!isClosed) await this.time.runAsync(this.time.nowMs + 50);
    await closing;
  }

  /** The process is gone: by power failure, or killed with the page cache left. */
  stop(isPowerFailure: boolean): void {
    this.tasks.stop();
    this.files.plan = undefined;
    if (isPowerFailure) this.files.crash(this.random.fork());
    else this.files.kill();
    this.tasks = new SimTasks(this.time, this.random);
  }

  #checkpoint(out: ByteWriter): void {
    const truncate = { position: { segmentId: 0, offset: 0 }, tableId: NO_TABLE, truncatedAtUs: this.lastTaken };
    encodeCheckpoint(out, { ...EMPTY_CHECKPOINT, truncates: [truncate] });
  }
}

/** A payload that tells its number and can be told from any other bytes. */
export function numberedRecord(number: number, payloadBytes: number): Uint8Array {
  const record = new Uint8Array(payloadBytes);
  writeI32LE(record, 0, number);
  for (let i = 4; i < payloadBytes; i++) record[i] = number * 31 + i * 7;
  return record;
}

function checkRecord(bytes: Uint8Array, start: number, end: number): void {
  const number = readU32LE(bytes, start);
  for (let i = 4; i < end - start; i++) {
    if (bytes[start + i] !== ((number * 31 + i * 7) & 0xff)) throw new Error('a record was invented');
  }
}
