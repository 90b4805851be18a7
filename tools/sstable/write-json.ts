import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { SSTableSummaryInfo, SSTableWriter } from '../../sstable/writer.ts';
import type { TextOutput } from '../commands/text-output.ts';
import type { ByteFeed } from './byte-feed.ts';
import { COPY_FRAGMENTS, copyPartitions } from './copy-partitions.ts';
import { InputError } from './input-error.ts';
import { JsonFragments } from './json-fragments.ts';
import { leastBase } from './least-base.ts';
import { NO_INHERITANCE } from './output-options.ts';
import { type OutputSettings, OutputSSTables } from './output-sstables.ts';

/** Text that a partition of one short row has: how many partitions an input may hold at most, for the size of the filter. */
const LEAST_PARTITION_TEXT = 256;
/** What the filter is made for when the size of the input is not known, and at most. */
const UNKNOWN_PARTITIONS = 1_000_000;
const MOST_PARTITIONS = 16_000_000;

/**
 * One SSTable from JSON in the form of dump-data; closes the feed. @param table for its compression too
 * @returns undefined when the input has no partition
 * @throws InputError for what cannot be written, also when it is out of order; FileOperationError. Nothing is left then
 */
export async function writeFromJson(
  files: Files,
  feed: ByteFeed,
  asLines: boolean,
  table: TableDescriptor,
  settings: OutputSettings,
  out: TextOutput,
): Promise<SSTableSummaryInfo | undefined> {
  let outputs: OutputSSTables;
  try {
    outputs = new OutputSSTables(files, settings);
  } catch (error) {
    feed.close();
    throw error;
  }
  const expected =
    feed.sizeBytes === undefined
      ? UNKNOWN_PARTITIONS
      : Math.min(MOST_PARTITIONS, Math.ceil(feed.sizeBytes / LEAST_PARTITION_TEXT));
  let writer: SSTableWriter | undefined;
  try {
    await copyPartitions(
      new JsonFragments(feed, table, asLines, COPY_FRAGMENTS),
      table,
      (batch) => {
        writer ??= outputs.create({ table, base: leastBase(batch), inheritance: NO_INHERITANCE }, expected);
        return writer;
      },
      feed.name,
      out,
      (position, why) => new InputError(feed.name, position, why),
    );
    if (writer !== undefined) outputs.finish(writer);
    return outputs.commit()[0];
  } catch (error) {
    outputs.abort();
    throw error;
  }
}
