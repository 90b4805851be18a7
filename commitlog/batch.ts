import { readI32LE, readU32LE, writeI32LE } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { checksum } from './checksum.ts';
import { positionOffset, positionSegmentId, writePosition } from './replay-position.ts';

/**
 * Batch: what one turn of the event loop appended, written by one write. Starts at a multiple of 8, little endian.
 *
 *   0   u32   magic 0xba7c41e5
 *   4   u32   bytes of the records
 *   8   u32   offset of this batch in its segment
 *   12  12    position known durable when the batch was written: u64 segment id, u32 offset
 *   24  u32   CRC-32 of the records, seeded with the segment id
 *   28  u32   CRC-32 of bytes 0 to 27, seeded with the segment id
 *   32  records, each: u32 bytes of the payload | u8 kind | payload
 *   zeros up to the next multiple of 8
 *
 * A batch without records only tells the durable position.
 */
export const BATCH_HEAD_BYTES = 32;
export const BATCH_MAGIC = 0xba7c_41e5;
export const RECORD_HEAD_BYTES = 5;

/** The first multiple of 8 at or after `offset`: where the next batch begins. */
export function alignBatch(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}

/**
 * Fills in the head of the batch whose records lie in bytes[at + 32, at + 32 + bodyBytes).
 * @param offset where in the segment the batch will stand
 */
export function sealBatch(
  bytes: Uint8Array,
  at: number,
  bodyBytes: number,
  offset: number,
  durableSegmentId: number,
  durableOffset: number,
  seed: number,
): void {
  const bodyAt = at + BATCH_HEAD_BYTES;
  writeI32LE(bytes, at, BATCH_MAGIC);
  writeI32LE(bytes, at + 4, bodyBytes);
  writeI32LE(bytes, at + 8, offset);
  writePosition(durableSegmentId, durableOffset, bytes, at + 12);
  writeI32LE(bytes, at + 24, checksum(bytes, bodyAt, bodyAt + bodyBytes, seed));
  writeI32LE(bytes, at + 28, crc32(bytes, at, at + 28, seed));
}

/** True if bytes[at, at + 32) is the head of a batch that belongs at `offset` of the segment with that seed. */
export function isBatchHead(bytes: Uint8Array, at: number, offset: number, seed: number): boolean {
  return (
    readI32LE(bytes, at) === (BATCH_MAGIC | 0) &&
    readU32LE(bytes, at + 8) === offset &&
    crc32(bytes, at, at + 28, seed) === readU32LE(bytes, at + 28)
  );
}

/** Bytes of the records, as the head at bytes[at] says. */
export function batchBodyBytes(bytes: Uint8Array, at: number): number {
  return readU32LE(bytes, at + 4);
}

/** True if the records behind the head at bytes[at], all of them in `bytes`, are as written. */
export function isBatchBody(bytes: Uint8Array, at: number, bodyBytes: number, seed: number): boolean {
  const bodyAt = at + BATCH_HEAD_BYTES;
  return checksum(bytes, bodyAt, bodyAt + bodyBytes, seed) === readU32LE(bytes, at + 24);
}

/** Segment of the durable position in the head at bytes[at]. */
export function batchDurableSegmentId(bytes: Uint8Array, at: number): number {
  return positionSegmentId(bytes, at + 12);
}

/** Offset of the durable position in the head at bytes[at]. */
export function batchDurableOffset(bytes: Uint8Array, at: number): number {
  return positionOffset(bytes, at + 12);
}
