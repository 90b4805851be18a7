import type { Positioned } from '../../commitlog/checkpoint-record.ts';
import { NO_KEY } from '../../commitlog/commitlog-options.ts';
import { RecordKind } from '../../commitlog/record-kind.ts';
import {
  encodeSstableSet,
  encodeTruncate,
  type SstableSetReason,
  type TruncateRecord,
} from '../../commitlog/table-records.ts';
import type { CommitlogWriter } from '../../commitlog/writer.ts';
import { ByteWriter } from '../../core/bytes.ts';
import { FileOperationError, TesseraError } from '../../core/errors.ts';
import { LogLevel } from '../../core/ports/log.ts';
import type { TimerHandle } from '../../core/ports/tasks.ts';
import type { BlockCache } from '../../sstable/block-cache.ts';
import { SSTable } from '../../sstable/reader.ts';
import type { SSTableSummaryInfo } from '../../sstable/writer.ts';
import { JobKind, type NamesPayload } from './background-jobs.ts';
import { isLogRefusal } from './log-refusal.ts';
import type { GroupFile, StorageGroup } from './storage-group.ts';
import type { StoreOptions } from './store.ts';
import type { TableStore } from './table-store.ts';
import type { VoidRecords } from './void-records.ts';

/** A staged SSTable that is to become visible. */
export interface StagedSSTable {
  readonly info: SSTableSummaryInfo;
  readonly generation: string;
}

/** One group's part of a transaction. */
export interface SSTableChange {
  readonly group: StorageGroup;
  readonly reason: SstableSetReason;
  readonly added: readonly StagedSSTable[];
  readonly removed: readonly GroupFile[];
}

/** Changes of names that are still to be made, and the key that keeps their records in the log meanwhile. */
interface PendingNames {
  readonly table: TableStore;
  readonly names: NamesPayload;
  readonly key: number;
}

/** Names that could not be changed are tried again after this. */
const RETRY_MS = 5_000;

/**
 * Changes the SSTables of groups as transactions of the log (settled question 27):
 *
 *   staged ──record durable──> committed: readers see it ──names changed──> done: the log may forget the record
 *
 * The staged files are opened before the record, so that after it only names change; they change in the order of the records, in the
 * pool thread. If that fails it is tried again, and the record stays in the log until it is done: a start would do the same.
 */
export class SSTableTransactions {
  readonly #options: StoreOptions;
  readonly #log: CommitlogWriter;
  readonly #cache: BlockCache;
  readonly #voids: VoidRecords;
  readonly #encoded = new ByteWriter(256);
  /** First in, first out. */
  #pending: PendingNames[] = [];
  #changing: Promise<void> | undefined = undefined;
  #retryTimer: TimerHandle = 0;
  #isClosed = false;

  constructor(options: StoreOptions, log: CommitlogWriter, cache: BlockCache, voids: VoidRecords) {
    this.#options = options;
    this.#log = log;
    this.#cache = cache;
    this.#voids = voids;
  }

  /** False while names on disk lag behind: a compaction would not find its inputs. */
  get isDone(): boolean {
    return this.#pending.length === 0;
  }

  /**
   * Commits changes of one table's groups, all or none. Without `added` the records are appended before the call returns.
   * @param truncation to be logged before them
   * @param onCommitted called in the step in which readers begin to see the changes
   * @throws FileOperationError and others: then nothing has changed, and staged files are removed unless the outcome is unknown
   */
  async commit(
    table: TableStore,
    changes: readonly SSTableChange[],
    truncation: TruncateRecord | undefined,
    onCommitted: () => void,
  ): Promise<void> {
    const added = changes.flatMap((change) => change.added);
    const opened = added.length === 0 ? [] : await this.#open(table, added);
    const key = this.#log.tracker.acquireKey();
    let positioned: Positioned<TruncateRecord> | undefined;
    try {
      if (truncation !== undefined) positioned = this.#logTruncation(truncation);
      for (const change of changes) this.#logChange(table, change, key);
      await this.#durable();
    } catch (error) {
      for (const { sstable } of opened) this.closeFile(sstable);
      // Where the log has failed for good the records may be in it all the same: a start then needs the files.
      if (this.#log.failure === undefined && isLogRefusal(error)) {
        if (positioned !== undefined) this.#voids.removeTruncation(positioned);
        this.#log.tracker.release(key);
        await this.discard(table, added.map(({ info }) => info.prefix)); // biome-ignore format: one thing
      }
      throw error;
    }
    for (const { group, removed, added: ofGroup } of changes) {
      const gone = new Set(removed);
      const come = new Set(ofGroup.map(({ generation }) => generation));
      const files = opened.filter(({ generation }) => come.has(generation));
      group.files = [...group.files.filter((file) => !gone.has(file)), ...files];
    }
    onCommitted();
    const remove: string[] = [];
    for (const { sstable } of changes.flatMap((change) => change.removed)) {
      this.closeFile(sstable);
      remove.push(sstable.prefix);
    }
    const { directory } = table;
    const names = { directory, commit: added.map(({ info }) => info.prefix), remove, removesDirectory: false };
    await this.#change({ table, names, key });
  }

  /** Resolves when all changes of names that are queued were tried. */
  async tried(): Promise<void> {
    await this.#changing;
  }

  /** Removes files of SSTables that never were committed. */
  async discard(table: TableStore, prefixes: readonly string[]): Promise<void> {
    if (prefixes.length === 0) return;
    const names = { directory: table.directory, commit: [], remove: prefixes, removesDirectory: false };
    await this.#change({ table, names, key: NO_KEY });
  }

  /** Removes a dropped table's SSTables of this shard, and its directory with the last of them. */
  async removeTable(table: TableStore): Promise<void> {
    await this.#changing;
    const prefixes: string[] = [];
    for (const { table: owner, names, key } of this.#pending) {
      if (owner !== table) continue;
      prefixes.push(...names.commit, ...names.remove);
      if (key !== NO_KEY) this.#log.tracker.release(key);
    }
    this.#pending = this.#pending.filter((pending) => pending.table !== table);
    for (const group of table.groups) {
      for (const { sstable } of group?.files ?? []) {
        this.closeFile(sstable);
        prefixes.push(sstable.prefix);
      }
    }
    const names = { directory: table.directory, commit: [], remove: [...new Set(prefixes)], removesDirectory: true };
    await this.#change({ table, names, key: NO_KEY });
  }

  /** Closes an SSTable that nobody reads any more. What is committed stays so if the system calls that a failure. */
  closeFile(sstable: SSTable): void {
    try {
      sstable.close();
    } catch (error) {
      if (!(error instanceof FileOperationError)) throw error;
      this.#options.log.write(LogLevel.Warn, 'store', `cannot close ${sstable.path}: ${error.message}`);
    }
  }

  /** Nothing is tried again any more. */
  close(): void {
    this.#isClosed = true;
  }

  async #open(table: TableStore, staged: readonly StagedSSTable[]): Promise<GroupFile[]> {
    const { files, clock } = this.#options;
    const opened: GroupFile[] = [];
    try {
      for (const { info, generation } of staged) {
        const options = { table: table.descriptor, cache: this.#cache, isStaged: true };
        const sstable = await SSTable.open(files, info.dataPath, options);
        const createdMs = clock.nowUs() / 1000;
        opened.push({ sstable, generation, sizeBytes: info.sizeBytes, createdMs, isDamaged: false });
      }
    } catch (error) {
      for (const { sstable } of opened) this.closeFile(sstable);
      await this.discard(table, staged.map(({ info }) => info.prefix)); // biome-ignore format: one thing
      throw error;
    }
    return opened;
  }

  #logTruncation(record: TruncateRecord): Positioned<TruncateRecord> {
    this.#encoded.clear();
    encodeTruncate(this.#encoded, record);
    const offset = this.#log.append(RecordKind.Truncate, NO_KEY, this.#encoded.bytes, 0, this.#encoded.length);
    const positioned = { ...record, position: { segmentId: this.#log.segmentId, offset } };
    this.#voids.addTruncation(positioned);
    return positioned;
  }

  #logChange(table: TableStore, { group, reason, added, removed }: SSTableChange, key: number): void {
    const { range } = group;
    this.#encoded.clear();
    encodeSstableSet(this.#encoded, {
      tableId: table.descriptor.id,
      range: { first: { hi: range.startHi, lo: range.startLo }, last: { hi: range.endHi, lo: range.endLo } },
      reason,
      added: added.map(({ generation }) => generation),
      removed: removed.map(({ generation }) => generation),
    });
    this.#log.append(RecordKind.SstableSet, key, this.#encoded.bytes, 0, this.#encoded.length);
  }

  #durable(): Promise<void> {
    return new Promise((done, failed) => {
      this.#log.whenDurable((error) => (error === undefined ? done() : failed(error)), 0);
    });
  }

  /** Queues a change of names; resolves when all that are queued were tried once. */
  async #change(pending: PendingNames): Promise<void> {
    this.#pending.push(pending);
    await this.#changeAll();
  }

  #changeAll(): Promise<void> {
    this.#changing ??= this.#changeInOrder().finally(() => {
      this.#changing = undefined;
    });
    return this.#changing;
  }

  readonly #retry = (): void => {
    this.#retryTimer = 0;
    void this.#changeAll();
  };

  async #changeInOrder(): Promise<void> {
    const { offload, log, tasks } = this.#options;
    while (this.#pending.length > 0 && !this.#isClosed) {
      const first = this.#pending[0]!;
      try {
        await offload.run({ kind: JobKind.Names, payload: first.names });
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
        const { directory } = first.names;
        const message = `cannot change names in ${directory}, next try in ${RETRY_MS} ms: ${error.message}`;
        log.write(LogLevel.Warn, 'store', message);
        if (this.#retryTimer === 0) this.#retryTimer = tasks.setTimer(RETRY_MS, this.#retry);
        return;
      }
      this.#pending.shift();
      if (first.key !== NO_KEY) this.#log.tracker.release(first.key);
    }
  }
}
