import { ExitCode } from '../../daemon/exit-code.ts';
import { NodeFiles } from '../../shards/host/node-files.ts';
import { MetadataText } from '../sstable/metadata-text.ts';
import { parseOptions, UsageError } from './parse-options.ts';
import { eachSSTable, findSSTables, SCHEMA_OPTIONS, schemaChoice } from './sstable-arguments.ts';
import type { TextOutput } from './text-output.ts';

const PER_SECOND: Readonly<Record<string, number>> = {
  NANOSECONDS: 1_000_000_000,
  MICROSECONDS: 1_000_000,
  MILLISECONDS: 1000,
  SECONDS: 1,
};

/** `tessera sstable metadata`, also `sstablemetadata`. A file that is missing is told, the others follow. */
export async function metadataCommand(args: readonly string[], out: TextOutput): Promise<ExitCode> {
  const { values, positionals } = parseOptions({
    args: [...args],
    allowPositionals: true,
    options: {
      ...SCHEMA_OPTIONS,
      colors: { type: 'boolean', short: 'c', default: false },
      unicode: { type: 'boolean', short: 'u', default: false },
      gc_grace_seconds: { type: 'string', short: 'g', default: '0' },
      timestamp_unit: { type: 'string', short: 't', default: 'MICROSECONDS' },
      scan: { type: 'boolean', short: 's', default: false },
    },
  });
  const unit = values.timestamp_unit.toUpperCase();
  if (!Object.hasOwn(PER_SECOND, unit))
    throw new UsageError(`--timestamp_unit ${unit}: ${Object.keys(PER_SECOND).join(', ')}`);
  if (!/^\d{1,9}$/.test(values.gc_grace_seconds)) {
    throw new UsageError(`--gc_grace_seconds ${values.gc_grace_seconds}: a number of seconds`);
  }
  const files = new NodeFiles();
  const metadata = new MetadataText(
    files,
    out,
    {
      isColored: values.colors,
      isUnicode: values.unicode,
      gcGraceSeconds: Number(values.gc_grace_seconds),
      timestampsPerSecond: PER_SECOND[unit]!,
      scans: values.scan,
      nowSeconds: Math.floor(Date.now() / 1000),
    },
    schemaChoice(values, out),
  );
  return eachSSTable(findSSTables(files, positionals, out), out, async (dataPath) => {
    await metadata.print(dataPath);
    return ExitCode.Done;
  });
}
