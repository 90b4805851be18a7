import { ByteWriter, readU32LE, writeI32LE } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { int64Hi, int64Lo, int64ToNumber } from '../core/int64.ts';

/**
 * A place in one shard's log: everything before byte `offset` of segment `segmentId`, and all of the earlier segments. A
 * record's own position is the one just past it, so "flushed up to P" covers the records whose position is at most P.
 *
 *   0   u64   segment id
 *   8   u32   offset in bytes from the start of the file
 */
export interface ReplayPosition {
  readonly segmentId: number;
  readonly offset: number;
}

export const REPLAY_POSITION_BYTES = 12;

/** Before every record of every log. */
export const NO_POSITION: ReplayPosition = { segmentId: 0, offset: 0 };

/** Negative, 0 or positive as (aSegment, aOffset) is before, at or after (bSegment, bOffset). */
export function comparePositions(aSegment: number, aOffset: number, bSegment: number, bOffset: number): number {
  return aSegment !== bSegment ? aSegment - bSegment : aOffset - bOffset;
}

/** Writes the 12 bytes at target[at]. */
export function writePosition(segmentId: number, offset: number, target: Uint8Array, at: number): void {
  writeI32LE(target, at, int64Lo(segmentId));
  writeI32LE(target, at + 4, int64Hi(segmentId));
  writeI32LE(target, at + 8, offset);
}

/** A new array with the 12 bytes of `position`. */
export function encodePosition(position: ReplayPosition): Uint8Array {
  const writer = new ByteWriter(REPLAY_POSITION_BYTES);
  writer.i64LE(int64Hi(position.segmentId), int64Lo(position.segmentId));
  writer.i32LE(position.offset);
  return writer.bytes;
}

/** Segment id of the position at bytes[at]: NaN when it is above 2^53 - 1. The caller checked the length. */
export function positionSegmentId(bytes: Uint8Array, at: number): number {
  const id = int64ToNumber(readU32LE(bytes, at + 4), readU32LE(bytes, at));
  return id <= Number.MAX_SAFE_INTEGER ? id : Number.NaN;
}

/** Offset of the position at bytes[at]. The caller checked the length. */
export function positionOffset(bytes: Uint8Array, at: number): number {
  return readU32LE(bytes, at + 8);
}

/**
 * Reads the position at bytes[at].
 * @throws CorruptFileError when fewer than 12 bytes are there or the segment id is above 2^53 - 1
 */
export function decodePosition(bytes: Uint8Array, at: number, path: string): ReplayPosition {
  if (at + REPLAY_POSITION_BYTES > bytes.length) throw new CorruptFileError(path, at, 'replay position cut short');
  const segmentId = positionSegmentId(bytes, at);
  if (Number.isNaN(segmentId)) throw new CorruptFileError(path, at, 'segment id above 2^53 - 1');
  return { segmentId, offset: positionOffset(bytes, at) };
}
