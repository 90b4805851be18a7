import { ByteCursor, readU32LE } from '../core/bytes.ts';
import { CorruptFileError, UnsupportedFormatError } from '../core/errors.ts';
import type { Files } from '../core/ports/files.ts';
import { BATCH_HEAD_BYTES, RECORD_HEAD_BYTES } from './batch.ts';
import type { KeptSegment, LogExamination } from './examine.ts';
import { isKnownKind, type RecordKind, recordKindName } from './record-kind.ts';
import { SegmentReader } from './segment-reader.ts';

/** Takes the records of a log in the order in which they were written. */
export interface ReplayVisitor {
  /**
   * One record. Its payload is cursor.bytes[cursor.pos, cursor.end), valid during the call only; decoders of this folder
   * take the cursor as it is. (segmentId, offset) is the record's position, just past it: a flush up to there has it.
   * Mutations are routed by their token, which is not looked at here.
   */
  record(kind: RecordKind, cursor: ByteCursor, segmentId: number, offset: number): void;
  /** Called before the first record of a segment. `shard` is the one that wrote it. */
  segment?(segment: KeptSegment, shard: number): void;
  /** Called after each batch; replay goes on when the promise resolves. Undefined: at once. For flushing and yielding. */
  pause?(): Promise<void> | undefined;
}

export interface ReplaySummary {
  readonly segments: number;
  readonly batches: number;
  readonly records: number;
  readonly bytes: number;
}

/**
 * Reads the examined logs once, forward: other shards' first, one's own last, each from its oldest kept segment to where the
 * log ends. Every checksum is verified again. Writes nothing, so that a crash on the way changes nothing.
 *
 * What the records mean together is the visitor's: a CHECKPOINT is authoritative over the records of its own chain that
 * came before it.
 * @throws CorruptFileError when the files changed since they were examined or a record is malformed
 * @throws UnsupportedFormatError at a kind of record that this version does not know
 */
export async function replayLog(
  files: Files,
  examination: LogExamination,
  visitor: ReplayVisitor,
): Promise<ReplaySummary> {
  const summary = { segments: 0, batches: 0, records: 0, bytes: 0 };
  for (const chain of examination.chains) {
    for (const segment of chain.kept) {
      visitor.segment?.(segment, chain.shard);
      summary.segments++;
      const reader = new SegmentReader(files, segment.file);
      try {
        for (const run of segment.runs) {
          for (let at = run.start; at < run.end; ) {
            const next = reader.readBatch(at, run.end);
            if (next < 0) throw new CorruptFileError(segment.file.path, at, 'the batch changed while it was replayed');
            summary.records += visitBatch(reader, at, visitor);
            summary.batches++;
            summary.bytes += next - at;
            at = next;
            const pause = visitor.pause?.();
            if (pause !== undefined) await pause;
          }
        }
      } finally {
        reader.close();
      }
    }
  }
  return summary;
}

/** Hands over the records of the batch that `reader` holds, which stands at `offset`. Returns how many. */
function visitBatch(reader: SegmentReader, offset: number, visitor: ReplayVisitor): number {
  const { window, path, segmentId } = reader;
  const end = reader.batchAt + BATCH_HEAD_BYTES + reader.bodyBytes;
  const base = offset - reader.batchAt; // file offset of window[0]
  const cursor = new ByteCursor(window, path, 0, end, base);
  let at = reader.batchAt + BATCH_HEAD_BYTES;
  let count = 0;
  while (at < end) {
    const payloadAt = at + RECORD_HEAD_BYTES;
    const payloadBytes = payloadAt <= end ? readU32LE(window, at) : Number.POSITIVE_INFINITY;
    if (payloadAt + payloadBytes > end) throw new CorruptFileError(path, base + at, 'log record longer than its batch');
    const kind = window[at + 4]!;
    if (!isKnownKind(kind)) {
      throw new UnsupportedFormatError(
        path,
        `${recordKindName(kind)} record at byte ${base + at}, which this version does not read`,
      );
    }
    cursor.pos = payloadAt;
    cursor.end = payloadAt + payloadBytes;
    at = cursor.end;
    visitor.record(kind, cursor, segmentId, base + at);
    count++;
  }
  return count;
}
