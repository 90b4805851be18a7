import type { Files } from '../core/ports/files.ts';
import { BATCH_HEAD_BYTES, batchDurableOffset, batchDurableSegmentId, RECORD_HEAD_BYTES } from './batch.ts';
import { RecordKind } from './record-kind.ts';
import { comparePositions } from './replay-position.ts';
import { SEGMENT_HEADER_BYTES, type SegmentFile, type SegmentHeader } from './segment.ts';
import { SegmentReader } from './segment-reader.ts';

/** Whole batches without a gap: file bytes [start, end). */
export interface BatchRun {
  readonly start: number;
  readonly end: number;
  /** The furthest position that a batch of this run calls durable. */
  readonly durableSegmentId: number;
  readonly durableOffset: number;
}

/** What one segment file holds, after every checksum in it was verified. */
export interface SegmentScan {
  readonly file: SegmentFile;
  readonly header: SegmentHeader | undefined;
  /** True if the first batch is whole and begins with a CHECKPOINT. */
  readonly hasCheckpoint: boolean;
  readonly runs: readonly BatchRun[];
  readonly sizeBytes: number;
  /** True if what stands after the first run is neither blank nor the leftovers that a recycled file may have. */
  readonly hasTornTail: boolean;
}

/**
 * Verifies the segment up to `limit`: finds every whole batch, also those behind damage.
 * @throws FileOperationError, UnsupportedFormatError
 */
export function scanSegment(files: Files, file: SegmentFile, limit: number): SegmentScan {
  const reader = new SegmentReader(files, file);
  try {
    const runs: BatchRun[] = [];
    let hasCheckpoint = false;
    let at = SEGMENT_HEADER_BYTES;
    let firstEnd = reader.header === undefined ? 0 : SEGMENT_HEADER_BYTES;
    for (;;) {
      const run = readRun(reader, at, limit);
      if (run.end > run.start) {
        runs.push(run);
        if (run.start === SEGMENT_HEADER_BYTES) {
          hasCheckpoint = reader.readBatch(SEGMENT_HEADER_BYTES, limit) > 0 && beginsWithCheckpoint(reader);
          if (reader.header !== undefined) firstEnd = run.end;
        }
      }
      at = reader.findBatch(run.end, limit);
      if (at < 0) break;
    }
    const hasLeftovers = reader.header?.isRecycled ?? true;
    const hasTornTail =
      (reader.header !== undefined && reader.hasBatchHead(firstEnd)) || (!hasLeftovers && !reader.isBlank(firstEnd));
    return { file, header: reader.header, hasCheckpoint, runs, sizeBytes: reader.sizeBytes, hasTornTail };
  } finally {
    reader.close();
  }
}

function readRun(reader: SegmentReader, start: number, limit: number): BatchRun {
  let end = start;
  let durableSegmentId = 0;
  let durableOffset = 0;
  for (;;) {
    const next = reader.readBatch(end, limit);
    if (next < 0) return { start, end, durableSegmentId, durableOffset };
    const segmentId = batchDurableSegmentId(reader.window, reader.batchAt);
    const offset = batchDurableOffset(reader.window, reader.batchAt);
    if (comparePositions(segmentId, offset, durableSegmentId, durableOffset) > 0) {
      durableSegmentId = segmentId;
      durableOffset = offset;
    }
    end = next;
  }
}

function beginsWithCheckpoint(reader: SegmentReader): boolean {
  const kindAt = reader.batchAt + BATCH_HEAD_BYTES + RECORD_HEAD_BYTES - 1;
  return reader.bodyBytes >= RECORD_HEAD_BYTES && reader.window[kindAt] === RecordKind.Checkpoint;
}
