import { readU32LE, writeI32LE } from '../core/bytes.ts';
import { crc32 } from '../core/crc32.ts';
import { type FileDescriptor, type Files, OpenMode } from '../core/ports/files.ts';
import { type Log, LogLevel } from '../core/ports/log.ts';
import type { Tasks, TimerHandle } from '../core/ports/tasks.ts';
import { asFileError } from './file-failure.ts';
import { positionOffset, positionSegmentId, type ReplayPosition, writePosition } from './replay-position.ts';

/**
 * The mark: a small file beside a shard's segments with a position up to which the log is durable, little endian.
 *
 *   0   8   magic 'TESSMARK'
 *   8   12  position: u64 segment id, u32 offset
 *   20  8   zeros
 *   28  u32 CRC-32 of bytes 0 to 27
 *
 * Batches tell the same of those before them; the mark tells it of the last ones, and of a segment that has lost its end, its
 * header or its name. It lags behind by a second and is not synced: an old one, a torn one or none says less and never wrong.
 */
const MARK_BYTES = 32;
const MAGIC = Uint8Array.from([0x54, 0x45, 0x53, 0x53, 0x4d, 0x41, 0x52, 0x4b]);
const POSITION_AT = 8;
const CHECKSUM_AT = 28;
const LONGEST_LAG_MS = 1_000;
const FILE_NAME = /^durable-(\d{3})\.mark$/;

/** @returns where the mark of `shard` is */
export function durableMarkPath(directory: string, shard: number): string {
  return `${directory}/durable-${String(shard).padStart(3, '0')}.mark`;
}

/** The marks in `directory` by shard; what is no whole mark is left out. @throws FileOperationError */
export function readDurableMarks(files: Files, directory: string): Map<number, ReplayPosition> {
  const marks = new Map<number, ReplayPosition>();
  for (const name of files.list(directory)) {
    const match = FILE_NAME.exec(name);
    if (match === null) continue;
    const position = readMark(files, `${directory}/${name}`);
    if (position !== undefined) marks.set(Number(match[1]), position);
  }
  return marks;
}

function readMark(files: Files, path: string): ReplayPosition | undefined {
  const bytes = new Uint8Array(MARK_BYTES);
  const file = files.open(path, OpenMode.Read);
  try {
    if (files.readSync(file, bytes, 0, MARK_BYTES, 0) < MARK_BYTES) return undefined;
  } finally {
    files.close(file);
  }
  if (!MAGIC.every((byte, i) => bytes[i] === byte)) return undefined;
  if (crc32(bytes, 0, CHECKSUM_AT) !== readU32LE(bytes, CHECKSUM_AT)) return undefined;
  const segmentId = positionSegmentId(bytes, POSITION_AT);
  return Number.isNaN(segmentId) ? undefined : { segmentId, offset: positionOffset(bytes, POSITION_AT) };
}

/** Keeps the mark of one log up to date, at most once per lag. If it cannot be written, that is logged once and it stays as it is. */
export class DurableMark {
  readonly #files: Files;
  readonly #tasks: Tasks;
  readonly #log: Log;
  readonly #path: string;
  readonly #lagMs: number;
  readonly #bytes: Uint8Array = new Uint8Array(MARK_BYTES);
  #file: FileDescriptor = -1;
  #segmentId = 0;
  #offset = 0;
  #timer: TimerHandle = 0;
  #isWriting = false;
  #hasFailed = false;
  #isClosed = false;
  #whenWritten: (() => void) | undefined = undefined;

  /** @param lagMs how far the mark may lag behind, a second at most */
  constructor(files: Files, tasks: Tasks, log: Log, directory: string, shard: number, lagMs: number) {
    this.#files = files;
    this.#tasks = tasks;
    this.#log = log;
    this.#path = durableMarkPath(directory, shard);
    this.#lagMs = Math.min(lagMs, LONGEST_LAG_MS);
    this.#bytes.set(MAGIC, 0);
  }

  /** The log is durable up to here. */
  advance(segmentId: number, offset: number): void {
    this.#segmentId = segmentId;
    this.#offset = offset;
    if (this.#timer === 0 && !this.#hasFailed && !this.#isClosed) {
      this.#timer = this.#tasks.setTimer(this.#lagMs, this.#onTimer);
    }
  }

  /** Writes the last position and closes the file. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#tasks.clearTimer(this.#timer);
    if (this.#isWriting) await new Promise<void>((done) => (this.#whenWritten = done));
    try {
      if (!this.#hasFailed && this.#segmentId > 0) {
        this.#prepare();
        this.#files.writeSync(this.#file, this.#bytes, 0, MARK_BYTES, 0);
      }
      if (this.#file >= 0) this.#files.close(this.#file);
    } catch (error) {
      this.#fail(error);
    }
  }

  readonly #onTimer = (): void => {
    this.#timer = 0;
    if (this.#isWriting) {
      this.advance(this.#segmentId, this.#offset);
      return;
    }
    try {
      this.#prepare();
      this.#isWriting = true;
      this.#files.write(this.#file, this.#bytes, 0, MARK_BYTES, 0, this.#onWritten);
    } catch (error) {
      this.#isWriting = false;
      this.#fail(error);
    }
  };

  readonly #onWritten = (error: Error | undefined): void => {
    this.#isWriting = false;
    if (error !== undefined) this.#fail(error);
    this.#whenWritten?.();
  };

  /** Opens the file, and fills the bytes, which no write may be borrowing. @throws FileOperationError */
  #prepare(): void {
    if (this.#file < 0) this.#file = this.#files.open(this.#path, OpenMode.ReadWrite);
    writePosition(this.#segmentId, this.#offset, this.#bytes, POSITION_AT);
    writeI32LE(this.#bytes, CHECKSUM_AT, crc32(this.#bytes, 0, CHECKSUM_AT));
  }

  #fail(error: unknown): void {
    this.#hasFailed = true;
    this.#log.write(LogLevel.Warn, 'commitlog', `cannot keep ${this.#path}: ${asFileError(error).message}`);
  }
}
