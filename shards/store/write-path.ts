import { RecordKind } from '../../commitlog/record-kind.ts';
import type { CommitlogWriter } from '../../commitlog/writer.ts';
import { copyBytes } from '../../core/bytes.ts';
import {
  FileOperationError,
  InvalidRequestError,
  NotReadyError,
  OverloadedError,
  WriteTimeoutError,
} from '../../core/errors.ts';
import type { TableId } from '../../core/ids.ts';
import { mutationSchemaVersion, mutationTokenHi } from '../../core/mutation/frozen-mutation.ts';
import type { TimerHandle } from '../../core/ports/tasks.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import type { WriteDone } from '../coordinator/local-store.ts';
import { Fifo } from './fifo.ts';
import { isLogRefusal, refusalOf } from './log-refusal.ts';
import { PendingWrites } from './pending-writes.ts';
import { PAGE_BYTES, type SlabPool } from './slab-pool.ts';
import { type MemtableSlot, SlotFate } from './storage-group.ts';
import type { StoreOptions } from './store.ts';
import type { TableStore } from './table-store.ts';

/** Share of the slab pool from which on memtables are flushed. */
const SOFT_SHARE = 0.5;
/** Free memory that a write of n bytes wants to see: its copies, index growth, and room for those logged before it. */
const ROOM_PER_BYTE = 4;
const ROOM_BASE = 256 * 1024;
/** No mutation needs more memory than this per byte, beside a constant: range deletions of empty bounds come close. */
const WORST_ROOM_PER_BYTE = 1300;
const WORST_ROOM_BASE = 128 * 1024;
/** Waiting writes whose deadline passed are told within this. */
const DEADLINE_LOOK_MS = 100;
/** Bytes of writers that wait; more are refused. */
const MAX_WAITING_BYTES = 32 * 1024 * 1024;
const TABLE_ID_AT = 8;

interface WaitingWrite {
  readonly bytes: Uint8Array;
  readonly forceSync: boolean;
  readonly deadlineMs: number;
  readonly done: WriteDone;
  readonly context: number;
}

/** What a write does to the background work, and hears of it. */
export interface WritePressure {
  /** Memtables take more memory than they should, or a writer waits for some. */
  onPressure(): void;
  /** Why no memory will come soon: the last flush has failed. It goes on being tried. */
  flushFailure(): Error | undefined;
}

/**
 * The way of a write: appended to the log; once the log has accepted it (settled question 9) applied to the memtable that was
 * active when it was appended; acknowledged.
 *
 *   waiting ──room──> logged ──accepted──> applied ──> acknowledged
 *                        └──> deferred: no room after all; before later ones, when a flush has made some
 *
 * Before anything is logged there must be memory for it, else the writer waits: a refusal is then definite. What the memtable
 * still refuses is deferred and does not hold up the flush of its memtable: it goes to the next one, together with its place
 * in the log's books.
 */
export class WritePath {
  readonly #options: StoreOptions;
  readonly #log: CommitlogWriter;
  readonly #pool: SlabPool;
  readonly #tables: ReadonlyMap<TableId, TableStore>;
  readonly #pressure: WritePressure;
  readonly #pending = new PendingWrites();
  readonly #poolBytes: number;
  readonly #softBytes: number;
  /** Mutations up to this length always fit into an empty pool. */
  readonly #surelyFitting: number;
  #lastTable: TableStore | undefined;
  readonly #waiting: Fifo<WaitingWrite> = new Fifo();
  /** Writes under a schema that this shard does not have yet. */
  #ahead: WaitingWrite[] = [];
  #waitingBytes = 0;
  /** Numbers of logged writes, in their order. */
  readonly #deferred: Fifo<number> = new Fifo();
  #deadlineTimer: TimerHandle = 0;
  #isClosed = false;

  constructor(
    options: StoreOptions,
    log: CommitlogWriter,
    pool: SlabPool,
    tables: ReadonlyMap<TableId, TableStore>,
    pressure: WritePressure,
  ) {
    this.#options = options;
    this.#log = log;
    this.#pool = pool;
    this.#tables = tables;
    this.#pressure = pressure;
    this.#poolBytes = pool.pageCount * PAGE_BYTES;
    this.#softBytes = this.#poolBytes * SOFT_SHARE;
    this.#surelyFitting = (this.#poolBytes - WORST_ROOM_BASE) / WORST_ROOM_PER_BYTE;
    pool.onPagesFreed = () => options.tasks.nextTurn(this.#serve);
  }

  /** Writers that wait for memory or for a newer schema. */
  get waitingCount(): number {
    return this.#waiting.count + this.#ahead.length;
  }

  /** True when memtables should be flushed to make room. */
  get isPressed(): boolean {
    return this.#pool.usedBytes > this.#softBytes || this.#waiting.count > 0 || this.#deferred.count > 0;
  }

  /** As `LocalStore.write`. */
  write(
    bytes: Uint8Array,
    start: number,
    end: number,
    forceSync: boolean,
    deadlineMs: number,
    done: WriteDone,
    context: number,
  ): void {
    if (this.#waiting.count > 0 || !this.#hasRoom(end - start)) {
      this.#wait(bytes, start, end, forceSync, deadlineMs, done, context);
    } else {
      this.#append(bytes, start, end, forceSync, deadlineMs, done, context);
    }
  }

  /** A group has a new active memtable: what the old one had no room for goes there. */
  moveDeferred(from: MemtableSlot, to: MemtableSlot): void {
    if (this.#deferred.count === 0) return;
    for (const write of this.#deferred.takeAll()) {
      this.#deferred.push(write); // its place in line stays
      if (this.#pending.slotOf(write) === from) this.#move(write, from, to);
    }
  }

  /** The memtable's content is void (truncated, dropped): what it had no room for, and what is yet to come, is void too. */
  forgetDeferred(slot: MemtableSlot): void {
    slot.fate = SlotFate.Void;
    if (this.#deferred.count === 0) return;
    const theirs: number[] = [];
    for (const write of this.#deferred.takeAll()) {
      if (this.#pending.slotOf(write) === slot) theirs.push(write);
      else this.#deferred.push(write);
    }
    for (const write of theirs) {
      slot.settle();
      this.#pending.finish(write, undefined);
    }
  }

  /** The schema has changed: tables and columns that writes have waited for may be there. */
  schemaChanged(): void {
    this.#lastTable = undefined;
    if (this.#ahead.length > 0) this.#options.tasks.nextTurn(this.#serve);
  }

  /** A flush has failed: who waits for memory is told why there will be none, instead of nothing until the deadline. */
  flushFailed(): void {
    this.#serve();
  }

  /** Refuses writes from now on, and those that wait: nothing of them was done. */
  close(): void {
    this.#isClosed = true;
    this.#options.tasks.clearTimer(this.#deadlineTimer);
    for (const { done, context } of [...this.#waiting.takeAll(), ...this.#ahead.splice(0)]) done(context, closing());
    this.#waitingBytes = 0;
  }

  /** Tells the logged writes that found no room: the next start applies them. After the log is closed. */
  abandonDeferred(): void {
    for (const write of this.#deferred.takeAll()) {
      this.#pending.finish(write, new WriteTimeoutError('the node shut down before the write was applied'));
    }
  }

  #append(
    bytes: Uint8Array,
    start: number,
    end: number,
    forceSync: boolean,
    deadlineMs: number,
    done: WriteDone,
    context: number,
  ): void {
    if (this.#isClosed) {
      done(context, closing());
      return;
    }
    const table = this.#tableOf(bytes, start);
    if (table === undefined || table.isDropped) {
      done(context, new InvalidRequestError('the table was dropped'));
      return;
    }
    const group = table.groupOf(mutationTokenHi(bytes, start));
    if (group === undefined) {
      done(context, new OverloadedError('the tablet is not on this shard'));
      return;
    }
    if (mutationSchemaVersion(bytes, start) > table.descriptor.version) {
      this.#waitForSchema(bytes, start, end, forceSync, deadlineMs, done, context);
      return;
    }
    const slot = group.active;
    let offset: number;
    try {
      if (end - start > this.#surelyFitting) this.#assureFits(slot, bytes, start, end);
      offset = this.#log.append(RecordKind.Mutation, slot.key, bytes, start, end);
    } catch (error) {
      done(context, refusalOf(error));
      return;
    }
    slot.pending++;
    const write = this.#pending.add(bytes, start, end, slot, this.#log.segmentId, offset, done, context);
    if (forceSync) this.#log.whenDurable(this.#onLogged, write);
    else this.#log.whenAccepted(this.#onLogged, write);
  }

  readonly #onLogged = (error: Error | undefined, write: number): void => {
    const pending = this.#pending;
    const slot = pending.slotOf(write);
    if (error !== undefined) {
      slot.settle();
      // While the log lives its refusal means that nothing of the write is in it.
      pending.finish(write, this.#log.failure === undefined && isLogRefusal(error) ? refusalOf(error) : error);
      return;
    }
    if (slot.fate === SlotFate.Void) {
      slot.settle();
      pending.finish(write, undefined); // it was written, and then truncated
      return;
    }
    if (this.#deferred.count === 0 && this.#apply(write, slot)) return;
    this.#deferred.push(write);
    const { active } = slot.group;
    if (slot !== active && slot.fate === SlotFate.Kept) this.#move(write, slot, active);
    this.#pressure.onPressure();
  };

  #apply(write: number, slot: MemtableSlot): boolean {
    const pending = this.#pending;
    if (!slot.memtable.apply(pending.bytes, pending.startOf(write), pending.endOf(write))) return false;
    slot.noteApplied(pending.segmentOf(write), pending.offsetOf(write));
    slot.settle();
    pending.finish(write, undefined);
    if (this.#pool.usedBytes > this.#softBytes) this.#pressure.onPressure();
    return true;
  }

  /** Gives a logged write to another memtable of its group, which then answers for its record. */
  #move(write: number, from: MemtableSlot, to: MemtableSlot): void {
    const pending = this.#pending;
    const { tracker } = this.#log;
    const segmentId = pending.segmentOf(write);
    tracker.addTo(segmentId, to.key);
    tracker.remove(segmentId, from.key);
    to.pending++;
    pending.moveTo(write, to);
    from.noteMoved(segmentId, pending.offsetOf(write));
    from.settle();
  }

  #tableOf(bytes: Uint8Array, start: number): TableStore | undefined {
    const last = this.#lastTable;
    if (last !== undefined) {
      const id = last.idBytes;
      let i = 0;
      while (i < 16 && id[i] === bytes[start + TABLE_ID_AT + i]) i++;
      if (i === 16) return last;
    }
    const table = this.#tables.get(uuidText(bytes, start + TABLE_ID_AT) as TableId);
    if (table !== undefined) this.#lastTable = table;
    return table;
  }

  #hasRoom(length: number): boolean {
    const wanted = (length + this.#pending.byteCount) * ROOM_PER_BYTE + ROOM_BASE;
    return this.#pool.freePages * PAGE_BYTES >= wanted && this.#deferred.count === 0;
  }

  /** @throws InvalidRequestError for a mutation that no flush could make room for: logged, it would stop every start */
  #assureFits(slot: MemtableSlot, bytes: Uint8Array, start: number, end: number): void {
    const needed = slot.memtable.roomFor(bytes, start, end);
    if (needed <= this.#poolBytes) return;
    throw new InvalidRequestError(
      `mutation of ${end - start} bytes may need ${needed} bytes of memtable memory, more than the limit of ${this.#poolBytes}`,
    );
  }

  #wait(
    bytes: Uint8Array,
    start: number,
    end: number,
    forceSync: boolean,
    deadlineMs: number,
    done: WriteDone,
    context: number,
  ): void {
    const length = end - start;
    const limit = Math.floor(Math.min((this.#poolBytes - ROOM_BASE) / ROOM_PER_BYTE, this.#log.maxRecordBytes));
    if (length > limit) {
      done(context, new InvalidRequestError(`mutation of ${length} bytes is larger than the limit of ${limit}`));
      return;
    }
    if (this.#pressure.flushFailure() !== undefined) {
      this.#pressure.onPressure();
      done(context, this.#noRoom());
      return;
    }
    const write = this.#copyWaiting(bytes, start, end, forceSync, deadlineMs, done, context);
    if (write === undefined) return;
    this.#waiting.push(write);
    this.#pressure.onPressure();
  }

  /** Another shard has switched to a newer schema already: this one follows within moments. */
  #waitForSchema(
    bytes: Uint8Array,
    start: number,
    end: number,
    forceSync: boolean,
    deadlineMs: number,
    done: WriteDone,
    context: number,
  ): void {
    const write = this.#copyWaiting(bytes, start, end, forceSync, deadlineMs, done, context);
    if (write !== undefined) this.#ahead.push(write);
  }

  #copyWaiting(
    bytes: Uint8Array,
    start: number,
    end: number,
    forceSync: boolean,
    deadlineMs: number,
    done: WriteDone,
    context: number,
  ): WaitingWrite | undefined {
    if (this.#isClosed) {
      done(context, closing());
      return undefined;
    }
    if (this.#waitingBytes + end - start > MAX_WAITING_BYTES) {
      done(context, new OverloadedError('too many writes wait for memory', { bytes: this.#waitingBytes }));
      return undefined;
    }
    const copy = new Uint8Array(end - start);
    copyBytes(bytes, start, end, copy, 0);
    this.#waitingBytes += copy.length;
    this.#armDeadlines();
    return { bytes: copy, forceSync, deadlineMs, done, context };
  }

  /** Waiting writes are looked at from time to time, so that their deadlines are kept whether or not memory comes. */
  #armDeadlines(): void {
    if (this.#deadlineTimer !== 0) return;
    this.#deadlineTimer = this.#options.tasks.setTimer(DEADLINE_LOOK_MS, () => {
      this.#deadlineTimer = 0;
      this.#serve();
      if (this.waitingCount > 0) this.#armDeadlines();
    });
  }

  /** Goes on with what memory or a new schema may have come for, and tells those whose deadline has passed. */
  readonly #serve = (): void => {
    for (let write = this.#deferred.shift(); write !== undefined; write = this.#deferred.shift()) {
      if (this.#apply(write, this.#pending.slotOf(write))) continue;
      this.#deferred.putBack(write);
      this.#pressure.onPressure();
      break;
    }
    const nowMs = this.#options.clock.monotonicMs();
    for (const write of this.#ahead.splice(0)) this.#goOn(write, nowMs);
    for (let write = this.#waiting.first(); write !== undefined; write = this.#waiting.first()) {
      const mustWait = write.deadlineMs >= nowMs && !this.#hasRoom(write.bytes.length);
      if (mustWait && this.#pressure.flushFailure() === undefined) break;
      this.#waiting.shift();
      if (mustWait) this.#refuse(write);
      else this.#goOn(write, nowMs);
    }
    if (this.#waiting.count > 0) this.#pressure.onPressure();
  };

  #refuse({ bytes, done, context }: WaitingWrite): void {
    this.#waitingBytes -= bytes.length;
    done(context, this.#noRoom());
  }

  /** Nothing of the write was logged: the refusal is definite. */
  #noRoom(): OverloadedError {
    const failure = this.#pressure.flushFailure();
    const isFull = failure instanceof FileOperationError && (failure.errno === 'ENOSPC' || failure.errno === 'EDQUOT');
    const advice = isFull ? '; free disk space, then writes go on by themselves' : '';
    return new OverloadedError(`memtables are full and cannot be flushed: ${failure?.message}${advice}`);
  }

  #goOn({ bytes, forceSync, deadlineMs, done, context }: WaitingWrite, nowMs: number): void {
    this.#waitingBytes -= bytes.length;
    // Nothing was logged yet: the refusal is definite.
    if (deadlineMs < nowMs) done(context, new OverloadedError('the write waited for room until its deadline'));
    else this.#append(bytes, 0, bytes.length, forceSync, deadlineMs, done, context);
  }
}

function closing(): NotReadyError {
  return new NotReadyError('the node is shutting down');
}
