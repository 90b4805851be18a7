import { crc32 } from 'node:zlib';
import { readU32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';

/**
 * Scylla.db, ScyllaDB's own metadata. Big endian.
 *
 *   u32  entries; each: u32 tag | u32 bytes | payload
 *  [u32  CRC-32 of everything before]         when tag 12 is there
 *
 * Tag 12: u32 count, each: u32 component | u32 CRC-32 of its file
 * @see spec/sstable.md §15
 */
export interface ScyllaEntry {
  readonly tag: number;
  /** The payload: bytes[start, end) of the file. */
  readonly start: number;
  readonly end: number;
}

const DIGESTS_TAG = 12;

/** Components by their number. */
const COMPONENT_NAMES: readonly string[] = [
  'Index.db',
  'CompressionInfo.db',
  'Data.db',
  'TOC.txt',
  'Summary.db',
  'Digest.crc32',
  'CRC.db',
  'Filter.db',
  'Statistics.db',
  'TOC.txt.tmp',
  'Statistics.db.tmp',
  'Scylla.db',
  'Rows.db',
  'Partitions.db',
];

/** The entries in the order of the file, whose checksum matches if it has one. @throws CorruptFileError */
export function scyllaEntries(bytes: Uint8Array, path: string): ScyllaEntry[] {
  const need = (at: number, length: number) => {
    if (length > bytes.length - at) throw new CorruptFileError(path, at, 'cut short');
  };
  need(0, 4);
  const entries: ScyllaEntry[] = [];
  let at = 4;
  for (let left = readU32BE(bytes, 0); left > 0; left--) {
    need(at, 8);
    const tag = readU32BE(bytes, at);
    const start = at + 8;
    const size = readU32BE(bytes, at + 4);
    need(start, size);
    at = start + size;
    entries.push({ tag, start, end: at });
  }
  if (!entries.some(({ tag }) => tag === DIGESTS_TAG)) return entries;
  need(at, 4);
  if (crc32(bytes.subarray(0, at)) !== readU32BE(bytes, at))
    throw new CorruptFileError(path, at, 'checksum does not match');
  return entries;
}

/** CRC-32 of components by name; none when the file has no digests. @throws CorruptFileError */
export function scyllaDigests(bytes: Uint8Array, path: string): ReadonlyMap<string, number> {
  const digests = new Map<string, number>();
  for (const { tag, start, end } of scyllaEntries(bytes, path)) {
    if (tag === DIGESTS_TAG) readDigests(bytes, start, end, path, digests);
  }
  return digests;
}

function readDigests(bytes: Uint8Array, start: number, end: number, path: string, into: Map<string, number>): void {
  const count = end - start < 4 ? -1 : readU32BE(bytes, start);
  if (count !== (end - start - 4) / 8) throw new CorruptFileError(path, start, 'list of digests has another length');
  for (let at = start + 4; at < end; at += 8) {
    const name = COMPONENT_NAMES[readU32BE(bytes, at)];
    if (name !== undefined) into.set(name, readU32BE(bytes, at + 4));
  }
}
