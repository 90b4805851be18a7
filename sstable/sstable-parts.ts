import type { ClusteringComparator } from '../core/schema/clustering-comparator.ts';
import type { BlockFile } from './block-file.ts';
import type { BlockSource } from './block-window.ts';
import { ClusteringCodec } from './format/clustering.ts';
import { DeletionTimeReader } from './format/deletion-time.ts';
import { type ReadColumns, RowDecoder } from './format/row-decoder.ts';
import type { SerializationHeader } from './format/serialization-header.ts';
import type { VersionFeatures } from './format/version.ts';
import type { PartitionIndex } from './partition-index.ts';

/** What the cursors of one open SSTable share. Immutable. */
export interface SSTableParts {
  readonly data: BlockFile;
  readonly index: PartitionIndex;
  readonly source: BlockSource;
  readonly version: VersionFeatures;
  readonly header: SerializationHeader;
  /** Of the clustering columns as the file has them. */
  readonly fixedLengths: readonly number[];
  readonly comparator: ClusteringComparator;
  readonly statics: ReadColumns;
  readonly regulars: ReadColumns;
  /** False under another partitioner than Murmur3: partitions then have no token. */
  readonly hasTokens: boolean;
  /** The order of rows is checked: in files of others, whose writers are known to have had it wrong. */
  readonly checksOrder: boolean;
  /** Times and empty rows as they are in the file. */
  readonly raw: boolean;
}

export function makeCodec(parts: SSTableParts): ClusteringCodec {
  return new ClusteringCodec(parts.fixedLengths);
}

export function makeDeletionReader(parts: SSTableParts): DeletionTimeReader {
  return new DeletionTimeReader(parts.version, parts.raw);
}

export function makeRowDecoder(parts: SSTableParts): RowDecoder {
  const { data, version, header, statics, regulars, raw } = parts;
  return new RowDecoder(data.path, data.sizeBytes, version, header, makeCodec(parts), statics, regulars, raw);
}
