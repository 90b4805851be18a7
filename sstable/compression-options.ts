import { ConfigurationError } from '../core/errors.ts';
import { MAX_CHUNK_BYTES } from './format/compression-info.ts';

/** What a table's `compression` option asks of the writer; undefined class: none. */
export interface CompressionChoice {
  /** Simple class name; '' for no compression. */
  readonly className: string;
  readonly chunkBytes: number;
  /** What CompressionInfo.db repeats: options of the compressor itself. */
  readonly options: Readonly<Record<string, string>>;
}

const DEFAULT_CHUNK_KIB = 4;
/** Keys that are no compressor's own. */
const GENERAL = [
  'class',
  'sstable_compression',
  'chunk_length_in_kb',
  'chunk_length_kb',
  'enabled',
  'crc_check_chance',
];

/** @throws ConfigurationError when the chunk length is no power of two within limits */
export function compressionChoice(options: Readonly<Record<string, string>>): CompressionChoice {
  const full = options.class ?? options.sstable_compression ?? '';
  const className = options.enabled === 'false' ? '' : full.slice(full.lastIndexOf('.') + 1);
  const kib = Number(options.chunk_length_in_kb ?? options.chunk_length_kb ?? DEFAULT_CHUNK_KIB);
  const chunkBytes = kib * 1024;
  if (!Number.isInteger(kib) || kib < 1 || chunkBytes > MAX_CHUNK_BYTES || (chunkBytes & (chunkBytes - 1)) !== 0) {
    throw new ConfigurationError(`chunk_length_in_kb must be a power of two, not ${options.chunk_length_in_kb}`);
  }
  const own = Object.entries(options).filter(([key]) => !GENERAL.includes(key));
  return { className, chunkBytes, options: Object.fromEntries(own) };
}
