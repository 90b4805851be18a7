import { copyBytes, readU16LE } from '../../core/bytes.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import type { SlabViews } from './slab-pool.ts';

/**
 * One partition in a memtable's memory. Offsets are aligned to 4; 0 means none.
 *
 *   0   i32  next record of the bucket's chain
 *   4   i32  token, high half
 *   8   i32  token, low half
 *   12  u16  key length | u16 flags: PartitionFlag
 *
 * Plain, while the partition has one row and nothing else:
 *   16  key, padded to 4 | row record (row-records.ts)
 *
 * EXTENDED:
 *   16  i32  rows: a row record's offset, or a tree's root with bit 0 set (row-tree.ts)
 *   20  i32  static row record
 *   24  i32  partition deletion: timestamp, low half; 28 high half; 32 local deletion time
 *   36  i32  range deletions: root of the tree of boundaries with bit 0 set (range-boundaries.ts)
 *   40  key
 *
 * MOVED: a plain record that needed more. Word 0 is then the extended record that took its place in the chain; key and token
 * stay readable and the row stays where it is, so that a record's offset names the partition for the memtable's life.
 */
export const PartitionFlag = { Extended: 1, Moved: 2 } as const;

export const PLAIN_KEY_AT = 16;
export const EXTENDED_KEY_AT = 40;

const EXTENDED_BIT = PartitionFlag.Extended << 16;
const MOVED_BIT = PartitionFlag.Moved << 16;

/** Index of a word of the record, to be added to `record >> 2`. */
export const PartitionWord = {
  Next: 0,
  TokenHi: 1,
  TokenLo: 2,
  LengthAndFlags: 3,
  Rows: 4,
  Static: 5,
  DeletionLo: 6,
  DeletionHi: 7,
  DeletionTime: 8,
  Boundaries: 9,
} as const;

/** Bytes of a plain record before its row. */
export function plainHeadBytes(keyLength: number): number {
  return PLAIN_KEY_AT + ((keyLength + 3) & ~3);
}

export function keyLengthOf(views: SlabViews, record: number): number {
  return readU16LE(views.u8, record + 12);
}

export function isExtended(views: SlabViews, record: number): boolean {
  return (views.i32[(record >> 2) + PartitionWord.LengthAndFlags]! & EXTENDED_BIT) !== 0;
}

/** Where the key begins. */
export function keyStartOf(views: SlabViews, record: number): number {
  return record + (isExtended(views, record) ? EXTENDED_KEY_AT : PLAIN_KEY_AT);
}

/** The record that stands for the partition now. */
export function currentRecord(views: SlabViews, record: number): number {
  const word = record >> 2;
  return (views.i32[word + PartitionWord.LengthAndFlags]! & MOVED_BIT) !== 0 ? views.i32[word]! : record;
}

/** The row of a plain record. */
export function plainRowOf(views: SlabViews, record: number): number {
  return record + plainHeadBytes(keyLengthOf(views, record));
}

/** Writes the fixed part of a record and its key. */
export function writePlainHead(
  views: SlabViews,
  record: number,
  tokenHi: number,
  tokenLo: number,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
): void {
  writeHead(views, record, tokenHi, tokenLo, keyEnd - keyStart);
  copyBytes(key, keyStart, keyEnd, views.u8, record + PLAIN_KEY_AT);
}

/** The same for an extended record without rows, deletions or boundaries. */
export function writeExtendedHead(
  views: SlabViews,
  record: number,
  tokenHi: number,
  tokenLo: number,
  key: Uint8Array,
  keyStart: number,
  keyEnd: number,
): void {
  writeHead(views, record, tokenHi, tokenLo, (keyEnd - keyStart) | EXTENDED_BIT);
  const { i32 } = views;
  const word = record >> 2;
  i32[word + PartitionWord.Rows] = 0;
  i32[word + PartitionWord.Static] = 0;
  i32[word + PartitionWord.DeletionLo] = 0;
  i32[word + PartitionWord.DeletionHi] = -0x8000_0000; // -2^63: none
  i32[word + PartitionWord.DeletionTime] = NO_DELETION_TIME;
  i32[word + PartitionWord.Boundaries] = 0;
  copyBytes(key, keyStart, keyEnd, views.u8, record + EXTENDED_KEY_AT);
}

/** Leaves `extended` in place of a plain record; the caller links it into the chain. */
export function markMoved(views: SlabViews, record: number, extended: number): void {
  const { i32 } = views;
  const word = record >> 2;
  i32[word] = extended;
  i32[word + PartitionWord.LengthAndFlags]! |= MOVED_BIT;
}

function writeHead(views: SlabViews, record: number, tokenHi: number, tokenLo: number, lengthAndFlags: number): void {
  const { i32 } = views;
  const word = record >> 2;
  i32[word + PartitionWord.Next] = 0;
  i32[word + PartitionWord.TokenHi] = tokenHi;
  i32[word + PartitionWord.TokenLo] = tokenLo;
  i32[word + PartitionWord.LengthAndFlags] = lengthAndFlags;
}
