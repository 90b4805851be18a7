import { assert } from '../core/assert.ts';
import { FileOperationError, InvalidRequestError, NotReadyError } from '../core/errors.ts';
import type { Files } from '../core/ports/files.ts';
import { OpenMode } from '../core/ports/files.ts';
import { LogLevel } from '../core/ports/log.ts';
import type { Tasks, TimerHandle } from '../core/ports/tasks.ts';
import { BATCH_HEAD_BYTES, RECORD_HEAD_BYTES } from './batch.ts';
import { type CommitlogOptions, NO_KEY, SyncMode } from './commitlog-options.ts';
import { DirtyTracker } from './dirty-tracker.ts';
import { DurableMark, durableMarkPath } from './durable-mark.ts';
import type { LogChain } from './examine.ts';
import { asFileError, isRefusal } from './file-failure.ts';
import { makeDurable } from './make-durable.ts';
import { PendingBatch } from './pending-batch.ts';
import type { RecordKind } from './record-kind.ts';
import { type OpenSegment, SegmentSupply } from './recycle.ts';
import { SEGMENT_HEADER_BYTES, type SegmentFile, SegmentFileKind, segmentFileName, segmentSeed } from './segment.ts';
import { encodeSegmentHead } from './segment-head.ts';
import { type LogCallback, WaiterQueue } from './waiter-queue.ts';

/** A turn's records are buffered up to here; a larger turn is written early. */
const MOST_BUFFERED_BYTES = 1 << 20;
const MOST_FREE_FILES = 4;
interface Retained {
  readonly file: SegmentFile;
  readonly sizeBytes: number;
}

/**
 * One shard's write-ahead log. Everything runs on one thread; no method may be called from inside a `checkpoint`.
 *
 * A turn: `append` copies records into a buffer; at the turn's end one `writeSync` puts them into the page cache as a batch;
 * then whoever asked by `whenWritten` is told. `whenDurable` waits for an fdatasync: at most one is in flight, and it serves
 * everybody whose batch was written before it began. Callbacks run at the end of a turn, each queue in the order of the log.
 *
 *   written ──fdatasync──> durable        #batch - 1: last written     #durableBatch: last durable
 *
 * Durability grows in the order of the log: a sealed segment is synced before the next one. So a crash leaves a prefix.
 *
 * Failures. No space: the turn's records are refused (callbacks get the error), nothing of them is in the log, and the next
 * turn tries again. Any other error, and every error of fdatasync, whose lost pages a later success would not bring back:
 * the log is failed for good, nothing is acknowledged any more, `append` throws.
 */
export class CommitlogWriter {
  /** Owners of unflushed records; `append` counts for the key it is given. */
  readonly tracker: DirtyTracker = new DirtyTracker();
  /** Largest payload of a record, in bytes. */
  readonly maxRecordBytes: number;

  readonly #options: CommitlogOptions;
  readonly #files: Files;
  readonly #tasks: Tasks;
  readonly #directory: string;
  readonly #supply: SegmentSupply;
  readonly #replayKey: number;
  readonly #mark: DurableMark;

  #segment: OpenSegment;
  #seed = 0;
  /** Where the pending batch will stand, and up to where the segment may be written. */
  #offset = 0;
  #limit = 0;
  readonly #pending: PendingBatch = new PendingBatch();
  #batch = 1;

  readonly #written: WaiterQueue = new WaiterQueue();
  readonly #durable: WaiterQueue = new WaiterQueue();
  readonly #refused: WaiterQueue = new WaiterQueue(8);
  /** Set from a refusal until its waiters were told: a CHECKPOINT in between would tell of records that are not there. */
  #refusal: Error | undefined = undefined;
  #error: Error | undefined = undefined;
  #isTurnAsked = false;
  #isClosing = false;

  /** Segments with bytes that are not durable, oldest first; the active one is always the last. */
  readonly #unsynced: OpenSegment[] = [];
  #isSyncing = false;
  readonly #whenSynced: (() => void)[] = [];
  #wantedBatch = 0;
  #groupBatch = 0;
  #durableBatch = 0;
  #durableSegmentId = 0;
  #durableOffset = 0;
  #targetBatch = 0;
  #targetOffset = 0;
  #checkpointedId = 0;
  #periodTimer: TimerHandle = 0;
  #groupTimer: TimerHandle = 0;

  #retained: Retained[] = [];
  #foreign: LogChain[] = [];
  #segmentBytesSum = 0;
  #isPressed = false;
  #syncCount = 0;
  #writeCount = 0;

  /**
   * Opens the log after `examineLog` and `replayLog`: makes what was replayed durable (after the crash of a process it may
   * stand in the page cache only), begins a new segment with its CHECKPOINT, durable before this returns, and frees files
   * that are not part of the log. Blocking: for start-up.
   *
   * Replayed segments stay until `replayFinished`, and then as long as `tracker` has records in them.
   * @throws FileOperationError
   */
  constructor(options: CommitlogOptions) {
    assert(options.segmentBytes >= 4096 && options.segmentBytes % 4096 === 0, 'segments are whole pages');
    const { examination, files } = options;
    this.#options = options;
    this.#files = files;
    this.#tasks = options.tasks;
    this.#directory = examination.directory;
    this.maxRecordBytes = options.segmentBytes / 2 - SEGMENT_HEADER_BYTES - BATCH_HEAD_BYTES - RECORD_HEAD_BYTES;
    this.#supply = new SegmentSupply({
      files,
      log: options.log,
      directory: examination.directory,
      shard: options.shard,
      segmentBytes: options.segmentBytes,
      maxFree: MOST_FREE_FILES,
      highestCounter: Math.max(examination.highestCounter, options.leastCounter),
    });
    this.#mark = new DurableMark(
      files,
      options.tasks,
      options.log,
      this.#directory,
      options.shard,
      options.syncPeriodMs,
    );
    this.#replayKey = this.tracker.acquireKey();
    const own = examination.chains.find((chain) => chain.shard === options.shard);
    this.#foreign = examination.chains.filter((chain) => chain.shard !== options.shard);
    this.#retain(examination.chains, own);
    for (const file of examination.spare) this.#supply.reclaim(file);

    const last = own?.kept.at(-1);
    this.#durableSegmentId = last?.file.segmentId ?? 0;
    this.#durableOffset = last?.end ?? 0;
    this.#segment = this.#beginSegment(this.#durableSegmentId, this.#durableOffset);
    files.fdatasyncSync(this.#segment.file);
    files.syncDirectory(this.#directory);
    this.#segment.isNameDurable = true;
    this.#targetBatch = this.#batch - 1;
    this.#targetOffset = this.#offset;
    this.#advanceDurable(this.#segment);
    for (const file of own?.obsolete ?? []) this.#supply.reclaim(file);
    this.#supply.prepare();
  }

  /** Segment of the record last appended. */
  get segmentId(): number {
    return this.#segment.segmentId;
  }

  /** Why the log failed for good, or undefined. */
  get failure(): Error | undefined {
    return this.#error;
  }

  /** Bytes of all segments of the log, as files. */
  get totalBytes(): number {
    return this.#segmentBytesSum + this.#offset;
  }

  /** Records before this segment are never replayed again. */
  get oldestSegmentId(): number {
    return this.#retained[0]?.file.segmentId ?? this.#segment.segmentId;
  }

  get segmentCount(): number {
    return this.#retained.length + 1;
  }

  /** Completed fdatasyncs and writes since the log was opened. */
  get syncCount(): number {
    return this.#syncCount;
  }
  get writeCount(): number {
    return this.#writeCount;
  }

  /** True when some written bytes are not durable yet. */
  get hasUnsynced(): boolean {
    return this.#batch - 1 > this.#durableBatch;
  }

  /** True when a filled segment waits to be used. */
  get hasSpareSegment(): boolean {
    return this.#supply.hasSpare;
  }

  /**
   * Appends one record; copies bytes[start, end). It is in the file after this turn.
   * @param key owner in `tracker`, or NO_KEY
   * @returns the record's position: the offset just past it, in `segmentId`
   * @throws FileOperationError when there is no space (nothing was appended; a later turn may succeed) or the log failed
   * @throws InvalidRequestError when the record is larger than `maxRecordBytes`
   */
  append(kind: RecordKind, key: number, bytes: Uint8Array, start: number, end: number): number {
    if (this.#isRefusing()) throw this.#whyRefusing();
    if (end - start > this.maxRecordBytes) this.#refuseTooLarge(end - start);
    const pending = this.#pending;
    const length = pending.length + RECORD_HEAD_BYTES + end - start;
    if (length > MOST_BUFFERED_BYTES || this.#offset + length > this.#limit) this.#makeRoom(end - start);
    pending.add(kind, key, bytes, start, end);
    if (key !== NO_KEY) this.tracker.add(key);
    this.#askTurn();
    return this.#offset + pending.length;
  }

  /** Calls back once everything appended so far is written: it then outlives the process, not the power. */
  whenWritten(callback: LogCallback, tag: number): void {
    this.#written.push(callback, tag, this.#lastAppended());
    this.#askTurn();
  }

  /** Calls back once everything appended so far is durable, and has it synced at once: for LWT, Raft and group 0. */
  whenDurable(callback: LogCallback, tag: number): void {
    const batch = this.#lastAppended();
    this.#durable.push(callback, tag, batch);
    this.#wantedBatch = batch;
    this.#askTurn();
  }

  /** Calls back once everything appended so far is as safe as the sync mode promises. */
  whenAccepted(callback: LogCallback, tag: number): void {
    switch (this.#options.syncMode) {
      case SyncMode.Periodic:
        this.whenWritten(callback, tag);
        break;
      case SyncMode.Batch:
        this.whenDurable(callback, tag);
        break;
      default:
        this.#groupBatch = this.#lastAppended();
        this.#durable.push(callback, tag, this.#groupBatch);
        if (this.#groupTimer === 0) {
          this.#groupTimer = this.#tasks.setTimer(this.#options.groupWindowMs, this.#onGroupWindow);
        }
        this.#askTurn();
    }
  }

  /** Seals the segment and begins another, whose CHECKPOINT, once durable, frees what is no longer needed. @throws FileOperationError */
  rotate(): void {
    if (this.#isRefusing()) throw this.#whyRefusing();
    this.#writePending();
    this.#seal();
    this.#wantedBatch = this.#batch - 1;
    this.#askTurn();
  }

  /** What was replayed is now counted in `tracker`, or flushed: segments that hold nothing more may go. */
  replayFinished(): void {
    this.tracker.clear(this.#replayKey);
  }

  /**
   * Deletes the replayed logs of shards that are no more. Only when all they held is durable elsewhere: flushed, or appended
   * to this log and synced.
   * @throws FileOperationError
   */
  removeForeign(): void {
    const files = this.#files;
    for (const { shard, kept, obsolete, replayedTo } of this.#foreign) {
      const all = [...kept.map((segment) => segment.file), ...obsolete].sort((a, b) => a.segmentId - b.segmentId);
      const newest = all.at(-1)?.segmentId ?? 0;
      if (newest > replayedTo) {
        // The marker is durable before the first file goes: a log with a hole would be taken for damage.
        files.close(files.open(this.#replayedMarker(newest), OpenMode.ReadWrite));
        files.syncDirectory(this.#directory);
        if (replayedTo > 0) files.unlink(this.#replayedMarker(replayedTo));
      }
      for (const file of all) files.unlink(file.path);
      const mark = durableMarkPath(this.#directory, shard);
      if (files.status(mark) !== undefined) files.unlink(mark);
      this.#options.log.write(
        LogLevel.Info,
        'commitlog',
        `removed ${all.length} replayed segments of former shard ${shard}`,
      );
    }
    this.#foreign = [];
  }

  /**
   * Writes and syncs what was appended, notes that it is durable, and closes the files. Appends are refused from now on.
   * Rejects with the error that kept the last records from becoming durable.
   */
  async close(): Promise<void> {
    if (this.#isClosing) return;
    this.#isClosing = true;
    this.#tasks.clearTimer(this.#periodTimer);
    this.#tasks.clearTimer(this.#groupTimer);
    try {
      await this.#durableNow();
      // With this batch on disk no record before it can pass for the torn tail of a crash.
      this.#writeBatch();
      await this.#durableNow();
    } finally {
      if (this.#isSyncing) await new Promise<void>((done) => this.#whenSynced.push(done));
      for (const segment of this.#unsynced) this.#files.close(segment.file);
      this.#unsynced.length = 0;
      await this.#mark.close();
      await new Promise<void>((done) => this.#supply.close(done));
    }
  }

  #replayedMarker(segmentId: number): string {
    return `${this.#directory}/${segmentFileName(SegmentFileKind.Replayed, segmentId)}`;
  }

  #durableNow(): Promise<void> {
    return new Promise((done, fail) => {
      this.whenDurable((error) => (error === undefined ? done() : fail(error)), 0);
    });
  }

  #isRefusing(): boolean {
    return this.#error !== undefined || this.#refusal !== undefined || this.#isClosing;
  }

  #whyRefusing(): Error {
    return this.#error ?? this.#refusal ?? new NotReadyError('the log is closed');
  }

  /** Number of the batch that holds, or will hold, the last record appended. */
  #lastAppended(): number {
    return this.#pending.isEmpty ? this.#batch - 1 : this.#batch;
  }

  #askTurn(): void {
    if (this.#isTurnAsked) return;
    this.#isTurnAsked = true;
    this.#tasks.atTurnEnd(this.#onTurnEnd);
  }

  readonly #onTurnEnd = (): void => {
    this.#isTurnAsked = false;
    if (this.#error === undefined && !this.#pending.isEmpty) this.#writeBatch();
    this.#sync();
    if (this.#periodTimer === 0 && this.hasUnsynced && this.#error === undefined && !this.#isClosing) {
      this.#periodTimer = this.#tasks.setTimer(this.#options.syncPeriodMs, this.#onPeriod);
    }
    this.#tellWaiters();
    if (this.#isPressed) {
      this.#isPressed = false;
      this.#options.onSpacePressure(this.tracker.oldestDirty());
    }
  };

  #tellWaiters(): void {
    if (this.#refusal !== undefined) {
      this.#refused.serve(0, this.#refusal);
      this.#refusal = undefined;
    }
    const error = this.#error;
    this.#written.serve(error === undefined ? this.#batch - 1 : Number.POSITIVE_INFINITY, error);
    this.#durable.serve(error === undefined ? this.#durableBatch : Number.POSITIVE_INFINITY, error);
  }

  readonly #onPeriod = (): void => {
    this.#periodTimer = 0;
    this.#wantedBatch = this.#batch - 1;
    this.#sync();
  };

  readonly #onGroupWindow = (): void => {
    this.#groupTimer = 0;
    this.#wantedBatch = Math.max(this.#wantedBatch, this.#groupBatch);
    this.#sync();
  };

  /** Writes the pending batch. True: it is in the page cache. False: it was refused or the log failed. */
  #writeBatch(): boolean {
    const pending = this.#pending;
    const bytes = pending.seal(this.#offset, this.#durableSegmentId, this.#durableOffset, this.#seed);
    try {
      this.#files.writeSync(this.#segment.file, pending.bytes, 0, bytes, this.#offset);
    } catch (error) {
      this.#refuseBatch(asFileError(error));
      return false;
    }
    pending.clear();
    this.#writeCount++;
    this.#offset += bytes;
    this.#segment.lastBatch = this.#batch++;
    this.#segment.end = this.#offset;
    return true;
  }

  /** The pending batch could not be written: its waiters get the error and the next batch takes its place. */
  #refuseBatch(error: FileOperationError): void {
    const { keys, keyCount } = this.#pending;
    for (let i = 0; i < keyCount; i++) this.tracker.remove(this.#segment.segmentId, keys[i]!);
    this.#pending.clear();
    if (!isRefusal(error)) {
      this.#fail(error);
      return;
    }
    this.#refusal = error;
    this.#written.moveFrom(this.#batch, this.#refused);
    this.#durable.moveFrom(this.#batch, this.#refused);
    this.#wantedBatch = Math.min(this.#wantedBatch, this.#batch - 1);
    this.#groupBatch = Math.min(this.#groupBatch, this.#batch - 1);
    this.#askTurn();
    // A part of it may stand in the file; without its head it can never be taken for a batch, whatever follows.
    try {
      if (this.#segment.sizeBytes >= this.#offset + BATCH_HEAD_BYTES) {
        this.#files.writeSync(this.#segment.file, new Uint8Array(BATCH_HEAD_BYTES), 0, BATCH_HEAD_BYTES, this.#offset);
      } else {
        this.#files.truncate(this.#segment.file, this.#offset);
      }
    } catch (failure) {
      if (!isRefusal(failure)) this.#fail(asFileError(failure));
    }
  }

  #fail(error: FileOperationError): void {
    if (this.#error !== undefined) return;
    this.#error = error;
    this.#options.log.write(LogLevel.Error, 'commitlog', `the log failed and takes no more writes: ${error.message}`);
    this.#askTurn();
  }

  /** @throws FileOperationError when the pending batch cannot be written */
  #writePending(): void {
    if (this.#pending.isEmpty || this.#writeBatch()) return;
    throw this.#error ?? this.#refusal;
  }

  /** Writes what is pending, and begins a segment if the record does not fit this one. @throws FileOperationError */
  #makeRoom(payloadBytes: number): void {
    this.#writePending();
    if (this.#offset + BATCH_HEAD_BYTES + RECORD_HEAD_BYTES + payloadBytes > this.#limit) this.#seal();
  }

  /** Ends the active segment and begins the next. @throws FileOperationError: then the active segment stays */
  #seal(): void {
    const sealed = this.#segment;
    this.#segment = this.#beginSegment(sealed.segmentId, this.#offset);
    if (sealed.lastBatch <= this.#durableBatch && !this.#isSyncing) {
      this.#unsynced.shift();
      this.#files.close(sealed.file);
    }
    const file = { kind: SegmentFileKind.Live, segmentId: sealed.segmentId, path: sealed.path };
    const sizeBytes = Math.max(sealed.sizeBytes, sealed.end);
    this.#retained.push({ file, sizeBytes });
    this.#segmentBytesSum += sizeBytes;
    this.#isPressed = this.totalBytes > this.#options.totalBytes;
    this.#supply.prepare();
  }

  /** Writes header and CHECKPOINT of a new segment and makes it the active one. */
  #beginSegment(previousSegmentId: number, previousEnd: number): OpenSegment {
    const options = this.#options;
    const segment = this.#supply.take();
    const { segmentId } = segment;
    let isHeaderNext = false;
    try {
      const dirty = this.tracker.oldestDirty();
      segment.oldestNeeded = dirty < 0 ? segmentId : dirty;
      const seed = segmentSeed(segmentId);
      const head = encodeSegmentHead(
        {
          segmentId,
          shard: options.shard,
          shardCount: options.shardCount,
          hostId: options.hostId,
          isRecycled: segment.isRecycled,
          previousSegmentId,
          previousEnd,
          oldestNeeded: segment.oldestNeeded,
        },
        options.checkpoint,
        this.#durableSegmentId,
        this.#durableOffset,
      );
      // The header comes last: a segment that could not be begun must have none, since the log goes on in the one before,
      // which this header would end.
      const batchBytes = head.length - SEGMENT_HEADER_BYTES;
      this.#files.writeSync(segment.file, head, SEGMENT_HEADER_BYTES, batchBytes, SEGMENT_HEADER_BYTES);
      isHeaderNext = true;
      this.#files.writeSync(segment.file, head, 0, SEGMENT_HEADER_BYTES, 0);
      this.#seed = seed;
      this.#offset = head.length;
    } catch (error) {
      this.#supply.giveBack(segment);
      if (isHeaderNext && !isRefusal(error)) this.#fail(asFileError(error)); // who knows whether it is there
      throw error;
    }
    this.#writeCount++;
    segment.lastBatch = this.#batch++;
    segment.end = this.#offset;
    this.#unsynced.push(segment);
    this.tracker.beginSegment(segmentId);
    // A CHECKPOINT may be of any size: the segment then grows, so that the largest record still fits.
    this.#limit = Math.max(options.segmentBytes, this.#offset + options.segmentBytes / 2);
    return segment;
  }

  /** Starts an fdatasync if somebody waits for one and none is in flight. */
  #sync(): void {
    if (this.#isSyncing || this.#error !== undefined || this.#wantedBatch <= this.#durableBatch) return;
    const segment = this.#unsynced[0]!;
    this.#isSyncing = true;
    try {
      if (segment.isNameDurable) {
        this.#targetBatch = segment.lastBatch;
        this.#targetOffset = segment.end;
        this.#files.fdatasync(segment.file, this.#onSynced);
      } else {
        this.#files.syncDirectoryAsync(this.#directory, this.#onNamed);
      }
    } catch (error) {
      this.#onSynced(asFileError(error));
    }
  }

  readonly #onNamed = (error: Error | undefined): void => {
    this.#isSyncing = false;
    if (error !== undefined || this.#error !== undefined) {
      this.#onSynced(error);
      return;
    }
    this.#unsynced[0]!.isNameDurable = true;
    this.#sync();
  };

  readonly #onSynced = (error: Error | undefined): void => {
    this.#isSyncing = false;
    this.#askTurn();
    for (const done of this.#whenSynced) done();
    if (error !== undefined) {
      // The file was opened under another name: say the one it has.
      const { errno } = asFileError(error);
      this.#fail(new FileOperationError('fdatasync', this.#unsynced[0]!.path, errno, { cause: error }));
      return;
    }
    if (this.#error !== undefined) return;
    this.#syncCount++;
    this.#advanceDurable(this.#unsynced[0]!);
  };

  /** A sync of `segment`, begun when it reached the target, is complete. */
  #advanceDurable(segment: OpenSegment): void {
    this.#durableBatch = this.#targetBatch;
    this.#durableSegmentId = segment.segmentId;
    this.#durableOffset = this.#targetOffset;
    this.#mark.advance(this.#durableSegmentId, this.#durableOffset);
    if (this.#checkpointedId !== segment.segmentId) {
      this.#checkpointedId = segment.segmentId;
      this.#supply.noteDurable(segment.segmentId);
      this.#freeBefore(segment.oldestNeeded);
    }
    if (segment !== this.#segment && this.#targetBatch === segment.lastBatch) {
      this.#unsynced.shift();
      this.#files.close(segment.file);
    }
  }

  /** Frees the segments before `oldestNeeded`, whose successor's CHECKPOINT is durable. */
  #freeBefore(oldestNeeded: number): void {
    let count = 0;
    while (count < this.#retained.length && this.#retained[count]!.file.segmentId < oldestNeeded) {
      this.#segmentBytesSum -= this.#retained[count]!.sizeBytes;
      this.#supply.reclaim(this.#retained[count]!.file);
      count++;
    }
    this.#retained.splice(0, count);
    this.tracker.forgetBefore(oldestNeeded);
  }

  /** Takes over the examined segments: makes them durable, and pins one's own until `replayFinished`. */
  #retain(chains: readonly LogChain[], own: LogChain | undefined): void {
    const files = this.#files;
    const { log } = this.#options;
    for (const chain of chains) {
      for (const { path, offset, why } of chain.damaged) {
        log.write(LogLevel.Error, 'commitlog', `skipped damage in ${path} at byte ${offset}: ${why}`);
      }
      if (chain.torn !== undefined) {
        const { path, offset, why } = chain.torn;
        log.write(LogLevel.Warn, 'commitlog', `the log ends in ${path} at byte ${offset}: ${why}`);
      }
      makeDurable(files, chain);
      for (const { file, sizeBytes } of chain.kept) {
        if (chain !== own) continue;
        this.#retained.push({ file, sizeBytes });
        this.#segmentBytesSum += sizeBytes;
        this.tracker.beginSegment(file.segmentId);
        this.tracker.add(this.#replayKey);
      }
    }
    files.syncDirectory(this.#directory);
  }

  #refuseTooLarge(bytes: number): never {
    throw new InvalidRequestError(
      `Mutation of ${bytes} bytes is too large for the maximum size of ${this.maxRecordBytes}`,
      { bytes, limit: this.maxRecordBytes },
    );
  }
}
