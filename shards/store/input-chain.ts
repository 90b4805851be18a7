import type { Files } from '../../core/ports/files.ts';
import type { RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS } from '../../core/token.ts';
import { SSTable } from '../../sstable/reader.ts';

const WHOLE: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };

/**
 * Everything in SSTables that have no tokens in common, one after the other: a level, or a run. One of them is open at a time, so that
 * thousands need the descriptors and buffers of one. For pool threads: reading blocks, opening is awaited by `load`.
 */
export class InputChain implements RowCursor {
  readonly #files: Files;
  readonly #table: TableDescriptor;
  readonly #paths: readonly string[];
  #next = 0;
  #sstable: SSTable | undefined;
  #cursor: RowCursor | undefined;

  /** @param paths of any component of each, in the order of tokens */
  constructor(files: Files, table: TableDescriptor, paths: readonly string[]) {
    this.#files = files;
    this.#table = table;
    this.#paths = paths;
  }

  /** @throws CorruptFileError, FileOperationError */
  fill(batch: RowBatch): number {
    if (this.#cursor !== undefined) {
      const added = this.#cursor.fill(batch);
      if (added !== 0) return added;
      this.close();
    }
    return this.#next === this.#paths.length ? 0 : NEEDS_LOAD;
  }

  /** @throws CorruptFileError, FileOperationError, UnsupportedFormatError */
  async load(): Promise<void> {
    if (this.#cursor !== undefined) {
      await this.#cursor.load();
      return;
    }
    if (this.#next === this.#paths.length) return;
    const path = this.#paths[this.#next++]!;
    this.#sstable = await SSTable.open(this.#files, path, { table: this.#table, isBlocking: true });
    this.#cursor = this.#sstable.openScan(ALL_TOKENS, WHOLE);
  }

  skipPartition(): void {
    this.#cursor?.skipPartition();
  }

  /** @throws FileOperationError; closed all the same */
  close(): void {
    const cursor = this.#cursor;
    const sstable = this.#sstable;
    this.#cursor = undefined;
    this.#sstable = undefined;
    cursor?.close();
    sstable?.close();
  }
}
