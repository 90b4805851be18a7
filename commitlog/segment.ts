import { readU16LE, readU32LE, writeI32LE, writeU16LE } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { UnsupportedFormatError } from '../core/errors.ts';
import { int64Hi, int64Lo, int64ToNumber } from '../core/int64.ts';
import type { Files } from '../core/ports/files.ts';
import { uuidText, writeUuid } from '../core/uuid-bytes.ts';

/**
 * Segment file: a header, then batches (batch.ts), little endian.
 *
 *   0   8     magic 'TESSLOG' and 0x0a
 *   8   u16   format version, 1; the first 64 bytes keep this layout in every version
 *   10  u16   shard that wrote it
 *   12  u16   shard count of that node at the time
 *   14  u16   flags: 1 = the file was recycled, so bytes of an older segment may follow the last batch
 *   16  u64   segment id = counter * 256 + shard
 *   24  16    host id
 *   40  u64   id of the segment before in this shard's log, 0 for none
 *   48  u32   where that one ends: its bytes from there on are not part of the log
 *   52  u64   oldest segment still needed when this one was begun; those before are free once this one's CHECKPOINT is durable
 *   60  u32   CRC-32 of bytes 0 to 59, seeded with the segment id
 *
 * All checksums of a segment are seeded with its id, so the bytes of a recycled file's former life never pass for its own.
 * A file whose header does not fit its name holds nothing yet: names are given ahead of use.
 */
export const SEGMENT_HEADER_BYTES = 64;
export const SEGMENT_FORMAT = 1;
export const SEGMENT_FLAG_RECYCLED = 1;

const MAGIC = Uint8Array.from([0x54, 0x45, 0x53, 0x53, 0x4c, 0x4f, 0x47, 0x0a]);
const MAX_SHARDS = 256;

export interface SegmentHeader {
  readonly segmentId: number;
  readonly shard: number;
  readonly shardCount: number;
  readonly hostId: string;
  readonly isRecycled: boolean;
  /** 0: none. */
  readonly previousSegmentId: number;
  readonly previousEnd: number;
  readonly oldestNeeded: number;
}

/** @returns the id of the `counter`-th segment of `shard`, a safe integer */
export function segmentIdOf(counter: number, shard: number): number {
  return counter * MAX_SHARDS + shard;
}

/** The shard in a segment id. */
export function segmentShard(segmentId: number): number {
  return segmentId % MAX_SHARDS;
}

/** The counter in a segment id. */
export function segmentCounter(segmentId: number): number {
  return Math.floor(segmentId / MAX_SHARDS);
}

/** Who replays the segments of `shard` when the node now has `shardCount` shards (settled question 28). */
export function segmentOwner(shard: number, shardCount: number): number {
  return shard < shardCount ? shard : shard % shardCount;
}

/** What every checksum of the segment starts from. */
export function segmentSeed(segmentId: number): number {
  const bytes = new Uint8Array(8);
  writeI32LE(bytes, 0, int64Lo(segmentId));
  writeI32LE(bytes, 4, int64Hi(segmentId));
  return crc32(bytes, 0, 8);
}

/** Writes the 64 bytes of `header` to target[0]. */
export function writeSegmentHeader(header: SegmentHeader, target: Uint8Array): void {
  target.set(MAGIC, 0);
  writeU16LE(target, 8, SEGMENT_FORMAT);
  writeU16LE(target, 10, header.shard);
  writeU16LE(target, 12, header.shardCount);
  writeU16LE(target, 14, header.isRecycled ? SEGMENT_FLAG_RECYCLED : 0);
  writeU64(target, 16, header.segmentId);
  writeUuid(header.hostId, target, 24);
  writeU64(target, 40, header.previousSegmentId);
  writeI32LE(target, 48, header.previousEnd);
  writeU64(target, 52, header.oldestNeeded);
  writeI32LE(target, 60, crc32(target, 0, 60, segmentSeed(header.segmentId)));
}

/**
 * Reads the header in bytes[0, length) of the file named `path` with the id of its name.
 * @returns undefined when no valid header of that segment is there: never begun, torn or damaged, as what follows tells
 * @throws UnsupportedFormatError when a newer version wrote it
 */
export function readSegmentHeader(
  bytes: Uint8Array,
  length: number,
  segmentId: number,
  path: string,
): SegmentHeader | undefined {
  if (length < SEGMENT_HEADER_BYTES) return undefined;
  for (let i = 0; i < MAGIC.length; i++) if (bytes[i] !== MAGIC[i]) return undefined;
  if (crc32(bytes, 0, 60, segmentSeed(segmentId)) !== readU32LE(bytes, 60)) return undefined;
  const version = readU16LE(bytes, 8);
  if (version !== SEGMENT_FORMAT) {
    throw new UnsupportedFormatError(
      path,
      `log format ${version} of another version, this one reads ${SEGMENT_FORMAT}`,
    );
  }
  const header: SegmentHeader = {
    segmentId: readU64(bytes, 16),
    shard: readU16LE(bytes, 10),
    shardCount: readU16LE(bytes, 12),
    hostId: uuidText(bytes, 24),
    isRecycled: (readU16LE(bytes, 14) & SEGMENT_FLAG_RECYCLED) !== 0,
    previousSegmentId: readU64(bytes, 40),
    previousEnd: readU32LE(bytes, 48),
    oldestNeeded: readU64(bytes, 52),
  };
  return header.segmentId === segmentId ? header : undefined;
}

function writeU64(target: Uint8Array, at: number, value: number): void {
  writeI32LE(target, at, int64Lo(value));
  writeI32LE(target, at + 4, int64Hi(value));
}

/** A value above 2^53 comes out rounded; it then equals no id of this program. */
function readU64(bytes: Uint8Array, at: number): number {
  return int64ToNumber(readU32LE(bytes, at + 4), readU32LE(bytes, at));
}

/**
 * `Live`: part of the log or named for it. `Recycled`: free, to be used again. `Filling`: being filled with zeros.
 * `Replayed`: an empty file that says that this shard's segments up to this id live on elsewhere: what a shard that
 * replayed the log of a vanished one leaves behind. It stays, so that the ids are never given again.
 */
export const SegmentFileKind = {
  Live: 'commitlog',
  Recycled: 'recycled',
  Filling: 'filling',
  Replayed: 'replayed',
} as const;
export type SegmentFileKind = (typeof SegmentFileKind)[keyof typeof SegmentFileKind];

export interface SegmentFile {
  readonly kind: SegmentFileKind;
  readonly segmentId: number;
  readonly path: string;
}

const FILE_NAME = /^(commitlog|recycled|filling|replayed)-(\d{16})\.log$/;

/** Name of a segment's file: sorting by name sorts by id. */
export function segmentFileName(kind: SegmentFileKind, segmentId: number): string {
  return `${kind}-${String(segmentId).padStart(16, '0')}.log`;
}

/** The segment files in `directory`, by rising id; other names are not ours and are left alone. */
export function listSegmentFiles(files: Files, directory: string): SegmentFile[] {
  const found: SegmentFile[] = [];
  for (const name of files.list(directory)) {
    const match = FILE_NAME.exec(name);
    if (match === null) continue;
    const segmentId = Number(match[2]);
    if (!Number.isSafeInteger(segmentId)) continue;
    found.push({ kind: match[1] as SegmentFileKind, segmentId, path: `${directory}/${name}` });
  }
  return found.sort((a, b) => a.segmentId - b.segmentId);
}
