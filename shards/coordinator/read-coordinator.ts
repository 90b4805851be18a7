import { ByteWriter } from '../../core/bytes.ts';
import { decodeError } from '../../core/error-codec.ts';
import { InvalidRequestError, ReadTimeoutError, TesseraError } from '../../core/errors.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type Mailbox, MailClass, type Reply, type ThreadId } from '../../core/ports/mailbox.ts';
import { TaskClass, type Tasks } from '../../core/ports/tasks.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { openRead } from '../../core/read/open-read.ts';
import { PageCursor, type PageEnd } from '../../core/read/page.ts';
import { PageBuilder, PageState } from '../../core/read/page-builder.ts';
import {
  checkReadCommand,
  decodeReadCommand,
  encodeReadCommand,
  type ReadCommand,
  ReadKind,
} from '../../core/read/read-command.ts';
import type { RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { tabletOfToken } from '../../core/token.ts';
import { AbortCode } from '../request-scope.ts';
import { Verb } from '../verbs.ts';
import type { DamageLog } from './damage-log.ts';
import type { LocalStore } from './local-store.ts';
import { commandAfter, type ReadPart, readParts } from './read-parts.ts';
import type { Routing, TabletRoute } from './routing.ts';

/** Takes batches of live fragments; false: enough. A BoundSelect is one. */
export interface RowSink {
  accept(batch: RowBatch): boolean;
  /** True after an `accept` when the rest of the partition that it ended in is not wanted. */
  readonly skipsPartition?: boolean;
}

/** Who asked for a read. RequestOptions are one. */
export interface ReadCaller {
  /** Looked at between pages and slices: anything but None ends the read with the error ABORTED. */
  readonly abortCode: AbortCode;
}

/** How far one synchronous stretch of a read came. */
const Progress = { End: 0, Stopped: 1, NeedsLoad: 2, OutOfTime: 3 } as const;
type Progress = (typeof Progress)[keyof typeof Progress];

/** Builders kept for the next reads of other shards, each with at most so much memory. */
const KEPT_BUILDERS = 16;
const KEPT_BYTES: number = 256 * 1024;
const FIRST_PAGE_BYTES: number = 16 * 1024;
/** Synchronous work of one read before it lets others run. */
const SLICE_MS = 1;

/** `exhausted`: the sink has had everything; false when it wanted no more. */
export type ReadOutcome = (exhausted: boolean, error: Error | undefined) => void;

/**
 * Carries read commands out: on this shard's tablets through cursors, on others by the verb Read, page after page, in the order
 * of the answer. A read whose data is in memory is done before `read` returns and makes no promise.
 */
export class ReadCoordinator {
  readonly #self: ThreadId;
  readonly #mailbox: Mailbox;
  readonly #store: LocalStore;
  readonly #clock: Clock;
  readonly #tasks: Tasks;
  readonly #routing: () => Routing;
  readonly #damage: DamageLog;
  readonly #batches = new RowBatchPool();
  readonly #request = new ByteWriter(1024);
  readonly #idleBuilders: PageBuilder[] = [];
  #page = new ByteWriter(FIRST_PAGE_BYTES);
  readonly #idleFilters = new WeakMap<TableDescriptor, LiveFilter[]>();

  constructor(
    self: ThreadId,
    mailbox: Mailbox,
    store: LocalStore,
    clock: Clock,
    tasks: Tasks,
    routing: () => Routing,
    damage: DamageLog,
  ) {
    this.#self = self;
    this.#mailbox = mailbox;
    this.#store = store;
    this.#clock = clock;
    this.#tasks = tasks;
    this.#routing = routing;
    this.#damage = damage;
    mailbox.serve(Verb.Read, MailClass.Statement, this.#onRead);
  }

  /**
   * Reads a table with tablets. `outcome` comes once, perhaps before the call returns.
   * @param timeoutMs from now: what ends at once needs no clock
   */
  read(
    table: TableDescriptor,
    command: ReadCommand,
    route: TabletRoute,
    sink: RowSink,
    timeoutMs: number,
    caller: ReadCaller,
    outcome: ReadOutcome,
  ): void {
    if (command.kind === ReadKind.Partitions && command.partitions.length === 1) {
      const shard = route.shardOf(tabletOfToken(command.partitions[0]!.tokenHi, route.tabletCount));
      if (shard === this.#self) {
        this.readSource(this.#store.source(table.id), table, command, sink, timeoutMs, caller, outcome);
        return;
      }
      this.#readPartitionThere(shard, table, command, sink, this.#clock.monotonicMs() + timeoutMs, caller, outcome);
      return;
    }
    this.#readParts(table, command, route, sink, this.#clock.monotonicMs() + timeoutMs, caller).then(
      (exhausted) => outcome(exhausted, undefined),
      (error: unknown) => outcome(false, error as Error),
    );
  }

  /** Reads one source on this thread: a shard's part of a table, or a virtual table. */
  readSource(
    source: RowSource | undefined,
    table: TableDescriptor,
    command: ReadCommand,
    sink: RowSink,
    timeoutMs: number,
    caller: ReadCaller,
    outcome: ReadOutcome,
  ): void {
    if (source === undefined) {
      outcome(false, new InvalidRequestError(`unconfigured table ${table.name}`));
      return;
    }
    let cursor: RowCursor | undefined;
    let progress: Progress;
    try {
      cursor = this.#open(source, table, command);
      progress = this.#pump(cursor, sink);
    } catch (error) {
      cursor?.close();
      this.#damage.note(error);
      outcome(false, error as Error);
      return;
    }
    if (progress === Progress.End || progress === Progress.Stopped) {
      cursor.close();
      outcome(progress === Progress.End, undefined);
      return;
    }
    this.#finish(cursor, progress, sink, this.#clock.monotonicMs() + timeoutMs, caller).then(
      (exhausted) => outcome(exhausted, undefined),
      (error: unknown) => outcome(false, error as Error),
    );
  }

  #open(source: RowSource, table: TableDescriptor, command: ReadCommand): RowCursor {
    const input = openRead(source, command, table.comparator);
    return liveCursor(input, this.#filterOf(table, command.nowSeconds), this.#batches);
  }

  /** A filter of the table that no read uses: they come back when their cursors are closed. */
  #filterOf(table: TableDescriptor, nowSeconds: number): LiveFilter {
    let idle = this.#idleFilters.get(table);
    if (idle === undefined) {
      idle = [];
      this.#idleFilters.set(table, idle);
    }
    const filter = idle.pop();
    if (filter === undefined) return new LiveFilter(table, nowSeconds, idle);
    filter.restart(nowSeconds);
    return filter;
  }

  /** Moves batches from cursor to sink until either wants to stop, or the slice is used up. */
  #pump(cursor: RowCursor, sink: RowSink): Progress {
    let batch = this.#batches.takeSmall();
    let startMs = 0;
    try {
      for (let fills = 0; ; fills++) {
        const added = cursor.fill(batch);
        if (added === 0) return Progress.End;
        if (added === NEEDS_LOAD) return Progress.NeedsLoad;
        if (!sink.accept(batch)) return Progress.Stopped;
        if (sink.skipsPartition) cursor.skipPartition();
        batch.clear();
        if (fills === 0) continue; // most reads end here, and need neither a clock nor a large batch
        const nowMs = this.#clock.monotonicMs();
        if (fills > 1) {
          if (nowMs - startMs > SLICE_MS) return Progress.OutOfTime;
        } else {
          startMs = nowMs;
          this.#batches.give(batch);
          batch = this.#batches.takeLarge();
        }
      }
    } finally {
      this.#batches.give(batch);
    }
  }

  /** Goes on with a cursor that stopped for a block or for the time; closes it. True when it came to its end. */
  async #finish(
    cursor: RowCursor,
    stopped: Progress,
    sink: RowSink,
    deadlineMs: number,
    caller: ReadCaller,
  ): Promise<boolean> {
    let progress = stopped;
    try {
      for (;;) {
        if (progress === Progress.End) return true;
        if (progress === Progress.Stopped) return false;
        if (progress === Progress.NeedsLoad) await cursor.load();
        else await this.#tasks.yield(TaskClass.Statement);
        this.#assureWanted(deadlineMs, caller);
        progress = this.#pump(cursor, sink);
      }
    } catch (error) {
      this.#damage.note(error);
      throw error;
    } finally {
      cursor.close();
    }
  }

  #assureWanted(deadlineMs: number, caller: ReadCaller): void {
    if (caller.abortCode !== AbortCode.None) throw new TesseraError('ABORTED', 'nobody waits for the answer any more');
    this.#assureTime(deadlineMs);
  }

  #assureTime(deadlineMs: number): void {
    if (this.#clock.monotonicMs() > deadlineMs) {
      throw new ReadTimeoutError('the read took longer than its timeout', {
        received: 0,
        blockFor: 1,
        dataPresent: false,
      });
    }
  }

  async #readParts(
    table: TableDescriptor,
    command: ReadCommand,
    route: TabletRoute,
    sink: RowSink,
    deadlineMs: number,
    caller: ReadCaller,
  ): Promise<boolean> {
    for (const part of readParts(command, route)) {
      this.#assureWanted(deadlineMs, caller);
      const exhausted =
        part.shard === this.#self
          ? await this.#readHere(table, part, sink, deadlineMs, caller)
          : await this.#readThere(table, part, sink, deadlineMs, caller);
      if (!exhausted) return false;
    }
    return true;
  }

  async #readHere(
    table: TableDescriptor,
    part: ReadPart,
    sink: RowSink,
    deadlineMs: number,
    caller: ReadCaller,
  ): Promise<boolean> {
    const source = this.#store.source(table.id);
    if (source === undefined) throw new InvalidRequestError(`unconfigured table ${table.name}`);
    let cursor: RowCursor | undefined;
    let progress: Progress;
    try {
      cursor = this.#open(source, table, part.command);
      progress = this.#pump(cursor, sink);
    } catch (error) {
      cursor?.close();
      this.#damage.note(error);
      throw error;
    }
    return this.#finish(cursor, progress, sink, deadlineMs, caller);
  }

  async #readThere(
    table: TableDescriptor,
    part: ReadPart,
    sink: RowSink,
    deadlineMs: number,
    caller: ReadCaller,
  ): Promise<boolean> {
    let command: ReadCommand | undefined = part.command;
    while (command !== undefined) {
      const page = await this.#callRead(part.shard, table, command, sink, deadlineMs);
      if (page.isStopped) return false;
      if (page.end === undefined) return true;
      this.#assureWanted(deadlineMs, caller);
      command = commandAfter(command, page.end);
    }
    return true;
  }

  /** A single partition of another shard, page after page, without a promise. */
  #readPartitionThere(
    shard: ThreadId,
    table: TableDescriptor,
    command: ReadCommand,
    sink: RowSink,
    deadlineMs: number,
    caller: ReadCaller,
    outcome: ReadOutcome,
  ): void {
    const request = this.#request;
    request.clear();
    encodeReadCommand(command, request);
    this.#mailbox.call(shard, Verb.Read, request.bytes, 0, request.length, deadlineMs, (status, bytes, start, end) => {
      if (status !== 0) {
        outcome(false, decodeError(bytes, start, end));
        return;
      }
      let rest: ReadCommand | undefined;
      try {
        const page = new PageCursor(bytes, start, end, table.clustering.length);
        if (!this.#drain(page, sink)) {
          outcome(false, undefined);
          return;
        }
        rest = page.end && commandAfter(command, page.end);
        if (rest !== undefined) this.#assureWanted(deadlineMs, caller);
      } catch (error) {
        outcome(false, error as Error);
        return;
      }
      if (rest === undefined) outcome(true, undefined);
      else this.#readPartitionThere(shard, table, rest, sink, deadlineMs, caller, outcome);
    });
  }

  /** One page of another shard. The page is given to the sink while the reply's bytes are there. */
  #callRead(
    shard: ThreadId,
    table: TableDescriptor,
    command: ReadCommand,
    sink: RowSink,
    deadlineMs: number,
  ): Promise<{ isStopped: boolean; end: PageEnd | undefined }> {
    const request = this.#request;
    request.clear();
    encodeReadCommand(command, request);
    return new Promise((done, failed) => {
      this.#mailbox.call(
        shard,
        Verb.Read,
        request.bytes,
        0,
        request.length,
        deadlineMs,
        (status, bytes, start, end) => {
          if (status !== 0) {
            failed(decodeError(bytes, start, end));
            return;
          }
          try {
            const cursor = new PageCursor(bytes, start, end, table.clustering.length);
            done({ isStopped: !this.#drain(cursor, sink), end: cursor.end });
          } catch (error) {
            failed(error);
          }
        },
      );
    });
  }

  #drain(cursor: PageCursor, sink: RowSink): boolean {
    const batch = this.#batches.takeLarge();
    try {
      while (cursor.fill(batch) > 0) {
        if (!sink.accept(batch)) return false;
        if (sink.skipsPartition) cursor.skipPartition();
        batch.clear();
      }
      return true;
    } finally {
      this.#batches.give(batch);
    }
  }

  readonly #onRead = (
    _from: ThreadId,
    bytes: Uint8Array,
    start: number,
    end: number,
    deadlineMs: number,
    reply: Reply,
  ): void => {
    const command = decodeReadCommand(bytes, start, end);
    const table = this.#routing().table(command.tableId);
    const source = this.#store.source(command.tableId);
    if (table === undefined || source === undefined) {
      throw new InvalidRequestError(`unconfigured table ${command.tableId}`);
    }
    const wrong = checkReadCommand(command, table);
    if (wrong !== undefined) throw new TesseraError('PROTOCOL', `read command from another shard: ${wrong}`);
    const builder = this.#takeBuilder(command);
    let cursor: RowCursor | undefined;
    let progress: Progress;
    try {
      cursor = this.#open(source, table, command);
      progress = this.#build(cursor, builder);
    } catch (error) {
      cursor?.close();
      this.#damage.note(error);
      throw error;
    }
    if (progress === Progress.End) {
      cursor.close();
      this.#send(builder, reply);
      return;
    }
    this.#finishPage(cursor, builder, progress, deadlineMs).then(
      () => this.#send(builder, reply),
      (error: unknown) => reply.fail(error as Error),
    );
  };

  #takeBuilder(command: ReadCommand): PageBuilder {
    const builder = this.#idleBuilders.pop();
    if (builder === undefined) return new PageBuilder(command);
    builder.restart(command);
    return builder;
  }

  /** Answers with the page; the builder may be used again. */
  #send(builder: PageBuilder, reply: Reply): void {
    const page = this.#page;
    page.clear();
    builder.finish(page);
    reply.ok(page.bytes, 0, page.length);
    if (this.#idleBuilders.length < KEPT_BUILDERS && builder.capacityBytes <= KEPT_BYTES)
      this.#idleBuilders.push(builder);
    if (page.bytes.length > KEPT_BYTES) this.#page = new ByteWriter(FIRST_PAGE_BYTES);
  }

  /** Moves batches from cursor to page until the page is full, the cursor needs a block, or the slice is used up. */
  #build(cursor: RowCursor, builder: PageBuilder): Progress {
    let batch = this.#batches.takeSmall();
    let startMs = 0;
    try {
      for (let fills = 0; ; fills++) {
        const added = cursor.fill(batch);
        if (added === 0) return Progress.End;
        if (added === NEEDS_LOAD) return Progress.NeedsLoad;
        const state = builder.append(batch);
        if (state === PageState.Full) return Progress.End;
        if (state === PageState.SkipPartition) cursor.skipPartition();
        batch.clear();
        if (fills === 0) continue;
        const nowMs = this.#clock.monotonicMs();
        if (fills > 1) {
          if (nowMs - startMs > SLICE_MS) return Progress.OutOfTime;
        } else {
          startMs = nowMs;
          this.#batches.give(batch);
          batch = this.#batches.takeLarge();
        }
      }
    } finally {
      this.#batches.give(batch);
    }
  }

  async #finishPage(cursor: RowCursor, builder: PageBuilder, stopped: Progress, deadlineMs: number): Promise<void> {
    let progress = stopped;
    try {
      while (progress !== Progress.End) {
        if (progress === Progress.NeedsLoad) await cursor.load();
        else await this.#tasks.yield(TaskClass.Statement);
        this.#assureTime(deadlineMs);
        progress = this.#build(cursor, builder);
      }
    } catch (error) {
      this.#damage.note(error);
      throw error;
    } finally {
      cursor.close();
    }
  }
}
