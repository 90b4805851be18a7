import { SstableSetReason } from '../../commitlog/table-records.ts';
import type { CommitlogWriter } from '../../commitlog/writer.ts';
import { assert } from '../../core/assert.ts';
import { NotReadyError, TesseraError } from '../../core/errors.ts';
import type { TableId } from '../../core/ids.ts';
import { LogLevel } from '../../core/ports/log.ts';
import type { SSTableSummaryInfo } from '../../sstable/writer.ts';
import { type FlushPayload, JobKind } from './background-jobs.ts';
import { FlushedPositions } from './flushed-positions.ts';
import { newGeneration, prefixOfGeneration } from './generation.ts';
import { JobLane } from './job-lane.ts';
import type { SlabPool } from './slab-pool.ts';
import type { SSTableTransactions } from './sstable-transactions.ts';
import type { MemtableSlot, StorageGroup } from './storage-group.ts';
import type { StoreOptions } from './store.ts';
import { describeTable } from './table-description.ts';
import type { TableStore } from './table-store.ts';

/** A failed flush is tried again after this: writers may be refused meanwhile, and a full disk fails it soon. */
const RETRY_MS = 1_000;

/** A memtable on its way to disk. */
interface Rotated {
  readonly table: TableStore;
  readonly group: StorageGroup;
  readonly slot: MemtableSlot;
}

/** What flushes need of the writes. */
export interface Writers {
  /** Memtables should be flushed to make room. */
  readonly isPressed: boolean;
  moveDeferred(from: MemtableSlot, to: MemtableSlot): void;
  /** A flush has failed; until one succeeds `flushFailure` says so. */
  flushFailed(): void;
}

/**
 * The flushes of one shard, one at a time: which memtable is next, its job in the pool, its transaction.
 *
 * A group's memtable is replaced (`rotate`) and queued; when its last logged write has arrived it is sealed, written by the pool,
 * committed, and released with its part of the log. It stays readable until then, whatever fails.
 */
export class Flusher {
  readonly lane: JobLane = new JobLane();
  flushes = 0;
  failures = 0;
  readonly #options: StoreOptions;
  readonly #log: CommitlogWriter;
  readonly #pool: SlabPool;
  readonly #tables: ReadonlyMap<TableId, TableStore>;
  readonly #transactions: SSTableTransactions;
  readonly #writers: Writers;
  readonly #onFlushed: () => void;
  /** First in, first out: memtables of a group reach the disk in their order. */
  #rotated: Rotated[] = [];
  #flushFailure: TesseraError | undefined = undefined;
  #isClosed = false;

  constructor(
    options: StoreOptions,
    log: CommitlogWriter,
    pool: SlabPool,
    tables: ReadonlyMap<TableId, TableStore>,
    transactions: SSTableTransactions,
    writers: Writers,
    onFlushed: () => void,
  ) {
    this.#options = options;
    this.#log = log;
    this.#pool = pool;
    this.#tables = tables;
    this.#transactions = transactions;
    this.#writers = writers;
    this.#onFlushed = onFlushed;
  }

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
  start(): void {
    const lane = this.lane;
    if (!lane.isFree || this.#isClosed || this.#log.failure !== undefined) return;
    if (lane.retryAtMs > 0 && this.#options.clock.monotonicMs() < lane.retryAtMs) return;
    if (this.#rotated.length === 0 && this.#writers.isPressed) this.#rotateLargest();
    const next = this.#rotated[0];
    if (next === undefined) return;
    lane.take();
    this.#flush(next).then(
      () => {
        this.#flushFailure = undefined;
        lane.give();
        this.start();
        this.#onFlushed();
      },
      (error: unknown) => {
        lane.give();
        this.#retryLater(error);
        this.#flushFailure = error as TesseraError; // retryLater has thrown what is none
        for (const { slot } of this.#rotated) for (const tell of slot.onGone.splice(0)) tell(error as Error);
        this.#writers.flushFailed();
      },
    );
  }

  /** The same for somebody who waits: whatever failed before is tried now. */
  flushNow(): void {
    this.lane.retryAtMs = 0;
    this.start();
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
      nowSeconds: Math.floor(clock.nowUs() / 1_000_000),
      memtable: slot.memtable.handle(),
    };
    const info = await this.#run(table, payload);
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

  /** Nothing is started any more; who waits for a flush is told. */
  close(): void {
    this.#isClosed = true;
    const error = new NotReadyError('the node is shutting down');
    for (const { slot } of this.#rotated) for (const tell of slot.onGone.splice(0)) tell(error);
  }

  /** Runs the job; when it fails, what it has written is removed, also when its thread died. */
  async #run(table: TableStore, payload: FlushPayload): Promise<SSTableSummaryInfo | undefined> {
    try {
      return (await this.#options.offload.run({ kind: JobKind.Flush, payload })) as SSTableSummaryInfo | undefined;
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      await this.#transactions.discard(table, [prefixOfGeneration(payload.generation)]);
      throw error;
    }
  }

  #retryLater(error: unknown): void {
    if (!(error instanceof TesseraError)) throw error;
    const { clock, log, tasks } = this.#options;
    const { lane } = this;
    this.failures++;
    lane.retryAtMs = clock.monotonicMs() + RETRY_MS;
    log.write(LogLevel.Error, 'store', `flush failed, next try in ${RETRY_MS} ms: ${error.message}`);
    tasks.setTimer(RETRY_MS, () => this.start());
  }
}
