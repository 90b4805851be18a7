import type { LogExamination } from '../../commitlog/examine.ts';
import { RecordKind } from '../../commitlog/record-kind.ts';
import { replayLog } from '../../commitlog/replay.ts';
import { segmentCounter } from '../../commitlog/segment.ts';
import {
  type CleanupRecord,
  decodeCleanup,
  decodeTruncate,
  type TruncateRecord,
} from '../../commitlog/table-records.ts';
import { CommitlogWriter } from '../../commitlog/writer.ts';
import type { ByteCursor, ByteWriter } from '../../core/bytes.ts';
import { CorruptFileError, TesseraError, UnsupportedFormatError } from '../../core/errors.ts';
import type { TableId } from '../../core/ids.ts';
import { MutationChecker } from '../../core/mutation/check.ts';
import { MUTATION_HEAD_BYTES, mutationTokenHi, mutationTokenLo } from '../../core/mutation/frozen-mutation.ts';
import type { Files } from '../../core/ports/files.ts';
import { LogLevel } from '../../core/ports/log.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { tabletOfToken, tabletTokenRange } from '../../core/token.ts';
import { uuidText } from '../../core/uuid-bytes.ts';
import { BlockCache } from '../../sstable/block-cache.ts';
import { commitSSTables, listSSTables, removeSSTable } from '../../sstable/commit.ts';
import { SSTable } from '../../sstable/reader.ts';
import type { SSTableSummaryInfo } from '../../sstable/writer.ts';
import { type FlushPayload, JobKind, SLAB_MEMORY } from './background-jobs.ts';
import { FlushedPositions } from './flushed-positions.ts';
import { generationOfPrefix, newGeneration } from './generation.ts';
import { LogVoids } from './log-voids.ts';
import type { OpenedStore, StrayMutation } from './recovery.ts';
import { SlabPool } from './slab-pool.ts';
import { StorageGroup } from './storage-group.ts';
import { Store, type StoreOptions } from './store.ts';
import type { StoreMetadata, StoreTable } from './store-metadata.ts';
import { describeTable } from './table-description.ts';
import { tableDirectory } from './table-directory.ts';
import { TableStore } from './table-store.ts';
import { VoidRecords } from './void-records.ts';

/** Stands for a memtable's key in the log's dirty tracker, which is made after the replay. */
const NO_TRACKER = -1;

interface Position {
  readonly segmentId: number;
  readonly offset: number;
}

/** A record that found no room until a flush. */
interface Overflow {
  readonly group: StorageGroup;
  readonly bytes: Uint8Array;
  readonly at: Position;
}

/**
 * Opens a shard's SSTables and replays its log into memtables: what no SSTable of the tablet covers, and no later truncation voids.
 * Writes nothing but memtables that had to be flushed to make room, so that it may be cut and done again.
 */
export class StoreRecovery {
  readonly #options: StoreOptions;
  readonly #metadata: StoreMetadata;
  readonly #pool: SlabPool;
  readonly #cache: BlockCache;
  readonly #batches = new RowBatchPool();
  readonly #tables = new Map<TableId, TableStore>();
  readonly #placement = new Map<TableId, StoreTable>();
  /** By tablet, for those of other shards: what their SSTables cover. */
  readonly #flushedElsewhere = new Map<TableId, FlushedPositions[]>();
  readonly #checkers = new Map<TableId, MutationChecker>();
  /** Replayed records by segment and group: what the dirty tracker will count. */
  readonly #counts = new Map<number, Map<StorageGroup, number>>();
  readonly #voidRecords = new VoidRecords();
  readonly #voids = new LogVoids();
  /** Tablets of other shards that this shard's own log has mutations of. */
  readonly #moved = new Map<TableId, Set<number>>();
  readonly #strays: StrayMutation[] = [];
  #overflow: Overflow[] = [];
  #replayed = 0;

  constructor(options: StoreOptions, metadata: StoreMetadata) {
    this.#options = options;
    this.#metadata = metadata;
    this.#pool = new SlabPool(options.memtableBytes);
    this.#cache = new BlockCache(options.blockCacheBytes);
  }

  /** @throws FileOperationError */
  async openTables(): Promise<void> {
    const { shard, dataDirectory, files } = this.#options;
    for (const table of this.#metadata.tables()) {
      const { descriptor, tabletCount } = table;
      this.#placement.set(descriptor.id, table);
      const groups = Array.from({ length: tabletCount }, (_, tablet) =>
        table.shardOf(tablet) === shard
          ? new StorageGroup(descriptor, tablet, tabletCount, this.#pool, NO_TRACKER, this.#batches)
          : undefined,
      );
      const store = new TableStore(descriptor, tableDirectory(dataDirectory, descriptor), groups);
      this.#tables.set(descriptor.id, store);
      this.#flushedElsewhere.set(
        descriptor.id,
        groups.map(() => new FlushedPositions()),
      );
      if (files.status(store.directory) === undefined) continue;
      for (const prefix of listSSTables(files, store.directory).committed) await this.#openFile(store, prefix);
    }
  }

  async #openFile(table: TableStore, prefix: string): Promise<void> {
    const { files, hostId, log } = this.#options;
    const { descriptor, directory } = table;
    const path = `${directory}/${prefix}-Data.db`;
    let sstable: SSTable | undefined;
    try {
      sstable = await SSTable.open(files, path, { table: descriptor, cache: this.#cache });
      const tablet = tabletOfToken(sstable.firstToken.hi, table.tabletCount);
      if (tabletOfToken(sstable.lastToken.hi, table.tabletCount) !== tablet) {
        throw new UnsupportedFormatError(path, 'holds partitions of several tablets: load it through a node instead');
      }
      const group = table.groups[tablet];
      if (group === undefined) {
        this.#flushedElsewhere.get(descriptor.id)![tablet]!.addStatistics(sstable.statistics, hostId);
        sstable.close();
        return;
      }
      const generation = generationOfPrefix(prefix);
      const sizeBytes = sizeOf(files, directory, prefix);
      const createdMs = files.status(path)?.modifiedMs ?? 0;
      group.files = [...group.files, { sstable, generation, sizeBytes, createdMs, isDamaged: false }];
      group.flushed.addStatistics(sstable.statistics, hostId);
    } catch (error) {
      sstable?.close();
      // Another shard that is open already may compact its tablets' files away: then this one was none of ours.
      if (!listSSTables(files, directory).committed.includes(prefix)) return;
      if (!(error instanceof CorruptFileError || error instanceof UnsupportedFormatError)) throw error;
      // The other tables are served; reads of this one say why they fail. Without its rows no answer would be right.
      const message = `table ${descriptor.keyspace}.${descriptor.name} cannot be read: ${error.message}`;
      log.write(LogLevel.Error, 'store', message);
      table.failure = error;
    }
  }

  /** @throws CorruptFileError, UnsupportedFormatError, FileOperationError */
  async replay(examination: LogExamination): Promise<OpenedStore> {
    const { files, shard } = this.#options;
    await this.#voids.read(files, examination);
    let writer = shard;
    await replayLog(files, examination, {
      segment: (_segment, chain) => {
        writer = chain;
      },
      record: (kind, cursor, segmentId, offset) => {
        if (kind === RecordKind.Mutation) this.#mutation(cursor, { segmentId, offset }, writer);
        else if (writer !== shard) return;
        else if (kind === RecordKind.Truncate) this.#truncate(decodeTruncate(cursor), { segmentId, offset });
        else if (kind === RecordKind.Cleanup)
          this.#voidRecords.addCleanup({ ...decodeCleanup(cursor), position: { segmentId, offset } });
      },
      pause: () => (this.#overflow.length > 0 ? this.#makeRoom() : undefined),
    });
    const store = this.#open(examination);
    return { store, strays: this.#strays, replayedRecords: this.#replayed };
  }

  #mutation(cursor: ByteCursor, at: Position, writer: number): void {
    const { bytes, pos, end } = cursor;
    if (end - pos < MUTATION_HEAD_BYTES)
      throw new CorruptFileError(cursor.path, cursor.base + pos, 'mutation cut short');
    const table = this.#tables.get(uuidText(bytes, pos + 8) as TableId);
    if (table === undefined) return; // dropped since
    const { id } = table.descriptor;
    let checker = this.#checkers.get(id);
    if (checker === undefined) {
      checker = new MutationChecker(table.descriptor);
      this.#checkers.set(id, checker);
    }
    const wrong = checker.check(bytes, pos, end);
    if (wrong !== undefined) throw new CorruptFileError(cursor.path, cursor.base + pos, wrong);
    const tokenHi = mutationTokenHi(bytes, pos);
    const { shard } = this.#options;
    if (this.#voids.covers(writer, id, tokenHi, mutationTokenLo(bytes, pos), at.segmentId, at.offset)) return;
    const tablet = tabletOfToken(tokenHi, table.tabletCount);
    const group = table.groups[tablet];
    const flushed = group?.flushed ?? this.#flushedElsewhere.get(id)![tablet]!;
    if (flushed.covers(at.segmentId, at.offset)) return;
    if (group === undefined || writer !== shard) {
      const owner = this.#placement.get(id)!.shardOf(tablet);
      if (owner >= 0) this.#strays.push({ shard: owner, bytes: copyOf(bytes, pos, end) });
      if (writer === shard) this.#noteMoved(id, tablet);
      return;
    }
    if (this.#overflow.length > 0 || !group.active.memtable.apply(bytes, pos, end)) {
      this.#overflow.push({ group, bytes: copyOf(bytes, pos, end), at });
      return;
    }
    this.#count(group, at);
  }

  #count(group: StorageGroup, at: Position): void {
    group.active.noteApplied(at.segmentId, at.offset);
    this.#replayed++;
    let counts = this.#counts.get(at.segmentId);
    if (counts === undefined) {
      counts = new Map();
      this.#counts.set(at.segmentId, counts);
    }
    counts.set(group, (counts.get(group) ?? 0) + 1);
  }

  #noteMoved(id: TableId, tablet: number): void {
    let tablets = this.#moved.get(id);
    if (tablets === undefined) {
      tablets = new Set();
      this.#moved.set(id, tablets);
    }
    tablets.add(tablet);
  }

  /**
   * The records that follow a TRUNCATE name the files that it removes, but not those that a replay has written, and a crash may have
   * come between. A file that holds nothing but this log up to here is void.
   */
  #truncate(record: TruncateRecord, at: Position): void {
    this.#voidRecords.addTruncation({ ...record, position: at });
    const table = this.#tables.get(record.tableId as TableId);
    for (const group of table?.groups ?? []) {
      for (const file of group?.files ?? []) this.#truncateFile(table!, group!, file, at);
    }
  }

  #truncateFile(table: TableStore, group: StorageGroup, file: StorageGroup['files'][number], at: Position): void {
    const positions = new FlushedPositions();
    positions.addStatistics(file.sstable.statistics, this.#options.hostId);
    if (!positions.isWithin(at.segmentId, at.offset)) return;
    file.sstable.close();
    removeSSTable(this.#options.files, table.directory, file.sstable.prefix);
    group.files = group.files.filter((each) => each !== file);
  }

  #dropMemtable(group: StorageGroup): void {
    const old = group.rotate(this.#pool, NO_TRACKER);
    group.older.pop();
    old.memtable.release();
    for (const counts of this.#counts.values()) counts.delete(group);
  }

  /** Flushes all memtables straight into committed SSTables: a crash replays again and finds them covered. */
  async #makeRoom(): Promise<void> {
    this.#options.offload.share(SLAB_MEMORY, this.#pool.views.memory);
    for (const table of this.#tables.values()) {
      for (const group of table.groups) {
        if (group !== undefined && !group.active.memtable.isEmpty) await this.#flush(table, group);
      }
    }
    const { memtableBytes } = this.#options;
    const overflow = this.#overflow;
    this.#overflow = [];
    for (const record of overflow) {
      const { group, bytes, at } = record;
      if (this.#overflow.length > 0 || !group.active.memtable.apply(bytes, 0, bytes.length))
        this.#overflow.push(record);
      else this.#count(group, at);
    }
    if (this.#overflow.length === overflow.length) {
      throw new TesseraError('CONFIG', `the memtable space of ${memtableBytes} bytes is too small to replay the log`);
    }
    if (this.#overflow.length > 0) await this.#makeRoom();
  }

  async #flush(table: TableStore, group: StorageGroup): Promise<void> {
    const { files, offload, hostId, clock, random, shard } = this.#options;
    const { active } = group;
    active.memtable.seal();
    const positions = new FlushedPositions();
    active.addFlushedTo(positions);
    const generation = newGeneration(clock, random, shard);
    const payload: FlushPayload = {
      table: describeTable(table.descriptor),
      directory: table.directory,
      generation,
      hostId,
      logIntervals: positions.intervals(),
      nowSeconds: Math.floor(clock.nowUs() / 1e6),
      memtable: active.memtable.handle(),
    };
    const info = (await offload.run({ kind: JobKind.Flush, payload })) as SSTableSummaryInfo | undefined;
    if (info !== undefined) {
      commitSSTables(files, table.directory, [info.prefix]);
      const sstable = await SSTable.open(files, info.dataPath, { table: table.descriptor, cache: this.#cache });
      const createdMs = clock.nowUs() / 1000;
      group.files = [...group.files, { sstable, generation, sizeBytes: info.sizeBytes, createdMs, isDamaged: false }];
      group.flushed.addStatistics(sstable.statistics, hostId);
    }
    this.#dropMemtable(group);
  }

  /** What is to be logged once the strays of this shard's own log are in the logs of their owners. */
  #cleanups(): CleanupRecord[] {
    const cleanups: CleanupRecord[] = [];
    for (const [tableId, tablets] of this.#moved) {
      const { tabletCount } = this.#tables.get(tableId)!;
      for (const tablet of tablets) {
        const { startHi, startLo, endHi, endLo } = tabletTokenRange(tablet, tabletCount);
        cleanups.push({ tableId, range: { first: { hi: startHi, lo: startLo }, last: { hi: endHi, lo: endLo } } });
      }
    }
    return cleanups;
  }

  #open(examination: LogExamination): Store {
    const options = this.#options;
    const { shard } = options;
    let highest = 0;
    for (const table of this.#tables.values()) {
      const elsewhere = this.#flushedElsewhere.get(table.descriptor.id)!;
      table.groups.forEach((group, tablet) => {
        highest = Math.max(highest, (group?.flushed ?? elsewhere[tablet]!).highestSegment(shard));
      });
    }
    const voids = this.#voidRecords;
    let store: Store | undefined;
    const log = new CommitlogWriter({
      files: options.files,
      tasks: options.tasks,
      log: options.log,
      shard,
      shardCount: options.shardCount,
      hostId: options.hostId,
      segmentBytes: options.segmentBytes,
      totalBytes: options.commitlogBytes,
      syncMode: options.syncMode,
      syncPeriodMs: options.syncPeriodMs,
      groupWindowMs: options.groupWindowMs,
      examination,
      leastCounter: segmentCounter(highest),
      checkpoint: (out: ByteWriter, oldestNeeded: number) => voids.encode(out, oldestNeeded),
      onSpacePressure: (segmentId) => store?.flushOldest(segmentId),
    });
    const keys = new Map<StorageGroup, number>();
    for (const table of this.#tables.values()) {
      for (const group of table.groups) {
        if (group === undefined) continue;
        const key = log.tracker.acquireKey();
        keys.set(group, key);
        group.active = group.active.withKey(key);
      }
    }
    for (const [segmentId, counts] of this.#counts) {
      for (const [group, count] of counts) log.tracker.addTo(segmentId, keys.get(group)!, count);
    }
    if (this.#strays.length === 0) log.replayFinished();
    store = new Store(
      options,
      log,
      this.#pool,
      this.#cache,
      this.#batches,
      this.#tables.values(),
      voids,
      this.#cleanups(),
    );
    return store;
  }
}

function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return Uint8Array.prototype.slice.call(bytes, start, end); // of a Buffer too, whose own slice does not copy
}

function sizeOf(files: Files, directory: string, prefix: string): number {
  let bytes = 0;
  for (const name of files.list(directory)) {
    if (name.startsWith(`${prefix}-`)) bytes += files.status(`${directory}/${name}`)?.sizeBytes ?? 0;
  }
  return bytes;
}
