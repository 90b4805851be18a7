import { ExitCode } from '../../daemon/exit-code.ts';
import { suggestion } from '../../daemon/near-names.ts';
import { UsageError } from './parse-options.ts';
import { validateChecksumsCommand, validateCommand, verifyCommand } from './sstable-check.ts';
import {
  dumpCompressionInfoCommand,
  dumpDataCommand,
  dumpIndexCommand,
  dumpScyllaMetadataCommand,
  dumpStatisticsCommand,
  dumpSummaryCommand,
} from './sstable-dump.ts';
import { metadataCommand } from './sstable-metadata.ts';
import { queryCommand } from './sstable-query.ts';
import {
  decompressCommand,
  filterCommand,
  mergeCommand,
  recompressCommand,
  scrubCommand,
  splitCommand,
  upgradeCommand,
} from './sstable-rewrite.ts';
import { SSTABLE_USAGE } from './sstable-usage.ts';
import { writeCommand } from './sstable-write.ts';
import type { TextOutput } from './text-output.ts';
import { withExitCode } from './with-exit-code.ts';

/** Operations of the peers' tools that are not there yet: refused by name. */
const NOT_YET = 'dump-filter dump-components dump-schema shard-of script stats'.split(' ');

const OPERATIONS: Readonly<Record<string, (args: readonly string[], out: TextOutput) => Promise<ExitCode>>> = {
  'dump-data': dumpDataCommand,
  dump: dumpDataCommand,
  'dump-index': dumpIndexCommand,
  'dump-summary': dumpSummaryCommand,
  'dump-compression-info': dumpCompressionInfoCommand,
  'dump-statistics': dumpStatisticsCommand,
  'dump-scylla-metadata': dumpScyllaMetadataCommand,
  validate: validateCommand,
  'validate-checksums': validateChecksumsCommand,
  verify: verifyCommand,
  decompress: decompressCommand,
  recompress: recompressCommand,
  filter: filterCommand,
  split: splitCommand,
  merge: mergeCommand,
  upgrade: upgradeCommand,
  metadata: metadataCommand,
  query: queryCommand,
  scrub: scrubCommand,
  write: writeCommand,
};

/** `tessera sstable`. @returns the exit code */
export function sstableCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  return withExitCode(out, () => {
    const [name, ...rest] = args;
    if (name === undefined) throw new UsageError(SSTABLE_USAGE);
    if (name === '-h' || name === '--help' || name === 'help' || asksForHelp(rest)) {
      out.line(SSTABLE_USAGE);
      return ExitCode.Done;
    }
    if (Object.hasOwn(OPERATIONS, name)) return OPERATIONS[name]!(rest, out);
    if (NOT_YET.includes(name)) throw new UsageError(`sstable ${name}: not supported yet`);
    throw new UsageError(`sstable ${name}: unknown operation${suggestion(name, Object.keys(OPERATIONS))}`);
  });
}

/** Before `--`, which ends options. */
function asksForHelp(args: readonly string[]): boolean {
  const end = args.indexOf('--');
  const options = end < 0 ? args : args.slice(0, end);
  return options.includes('-h') || options.includes('--help');
}
