import { SstableSetReason } from '../../commitlog/table-records.ts';
import type { CommitlogWriter } from '../../commitlog/writer.ts';
import { assert } from '../../core/assert.ts';
import { CorruptFileError, FileOperationError, NotReadyError, TesseraError } from '../../core/errors.ts';
import type { TableId } from '../../core/ids.ts';
import { LogLevel } from '../../core/ports/log.ts';
import { Int64Halves } from '../../core/vint.ts';
import { SizeTiered, sizeTieredOptions } from '../../sstable/compaction/size-tiered.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { SSTableSummaryInfo } from '../../sstable/writer.ts';
import { ABORTED, CONTROL_MEMORY, type CompactPayload, type FlushPayload, JobKind } from './background-jobs.ts';
import { FlushedPositions } from './flushed-positions.ts';
import { newGeneration, prefixOfGeneration } from './generation.ts';
import { JobLane } from './job-lane.ts';
import type { SlabPool } from './slab-pool.ts';
import type { SSTableTransactions } from './sstable-transactions.ts';
import type { GroupFile, MemtableSlot, StorageGroup } from './storage-group.ts';
import type { StoreOptions } from './store.ts';
import { describeTable } from './table-description.ts';
import type { TableStore } from './table-store.ts';

/** A failed flush is tried again after this: writers may be refused meanwhile, and a full disk fails it soon. */
const FLUSH_RETRY_MS = 1_000;
/** A failed compaction is tried again after this, doubled with each failure up to the limit. */
const COMPACTION_RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;
/** SSTables that are not written to come of age: tombstones are looked at this often. */
const LOOK_MS = 600_000;
const BUILT_STRATEGY = 'SizeTieredCompactionStrategy';

/** A memtable on its way to disk. */
interface Rotated {
  readonly table: TableStore;
  readonly group: StorageGroup;
  readonly slot: MemtableSlot;
}

/** What the background work needs of the writes. */
export interface Writers {
  /** Memtables should be flushed to make room. */
  readonly isPressed: boolean;
  moveDeferred(from: MemtableSlot, to: MemtableSlot): void;
  /** A flush has failed; until one succeeds `flushFailure` says so. */
  flushFailed(): void;
}

/**
 * Flush and compaction of one shard: what is next, its job in the pool, its transaction. One flush and one compaction at a time.
 *
 * A flush: a group's memtable is replaced (`rotate`) and queued; when its last logged write has arrived it is sealed, written by the
 * pool, committed, and released with its part of the log. It stays readable until then, whatever fails. A compaction is the same
 * with SSTables for input.
 */
export class BackgroundWork {
  readonly flushLane: JobLane = new JobLane();
  readonly compactionLane: JobLane = new JobLane();
  flushes = 0;
  compactions = 0;
  failures = 0;
  readonly #options: StoreOptions;
  readonly #log: CommitlogWriter;
  readonly #pool: SlabPool;
  readonly #tables: ReadonlyMap<TableId, TableStore>;
  readonly #transactions: SSTableTransactions;
  readonly #writers: Writers;
  /** First in, first out: memtables of a group reach the disk in their order. */
  #rotated: Rotated[] = [];
  /** Word 0 other than 0 ends the compaction that runs. */
  readonly #control = new Int32Array(new SharedArrayBuffer(4));
  #aborting = 0;
  /** The table after which the next compaction is looked for, so that each has its turn. */
  #lastCompacted: TableId | undefined;
  readonly #warned = new Set<TableId>();
  #flushFailure: TesseraError | undefined = undefined;
  #isStarted = false;
  #isClosed = false;

  constructor(
    options: StoreOptions,
    log: CommitlogWriter,
    pool: SlabPool,
    tables: ReadonlyMap<TableId, TableStore>,
    transactions: SSTableTransactions,
    writers: Writers,
  ) {
    this.#options = options;
    this.#log = log;
    this.#pool = pool;
    this.#tables = tables;
    this.#transactions = transactions;
    this.#writers = writers;
    options.offload.share(CONTROL_MEMORY, this.#control.buffer);
  }

  /** Begins to look for compactions by itself; from now on they may purge. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    this.startCompaction();
    const look = (): void => {
      this.startCompaction();
      if (!this.#isClosed) this.#options.tasks.setTimer(LOOK_MS, look);
    };
    this.#options.tasks.setTimer(LOOK_MS, look);
  }

  // ---- flush

  /** Why the last flush failed; undefined when it has succeeded. */
  get flushFailure(): TesseraError | undefined {
    return this.#flushFailure;
  }

  /** Replaces a group's memtable and queues it. Undefined when there is nothing in it. */
  rotate(table: TableStore, group: StorageGroup): MemtableSlot | undefined {
    const { active } = group;
    if (active.memtable.isEmpty && active.pending === 0) return undefined;
    group.rotate(this.#pool, this.#log.tracker.acquireKey());
    this.queue(table, active);
    this.#writers.moveDeferred(active, group.active);
    return active;
  }

  /** Queues a memtable that was replaced. */
  queue(table: TableStore, slot: MemtableSlot): void {
    this.#rotated.push({ table, group: slot.group, slot });
  }

  /** Memtables that are replaced and not on disk yet. */
  rotatedOf(matches: (table: TableStore) => boolean): MemtableSlot[] {
    return this.#rotated.filter(({ table }) => matches(table)).map(({ slot }) => slot);
  }

  /** Resolves when a memtable has left its group; rejects when its flush failed, which goes on being tried. */
  gone(slot: MemtableSlot): Promise<void> {
    return new Promise((done, failed) => {
      slot.onGone.push((error) => (error === undefined ? done() : failed(error)));
    });
  }

  /** Starts a flush if there is one to do and none runs. */
  startFlush(): void {
    const lane = this.flushLane;
    if (!lane.isFree || this.#isClosed || this.#log.failure !== undefined) return;
    if (lane.retryAtMs > 0 && this.#options.clock.monotonicMs() < lane.retryAtMs) return;
    if (this.#rotated.length === 0 && this.#writers.isPressed) this.#rotateLargest();
    const next = this.#rotated[0];
    if (next === undefined) return;
    lane.take();
    this.#flush(next).then(
      () => {
        lane.failures = 0;
        this.#flushFailure = undefined;
        lane.give();
        this.startFlush();
        this.startCompaction();
      },
      (error: unknown) => {
        lane.give();
        this.#retryLater(lane, 'flush', error, FLUSH_RETRY_MS, () => this.startFlush());
        this.#flushFailure = error as TesseraError; // retryLater has thrown what is none
        for (const { slot } of this.#rotated) for (const tell of slot.onGone.splice(0)) tell(error as Error);
        this.#writers.flushFailed();
      },
    );
  }

  /** The same for somebody who waits: whatever failed before is tried now. */
  flushNow(): void {
    this.flushLane.retryAtMs = 0;
    this.startFlush();
  }

  /** Lets go of a replaced memtable whose content is in SSTables or void. */
  drop(slot: MemtableSlot): void {
    const { older } = slot.group;
    const at = older.indexOf(slot);
    assert(at >= 0 && slot.pending === 0, 'a memtable leaves its group once, when its writes have arrived');
    older.splice(at, 1);
    this.#rotated = this.#rotated.filter((each) => each.slot !== slot);
    this.#log.tracker.release(slot.key);
    slot.memtable.release();
    for (const tell of slot.onGone.splice(0)) tell(undefined);
  }

  #rotateLargest(): void {
    let largest: StorageGroup | undefined;
    let owner: TableStore | undefined;
    for (const table of this.#tables.values()) {
      for (const group of table.groups) {
        if (group === undefined || group.active.memtable.isEmpty) continue;
        if (largest !== undefined && group.active.memtable.allocatedBytes <= largest.active.memtable.allocatedBytes)
          continue;
        largest = group;
        owner = table;
      }
    }
    if (largest !== undefined && owner !== undefined) this.rotate(owner, largest);
  }

  async #flush({ table, group, slot }: Rotated): Promise<void> {
    await slot.settled();
    slot.memtable.seal();
    if (slot.memtable.isEmpty || table.isDropped) {
      if (!table.isDropped) this.drop(slot);
      return;
    }
    const { clock, random, shard, hostId } = this.#options;
    const positions = new FlushedPositions();
    slot.addFlushedTo(positions);
    const generation = newGeneration(clock, random, shard);
    const payload: FlushPayload = {
      table: describeTable(table.descriptor),
      directory: table.directory,
      generation,
      hostId,
      logIntervals: positions.intervals(),
      purge: { nowSeconds: this.#nowSeconds(), gcBefore: 0, leastOutsideHi: 0, leastOutsideLo: 0 },
      memtable: slot.memtable.handle(),
    };
    const info = (await this.#run(table, JobKind.Flush, payload)) as SSTableSummaryInfo | undefined;
    if (table.isDropped) {
      if (info !== undefined) await this.#transactions.discard(table, [info.prefix]);
      return;
    }
    if (info === undefined) {
      this.drop(slot);
      return;
    }
    const change = { group, reason: SstableSetReason.Flush, added: [{ info, generation }], removed: [] };
    await this.#transactions.commit(table, [change], undefined, () => {
      slot.addFlushedTo(group.flushed);
      this.drop(slot);
    });
    this.flushes++;
  }

  // ---- compaction

  /** Starts a compaction if there is one worth doing and none runs. */
  startCompaction(): void {
    const lane = this.compactionLane;
    if (!lane.isFree || this.#isClosed || this.#log.failure !== undefined || !this.#transactions.isDone) return;
    if (lane.retryAtMs > 0 && this.#options.clock.monotonicMs() < lane.retryAtMs) return;
    const job = this.#nextCompaction();
    if (job === undefined) return;
    lane.take();
    this.#lastCompacted = job.table.descriptor.id;
    this.compact(job.table, job.group, job.inputs).then(
      () => {
        lane.failures = 0;
        lane.give();
        this.startCompaction();
      },
      (error: unknown) => {
        lane.give();
        if (error instanceof TesseraError && error.code === ABORTED) {
          this.startCompaction();
          return;
        }
        const delayMs = Math.min(COMPACTION_RETRY_MS * 2 ** lane.failures, MAX_RETRY_MS);
        this.#retryLater(lane, 'compaction', error, delayMs, () => this.startCompaction());
      },
    );
  }

  /**
   * Merges SSTables of a group. The caller has the compaction lane.
   * @throws TesseraError with code ABORTED when somebody else needed the lane
   */
  async compact(table: TableStore, group: StorageGroup, inputs: readonly GroupFile[]): Promise<void> {
    await this.#transactions.tried();
    if (!this.#transactions.isDone)
      throw new TesseraError(ABORTED, 'names of SSTables on disk could not be changed yet');
    this.#assureDiskSpace(table, inputs);
    const positions = new FlushedPositions();
    for (const { sstable } of inputs) positions.addStatistics(sstable.statistics, this.#options.hostId);
    let result = await this.#merge(table, group, inputs, positions, true);
    if (result === undefined && this.#isPositionNeeded(group, inputs, positions)) {
      // Without any file nothing would say that the log's records are flushed, and a replay would bring back what tombstones
      // that are purged here had hidden. So they stay until the log has let go of those records.
      result = await this.#merge(table, group, inputs, positions, false);
    }
    if (table.isDropped) {
      if (result !== undefined) await this.#transactions.discard(table, [result.info.prefix]);
      return;
    }
    const added = result === undefined ? [] : [result];
    const change = { group, reason: SstableSetReason.Compaction, added, removed: inputs };
    await this.#transactions.commit(table, [change], undefined, () => undefined);
    this.compactions++;
  }

  /** Ends a compaction that runs, and keeps others from starting, until `resume`. */
  abortCompaction(): void {
    this.#aborting++;
    Atomics.store(this.#control, 0, 1);
  }

  resumeCompaction(): void {
    if (--this.#aborting === 0) Atomics.store(this.#control, 0, 0);
  }

  /** Nothing is started any more; who waits for a flush is told. */
  close(): void {
    this.#isClosed = true;
    const error = new NotReadyError('the node is shutting down');
    for (const { slot } of this.#rotated) for (const tell of slot.onGone.splice(0)) tell(error);
  }

  #nextCompaction(): { table: TableStore; group: StorageGroup; inputs: GroupFile[] } | undefined {
    const nowMs = this.#options.clock.nowUs() / 1000;
    const tables = [...this.#tables.values()];
    const last = tables.findIndex(({ descriptor }) => descriptor.id === this.#lastCompacted);
    for (let i = 1; i <= tables.length; i++) {
      const table = tables[(last + i) % tables.length]!;
      const { compaction, gcGraceSeconds } = table.descriptor.options;
      if (table.isDropped || table.failure !== undefined || compaction.enabled === 'false') continue;
      this.#warnOfStrategy(table);
      const strategy = new SizeTiered(sizeTieredOptions(compaction));
      const gcBefore = this.#nowSeconds() - gcGraceSeconds;
      for (const group of table.groups) {
        if (group === undefined || group.files.length === 0) continue;
        const files = group.files.filter(({ isDamaged }) => !isDamaged);
        const candidates = files.map(({ sstable, sizeBytes, createdMs }, id) => ({
          id,
          sizeBytes,
          createdMs,
          droppableShare: droppableShare(sstable, gcBefore),
        }));
        const task = strategy.next(candidates, nowMs);
        if (task !== undefined) return { table, group, inputs: task.inputs.map((id) => files[id]!) };
      }
    }
    return undefined;
  }

  #warnOfStrategy({ descriptor }: TableStore): void {
    const { class: name } = descriptor.options.compaction;
    if (name === undefined || name.endsWith(BUILT_STRATEGY) || this.#warned.has(descriptor.id)) return;
    this.#warned.add(descriptor.id);
    const table = `${descriptor.keyspace}.${descriptor.name}`;
    const message = `${name} of ${table} is not built yet: it is compacted as by ${BUILT_STRATEGY}`;
    this.#options.log.write(LogLevel.Warn, 'compaction', message);
  }

  async #merge(
    table: TableStore,
    group: StorageGroup,
    inputs: readonly GroupFile[],
    positions: FlushedPositions,
    mayPurge: boolean,
  ): Promise<{ info: SSTableSummaryInfo; generation: string } | undefined> {
    const { clock, random, shard, hostId, compactionBytesPerSecond } = this.#options;
    const outside = new Int64Halves();
    group.leastTimestampOutside(new Set(inputs), outside);
    const nowSeconds = this.#nowSeconds();
    const gcBefore =
      mayPurge && this.#isStarted ? Math.max(0, nowSeconds - table.descriptor.options.gcGraceSeconds) : 0;
    const generation = newGeneration(clock, random, shard);
    const payload: CompactPayload = {
      table: describeTable(table.descriptor),
      directory: table.directory,
      generation,
      hostId,
      logIntervals: positions.intervals(),
      purge: { nowSeconds, gcBefore, leastOutsideHi: outside.hi, leastOutsideLo: outside.lo },
      inputs: inputs.map(({ sstable }) => sstable.path),
      level: 0,
      bytesPerSecond: compactionBytesPerSecond,
    };
    try {
      const info = (await this.#run(table, JobKind.Compact, payload)) as SSTableSummaryInfo | undefined;
      return info && { info, generation };
    } catch (error) {
      if (error instanceof CorruptFileError) this.#noteDamaged(inputs, String(error.detail.path));
      throw error;
    }
  }

  /** True when log records may be replayed that only the inputs' positions call flushed. */
  #isPositionNeeded(group: StorageGroup, inputs: readonly GroupFile[], positions: FlushedPositions): boolean {
    const left = new FlushedPositions();
    for (const file of group.files) {
      if (!inputs.includes(file)) left.addStatistics(file.sstable.statistics, this.#options.hostId);
    }
    return positions.hasBeyond(left, this.#options.shard, this.#log.oldestSegmentId);
  }

  /** @throws FileOperationError when the output may not fit */
  #assureDiskSpace({ directory }: TableStore, inputs: readonly GroupFile[]): void {
    let needed = 0;
    for (const { sizeBytes } of inputs) needed += sizeBytes;
    if (this.#options.files.freeBytes(directory) < needed) throw new FileOperationError('compact', directory, 'ENOSPC');
  }

  #noteDamaged(inputs: readonly GroupFile[], path: string): void {
    for (const input of inputs) {
      const { directory, prefix } = input.sstable;
      if (!path.startsWith(`${directory}/${prefix}-`)) continue;
      input.isDamaged = true;
      const message = `${directory}/${prefix} is damaged: it is compacted no more, reads of what is whole go on`;
      this.#options.log.write(LogLevel.Error, 'compaction', message);
    }
  }

  /** Runs a job that writes an SSTable; when it fails, what it has written is removed, also when its thread died. */
  async #run(table: TableStore, kind: string, payload: FlushPayload | CompactPayload): Promise<unknown> {
    try {
      return await this.#options.offload.run({ kind, payload });
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      await this.#transactions.discard(table, [prefixOfGeneration(payload.generation)]);
      throw error;
    }
  }

  #retryLater(lane: JobLane, what: string, error: unknown, delayMs: number, start: () => void): void {
    if (!(error instanceof TesseraError)) throw error;
    const { clock, log, tasks } = this.#options;
    this.failures++;
    lane.failures++;
    lane.retryAtMs = clock.monotonicMs() + delayMs;
    log.write(LogLevel.Error, 'store', `${what} failed, next try in ${delayMs} ms: ${error.message}`);
    tasks.setTimer(delayMs, start);
  }

  #nowSeconds(): number {
    return Math.floor(this.#options.clock.nowUs() / 1_000_000);
  }
}

/** Estimated share of an SSTable's rows that are tombstones past gc grace. */
function droppableShare(sstable: SSTable, gcBefore: number): number {
  const { stats } = sstable.statistics;
  const cells = stats.cellCount + stats.rowCount;
  let droppable = 0;
  for (let i = 0; i < stats.tombstones.size && stats.tombstones.time(i) < gcBefore; i++)
    droppable += stats.tombstones.count(i);
  return cells === 0 ? 0 : Math.min(1, droppable / cells);
}
