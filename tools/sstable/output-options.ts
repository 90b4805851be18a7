import { TableDescriptor } from '../../core/schema/table.ts';
import type { CompressionInfo } from '../../sstable/format/compression-info.ts';
import type { EncodingBase } from '../../sstable/format/row-encoder.ts';
import type { LogInterval } from '../../sstable/format/statistics.ts';
import type { SSTable } from '../../sstable/reader.ts';

/** How new SSTables are compressed: the `compression` option of a table; empty for not at all. */
export type CompressionOptions = Readonly<Record<string, string>>;

/** What a new SSTable takes over from its inputs beside rows. */
export interface Inheritance {
  readonly level: number;
  readonly repairedAtMs: number;
  /** With the intervals of its commit log, where the new SSTable has all that the input had. */
  readonly hostId: string | undefined;
  readonly logIntervals: readonly LogInterval[];
}

export const NO_INHERITANCE: Inheritance = { level: 0, repairedAtMs: 0, hostId: undefined, logIntervals: [] };

const LEAST_CHUNK_BYTES = 1024;

/** The `compression` option of a table that makes files like this one. */
export function compressionLike(info: CompressionInfo | undefined): CompressionOptions {
  if (info === undefined) return {};
  const kib = Math.max(info.chunkBytes, LEAST_CHUNK_BYTES) / 1024;
  return { ...info.options, class: info.compressor, chunk_length_in_kb: String(kib) };
}

/** The table with other options for its files. */
export function withFileOptions(
  table: TableDescriptor,
  compression: CompressionOptions,
  bloomFilterFpChance: number,
): TableDescriptor {
  const { definition } = table;
  return new TableDescriptor({
    ...definition,
    options: { ...definition.options, compression, bloomFilterFpChance },
  });
}

/**
 * What an SSTable made of a part of the inputs' rows keeps. Log intervals stay behind: replay after a crash passes over what they
 * cover, and the part may lack some of it.
 */
export function inheritPart(inputs: readonly SSTable[]): Inheritance {
  const [first] = inputs;
  if (first === undefined) return NO_INHERITANCE;
  const { repairedAtMs, level } = first.statistics.stats;
  const isSame = inputs.every(({ statistics }) => statistics.stats.repairedAtMs === repairedAtMs);
  return { ...NO_INHERITANCE, level: inputs.length === 1 ? level : 0, repairedAtMs: isSame ? repairedAtMs : 0 };
}

/** What an SSTable with all rows of one input keeps. */
export function inheritAll(input: SSTable): Inheritance {
  const { hostId, logIntervals } = input.statistics.stats;
  return { ...inheritPart([input]), hostId, logIntervals };
}

/** The least bases of the inputs' headers; any numbers are right, these make small files. */
export function baseOf(inputs: readonly SSTable[]): EncodingBase {
  let least = inputs[0]!.statistics.header;
  let { minLocalDeletionTime, minTtl } = least;
  for (const { statistics } of inputs) {
    const { header } = statistics;
    const isLess =
      header.minTimestampHi < least.minTimestampHi ||
      (header.minTimestampHi === least.minTimestampHi && header.minTimestampLo >>> 0 < least.minTimestampLo >>> 0);
    if (isLess) least = header;
    minLocalDeletionTime = Math.min(minLocalDeletionTime, header.minLocalDeletionTime);
    minTtl = Math.min(minTtl, header.minTtl);
  }
  const { minTimestampHi, minTimestampLo } = least;
  return { minTimestampHi, minTimestampLo, minLocalDeletionTime, minTtl };
}
