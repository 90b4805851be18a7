import type { RowBatch } from '../../core/read/row-batch.ts';

/** Fragments of partitions for a dump, blocking. */
export interface FragmentStream {
  /** Clears the batch and fills it; 0 is the end. @throws CorruptFileError, after which the batch holds what came before */
  fill(batch: RowBatch): number;
  /** Where fragment i of the batch begins in the uncompressed data; -1 where that is not known. */
  position(i: number): number;
  /** How far the stream has come, 0 to 1. */
  readonly progress: number;
  close(): void;
}
