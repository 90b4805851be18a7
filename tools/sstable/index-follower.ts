import type { PartitionStream } from '../../sstable/partition-stream.ts';

/** Checks an index of partitions while the partitions of Data.db pass: an entry for each, and nothing else. */
export interface IndexFollower {
  readonly blocks: BlockFollower;
  /** The partition whose header `stream` has just read. */
  partition(stream: PartitionStream): void;
  /** All partitions have passed; the first and the last had these keys. */
  end(firstKey: Uint8Array, lastKey: Uint8Array): void;
  close(): void;
}

/** Checks the index of row blocks of the partition at hand while its rows pass. */
export interface BlockFollower {
  /** A row or marker that begins at `start`, which `stream` has looked at and not passed. @throws CorruptFileError */
  unfiltered(stream: PartitionStream, start: number): void;
  /** The partition's end, at `end`. @throws CorruptFileError */
  end(stream: PartitionStream, end: number): void;
}
