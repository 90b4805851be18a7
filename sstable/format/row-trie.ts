import { readI32BE, readU32BE } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { deletionTimeFromFile } from './deletion-time.ts';
import type { VersionFeatures } from './version.ts';

/**
 * Row trie of one partition in Rows.db: a trie (trie-node.ts) from separators to row blocks. The separator of a block is the
 * shortest byte string above the last position of the block before and not above its own first one; that of the first block
 * is empty; one after the last row leads to the end of the partition. Payload, big endian:
 *
 *   offset of the block from the partition's start, (bits & 7) bytes
 *   with bits of 8 and more, the deletion open at the block's start: i64 markedForDeleteAt | u32 (before `oa` i32) local deletion time
 * @see Cassandra `RowIndexReader`; spec/sstable.md §16.3
 */
export class RowTriePayload {
  /** From the partition's start. */
  offset = 0;
  /** The deletion open at the block's start, or (-2^63). */
  openHi: number = INT64_MIN_HI;
  openLo: number = INT64_MIN_LO;
  openTime: number = NO_DELETION_TIME;
  readonly #unsigned: boolean;
  readonly #raw: boolean;

  constructor(version: VersionFeatures, raw: boolean) {
    this.#unsigned = version.hasUnsignedDeletionTime;
    this.#raw = raw;
  }

  /** Reads the payload at bytes[at], all of which is there. @throws CorruptFileError for a negative time */
  read(bits: number, bytes: Uint8Array, at: number, path: string, base: number): void {
    const end = at + (bits & 7);
    let offset = 0;
    for (let i = at; i < end; i++) offset = offset * 256 + bytes[i]!;
    this.offset = offset;
    this.openHi = INT64_MIN_HI;
    this.openLo = INT64_MIN_LO;
    this.openTime = NO_DELETION_TIME;
    if (bits < 8) return;
    const hi = readI32BE(bytes, end);
    const lo = readI32BE(bytes, end + 4);
    if (hi === INT64_MIN_HI && lo === INT64_MIN_LO) return;
    this.openHi = hi;
    this.openLo = lo;
    const seconds = readU32BE(bytes, end + 8) | 0;
    this.openTime = deletionTimeFromFile(seconds, this.#unsigned, this.#raw, path, base + end + 8);
  }
}

/** Bytes of the payload with these bits. */
export function rowPayloadLength(bits: number): number {
  return (bits & 7) + (bits >= 8 ? 12 : 0);
}
