import { ByteCursor, readU16BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { Int64Halves, unZigZag } from '../../core/vint.ts';
import { readBytes16, readSafeI64 } from './fields.ts';
import { VintScanner } from './vint-scanner.ts';

/**
 * Partitions.db: a trie (trie-node.ts) from partitions to where they are. Big endian.
 *
 *   nodes, in pages of 4096 bytes
 *   at K    u16 length, first key of the SSTable | u16 length, last key
 *   u64 K | u64 partitions | u64 position of the root     the last 24 bytes
 *
 * Keys of the trie are token and partition key (byte-comparable.ts), cut to the shortest prefix that no other has; payload:
 *
 *   bits of 8 and more   u8 hash: the low byte of the second half of the key's murmur3 | position of (bits - 7) bytes
 *   less                 position of `bits` bytes
 *
 * A position is signed: from 0 on it is one in Rows.db; negative, the partition begins at ~position in the data.
 *
 * Rows.db: of each partition with more than one row block the nodes of its row trie (row-trie.ts), then
 *
 *   u16 length, partition key               where Partitions.db leads to
 *   uvint  position of the partition in the data, itself at P
 *   svint  position of the root - P
 *   uvint  row blocks
 *   dtime  partition deletion
 * @see Cassandra `PartitionIndex`, `TrieIndexEntry`; spec/sstable.md §16
 */
export interface PartitionTrieFooter {
  readonly firstKey: Uint8Array;
  readonly lastKey: Uint8Array;
  readonly partitionCount: number;
  readonly root: number;
}

export const PARTITION_TRIE_TAIL_BYTES = 24;
/** Two keys with their lengths. */
const MOST_KEYS_BYTES: number = 2 * (2 + 0xffff);

/** Where the two keys begin that lie before the tail. @throws CorruptFileError */
export function keysPosition(tail: Uint8Array, path: string, sizeBytes: number): number {
  const tailAt = sizeBytes - PARTITION_TRIE_TAIL_BYTES;
  const position = readSafeI64(new ByteCursor(tail, path, 0, tail.length, tailAt));
  if (position < 0 || position > tailAt || tailAt - position > MOST_KEYS_BYTES) {
    throw new CorruptFileError(path, tailAt, `first and last key at ${position} of ${sizeBytes} bytes`);
  }
  return position;
}

/** @param bytes the keys and the tail, which begin at `base` in the file. @throws CorruptFileError */
export function decodePartitionTrieFooter(bytes: Uint8Array, path: string, base: number): PartitionTrieFooter {
  const tailAt = bytes.length - PARTITION_TRIE_TAIL_BYTES;
  const keys = new ByteCursor(bytes, path, 0, tailAt, base);
  const firstKey = readBytes16(keys);
  const lastKey = readBytes16(keys);
  const tail = new ByteCursor(bytes, path, tailAt + 8, bytes.length, base);
  const partitionCount = readSafeI64(tail);
  const root = readSafeI64(tail);
  if (partitionCount <= 0) throw new CorruptFileError(path, base + tailAt + 8, `${partitionCount} partitions`);
  if (root < 0 || root >= base)
    throw new CorruptFileError(path, base + tailAt + 16, `root at ${root}, keys at ${base}`);
  return { firstKey, lastKey, partitionCount, root };
}

/** Bytes of the payload with these bits. */
export function partitionPayloadLength(bits: number): number {
  return bits >= 8 ? bits - 6 : bits;
}

/** The hash byte of the payload at bytes[at], -1 when it has none. */
export function payloadHash(bits: number, bytes: Uint8Array, at: number): number {
  return bits >= 8 ? bytes[at]! : -1;
}

/** The position in the payload at bytes[at]; what is beyond 2^53 comes out inexact, and so far beyond the end of every file. */
export function payloadPosition(bits: number, bytes: Uint8Array, at: number): number {
  const start = bits >= 8 ? at + 1 : at;
  const end = at + partitionPayloadLength(bits);
  let value = (bytes[start]! << 24) >> 24;
  for (let i = start + 1; i < end; i++) value = value * 256 + bytes[i]!;
  return value;
}

/** Decodes what a partition has in Rows.db; its fields are what was read last. */
export class RowsEntryReader {
  keyStart = 0;
  keyEnd = 0;
  dataPosition = 0;
  root = 0;
  blockCount = 0;
  readonly #scanner: VintScanner = new VintScanner();
  readonly #halves: Int64Halves = new Int64Halves();

  /** Reads the entry at bytes[pos] up to its deletion; false when the bytes end early. @throws CorruptFileError */
  read(bytes: Uint8Array, pos: number, end: number, path: string, base: number): boolean {
    const scanner = this.#scanner;
    if (end - pos < 2) return false;
    const keyStart = pos + 2;
    const keyEnd = keyStart + readU16BE(bytes, pos);
    const dataPosition = scanner.scan(bytes, keyEnd, end);
    if (dataPosition < 0 || !scanner.scan64(bytes, scanner.at, end, this.#halves)) return false;
    const blockCount = scanner.scan(bytes, scanner.at, end);
    if (blockCount < 0) return false;
    unZigZag(this.#halves);
    const root = base + keyEnd + this.#halves.hi * 0x1_0000_0000 + (this.#halves.lo >>> 0);
    if (root < 0 || root >= base + pos) {
      throw new CorruptFileError(path, base + keyEnd, `root of a row index at ${root}, its entry at ${base + pos}`);
    }
    this.keyStart = keyStart;
    this.keyEnd = keyEnd;
    this.dataPosition = dataPosition;
    this.root = root;
    this.blockCount = blockCount;
    return true;
  }
}
