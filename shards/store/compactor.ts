import { SstableSetReason } from '../../commitlog/table-records.ts';
import type { CommitlogWriter } from '../../commitlog/writer.ts';
import { CorruptFileError, FileOperationError, TesseraError } from '../../core/errors.ts';
import type { TableId } from '../../core/ids.ts';
import { compareInt64 } from '../../core/int64.ts';
import { LogLevel } from '../../core/ports/log.ts';
import { timeUuid } from '../../core/types/timeuuid.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import { Int64Halves } from '../../core/vint.ts';
import { TaskKind } from '../../sstable/compaction/strategy.ts';
import { ABORTED, CONTROL_BYTES, CONTROL_MEMORY, ControlWord, JobKind } from './background-jobs.ts';
import { type ChoiceWorld, CompactionChoice, type GroupTask, gcBeforeOf } from './compaction-choice.ts';
import { CompactionHistory, type CompactionReport, type RunningCompaction } from './compaction-history.ts';
import { type CompactionOutput, type CompactPayload, stagedBy } from './compaction-job.ts';
import { FlushedPositions } from './flushed-positions.ts';
import { generationsOfRun, isMadeRun, newRun } from './generation.ts';
import { JobLane } from './job-lane.ts';
import type { SSTableTransactions } from './sstable-transactions.ts';
import type { GroupFile, StorageGroup } from './storage-group.ts';
import type { StoreOptions } from './store.ts';
import { describeTable } from './table-description.ts';
import type { TableStore } from './table-store.ts';

/** A compaction that failed is tried again after this, doubled with each failure of its tablet up to the limit. */
const RETRY_MS = 5_000;
const MAX_RETRY_MS = 300_000;
/** How often tablets are looked at of which nothing has changed, if their strategies want it by then. */
const LOOK_MS = 10_000;
/** Choosing goes on in a later turn after this. */
const SLICE_MS = 0.5;
/** A tablet's parts of tokens are no finer than this. */
const MOST_CELLS: number = 2 ** 30;

/**
 * Compaction of one shard: which tablet is next, its job in the pool, its transaction. One at a time; the tables take turns, and a
 * table's tablets.
 *
 * A task of a strategy becomes one transaction: all outputs come and all inputs go, or nothing happens. Tombstones are purged by
 * what the inputs' tablet has outside of them at the start; what is written meanwhile with an older timestamp is late by gc grace.
 */
export class Compactor {
  readonly lane: JobLane = new JobLane();
  readonly history: CompactionHistory = new CompactionHistory();
  compactions = 0;
  failures = 0;
  bytesIn = 0;
  bytesOut = 0;
  readonly #options: StoreOptions;
  readonly #log: CommitlogWriter;
  readonly #tables: ReadonlyMap<TableId, TableStore>;
  readonly #transactions: SSTableTransactions;
  readonly #control = new Int32Array(new SharedArrayBuffer(CONTROL_BYTES));
  readonly #choices = new WeakMap<StorageGroup, CompactionChoice>();
  /** After which the next one is looked for, so that each has its turn. */
  #lastTable: TableId | undefined;
  readonly #lastTablet = new WeakMap<TableStore, number>();
  #running: RunningCompaction | undefined = undefined;
  #aborting = 0;
  #isStarted = false;
  #isClosed = false;
  #isContinuing = false;

  constructor(
    options: StoreOptions,
    log: CommitlogWriter,
    tables: ReadonlyMap<TableId, TableStore>,
    transactions: SSTableTransactions,
  ) {
    this.#options = options;
    this.#log = log;
    this.#tables = tables;
    this.#transactions = transactions;
    options.offload.share(CONTROL_MEMORY, this.#control.buffer);
  }

  /** Begins to look for compactions by itself; from now on they may purge. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    for (const table of this.#tables.values()) {
      for (const group of table.groups) if (group !== undefined) this.#choiceOf(group).wake();
    }
    const look = (): void => {
      this.startNext();
      if (!this.#isClosed) this.#options.tasks.setTimer(LOOK_MS, look);
    };
    look();
  }

  /** Starts a compaction if there is one worth doing and none runs. */
  startNext(): void {
    const { lane } = this;
    if (!lane.isFree || this.#aborting > 0 || this.#isClosed) return;
    if (this.#log.failure !== undefined || !this.#transactions.isDone) return;
    const job = this.#next();
    if (job === undefined) return;
    const { table, group, task } = job;
    lane.take();
    this.#lastTable = table.descriptor.id;
    this.#lastTablet.set(table, group.tablet);
    const choice = this.#choiceOf(group);
    this.carryOut(table, group, task).then(
      () => {
        choice.failures = 0;
        lane.give();
        this.startNext();
      },
      (error: unknown) => {
        lane.give();
        if (!(error instanceof TesseraError)) throw error;
        if (error.code !== ABORTED) this.#retryLater(choice, error);
        this.startNext();
      },
    );
  }

  /** Tasks of a major compaction of a group. The caller has the lane until they are done. */
  major(table: TableStore, group: StorageGroup): GroupTask[] {
    return this.#choiceOf(group).major(table, this.#world());
  }

  /**
   * Carries out a task. The caller has the lane.
   * @throws TesseraError with code ABORTED when somebody else needed the lane
   */
  async carryOut(table: TableStore, group: StorageGroup, task: GroupTask): Promise<void> {
    if (this.#aborting > 0) throw new TesseraError(ABORTED, 'compaction waits for something else');
    await this.#transactions.tried();
    if (!this.#transactions.isDone)
      throw new TesseraError(ABORTED, 'names of SSTables on disk could not be changed yet');
    const running = this.#begin(table, task);
    try {
      const outputs = task.kind === TaskKind.Drop ? [] : await this.#mergeAll(table, group, task);
      if (table.isDropped) {
        await this.#transactions.discard(table, outputs.map(({ info }) => info.prefix)); // biome-ignore format: one thing
        return;
      }
      const change = { group, reason: SstableSetReason.Compaction, added: outputs, removed: task.inputs };
      await this.#transactions.commit(table, [change], undefined, () => undefined);
      this.#note(running, outputs);
    } finally {
      this.#running = undefined;
    }
  }

  /** Ends a compaction that runs, and keeps others from starting, until `resume`; then the caller has the next one started. */
  abort(): void {
    this.#aborting++;
    Atomics.store(this.#control, ControlWord.Stop, 1);
  }

  resume(): void {
    if (--this.#aborting === 0) Atomics.store(this.#control, ControlWord.Stop, 0);
  }

  /** Nothing is started any more. */
  close(): void {
    this.#isClosed = true;
  }

  /** The compaction that runs, as far as it is now. */
  running(): RunningCompaction | undefined {
    if (this.#running === undefined) return undefined;
    const { totalBytes } = this.#running;
    const writtenBytes = (Atomics.load(this.#control, ControlWord.WrittenKib) >>> 0) * 1024;
    return { ...this.#running, doneBytes: Math.min(writtenBytes, totalBytes) };
  }

  report(): CompactionReport {
    const running = this.running();
    const pending = [];
    for (const table of this.#tables.values()) {
      const tasks = this.pendingOf(table);
      const { keyspace, name } = table.descriptor;
      if (tasks > 0) pending.push({ keyspace, table: name, tasks });
    }
    return { running: running === undefined ? [] : [running], pending, history: this.history.latest() };
  }

  /** Tablets of a table that have something to compact, or must be looked at to know. */
  pendingOf(table: TableStore): number {
    if (table.isDropped || table.failure !== undefined || !isEnabled(table)) return 0;
    const nowMs = this.#nowMs();
    let pending = 0;
    for (const group of table.groups) {
      if (group !== undefined && !this.#choiceOf(group).isQuiet(table, nowMs)) pending++;
    }
    return pending;
  }

  #next(): { table: TableStore; group: StorageGroup; task: GroupTask } | undefined {
    const { clock, tasks } = this.#options;
    const nowMs = this.#nowMs();
    const startMs = clock.monotonicMs();
    const world = this.#world();
    const tables = [...this.#tables.values()];
    const last = tables.findIndex(({ descriptor }) => descriptor.id === this.#lastTable);
    for (let i = 1; i <= tables.length; i++) {
      const table = tables[(last + i) % tables.length]!;
      if (table.isDropped || table.failure !== undefined || !isEnabled(table)) continue;
      const { groups } = table;
      const lastTablet = this.#lastTablet.get(table) ?? -1;
      for (let k = 1; k <= groups.length; k++) {
        const group = groups[(lastTablet + k) % groups.length];
        if (group === undefined) continue;
        const choice = this.#choiceOf(group);
        if (choice.isQuiet(table, nowMs) || choice.retryAtMs > startMs) continue;
        const task = choice.next(table, world);
        if (task !== undefined) return { table, group, task };
        if (clock.monotonicMs() - startMs < SLICE_MS) continue;
        if (!this.#isContinuing) tasks.nextTurn(this.#continue); // what was looked at is quiet, so this ends
        this.#isContinuing = true;
        return undefined;
      }
    }
    return undefined;
  }

  readonly #continue = (): void => {
    this.#isContinuing = false;
    this.startNext();
  };

  #choiceOf(group: StorageGroup): CompactionChoice {
    let choice = this.#choices.get(group);
    if (choice === undefined) {
      choice = new CompactionChoice(group);
      this.#choices.set(group, choice);
    }
    return choice;
  }

  #world(): ChoiceWorld {
    return {
      nowMs: this.#nowMs(),
      mayPurge: this.#isStarted,
      mayDrop: (group, files) => !this.#isPositionNeeded(group, files, this.#positionsOf(files)),
      newRun: () => newRun(this.#options.random),
    };
  }

  async #mergeAll(table: TableStore, group: StorageGroup, task: GroupTask): Promise<CompactionOutput[]> {
    const { inputs } = task;
    this.#assureDiskSpace(table, inputs);
    const positions = this.#positionsOf(inputs);
    const outputs = await this.#merge(table, group, task, positions, true);
    // Without any file nothing would say that the log's records are flushed, and a replay would bring back what tombstones
    // that are purged here had hidden. So they stay until the log has let go of those records.
    if (outputs.length > 0 || !this.#isPositionNeeded(group, inputs, positions)) return outputs;
    return this.#merge(table, group, task, positions, false);
  }

  async #merge(
    table: TableStore,
    group: StorageGroup,
    task: GroupTask,
    positions: FlushedPositions,
    mayPurge: boolean,
  ): Promise<CompactionOutput[]> {
    const { offload, hostId, compactionBytesPerSecond } = this.#options;
    const { inputs, level, maxOutputBytes } = task;
    const inMemory = new Int64Halves();
    group.leastTimestampInMemory(inMemory);
    const nowMs = this.#nowMs();
    const cellCount = Math.min(MOST_CELLS, table.tabletCount * task.cells);
    const payload: CompactPayload = {
      table: describeTable(table.descriptor),
      directory: table.directory,
      generations: this.#generations(group, task),
      hostId,
      logIntervals: positions.intervals(),
      purge: {
        nowSeconds: Math.floor(nowMs / 1000),
        gcBefore: mayPurge && this.#isStarted ? gcBeforeOf(table.descriptor.options, inputs, nowMs) : 0,
        leastInMemoryHi: inMemory.hi,
        leastInMemoryLo: inMemory.lo,
        outside: this.#choiceOf(group).outside(inputs),
      },
      inputs: this.#choiceOf(group)
        .chains(inputs)
        .map((chain) => chain.map(({ sstable }) => sstable.path)),
      ...expectationsOf(inputs),
      level,
      repairedAtMs: Math.min(...inputs.map(({ sstable }) => sstable.statistics.stats.repairedAtMs)),
      maxOutputBytes,
      cellCount,
      bytesPerSecond: compactionBytesPerSecond,
    };
    Atomics.store(this.#control, ControlWord.WrittenKib, 0);
    try {
      return (await offload.run({ kind: JobKind.Compact, payload })) as CompactionOutput[];
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      // Also when its thread died.
      await this.#transactions.discard(table, stagedBy(payload));
      if (error instanceof CorruptFileError) this.#noteDamaged(inputs, String(error.detail.path));
      throw error;
    }
  }

  /** Names for as many outputs as there may be; they need not all be used, and the last may become larger. */
  #generations(group: StorageGroup, { inputs, maxOutputBytes, cells, run }: GroupTask): string[] {
    const { clock, random, shard } = this.#options;
    let bytes = 0;
    for (const { sstable, sizeBytes } of inputs) bytes += sizeBytes + sstable.dataBytes;
    const count = cells + Math.ceil(bytes / maxOutputBytes);
    const used = new Set(group.files.map(({ generation }) => generation));
    const isUsed = (generation: string): boolean => used.has(generation);
    // A file of others that is rewritten begins a run.
    const ofRun = run !== undefined && isMadeRun(run) ? run : newRun(random);
    return generationsOfRun(clock, shard, ofRun, Math.max(1, count), isUsed);
  }

  #positionsOf(files: readonly GroupFile[]): FlushedPositions {
    const positions = new FlushedPositions();
    for (const { sstable } of files) positions.addStatistics(sstable.statistics, this.#options.hostId);
    return positions;
  }

  /** True when log records may be replayed that only the inputs' positions call flushed. */
  #isPositionNeeded(group: StorageGroup, inputs: readonly GroupFile[], positions: FlushedPositions): boolean {
    const gone = new Set(inputs);
    const left = this.#positionsOf(group.files.filter((file) => !gone.has(file)));
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

  #begin({ descriptor }: TableStore, { kind, inputs }: GroupTask): RunningCompaction {
    const { clock, random, shard } = this.#options;
    const node = Buffer.from(newRun(random), 'hex');
    let bytesIn = 0;
    let totalBytes = 0;
    for (const { sizeBytes, sstable } of inputs) {
      bytesIn += sizeBytes;
      totalBytes += sstable.dataBytes;
    }
    const running: RunningCompaction = {
      id: uuidText(timeUuid(clock.nowUs(), 0, shard, node), 0),
      shard,
      keyspace: descriptor.keyspace,
      table: descriptor.name,
      kind,
      startedMs: Math.floor(this.#nowMs()),
      finishedMs: 0,
      inputs: inputs.length,
      outputs: 0,
      bytesIn,
      bytesOut: 0,
      doneBytes: 0,
      totalBytes,
    };
    this.#running = running;
    return running;
  }

  #note(running: RunningCompaction, outputs: readonly CompactionOutput[]): void {
    let bytesOut = 0;
    for (const { info } of outputs) bytesOut += info.sizeBytes;
    const { doneBytes: _done, totalBytes: _total, ...entry } = running;
    const done = { ...entry, finishedMs: Math.floor(this.#nowMs()), outputs: outputs.length, bytesOut };
    this.compactions++;
    this.bytesIn += entry.bytesIn;
    this.bytesOut += bytesOut;
    this.history.add(done);
    this.#options.onCompaction?.(done);
  }

  #retryLater(choice: CompactionChoice, error: TesseraError): void {
    const { clock, log, tasks } = this.#options;
    const delayMs = Math.min(RETRY_MS * 2 ** choice.failures, MAX_RETRY_MS);
    this.failures++;
    choice.failures++;
    choice.retryAtMs = clock.monotonicMs() + delayMs;
    log.write(LogLevel.Error, 'store', `compaction failed, next try in ${delayMs} ms: ${error.message}`);
    tasks.setTimer(delayMs, () => this.startNext());
  }

  #nowMs(): number {
    return this.#options.clock.nowUs() / 1000;
  }
}

/** What the outputs of a compaction of these will be like. */
function expectationsOf(
  inputs: readonly GroupFile[],
): Pick<CompactPayload, 'base' | 'expectedPartitions' | 'expectedBytes'> {
  let least = inputs[0]!.sstable.statistics.stats;
  let minLocalDeletionTime = least.minLocalDeletionTime;
  let minTtl = least.minTtl;
  let expectedPartitions = 0;
  let expectedBytes = 0;
  for (const { sstable } of inputs) {
    const { stats } = sstable.statistics;
    if (compareInt64(stats.minTimestampHi, stats.minTimestampLo, least.minTimestampHi, least.minTimestampLo) < 0) {
      least = stats;
    }
    minLocalDeletionTime = Math.min(minLocalDeletionTime, stats.minLocalDeletionTime);
    minTtl = Math.min(minTtl, stats.minTtl);
    expectedPartitions += sstable.partitionCount;
    expectedBytes += sstable.dataBytes * (stats.compressionRatio < 0 ? 1 : stats.compressionRatio);
  }
  const { minTimestampHi, minTimestampLo } = least;
  const base = { minTimestampHi, minTimestampLo, minLocalDeletionTime, minTtl };
  return { base, expectedPartitions, expectedBytes };
}

function isEnabled({ descriptor }: TableStore): boolean {
  return descriptor.options.compaction.enabled?.toLowerCase() !== 'false';
}
