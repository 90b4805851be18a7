import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { SSTableSummaryInfo } from '../../sstable/writer.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { readCompressionInfo } from './compressed-chunks.ts';
import { COPY_FRAGMENTS, copyPartitions, type PartitionRoute } from './copy-partitions.ts';
import { FileFragments, findPartitions } from './file-fragments.ts';
import type { FragmentStream } from './fragment-stream.ts';
import { MergedFragments } from './merged-fragments.ts';
import { openForMerge } from './open-for-merge.ts';
import {
  baseOf,
  type CompressionOptions,
  compressionLike,
  type Inheritance,
  withFileOptions,
} from './output-options.ts';
import { type OutputSettings, type OutputShape, OutputSSTables } from './output-sstables.ts';
import { openWithSchema, type SchemaChoice } from './table-schema.ts';

/** What operations that make SSTables out of SSTables have in common. */
export interface RewriteSettings extends OutputSettings {
  /** Undefined: as the first input has it. */
  readonly compression: CompressionOptions | undefined;
  readonly schema: SchemaChoice;
}

/** The inputs of one rewrite, opened blocking, and what their outputs are made like. */
export interface RewriteInputs {
  readonly sstables: readonly SSTable[];
  readonly table: TableDescriptor;
  readonly shape: OutputShape;
  /** Of all inputs together, from their statistics. */
  readonly partitionCount: number;
}

/**
 * Opens SSTables to make others of them: one, or several that are read as one. Their times and empty rows are read as a compaction
 * reads them. The caller closes them. @throws as SSTable.open
 */
export async function openInputs(
  files: Files,
  dataPaths: readonly string[],
  settings: RewriteSettings,
  inherit: (inputs: readonly SSTable[]) => Inheritance,
): Promise<RewriteInputs> {
  const sstables: SSTable[] = [];
  try {
    let table: TableDescriptor;
    if (dataPaths.length === 1) {
      const sstable = await openWithSchema(files, dataPaths[0]!, settings.schema, { isBlocking: true });
      sstables.push(sstable);
      table = sstable.table;
    } else {
      table = await openForMerge(files, dataPaths, settings.schema, sstables);
    }
    const compression = settings.compression ?? compressionLike(readCompressionInfo(files, dataPaths[0]!));
    const { bloomFilterFpChance } = sstables[0]!.statistics;
    return {
      sstables,
      table,
      shape: {
        table: withFileOptions(table, compression, bloomFilterFpChance),
        base: baseOf(sstables),
        inheritance: inherit(sstables),
      },
      partitionCount: sstables.reduce((sum, sstable) => sum + sstable.partitionCount, 0),
    };
  } catch (error) {
    for (const sstable of sstables) sstable.close();
    throw error;
  }
}

/** The inputs as one stream. @param keys of the partitions wanted; undefined: all */
export function inputStream(
  { sstables, table }: RewriteInputs,
  keys: readonly Uint8Array[] | undefined,
): FragmentStream {
  const [first] = sstables;
  if (sstables.length > 1) return new MergedFragments(sstables, table, keys);
  return new FileFragments(first!, keys === undefined ? undefined : findPartitions(first!, keys), COPY_FRAGMENTS);
}

/**
 * Copies partitions of the inputs into new SSTables, which become visible together; closes the inputs.
 * @param makeRoute the route, which makes writers as it needs them, and what ends those that are left
 * @returns the new SSTables
 * @throws CorruptFileError, FileOperationError; nothing is left of what was written
 */
export async function rewrite(
  files: Files,
  inputs: RewriteInputs,
  keys: readonly Uint8Array[] | undefined,
  settings: RewriteSettings,
  out: TextOutput,
  makeRoute: (outputs: OutputSSTables) => { readonly route: PartitionRoute; readonly end: () => void },
): Promise<readonly SSTableSummaryInfo[]> {
  const { sstables, table } = inputs;
  try {
    const outputs = new OutputSSTables(files, settings);
    try {
      const { route, end } = makeRoute(outputs);
      await copyPartitions(inputStream(inputs, keys), table, route, sstables.map(({ path }) => path).join(', '), out);
      end();
      return outputs.commit();
    } catch (error) {
      outputs.abort();
      throw error;
    }
  } finally {
    for (const sstable of sstables) sstable.close();
  }
}

/** Everything into one new SSTable. */
export function rewriteWhole(
  files: Files,
  inputs: RewriteInputs,
  keys: readonly Uint8Array[] | undefined,
  settings: RewriteSettings,
  out: TextOutput,
  isWanted: PartitionFilter = () => true,
): Promise<readonly SSTableSummaryInfo[]> {
  return rewrite(files, inputs, keys, settings, out, (outputs) => {
    const writer = outputs.create(inputs.shape, keys?.length ?? inputs.partitionCount);
    return {
      route: (batch, i) => {
        const start = batch.positionStart[i]!;
        return isWanted(batch.bytes, start, batch.positionEnd[i]!) ? writer : undefined;
      },
      end: () => outputs.finish(writer),
    };
  });
}

/** Says of a partition's key, bytes[start, end), whether it is wanted. */
export type PartitionFilter = (bytes: Uint8Array, start: number, end: number) => boolean;
