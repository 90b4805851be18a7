import type { SyncMode } from '../../commitlog/commitlog-options.ts';
import { NO_KEY } from '../../commitlog/commitlog-options.ts';
import { RecordKind } from '../../commitlog/record-kind.ts';
import { type CleanupRecord, encodeCleanup, SstableSetReason } from '../../commitlog/table-records.ts';
import type { CommitlogWriter } from '../../commitlog/writer.ts';
import { ByteWriter } from '../../core/bytes.ts';
import { InvalidRequestError, NotReadyError, TesseraError } from '../../core/errors.ts';
import type { HostId, TableId } from '../../core/ids.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Files } from '../../core/ports/files.ts';
import { type Log, LogLevel } from '../../core/ports/log.ts';
import type { Offload } from '../../core/ports/offload.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Tasks } from '../../core/ports/tasks.ts';
import type { RowBatchPool } from '../../core/read/batch-pool.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { BlockCache } from '../../sstable/block-cache.ts';
import type { LocalStore, WriteDone } from '../coordinator/local-store.ts';
import { SLAB_MEMORY } from './background-jobs.ts';
import type { CompactionEntry } from './compaction-history.ts';
import { Compactor } from './compactor.ts';
import { Flusher } from './flusher.ts';
import type { SlabPool } from './slab-pool.ts';
import { SSTableTransactions } from './sstable-transactions.ts';
import { type MemtableSlot, SlotFate, StorageGroup } from './storage-group.ts';
import type { StoreMetadata, StoreTable } from './store-metadata.ts';
import { tableDirectory } from './table-directory.ts';
import { TableStore } from './table-store.ts';
import type { VoidRecords } from './void-records.ts';
import { WritePath } from './write-path.ts';

export interface StoreOptions {
  readonly files: Files;
  readonly tasks: Tasks;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly offload: Offload;
  readonly shard: number;
  readonly shardCount: number;
  readonly hostId: HostId;
  readonly dataDirectory: string;
  readonly commitlogDirectory: string;
  readonly syncMode: SyncMode;
  readonly syncPeriodMs: number;
  readonly groupWindowMs: number;
  readonly segmentBytes: number;
  readonly commitlogBytes: number;
  readonly skipDamagedLog: boolean;
  readonly memtableBytes: number;
  readonly blockCacheBytes: number;
  /** Bytes a second that compaction writes; 0: no limit. */
  readonly compactionBytesPerSecond: number;
  /** Called after each compaction. */
  readonly onCompaction?: (done: CompactionEntry) => void;
}

/** Memtables below this are left to the log at a drain (settled question 11), unless the log is long: rows overwritten often. */
const SMALL_MEMTABLE_BYTES = 64 * 1024;
const FEW_RECORDS = 512;

export interface StoreStats {
  /** Pool memory of memtables that belong to a table. */
  readonly memtableBytes: number;
  /** Pool memory in use, with what readers still hold of flushed memtables. */
  readonly slabBytes: number;
  readonly commitlogBytes: number;
  readonly sstables: number;
  /** All components on disk. */
  readonly sstableBytes: number;
  readonly flushes: number;
  readonly compactions: number;
  /** On disk, of what was compacted and what came of it. */
  readonly compactionBytesIn: number;
  readonly compactionBytesOut: number;
  /** Tablets that have something to compact, or must be looked at to know. */
  readonly pendingCompactions: number;
  /** Flushes and compactions that failed; each is tried again. */
  readonly failures: number;
  readonly waitingWrites: number;
  readonly blockCacheHits: number;
  readonly blockCacheMisses: number;
}

/**
 * What one shard keeps: the tablets it owns, one log for all of them, memtables in one slab pool, SSTables, and the background
 * work between them. Made by `openStore` (recovery.ts). The parts: write-path.ts, flusher.ts, compactor.ts, sstable-transactions.ts;
 * a tablet's data: storage-group.ts.
 */
export class Store implements LocalStore {
  readonly options: StoreOptions;
  readonly log: CommitlogWriter;
  readonly pool: SlabPool;
  readonly cache: BlockCache;
  readonly #batches: RowBatchPool;
  readonly #tables = new Map<TableId, TableStore>();
  readonly #transactions: SSTableTransactions;
  readonly #flusher: Flusher;
  readonly compactor: Compactor;
  readonly #writes: WritePath;
  readonly #voids: VoidRecords;
  #cleanups: readonly CleanupRecord[];
  #isClosed = false;

  /** For `openStore` only. @param tables with what recovery put into them; @param cleanups for `finishRecovery` */
  constructor(
    options: StoreOptions,
    log: CommitlogWriter,
    pool: SlabPool,
    cache: BlockCache,
    batches: RowBatchPool,
    tables: Iterable<TableStore>,
    voids: VoidRecords,
    cleanups: readonly CleanupRecord[],
  ) {
    this.options = options;
    this.log = log;
    this.pool = pool;
    this.cache = cache;
    this.#batches = batches;
    for (const table of tables) this.#tables.set(table.descriptor.id, table);
    options.offload.share(SLAB_MEMORY, pool.views.memory);
    this.#transactions = new SSTableTransactions(options, log, cache, voids);
    this.#writes = new WritePath(options, log, pool, this.#tables, {
      onPressure: () => this.#flusher.start(),
      flushFailure: () => this.#flusher.flushFailure,
    });
    this.compactor = new Compactor(options, log, this.#tables, this.#transactions);
    this.#flusher = new Flusher(options, log, pool, this.#tables, this.#transactions, this.#writes, () =>
      this.compactor.startNext(),
    );
    this.#voids = voids;
    this.#cleanups = cleanups;
  }

  /**
   * After the strays of `OpenedStore` are written: notes in the log that its records of them are void, and lets go of replayed
   * segments. Until then a crash would replay them again.
   * @throws FileOperationError
   */
  async finishRecovery(): Promise<void> {
    const out = new ByteWriter(128);
    for (const cleanup of this.#cleanups) {
      out.clear();
      encodeCleanup(out, cleanup);
      const offset = this.log.append(RecordKind.Cleanup, NO_KEY, out.bytes, 0, out.length);
      this.#voids.addCleanup({ ...cleanup, position: { segmentId: this.log.segmentId, offset } });
    }
    if (this.#cleanups.length > 0) {
      await new Promise<void>((done, failed) => {
        this.log.whenDurable((error) => (error === undefined ? done() : failed(error)), 0);
      });
    }
    this.#cleanups = [];
    this.log.replayFinished();
    this.log.removeForeign();
  }

  /**
   * Begins to look for compactions by itself, and lets them purge tombstones. Call it when `finishRecovery` of every shard of the
   * node is done: before, writes of another shard's log may be on their way here that a tombstone has to hide.
   */
  start(): void {
    this.compactor.start();
  }

  source(id: TableId): RowSource | undefined {
    return this.#tables.get(id);
  }

  tables(): Iterable<TableStore> {
    return this.#tables.values();
  }

  write(
    bytes: Uint8Array,
    start: number,
    end: number,
    forceSync: boolean,
    deadlineMs: number,
    done: WriteDone,
    context: number,
  ): void {
    this.#writes.write(bytes, start, end, forceSync, deadlineMs, done, context);
  }

  /** For the log's `onSpacePressure`: what keeps the oldest segment is flushed. */
  readonly flushOldest = (segmentId: number): void => {
    if (segmentId < 0) return;
    const keys = new Set<number>();
    this.log.tracker.forEachOwner(segmentId, (key) => keys.add(key));
    for (const table of this.#tables.values()) {
      for (const group of table.groups) {
        if (group !== undefined && keys.has(group.active.key)) this.#flusher.rotate(table, group);
      }
    }
    this.#flusher.start();
  };

  /**
   * Flushes tables. Resolves when everything written to them before the call is in SSTables. Then lets the log free its segments.
   * Rejects when a flush failed; it is tried again by itself.
   */
  async flush(matches: (table: TableStore) => boolean): Promise<void> {
    for (const table of this.#tables.values()) {
      if (!matches(table)) continue;
      for (const group of table.groups) if (group !== undefined) this.#flusher.rotate(table, group);
    }
    await this.#flushed(this.#flusher.rotatedOf(matches));
  }

  /** Major compaction, as the table's strategy understands it. Rejects when it was stopped: for a truncation, a dropped table, or the end. */
  async compact(matches: (table: TableStore) => boolean): Promise<void> {
    await this.flush(matches);
    for (const table of [...this.#tables.values()]) {
      if (!matches(table)) continue;
      for (const group of table.groups) {
        if (group === undefined) continue;
        this.#assureOpen();
        await this.compactor.lane.acquire();
        try {
          this.#assureOpen();
          await this.#compactGroup(table, group);
        } catch (error) {
          this.#assureOpen(); // what ended it is the end of the store
          throw error;
        } finally {
          this.compactor.lane.give();
        }
      }
    }
    this.compactor.startNext();
  }

  /** The caller has the compaction lane. */
  async #compactGroup(table: TableStore, group: StorageGroup): Promise<void> {
    for (const task of this.compactor.major(table, group)) {
      this.#assureOpen();
      if (table.isDropped) return;
      await this.compactor.carryOut(table, group, task);
    }
  }

  async truncate(id: TableId): Promise<void> {
    const table = this.#tables.get(id);
    if (table === undefined) throw new InvalidRequestError('the table was dropped');
    await this.#alone(async () => {
      this.#assureOpen();
      if (table.isDropped) throw new InvalidRequestError('the table was dropped');
      try {
        await this.#truncate(table);
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
        throw new TesseraError('TRUNCATE', `the truncation may or may not have happened: ${error.message}`, {}, { cause: error }); // biome-ignore format: one call
      }
    });
  }

  /** Follows the node's metadata: new tables, changed ones, dropped ones. */
  updateMetadata(metadata: StoreMetadata): void {
    const seen = new Set<TableId>();
    for (const table of metadata.tables()) {
      const { descriptor } = table;
      seen.add(descriptor.id);
      const known = this.#tables.get(descriptor.id);
      if (known === undefined) {
        this.#tables.set(descriptor.id, this.#newTable(table));
      } else if (known.descriptor !== descriptor) {
        known.descriptor = descriptor;
        for (const group of known.groups) group?.changeTable(descriptor);
      }
    }
    for (const [id, table] of this.#tables) if (!seen.has(id)) this.#dropTable(id, table);
    this.#writes.schemaChanged();
    this.compactor.startNext();
  }

  /** Before a shutdown: flushes the memtables that are worth it; the others stay in the log, a few records each. */
  async drain(): Promise<void> {
    const slots: MemtableSlot[] = this.#flusher.rotatedOf(() => true);
    for (const table of this.#tables.values()) {
      for (const group of table.groups) {
        if (group === undefined || !this.#isWorthFlushing(group.active)) continue;
        const slot = this.#flusher.rotate(table, group);
        if (slot !== undefined) slots.push(slot);
      }
    }
    await this.#flushed(slots);
  }

  /**
   * Stops: refuses writes, ends background work (a flush is finished, a compaction given up), closes the log and all files.
   * Rejects when the log's end did not become durable. Call it once.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#writes.close();
    this.#flusher.close();
    this.compactor.close();
    this.compactor.abort();
    await this.#flusher.lane.acquire();
    await this.compactor.lane.acquire();
    this.#transactions.close();
    try {
      await this.log.close();
    } finally {
      this.#writes.abandonDeferred();
      await this.options.offload.close();
      for (const table of this.#tables.values()) {
        for (const group of table.groups) {
          for (const { sstable } of group?.files ?? []) this.#transactions.closeFile(sstable);
        }
      }
    }
  }

  stats(): StoreStats {
    let sstables = 0;
    let sstableBytes = 0;
    let memtableBytes = 0;
    let pendingCompactions = 0;
    for (const table of this.#tables.values()) {
      pendingCompactions += this.compactor.pendingOf(table);
      for (const group of table.groups) {
        if (group === undefined) continue;
        memtableBytes += group.memtableBytes;
        sstables += group.files.length;
        for (const file of group.files) sstableBytes += file.sizeBytes;
      }
    }
    return {
      memtableBytes,
      slabBytes: this.pool.usedBytes,
      commitlogBytes: this.log.totalBytes,
      sstables,
      sstableBytes,
      flushes: this.#flusher.flushes,
      compactions: this.compactor.compactions,
      compactionBytesIn: this.compactor.bytesIn,
      compactionBytesOut: this.compactor.bytesOut,
      pendingCompactions,
      failures: this.#flusher.failures + this.compactor.failures,
      waitingWrites: this.#writes.waitingCount,
      blockCacheHits: this.cache.hits,
      blockCacheMisses: this.cache.misses,
    };
  }

  #isWorthFlushing({ memtable, key }: MemtableSlot): boolean {
    return memtable.allocatedBytes >= SMALL_MEMTABLE_BYTES || this.log.tracker.recordsOf(key) > FEW_RECORDS;
  }

  /** Waits until memtables have left; then begins a new segment of the log, whose CHECKPOINT frees those before. */
  async #flushed(slots: readonly MemtableSlot[]): Promise<void> {
    this.#assureOpen();
    if (slots.length === 0) return;
    if (this.log.failure !== undefined) throw this.log.failure;
    const gone = Promise.all(slots.map((slot) => this.#flusher.gone(slot)));
    this.#flusher.flushNow();
    await gone;
    await this.#transactions.tried();
    try {
      if (!this.#isClosed) this.log.rotate();
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      // The data is where it should be; the next segment comes when there is room for it.
      this.options.log.write(LogLevel.Warn, 'store', `cannot begin a segment of the commit log: ${error.message}`);
    }
  }

  async #truncate(table: TableStore): Promise<void> {
    const { pool } = this;
    const replaced: MemtableSlot[] = [];
    const changes = [];
    // One step up to the record: every write before is in a replaced memtable, every later one behind the record.
    for (const group of table.groups) {
      if (group === undefined) continue;
      group.rotate(pool, this.log.tracker.acquireKey());
      for (const slot of group.older) slot.fate = SlotFate.Open;
      replaced.push(...group.older);
      if (group.files.length > 0) {
        changes.push({ group, reason: SstableSetReason.Truncate, added: [], removed: group.files });
      }
    }
    const record = { tableId: table.descriptor.id, truncatedAtUs: this.options.clock.nowUs() };
    try {
      await this.#transactions.commit(table, changes, record, () => undefined);
    } catch (error) {
      const known = new Set(this.#flusher.rotatedOf(() => true));
      for (const slot of replaced) {
        slot.fate = SlotFate.Kept;
        if (!known.has(slot)) this.#flusher.queue(table, slot);
        this.#writes.moveDeferred(slot, slot.group.active);
      }
      throw error;
    }
    for (const slot of replaced) await this.#discard(slot);
  }

  /** Lets go of a memtable whose content is void. */
  async #discard(slot: MemtableSlot): Promise<void> {
    this.#writes.forgetDeferred(slot);
    await slot.settled();
    this.#flusher.drop(slot);
  }

  #newTable(table: StoreTable): TableStore {
    const { shard, dataDirectory } = this.options;
    const { descriptor, tabletCount } = table;
    const groups = Array.from({ length: tabletCount }, (_, tablet) =>
      table.shardOf(tablet) === shard
        ? new StorageGroup(descriptor, tablet, tabletCount, this.pool, this.log.tracker.acquireKey(), this.#batches)
        : undefined,
    );
    return new TableStore(descriptor, tableDirectory(dataDirectory, descriptor), groups);
  }

  #dropTable(id: TableId, table: TableStore): void {
    table.isDropped = true;
    this.#tables.delete(id);
    this.#writes.schemaChanged();
    this.#alone(async () => {
      for (const group of table.groups) {
        if (group === undefined) continue;
        group.rotate(this.pool, this.log.tracker.acquireKey());
        for (const slot of [...group.older]) await this.#discard(slot);
        this.log.tracker.release(group.active.key);
        group.active.memtable.release();
      }
      // If files cannot be removed it is tried again, and start-up clears directories of tables that are no more.
      await this.#transactions.removeTable(table);
    }).catch((error: unknown) => {
      if (!(error instanceof TesseraError)) throw error;
      this.options.log.write(LogLevel.Warn, 'store', `cannot remove ${table.directory}: ${error.message}`);
    });
  }

  /** Runs `work` while there is neither flush nor compaction; a compaction that runs is given up. */
  async #alone<Result>(work: () => Promise<Result>): Promise<Result> {
    const flushLane = this.#flusher.lane;
    const compactionLane = this.compactor.lane;
    this.#assureOpen();
    this.compactor.abort();
    await flushLane.acquire();
    await compactionLane.acquire();
    this.compactor.resume();
    try {
      return await work();
    } finally {
      flushLane.give();
      compactionLane.give();
      this.#flusher.start();
      this.compactor.startNext();
    }
  }

  #assureOpen(): void {
    if (this.#isClosed) throw new NotReadyError('the node is shutting down');
  }
}
