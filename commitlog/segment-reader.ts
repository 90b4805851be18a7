import { type FileDescriptor, type Files, OpenMode } from '../core/ports/files.ts';
import { alignBatch, BATCH_HEAD_BYTES, BATCH_MAGIC, batchBodyBytes, isBatchBody, isBatchHead } from './batch.ts';
import {
  readSegmentHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentFile,
  type SegmentHeader,
  segmentSeed,
} from './segment.ts';

const WINDOW_BYTES = 1 << 20;
const MAGIC_BYTE = BATCH_MAGIC & 0xff;

/**
 * Reads a segment file batch by batch through a window of at least 1 MiB, blocking: for start-up and tools. Memory follows
 * the largest batch, whose length is checked against the file before anything is made for it.
 */
export class SegmentReader {
  readonly path: string;
  readonly segmentId: number;
  readonly sizeBytes: number;
  /** Undefined when the file holds no valid header of this segment. */
  readonly header: SegmentHeader | undefined;
  /** Holds the batch last read at [batchAt, batchAt + 32 + bodyBytes). Valid until the next read. */
  window: Uint8Array;
  batchAt = 0;
  bodyBytes = 0;
  readonly #files: Files;
  readonly #file: FileDescriptor;
  readonly #seed: number;
  #windowStart = 0;
  #windowEnd = 0;

  /** @throws FileOperationError, UnsupportedFormatError */
  constructor(files: Files, segment: SegmentFile) {
    this.path = segment.path;
    this.segmentId = segment.segmentId;
    this.#files = files;
    this.#seed = segmentSeed(segment.segmentId);
    this.#file = files.open(segment.path, OpenMode.Read);
    try {
      this.sizeBytes = files.sizeOf(this.#file);
      this.window = new Uint8Array(Math.min(WINDOW_BYTES, Math.max(this.sizeBytes, SEGMENT_HEADER_BYTES)));
      this.#fill(0);
      this.header = readSegmentHeader(this.window, this.#windowEnd, segment.segmentId, segment.path);
    } catch (error) {
      files.close(this.#file);
      throw error;
    }
  }

  close(): void {
    this.#files.close(this.#file);
  }

  /**
   * Reads the batch at `offset`, of which nothing may lie at or after `limit`.
   * @returns where the next batch begins, or -1 when no whole and right batch of this segment is there
   */
  readBatch(offset: number, limit: number): number {
    const fileEnd = Math.min(limit, this.sizeBytes);
    if (!this.#load(offset, BATCH_HEAD_BYTES, fileEnd)) return -1;
    let at = offset - this.#windowStart;
    if (!isBatchHead(this.window, at, offset, this.#seed)) return -1;
    const bodyBytes = batchBodyBytes(this.window, at);
    if (!this.#load(offset, BATCH_HEAD_BYTES + bodyBytes, fileEnd)) return -1;
    at = offset - this.#windowStart;
    if (!isBatchBody(this.window, at, bodyBytes, this.#seed)) return -1;
    this.batchAt = at;
    this.bodyBytes = bodyBytes;
    return alignBatch(offset + BATCH_HEAD_BYTES + bodyBytes);
  }

  /** The first place at or after `offset` where a whole and right batch begins, or -1 when there is none before `limit`. */
  findBatch(offset: number, limit: number): number {
    const fileEnd = Math.min(limit, this.sizeBytes);
    for (let at = alignBatch(offset); this.#load(at, BATCH_HEAD_BYTES, fileEnd); at += 8) {
      const { window } = this;
      const last = Math.min(this.#windowEnd, fileEnd - this.#windowStart) - BATCH_HEAD_BYTES;
      let i = at - this.#windowStart;
      while (i <= last && window[i] !== MAGIC_BYTE) i += 8;
      at = i + this.#windowStart;
      if (i <= last && this.readBatch(at, limit) >= 0) return at;
      if (i > last) at -= 8; // the window ended: load what follows
    }
    return -1;
  }

  /** True if a batch head of this segment stands at `offset`, whatever follows: a batch that was torn. */
  hasBatchHead(offset: number): boolean {
    if (!this.#load(offset, BATCH_HEAD_BYTES, this.sizeBytes)) return false;
    return isBatchHead(this.window, offset - this.#windowStart, offset, this.#seed);
  }

  /** True if only zeros stand in the 32 bytes at `offset`, or the file ends there. */
  isBlank(offset: number): boolean {
    const length = Math.min(BATCH_HEAD_BYTES, this.sizeBytes - offset);
    if (length <= 0 || !this.#load(offset, length, this.sizeBytes)) return true;
    const at = offset - this.#windowStart;
    for (let i = at; i < at + length; i++) if (this.window[i] !== 0) return false;
    return true;
  }

  /** Makes file bytes [offset, offset + length) part of the window; false when they do not end by `fileEnd`. */
  #load(offset: number, length: number, fileEnd: number): boolean {
    if (offset + length > fileEnd) return false;
    if (offset >= this.#windowStart && offset + length <= this.#windowStart + this.#windowEnd) return true;
    if (length > this.window.length) this.window = new Uint8Array(length);
    this.#fill(offset);
    return length <= this.#windowEnd;
  }

  #fill(offset: number): void {
    let filled = 0;
    const length = Math.min(this.window.length, this.sizeBytes - offset);
    while (filled < length) {
      const count = this.#files.readSync(this.#file, this.window, filled, length - filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
    this.#windowStart = offset;
    this.#windowEnd = filled;
  }
}
