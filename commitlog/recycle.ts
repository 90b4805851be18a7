import { OverloadedError } from '../core/errors.ts';
import type { FileDescriptor, Files } from '../core/ports/files.ts';
import { OpenMode } from '../core/ports/files.ts';
import { type Log, LogLevel } from '../core/ports/log.ts';
import { type SegmentFile, SegmentFileKind, segmentCounter, segmentFileName, segmentIdOf } from './segment.ts';

const FILL_BLOCK_BYTES = 256 * 1024;
/**
 * A crash may lose the names of the newest segments, but not bytes that were written to them when they are recycled files.
 * So a start does not go on from the highest id it sees but leaps over all that may have been given: at most so many are
 * given beyond the newest segment whose name is known to be durable.
 */
export const ID_LEAP: number = 1 << 16;

/** A segment file that is open for writing. Mutable: the writer and the supply both keep it up to date. */
export class OpenSegment {
  readonly segmentId: number;
  readonly path: string;
  readonly file: FileDescriptor;
  /** Bytes of an older segment may stand in it. */
  readonly isRecycled: boolean;
  /** Bytes that the file already has: writes below need no new space. */
  readonly sizeBytes: number;
  /** The directory was synced since the file has its name. */
  isNameDurable: boolean;
  /** Number of the last batch in it. Final when the segment is sealed, as is `end`. */
  lastBatch = 0;
  end = 0;
  /** What its header says. */
  oldestNeeded = 0;

  constructor(segmentId: number, path: string, file: FileDescriptor, isRecycled: boolean, sizeBytes: number) {
    this.segmentId = segmentId;
    this.path = path;
    this.file = file;
    this.isRecycled = isRecycled;
    this.sizeBytes = sizeBytes;
    this.isNameDurable = false;
  }
}

export interface SegmentSupplyOptions {
  readonly files: Files;
  readonly log: Log;
  readonly directory: string;
  readonly shard: number;
  readonly segmentBytes: number;
  /** Free files kept for use; more are deleted. */
  readonly maxFree: number;
  /** The highest counter that is known, 0 when the log begins; the first id given is above any that ever was. */
  readonly highestCounter: number;
}

/**
 * Where new segments come from. One is made ready ahead: a free file of the past, or a new one filled with zeros by
 * asynchronous writes and synced, so that the log's own syncs have no file size to write. When the log runs faster than
 * that, a bare file is handed out, which grows as it is written.
 *
 * Ids are given when a file gets its name, in order, and never again: SSTables speak of them for ever.
 */
export class SegmentSupply {
  readonly #options: SegmentSupplyOptions;
  readonly #zeros: Uint8Array;
  readonly #free: SegmentFile[] = [];
  #nextCounter: number;
  #durableCounter: number;
  #spare: OpenSegment | undefined = undefined;
  #fillFile: FileDescriptor = -1;
  #fillPath = '';
  #fillOffset = 0;
  #isClosed = false;
  #whenIdle: (() => void) | undefined = undefined;

  constructor(options: SegmentSupplyOptions) {
    this.#options = options;
    this.#zeros = new Uint8Array(Math.min(FILL_BLOCK_BYTES, options.segmentBytes));
    this.#nextCounter = options.highestCounter === 0 ? 1 : options.highestCounter + ID_LEAP;
    this.#durableCounter = this.#nextCounter;
  }

  /** Bytes of free and prepared files. */
  get freeBytes(): number {
    const count = this.#free.length + (this.#spare === undefined ? 0 : 1);
    return count * this.#options.segmentBytes;
  }

  /** True when a filled segment is ready. */
  get hasSpare(): boolean {
    return this.#spare !== undefined;
  }

  /**
   * Takes a file that the log no longer needs: keeps it as free or deletes it. A failure leaves the file where it is: it is
   * not part of the log, and the next start tries again.
   */
  reclaim(file: SegmentFile): void {
    const { files, directory, segmentBytes, maxFree } = this.#options;
    try {
      const status = files.status(file.path);
      if (status === undefined) return;
      const isWhole = file.kind !== SegmentFileKind.Filling && status.sizeBytes >= segmentBytes;
      if (!isWhole || this.#free.length >= maxFree) {
        files.unlink(file.path);
        return;
      }
      const path = `${directory}/${segmentFileName(SegmentFileKind.Recycled, file.segmentId)}`;
      if (path !== file.path) files.rename(file.path, path);
      this.#free.push({ kind: SegmentFileKind.Recycled, segmentId: file.segmentId, path });
    } catch (error) {
      this.#warn(`cannot free ${file.path}`, error);
    }
  }

  /** Begins to make a segment ready unless one is, or is being made. Failures are logged: the next call tries again. */
  prepare(): void {
    if (this.#isClosed || this.#spare !== undefined || this.#fillFile >= 0) return;
    const { files, directory, shard } = this.#options;
    try {
      const free = this.#openFree();
      if (free !== undefined) {
        this.#setSpare(free);
        return;
      }
      // The number in this name is no id yet: the segment gets one when it is ready, after those handed out meanwhile.
      this.#fillPath = `${directory}/${segmentFileName(SegmentFileKind.Filling, segmentIdOf(this.#nextCounter, shard))}`;
      this.#fillFile = files.open(this.#fillPath, OpenMode.CreateNew);
      this.#fillOffset = 0;
      this.#fillMore();
    } catch (error) {
      this.#warn('cannot prepare a segment', error);
    }
  }

  /**
   * A segment to write: the one made ready, else a free or a bare one.
   * @throws FileOperationError when no file can be made; nothing has changed then
   * @throws OverloadedError when the names of too many segments are not durable
   */
  take(): OpenSegment {
    const spare = this.#spare;
    if (spare !== undefined) {
      this.#spare = undefined;
      return spare;
    }
    const free = this.#openFree();
    if (free !== undefined) return free;
    const segmentId = this.#giveId();
    const path = this.#livePath(segmentId);
    try {
      return new OpenSegment(segmentId, path, this.#options.files.open(path, OpenMode.CreateNew), false, 0);
    } catch (error) {
      this.#nextCounter--; // no file ever had it
      throw error;
    }
  }

  /** Takes back a segment that could not be begun: it has no header. It is the next one to be taken, so that no id is lost. */
  giveBack(segment: OpenSegment): void {
    this.#spare = segment;
  }

  /** The segment's name and content are durable: a start will know its id. */
  noteDurable(segmentId: number): void {
    this.#durableCounter = segmentCounter(segmentId);
  }

  /** Stops preparing and gives the spare segment back; calls `done` when nothing is under way. */
  close(done: () => void): void {
    this.#isClosed = true;
    const spare = this.#spare;
    if (spare !== undefined) {
      // A segment that has a name and no header holds nothing: it may be used again under another id.
      this.#spare = undefined;
      this.#options.files.close(spare.file);
      this.reclaim({ kind: SegmentFileKind.Live, segmentId: spare.segmentId, path: spare.path });
    }
    if (this.#fillFile >= 0) this.#whenIdle = done;
    else done();
  }

  #giveId(): number {
    if (this.#nextCounter - this.#durableCounter >= ID_LEAP) {
      throw new OverloadedError('the names of too many commit log segments are not durable');
    }
    return segmentIdOf(this.#nextCounter++, this.#options.shard);
  }

  #livePath(segmentId: number): string {
    return `${this.#options.directory}/${segmentFileName(SegmentFileKind.Live, segmentId)}`;
  }

  #openFree(): OpenSegment | undefined {
    const free = this.#free.pop();
    if (free === undefined) return undefined;
    const file = this.#options.files.open(free.path, OpenMode.ReadWrite);
    return this.#name(file, free.path, true);
  }

  /** Gives the open file at `path` its id and name. */
  #name(file: FileDescriptor, path: string, isRecycled: boolean): OpenSegment {
    const { files, segmentBytes } = this.#options;
    const segmentId = this.#giveId();
    const livePath = this.#livePath(segmentId);
    try {
      files.rename(path, livePath);
    } catch (error) {
      files.close(file);
      throw error;
    }
    return new OpenSegment(segmentId, livePath, file, isRecycled, segmentBytes);
  }

  #setSpare(segment: OpenSegment): void {
    this.#spare = segment;
    // On failure the name stays "not durable": the writer syncs the directory itself before it relies on it.
    this.#options.files.syncDirectoryAsync(this.#options.directory, (error) => {
      if (error === undefined) segment.isNameDurable = true;
      else this.#warn('cannot sync the log directory', error);
    });
  }

  #fillMore(): void {
    const { files, segmentBytes } = this.#options;
    const left = segmentBytes - this.#fillOffset;
    if (left > 0) {
      files.write(this.#fillFile, this.#zeros, 0, Math.min(left, this.#zeros.length), this.#fillOffset, this.#onFilled);
    } else {
      files.fdatasync(this.#fillFile, this.#onFillSynced);
    }
  }

  readonly #onFilled = (error: Error | undefined, count: number): void => {
    if (error !== undefined || this.#isClosed) {
      this.#abandonFill(error);
      return;
    }
    this.#fillOffset += count;
    try {
      this.#fillMore();
    } catch (failure) {
      this.#abandonFill(failure);
    }
  };

  readonly #onFillSynced = (error: Error | undefined): void => {
    if (error !== undefined || this.#isClosed) {
      this.#abandonFill(error);
      return;
    }
    const file = this.#fillFile;
    this.#fillFile = -1;
    try {
      if (this.#spare !== undefined) {
        this.#options.files.close(file);
        this.reclaim({ kind: SegmentFileKind.Live, segmentId: this.#giveId(), path: this.#fillPath });
        return;
      }
      this.#setSpare(this.#name(file, this.#fillPath, false));
    } catch (failure) {
      this.#warn('cannot prepare a segment', failure);
    }
  };

  #abandonFill(error: unknown): void {
    const { files } = this.#options;
    if (error !== undefined) this.#warn('cannot prepare a segment', error);
    try {
      files.close(this.#fillFile);
      files.unlink(this.#fillPath);
    } catch (failure) {
      this.#warn(`cannot remove ${this.#fillPath}`, failure);
    }
    this.#fillFile = -1;
    this.#whenIdle?.();
    this.#whenIdle = undefined;
  }

  #warn(what: string, error: unknown): void {
    this.#options.log.write(LogLevel.Warn, 'commitlog', `${what}: ${error instanceof Error ? error.message : error}`);
  }
}
