import { ConfigurationError } from '../../core/errors.ts';
import { booleanOf, decimalOf, sortedRecord } from './property-reader.ts';

/** The `compression` option of a table, kept under ScyllaDB's names: `sstable_compression` with the full class, `chunk_length_in_kb`. */

const PREFIX = 'org.apache.cassandra.io.compress.';
const CLASSES: readonly string[] = [
  'LZ4Compressor',
  'SnappyCompressor',
  'DeflateCompressor',
  'ZstdCompressor',
  'NoopCompressor',
];
const DEFAULT_CHUNK_KIB = '4';
/** As in ScyllaDB: a chunk is what a point read decompresses. */
const MAX_CHUNK_KIB = 128;

const OWN_OPTIONS: ReadonlyMap<string, (text: string) => boolean> = new Map([
  ['crc_check_chance', (text: string) => between(text, 0, 1)],
  ['min_compress_ratio', (text: string) => between(text, 0, 1e9)],
  ['compression_level', (text: string) => /^-?\d{1,6}$/.test(text) && Number(text) >= -131_072 && Number(text) <= 22],
  ['lz4_compressor_type', (text: string) => text === 'fast' || text === 'high'],
  ['lz4_high_compressor_level', (text: string) => /^\d{1,2}$/.test(text) && Number(text) >= 1 && Number(text) <= 17],
]);

function between(text: string, least: number, most: number): boolean {
  const value = decimalOf(text);
  return value !== undefined && value >= least && value <= most;
}

/**
 * The option as it is kept: empty for no compression.
 * @throws ConfigurationError for a missing or unknown class, an unknown key or a bad value
 */
export function compressionOptions(given: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  const rest = new Map(given);
  const take = (...names: readonly string[]): string | undefined => {
    const found = names.filter((name) => rest.has(name));
    if (found.length > 1) {
      throw new ConfigurationError(`The '${found[0]}' and '${found[1]}' compression options are the same: give one`);
    }
    const value = rest.get(found[0] ?? '');
    for (const name of names) rest.delete(name);
    return value;
  };
  const className = take('sstable_compression', 'class');
  const enabled = take('enabled');
  const chunk = take('chunk_length_in_kb', 'chunk_length_kb') ?? DEFAULT_CHUNK_KIB;
  if (enabled !== undefined && booleanOf(enabled) === undefined) throw badOption('enabled', enabled);
  const isOff = enabled !== undefined && booleanOf(enabled) === false;
  if (className === undefined && !isOff && given.size > 0) {
    throw new ConfigurationError("Missing sub-option 'sstable_compression' for the 'compression' option.");
  }
  const simple = className?.startsWith(PREFIX) ? className.slice(PREFIX.length) : (className ?? '');
  if (simple !== '' && !CLASSES.includes(simple)) {
    throw new ConfigurationError(`Unsupported compression class '${className!.slice(0, 200)}': Could not create it`);
  }
  const kib = Number(chunk);
  if (!/^\d{1,9}$/.test(chunk) || kib < 1 || kib > MAX_CHUNK_KIB || (kib & (kib - 1)) !== 0) {
    throw new ConfigurationError(
      `chunk_length_in_kb must be a power of two, at most ${MAX_CHUNK_KIB}, but is '${chunk.slice(0, 100)}'`,
    );
  }
  for (const [name, text] of rest) {
    const isGood = OWN_OPTIONS.get(name);
    if (isGood === undefined) throw new ConfigurationError(`Unknown compression option '${name.slice(0, 100)}'`);
    if (!isGood(text)) throw badOption(name, text);
  }
  if (simple === '' || isOff) return {};
  return sortedRecord(rest.set('sstable_compression', PREFIX + simple).set('chunk_length_in_kb', String(kib)));
}

function badOption(name: string, text: string): ConfigurationError {
  return new ConfigurationError(`Invalid value '${text.slice(0, 100)}' for the compression option '${name}'`);
}
