import type { SSTableSummaryInfo } from '../../sstable/writer.ts';
import type { CompressionOptions } from '../sstable/output-options.ts';
import type { OutputSettings } from '../sstable/output-sstables.ts';
import { UsageError } from './parse-options.ts';
import type { TextOutput } from './text-output.ts';

/** Options of `parseArgs` of every operation that writes SSTables. */
export const OUTPUT_OPTIONS = {
  'output-dir': { type: 'string', default: '.' },
  'output-directory': { type: 'string' },
  generation: { type: 'string' },
  'sstable-version': { type: 'string', default: 'me' },
  compressor: { type: 'string' },
  'chunk-kb': { type: 'string' },
} as const;

interface OutputValues {
  readonly 'output-dir': string;
  readonly 'output-directory'?: string | undefined;
  readonly generation?: string | undefined;
  readonly 'sstable-version': string;
  readonly compressor?: string | undefined;
  readonly 'chunk-kb'?: string | undefined;
}

const CLASSES: Readonly<Record<string, string>> = {
  lz4: 'LZ4Compressor',
  snappy: 'SnappyCompressor',
  deflate: 'DeflateCompressor',
  zstd: 'ZstdCompressor',
};

/** Where and under which names the new SSTables go. @throws UsageError */
export function outputSettings(values: OutputValues): OutputSettings {
  const version = values['sstable-version'];
  if (version !== 'me') throw new UsageError(`--sstable-version ${version}: not supported; me is written`);
  const { generation } = values;
  if (generation !== undefined && !/^[1-9]\d{0,8}$/.test(generation)) {
    throw new UsageError(`--generation ${generation}: a number from 1 on`);
  }
  return {
    directory: values['output-directory'] ?? values['output-dir'],
    firstGeneration: generation === undefined ? undefined : Number(generation),
  };
}

/** What --compressor and --chunk-kb ask for; undefined when nothing is asked. @throws UsageError */
export function compressionAsked({ compressor, 'chunk-kb': chunkKib }: OutputValues): CompressionOptions | undefined {
  if (compressor === undefined) {
    if (chunkKib !== undefined) throw new UsageError('--chunk-kb: needs --compressor');
    return undefined;
  }
  if (compressor === 'none') return {};
  const className = Object.hasOwn(CLASSES, compressor) ? CLASSES[compressor]! : undefined;
  if (className === undefined) throw new UsageError(`--compressor ${compressor}: lz4, snappy, deflate, zstd or none`);
  const kib = Number(chunkKib ?? '4');
  if (!/^\d+$/.test(chunkKib ?? '4') || kib < 1 || kib > 16_384 || (kib & (kib - 1)) !== 0) {
    throw new UsageError(`--chunk-kb ${chunkKib}: a power of two up to 16384`);
  }
  return { class: className, chunk_length_in_kb: String(kib) };
}

/** A line for each new SSTable: what it was made of, and itself. */
export function tellOutputs(inputs: readonly string[], made: readonly SSTableSummaryInfo[], out: TextOutput): void {
  const from = inputs.join(', ');
  for (const { dataPath } of made) out.line(`${from} -> ${dataPath}`);
  if (made.length === 0) out.error(`note: nothing of ${from} is left, so no SSTable was written`);
}
