import { FileOperationError } from '../../core/errors.ts';
import { compareInt64, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { RowMerger } from '../../core/mutation/merge-rows.ts';
import type { Files } from '../../core/ports/files.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { CompactionFilter } from '../../core/read/compacting-cursor.ts';
import { FilterCursor } from '../../core/read/filter-cursor.ts';
import { mergeCursors } from '../../core/read/merge-cursor.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD } from '../../core/read/row-cursor.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { tabletOfToken } from '../../core/token.ts';
import type { Int64Halves } from '../../core/vint.ts';
import { removeSSTable } from '../../sstable/commit.ts';
import { identifierOfUuid } from '../../sstable/format/names.ts';
import type { LogInterval } from '../../sstable/format/statistics.ts';
import { type SSTableSummaryInfo, SSTableWriter, type SSTableWriterOptions } from '../../sstable/writer.ts';
import { prefixOfGeneration } from './generation.ts';
import { InputChain } from './input-chain.ts';
import { type OutsideDescription, OutsideSSTables } from './outside-sstables.ts';
import { type TableDescription, tableOf } from './table-description.ts';

/** What a compaction may drop. */
export interface CompactionPurge {
  readonly nowSeconds: number;
  /** Seconds; 0: no tombstone goes. */
  readonly gcBefore: number;
  /** The least timestamp of what is in no SSTable; the greatest int64 for nothing. */
  readonly leastInMemoryHi: number;
  readonly leastInMemoryLo: number;
  readonly outside: OutsideDescription;
}

export interface CompactPayload {
  readonly table: TableDescription;
  readonly directory: string;
  /** UUIDs of version 1 that name the outputs, used in this order. The last one takes whatever is left. */
  readonly generations: readonly string[];
  readonly hostId: string;
  readonly logIntervals: readonly LogInterval[];
  readonly purge: CompactionPurge;
  /** Paths of any component of each input, in chains that have no tokens in common, each in the order of tokens. */
  readonly inputs: readonly (readonly string[])[];
  /** Least base values of the inputs' headers. */
  readonly base: SSTableWriterOptions['base'];
  /** About how many partitions come, and how many bytes of rows and index on disk. */
  readonly expectedPartitions: number;
  readonly expectedBytes: number;
  readonly level: number;
  readonly repairedAtMs: number;
  /** An output ends before the next partition once it has so many bytes on disk. */
  readonly maxOutputBytes: number;
  /** And where one of so many equal parts of all tokens ends: a power of two. */
  readonly cellCount: number;
  /** Bytes that may be written a second; 0: no limit. */
  readonly bytesPerSecond: number;
}

/** An SSTable that a compaction has staged. */
export interface CompactionOutput {
  readonly info: SSTableSummaryInfo;
  readonly generation: string;
}

/**
 * Called after each batch with its bytes. What it returns is awaited: to let a flush of the same thread in between, and to keep a
 * limit of bytes per second.
 */
export type Pacing = (bytes: number) => Promise<void> | undefined;

/**
 * Merges SSTables of one tablet into staged ones, none when nothing is left. Outputs have no token in common.
 * @throws CorruptFileError, FileOperationError; then what was written is removed, as far as that succeeds
 */
export async function runCompaction(
  files: Files,
  payload: CompactPayload,
  pacing: Pacing,
): Promise<CompactionOutput[]> {
  const table = tableOf(payload.table);
  const inputs = payload.inputs.map((paths) => new InputChain(files, table, paths));
  const outputs = new CompactionOutputs(files, table, payload);
  try {
    await merge(files, table, payload, inputs, outputs, pacing);
    return outputs.finish();
  } catch (error) {
    outputs.abort();
    throw error;
  } finally {
    closeAll(inputs);
  }
}

async function merge(
  files: Files,
  table: TableDescriptor,
  { purge, directory }: CompactPayload,
  inputs: readonly InputChain[],
  outputs: CompactionOutputs,
  pacing: Pacing,
): Promise<void> {
  const pool = new RowBatchPool();
  const merged = mergeCursors(inputs, table.comparator, new RowMerger(table), pool, false);
  const outside = new OutsideSSTables(files, directory, purge.outside);
  const policy = {
    nowSeconds: purge.nowSeconds,
    gcBefore: purge.gcBefore,
    leastTimestampOutside: (
      tokenHi: number,
      tokenLo: number,
      key: Uint8Array,
      start: number,
      end: number,
      into: Int64Halves,
    ) => {
      into.hi = purge.leastInMemoryHi;
      into.lo = purge.leastInMemoryLo;
      outside.lower(tokenHi, tokenLo, key, start, end, into);
    },
  };
  const cursor = new FilterCursor(merged, new CompactionFilter(table, policy), pool);
  try {
    const batch = pool.takeLarge();
    for (;;) {
      batch.clear();
      const added = cursor.fill(batch);
      if (added === 0) return;
      if (added === NEEDS_LOAD) {
        await cursor.load();
        continue;
      }
      outputs.append(batch);
      const pause = pacing(batch.writer.length);
      if (pause !== undefined) await pause;
    }
  } finally {
    cursor.close();
  }
}

/** The SSTables that a compaction writes, one after the other. */
class CompactionOutputs {
  readonly #files: Files;
  readonly #table: TableDescriptor;
  readonly #payload: CompactPayload;
  readonly #finished: CompactionOutput[] = [];
  #writer: SSTableWriter | undefined;
  readonly #expectedPartitions: number;
  /** Token of the partition that was begun last. */
  #tokenHi: number = INT64_MIN_HI;
  #tokenLo: number = INT64_MIN_LO;

  constructor(files: Files, table: TableDescriptor, payload: CompactPayload) {
    this.#files = files;
    this.#table = table;
    this.#payload = payload;
    const share = Math.min(1, payload.maxOutputBytes / Math.max(1, payload.expectedBytes));
    this.#expectedPartitions = Math.max(1, Math.ceil(payload.expectedPartitions * share));
  }

  append(batch: RowBatch): void {
    const { kind, count, tokenHi, tokenLo } = batch;
    if (!this.#isCut) {
      this.#write(batch, 0, count);
      return;
    }
    let start = 0;
    for (let i = 0; i < count; i++) {
      if (kind[i] !== FragmentKind.PartitionStart) continue;
      this.#write(batch, start, i);
      start = i;
      if (this.#endsBefore(tokenHi[i]!, tokenLo[i]!)) this.#finishOne();
      this.#tokenHi = tokenHi[i]!;
      this.#tokenLo = tokenLo[i]!;
    }
    this.#write(batch, start, count);
  }

  finish(): CompactionOutput[] {
    this.#finishOne();
    return this.#finished;
  }

  /** Removes what was written. What cannot be removed, the shard tries again by the generations. */
  abort(): void {
    const attempt = (work: () => void): void => {
      try {
        work();
      } catch (error) {
        if (!(error instanceof FileOperationError)) throw error;
      }
    };
    const writer = this.#writer;
    this.#writer = undefined;
    if (writer !== undefined) attempt(() => writer.abort());
    for (const { info } of this.#finished) {
      attempt(() => removeSSTable(this.#files, info.directory, info.prefix));
    }
  }

  get #isCut(): boolean {
    const { maxOutputBytes, cellCount, generations } = this.#payload;
    return (
      this.#finished.length < generations.length - 1 && (maxOutputBytes < Number.POSITIVE_INFINITY || cellCount > 1)
    );
  }

  /** True when the output at hand is to end before a partition of this token. Partitions of one token stay together. */
  #endsBefore(tokenHi: number, tokenLo: number): boolean {
    const writer = this.#writer;
    if (writer === undefined || !this.#isCut) return false;
    if (compareInt64(tokenHi, tokenLo, this.#tokenHi, this.#tokenLo) === 0) return false;
    const { maxOutputBytes, cellCount } = this.#payload;
    if (writer.diskBytes >= maxOutputBytes) return true;
    return tabletOfToken(tokenHi, cellCount) !== tabletOfToken(this.#tokenHi, cellCount);
  }

  #write(batch: RowBatch, start: number, end: number): void {
    if (start === end) return;
    this.#writer ??= this.#open();
    this.#writer.append(batch, start, end);
  }

  #open(): SSTableWriter {
    const { directory, generations, hostId, logIntervals, level, repairedAtMs } = this.#payload;
    return new SSTableWriter(this.#files, this.#table, {
      directory,
      identifier: identifierOfUuid(generations[this.#finished.length]!),
      expectedPartitions: this.#expectedPartitions,
      base: this.#payload.base,
      hostId,
      logIntervals,
      level,
      repairedAtMs,
    });
  }

  #finishOne(): void {
    const writer = this.#writer;
    if (writer === undefined) return;
    const info = writer.finish();
    this.#writer = undefined;
    if (info === undefined) return;
    this.#finished.push({ info, generation: this.#payload.generations[this.#finished.length]! });
  }
}

/** Prefixes of all SSTables that a job may have staged. */
export function stagedBy({ generations }: CompactPayload): string[] {
  return generations.map(prefixOfGeneration);
}

/** Closes what a failure has left open, whatever fails. @throws FileOperationError for the first that failed */
function closeAll(inputs: readonly InputChain[]): void {
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
