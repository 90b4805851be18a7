import { crc32 } from 'node:zlib';
import { readU32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';

/**
 * Scylla.db, as far as validation needs it. Big endian.
 *
 *   u32  entries; each: u32 tag | u32 bytes | payload
 *  [u32  CRC-32 of everything before]         when tag 12 is there
 *
 * Tag 12: u32 count, each: u32 component | u32 CRC-32 of its file
 * @see spec/sstable.md §15
 */
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

/** CRC-32 of components by name; none when the file has no digests. @throws CorruptFileError */
export function scyllaDigests(bytes: Uint8Array, path: string): ReadonlyMap<string, number> {
  const digests = new Map<string, number>();
  const need = (at: number, length: number) => {
    if (at + length > bytes.length) throw new CorruptFileError(path, at, 'cut short');
  };
  need(0, 4);
  let at = 4;
  let hasDigests = false;
  for (let left = readU32BE(bytes, 0); left > 0; left--) {
    need(at, 8);
    const tag = readU32BE(bytes, at);
    const size = readU32BE(bytes, at + 4);
    at += 8;
    need(at, size);
    if (tag === DIGESTS_TAG) {
      hasDigests = true;
      readDigests(bytes, at, at + size, path, digests);
    }
    at += size;
  }
  if (!hasDigests) return digests;
  need(at, 4);
  if (crc32(bytes.subarray(0, at)) !== readU32BE(bytes, at))
    throw new CorruptFileError(path, at, 'checksum does not match');
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
