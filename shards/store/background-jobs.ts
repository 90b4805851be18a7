import { AssertionError } from '../../core/assert.ts';
import { FileOperationError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { CompactionFilter } from '../../core/read/compacting-cursor.ts';
import { FilterCursor } from '../../core/read/filter-cursor.ts';
import { NEEDS_LOAD } from '../../core/read/row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import { ALL_TOKENS } from '../../core/token.ts';
import { commitSSTables, listSSTables, removeSSTable } from '../../sstable/commit.ts';
import { identifierOfUuid } from '../../sstable/format/names.ts';
import type { LogInterval } from '../../sstable/format/statistics.ts';
import { type SSTableSummaryInfo, SSTableWriter } from '../../sstable/writer.ts';
import { makeDurableDirectory } from './durable-directory.ts';
import { type MemtableHandle, SealedMemtable } from './sealed-memtable.ts';
import type { SlabViews } from './slab-pool.ts';
import { type TableDescription, tableOf } from './table-description.ts';
import { removeTableDirectory } from './table-directory.ts';

export interface FlushPayload {
  readonly table: TableDescription;
  readonly directory: string;
  /** UUID of version 1 that names the SSTable. */
  readonly generation: string;
  readonly hostId: string;
  readonly logIntervals: readonly LogInterval[];
  /** What has expired by then becomes a tombstone. */
  readonly nowSeconds: number;
  readonly memtable: MemtableHandle;
}

/** Changes of names in a table's directory, each of which may have been done already. */
export interface NamesPayload {
  readonly directory: string;
  /** Prefixes of staged SSTables that become visible; then those of SSTables that go. */
  readonly commit: readonly string[];
  readonly remove: readonly string[];
  /** The table is dropped: the directory goes too when no SSTable is left in it, of other shards either. */
  readonly removesDirectory: boolean;
}

/** Kinds of jobs that the pool thread runs. */
export const JobKind = { Flush: 'flush', Compact: 'compact', Names: 'names' } as const;

/** Name of the shared memory of int32 words (`ControlWord`) by which shard and running compaction tell each other something. */
export const CONTROL_MEMORY = 'control';
export const ControlWord = {
  /** Other than 0: the shard wants the compaction to stop. */
  Stop: 0,
  /** KiB of rows that the compaction has written, modulo 2^32. */
  WrittenKib: 1,
} as const;
/** Bytes of that memory. */
export const CONTROL_BYTES = 8;
/** What the pool thread calls the slab pool's memory. */
export const SLAB_MEMORY = 'slabs';
/** `code` of the error with which a compaction ends that was asked to stop. */
export const ABORTED = 'ABORTED';

const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

/**
 * Writes a sealed memtable as a staged SSTable. Undefined when nothing of it needs to be kept.
 * @throws FileOperationError; what was written is removed
 */
export async function runFlush(
  files: Files,
  views: SlabViews,
  payload: FlushPayload,
): Promise<SSTableSummaryInfo | undefined> {
  makeDurableDirectory(files, payload.directory);
  const table = tableOf(payload.table);
  const memtable = SealedMemtable.open(views, payload.memtable, table);
  const { stats } = memtable;
  const pool = new RowBatchPool();
  const filter = new CompactionFilter(table, { nowSeconds: payload.nowSeconds, gcBefore: 0, leastTimestampOutside });
  const cursor = new FilterCursor(memtable.openScan(ALL_TOKENS, WHOLE), filter, pool);
  let writer: SSTableWriter | undefined;
  try {
    writer = new SSTableWriter(files, table, {
      directory: payload.directory,
      identifier: identifierOfUuid(payload.generation),
      expectedPartitions: Math.max(1, stats.partitionCount),
      base: {
        minTimestampHi: stats.minTimestampHi,
        minTimestampLo: stats.minTimestampLo,
        minLocalDeletionTime: stats.minDeletionTime,
        minTtl: stats.minTtl,
      },
      hostId: payload.hostId,
      logIntervals: payload.logIntervals,
    });
    const batch = pool.takeLarge();
    for (;;) {
      batch.clear();
      const added = cursor.fill(batch);
      if (added === 0) return writer.finish();
      if (added === NEEDS_LOAD) await cursor.load();
      else writer.append(batch);
    }
  } catch (error) {
    // The caller has what is left of the files removed: what matters is why there is no SSTable.
    try {
      writer?.abort();
    } catch (failure) {
      if (!(failure instanceof FileOperationError)) throw failure;
    }
    throw error;
  } finally {
    cursor.close();
  }
}

/** A flush purges nothing, so nobody asks. */
function leastTimestampOutside(): void {
  throw new AssertionError('a flush purges no tombstones');
}

/** @throws FileOperationError; may then be done again */
export function runNames(files: Files, { directory, commit, remove, removesDirectory }: NamesPayload): void {
  if (files.status(directory) === undefined) return;
  if (commit.length > 0) commitSSTables(files, directory, commit);
  if (remove.length > 0) removeAll(files, directory, remove);
  if (removesDirectory) removeTableDirectory(files, directory);
}

/** Removes those that are there; of an aborted compaction most of the names that it might have used are not. */
function removeAll(files: Files, directory: string, prefixes: readonly string[]): void {
  const { committed, unfinished } = listSSTables(files, directory);
  const present = new Set([...committed, ...unfinished]);
  for (const prefix of prefixes) if (present.has(prefix)) removeSSTable(files, directory, prefix);
  // Of those that are not there an earlier attempt may have removed the names without making that durable.
  if (prefixes.some((prefix) => !present.has(prefix))) files.syncDirectory(directory);
}
