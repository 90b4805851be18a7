import { FileOperationError } from '../../core/errors.ts';
import { RowMerger } from '../../core/mutation/merge-rows.ts';
import type { Files } from '../../core/ports/files.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { CompactionFilter } from '../../core/read/compacting-cursor.ts';
import { FilterCursor } from '../../core/read/filter-cursor.ts';
import { mergeCursors } from '../../core/read/merge-cursor.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS } from '../../core/token.ts';
import type { Int64Halves } from '../../core/vint.ts';
import { commitSSTables, removeSSTable } from '../../sstable/commit.ts';
import { identifierOfUuid } from '../../sstable/format/names.ts';
import type { LogInterval } from '../../sstable/format/statistics.ts';
import { SSTable } from '../../sstable/reader.ts';
import { type SSTableSummaryInfo, SSTableWriter } from '../../sstable/writer.ts';
import { makeDurableDirectory } from './durable-directory.ts';
import { type MemtableHandle, SealedMemtable } from './sealed-memtable.ts';
import type { SlabViews } from './slab-pool.ts';
import { type TableDescription, tableOf } from './table-description.ts';
import { removeTableDirectory } from './table-directory.ts';

/** What a flush or compaction may drop; timestamps as halves. */
export interface PurgeBounds {
  readonly nowSeconds: number;
  readonly gcBefore: number;
  /** The least timestamp of anything of the tablet that the job does not see; the greatest int64 for nothing. */
  readonly leastOutsideHi: number;
  readonly leastOutsideLo: number;
}

interface OutputOptions {
  readonly table: TableDescription;
  readonly directory: string;
  /** UUID of version 1 that names the SSTable. */
  readonly generation: string;
  readonly hostId: string;
  readonly logIntervals: readonly LogInterval[];
  readonly purge: PurgeBounds;
}

export interface FlushPayload extends OutputOptions {
  readonly memtable: MemtableHandle;
}

export interface CompactPayload extends OutputOptions {
  /** Paths of any component of each input. */
  readonly inputs: readonly string[];
  readonly level: number;
  /** Bytes that may be written a second; 0: no limit. */
  readonly bytesPerSecond: number;
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

/** Name of the shared memory by whose first int32 the shard asks a running compaction to stop. */
export const CONTROL_MEMORY = 'control';
/** What the pool thread calls the slab pool's memory. */
export const SLAB_MEMORY = 'slabs';
/** `code` of the error with which a compaction ends that was asked to stop. */
export const ABORTED = 'ABORTED';

/**
 * Called after each batch with its bytes. What it returns is awaited: to let a flush of the same thread in between, and to keep a
 * limit of bytes per second.
 */
export type Pacing = (bytes: number) => Promise<void> | undefined;

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
  const base = {
    minTimestampHi: stats.minTimestampHi,
    minTimestampLo: stats.minTimestampLo,
    minLocalDeletionTime: stats.minDeletionTime,
    minTtl: stats.minTtl,
  };
  return write(files, table, payload, memtable.openScan(ALL_TOKENS, WHOLE), stats.partitionCount, base, 0, noPacing);
}

/** Merges SSTables of one tablet into one staged SSTable. Undefined when nothing is left. @throws CorruptFileError, FileOperationError */
export async function runCompaction(
  files: Files,
  payload: CompactPayload,
  pacing: Pacing,
): Promise<SSTableSummaryInfo | undefined> {
  const table = tableOf(payload.table);
  const inputs: SSTable[] = [];
  try {
    for (const path of payload.inputs) inputs.push(await SSTable.open(files, path, { table, isBlocking: true }));
    let partitions = 0;
    for (const input of inputs) partitions += input.partitionCount;
    const cursor = mergeCursors(
      inputs.map((input) => input.openScan(ALL_TOKENS, WHOLE)),
      table.comparator,
      new RowMerger(table),
      new RowBatchPool(),
      false,
    );
    return await write(files, table, payload, cursor, partitions, leastBase(inputs), payload.level, pacing);
  } finally {
    closeAll(inputs);
  }
}

/** @throws FileOperationError; may then be done again */
export function runNames(files: Files, { directory, commit, remove, removesDirectory }: NamesPayload): void {
  if (files.status(directory) === undefined) return;
  if (commit.length > 0) commitSSTables(files, directory, commit);
  for (const prefix of remove) removeSSTable(files, directory, prefix);
  if (removesDirectory) removeTableDirectory(files, directory);
}

async function write(
  files: Files,
  table: TableDescriptor,
  options: OutputOptions,
  input: RowCursor,
  expectedPartitions: number,
  base: ConstructorParameters<typeof SSTableWriter>[2]['base'],
  level: number,
  pacing: Pacing,
): Promise<SSTableSummaryInfo | undefined> {
  const { purge } = options;
  const pool = new RowBatchPool();
  const policy = {
    nowSeconds: purge.nowSeconds,
    gcBefore: purge.gcBefore,
    leastTimestampOutside: (
      _hi: number,
      _lo: number,
      _key: Uint8Array,
      _start: number,
      _end: number,
      into: Int64Halves,
    ) => {
      into.hi = purge.leastOutsideHi;
      into.lo = purge.leastOutsideLo;
    },
  };
  const cursor = new FilterCursor(input, new CompactionFilter(table, policy), pool);
  let writer: SSTableWriter | undefined;
  try {
    writer = new SSTableWriter(files, table, {
      directory: options.directory,
      identifier: identifierOfUuid(options.generation),
      expectedPartitions: Math.max(1, expectedPartitions),
      base,
      hostId: options.hostId,
      logIntervals: options.logIntervals,
      level,
    });
    const batch = pool.takeLarge();
    let fragments = 0;
    for (;;) {
      batch.clear();
      const added = cursor.fill(batch);
      if (added === 0) break;
      if (added === NEEDS_LOAD) {
        await cursor.load();
        continue;
      }
      fragments += added;
      writer.append(batch);
      const pause = pacing(batch.writer.length);
      if (pause !== undefined) await pause;
    }
    if (fragments === 0) {
      writer.abort();
      return undefined;
    }
    return writer.finish();
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

/** Closes all, whatever fails. @throws FileOperationError for the first that failed */
function closeAll(inputs: readonly SSTable[]): void {
  let failure: FileOperationError | undefined;
  for (const input of inputs) {
    try {
      input.close();
    } catch (error) {
      if (!(error instanceof FileOperationError)) throw error;
      failure ??= error;
    }
  }
  if (failure !== undefined) throw failure;
}

/** The least base values of the inputs' headers. */
function leastBase(inputs: readonly SSTable[]): ConstructorParameters<typeof SSTableWriter>[2]['base'] {
  let least = inputs[0]!.statistics.stats;
  let minLocalDeletionTime = least.minLocalDeletionTime;
  let minTtl = least.minTtl;
  for (const { statistics } of inputs) {
    const { stats } = statistics;
    if (
      stats.minTimestampHi < least.minTimestampHi ||
      (stats.minTimestampHi === least.minTimestampHi && stats.minTimestampLo >>> 0 < least.minTimestampLo >>> 0)
    ) {
      least = stats;
    }
    minLocalDeletionTime = Math.min(minLocalDeletionTime, stats.minLocalDeletionTime);
    minTtl = Math.min(minTtl, stats.minTtl);
  }
  return { minTimestampHi: least.minTimestampHi, minTimestampLo: least.minTimestampLo, minLocalDeletionTime, minTtl };
}

const noPacing: Pacing = () => undefined;
