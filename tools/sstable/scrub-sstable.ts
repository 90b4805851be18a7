import { TesseraError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import type { SSTableSummaryInfo } from '../../sstable/writer.ts';
import type { TextOutput } from '../commands/text-output.ts';
import { LossReport } from './loss-report.ts';
import { openDamaged } from './open-damaged.ts';
import { compressionLike, NO_INHERITANCE, withFileOptions } from './output-options.ts';
import { OutputSSTables } from './output-sstables.ts';
import type { RewriteSettings } from './rewrite.ts';
import { Scrub } from './scrub.ts';
import { ScrubSink } from './scrub-sink.ts';

/** What a scrub does with what is wrong: end, leave it out, or write what is out of order into SSTables of its own. */
export const ScrubMode = { Abort: 'abort', Skip: 'skip', Segregate: 'segregate' } as const;
export type ScrubMode = (typeof ScrubMode)[keyof typeof ScrubMode];

export interface ScrubResult {
  readonly made: readonly SSTableSummaryInfo[];
  /** Places at which something is lost. */
  readonly lossCount: number;
}

/**
 * Writes what is whole of an SSTable into one or more new ones. What is lost is told on stderr.
 * @throws in mode abort for the first thing that is wrong; CorruptFileError when Statistics.db or CompressionInfo.db cannot be read;
 * FileOperationError, UnsupportedFormatError. Nothing is left of what was written then
 */
export async function scrubSSTable(
  files: Files,
  dataPath: string,
  mode: ScrubMode,
  settings: RewriteSettings,
  out: TextOutput,
): Promise<ScrubResult> {
  const note = (text: string) => out.error(`note: ${text}`);
  const report = new LossReport((text) => {
    if (mode === ScrubMode.Abort) throw new TesseraError('CORRUPT_FILE', text);
    out.error(text);
  });
  const sstable = openDamaged(files, dataPath, settings.schema, note);
  try {
    const { statistics, table, compression } = sstable;
    const { header, stats } = statistics;
    const { minTimestampHi, minTimestampLo, minLocalDeletionTime, minTtl } = header;
    const shape = {
      table: withFileOptions(
        table,
        settings.compression ?? compressionLike(compression),
        statistics.bloomFilterFpChance,
      ),
      base: { minTimestampHi, minTimestampLo, minLocalDeletionTime, minTtl },
      inheritance: { ...NO_INHERITANCE, repairedAtMs: stats.repairedAtMs },
    };
    let expected = 0;
    for (const count of stats.partitionSizes.counts) expected += count;
    const outputs = new OutputSSTables(files, settings);
    const makeWriter = () => outputs.create(shape, expected);
    const sink = new ScrubSink(dataPath, table, mode === ScrubMode.Segregate, makeWriter, report);
    try {
      await new Scrub(files, sstable, sink, report, note).run(out);
      for (const { writer } of sink.outputs) outputs.finish(writer);
      return { made: outputs.commit(), lossCount: report.count };
    } catch (error) {
      outputs.abort();
      throw error;
    }
  } finally {
    sstable.close();
  }
}
