import { ByteWriter, writeI32LE } from '../core/bytes.ts';
import { alignBatch, BATCH_HEAD_BYTES, RECORD_HEAD_BYTES, sealBatch } from './batch.ts';
import { RecordKind } from './record-kind.ts';
import { SEGMENT_HEADER_BYTES, type SegmentHeader, segmentSeed, writeSegmentHeader } from './segment.ts';

const CHECKPOINT_AT: number = SEGMENT_HEADER_BYTES + BATCH_HEAD_BYTES + RECORD_HEAD_BYTES;

/**
 * What every segment begins with: header, and a batch with the CHECKPOINT alone, up to where the next batch begins.
 * @param checkpoint appends the CHECKPOINT's payload
 */
export function encodeSegmentHead(
  header: SegmentHeader,
  checkpoint: (out: ByteWriter, oldestNeeded: number) => void,
  durableSegmentId: number,
  durableOffset: number,
): Uint8Array {
  const out = new ByteWriter(4096);
  out.length = CHECKPOINT_AT;
  checkpoint(out, header.oldestNeeded);
  const { length } = out;
  out.reserve(8);
  const { bytes } = out;
  writeSegmentHeader(header, bytes);
  writeI32LE(bytes, CHECKPOINT_AT - RECORD_HEAD_BYTES, length - CHECKPOINT_AT);
  bytes[CHECKPOINT_AT - 1] = RecordKind.Checkpoint;
  sealBatch(
    bytes,
    SEGMENT_HEADER_BYTES,
    length - SEGMENT_HEADER_BYTES - BATCH_HEAD_BYTES,
    SEGMENT_HEADER_BYTES,
    durableSegmentId,
    durableOffset,
    segmentSeed(header.segmentId),
  );
  const end = alignBatch(length);
  bytes.fill(0, length, end);
  return bytes.subarray(0, end);
}
