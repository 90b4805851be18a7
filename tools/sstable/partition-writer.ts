import type { RowBatch } from '../../core/read/row-batch.ts';

/** Turns the fragments of partitions into JSON. One per file, since columns and times are the file's. */
export interface PartitionWriter {
  /**
   * Writes fragment i of a batch; all fragments of a file come in order.
   * @param position of a PartitionStart, static row or row in the uncompressed data; -1 where it is not known
   */
  fragment(batch: RowBatch, i: number, position: number): void;
  /** A partition of which only the key is shown; borrows the bytes. */
  key(bytes: Uint8Array, start: number, end: number, tokenHi: number, tokenLo: number): void;
}

/** What a writer knows of the file or the merged stream. */
export interface StreamTraits {
  /** False under another partitioner than Murmur3. */
  readonly hasTokens: boolean;
  /** Deletion times are numbers of 32 bits without a sign: version `oa` and later, and merged streams. */
  readonly hasUnsignedTimes: boolean;
}
