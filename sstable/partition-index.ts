import type { ByteWriter } from '../core/bytes.ts';
import type { TokenRange } from '../core/read/slice.ts';
import type { BlockFile } from './block-file.ts';
import type { BlockWindow } from './block-window.ts';
import type { Walk } from './index-walker.ts';
import type { RowBlockSearch } from './row-block-search.ts';
import type { SSTableParts } from './sstable-parts.ts';

/** What knows where the partitions of an open SSTable begin: Index.db with its summary, or tries. Immutable. */
export interface PartitionIndex {
  /** Open files: closed with the SSTable. */
  readonly files: readonly BlockFile[];
  makeLocator(parts: SSTableParts): PartitionLocator;
}

/**
 * Finds partitions for one cursor, used again by the next. `find` and `next` answer NeedsLoad when `pending.load()` is needed
 * first, and are then called again.
 */
export interface PartitionLocator {
  readonly pending: BlockWindow;
  /** Of the partition found last: where it begins in the data. */
  readonly dataPosition: number;
  /** Where the next one begins, if that is at hand, else Infinity. */
  readonly nextDataPosition: number;
  /** The index holds the whole key of what was found; else the data must say whether it is the one. */
  readonly isKeyKnown: boolean;
  /** That key, if it is known. */
  readonly key: ByteWriter;
  /** Turns to one partition. Keeps the key. @throws UnsupportedFormatError when keys cannot be found under this partitioner */
  seekKey(tokenHi: number, tokenLo: number, key: Uint8Array): void;
  /** End: there is no such partition. @throws CorruptFileError */
  find(): Walk;
  /** Turns to the first partition that does not lie before a range; `next` may find the one before that first. */
  seekRange(range: TokenRange): void;
  /** @throws CorruptFileError */
  next(): Walk;
  /** Whether the partition found may have this key; a different one was found to begin there otherwise. */
  agrees(tokenHi: number, tokenLo: number, key: Uint8Array, length: number): boolean;
  /** The row blocks of the partition found; undefined when it has no index of them, or none that can be searched. */
  rowBlocks(): RowBlockSearch | undefined;
  close(): void;
}
