import type { Files } from '../core/ports/files.ts';
import type { BlockCache } from './block-cache.ts';
import type { BlockFile } from './block-file.ts';

/** How blocks are read. */
export interface BlockSource {
  readonly files: Files;
  /** Undefined: nothing is kept. */
  readonly cache: BlockCache | undefined;
  /** True: missing blocks are read at once, blocking. For pool threads and tools, never on a request. */
  readonly isBlocking: boolean;
}

/** What `more` did: appended bytes, needs `load` first, or found the end of the file. */
export const More = { Added: 1, NeedsLoad: 2, AtEnd: 3 } as const;
export type More = (typeof More)[keyof typeof More];

/** Most bytes that one read takes from disk. */
const MOST_AHEAD_BYTES: number = 256 * 1024;
/** Larger buffers are not kept for the next use. */
const KEPT_BYTES: number = 64 * 1024;

/**
 * A stretch of a file's uncompressed bytes that moves forward: bytes[pos, end) are there, `more` appends what follows.
 * bytes[i] is the byte at file position base + i. The bytes are those of a cached block, pinned, or the window's own copy
 * when a stretch crosses blocks. Any call may replace `bytes` and move `pos`, `end` and `base` together.
 */
export class BlockWindow {
  readonly file: BlockFile;
  readonly #source: BlockSource;
  bytes: Uint8Array = EMPTY;
  pos = 0;
  end = 0;
  base = 0;
  /** Nothing from this position on will be wanted, as far as is known: reading ahead stops there. */
  limit: number = Number.POSITIVE_INFINITY;
  /** Where the valid bytes begin; `pos` may go back to it. */
  #start = 0;
  #own: Uint8Array = EMPTY;
  #slot = -1;
  #nextBlock = 0;
  /** Bytes at the start of the next block that lie before the place sought. */
  #skip = 0;
  /** Bytes that the next read takes from disk; doubles from read to read. */
  #aheadBytes: number;
  readonly #firstReadBytes: number;
  #disk: Uint8Array = EMPTY;
  #isLoading = false;
  /** Counts `close`, so that a load that was under way then does not touch what came after. */
  #generation = 0;

  /** @param firstReadBytes what the first read takes: one block if less; more where much is known to follow */
  constructor(file: BlockFile, source: BlockSource, firstReadBytes: number) {
    this.file = file;
    this.#source = source;
    this.#firstReadBytes = firstReadBytes;
    this.#aheadBytes = firstReadBytes;
  }

  /** Position in the file of bytes[pos]. */
  get position(): number {
    return this.base + this.pos;
  }

  /** Moves to a position; keeps the bytes if it lies among them. */
  seek(position: number): void {
    const at = position - this.base;
    if (at >= this.#start && at <= this.end && this.end > this.#start) {
      this.pos = at;
      return;
    }
    this.#release();
    this.#aheadBytes = this.#firstReadBytes;
    this.#nextBlock = Math.floor(position / this.file.blockBytes);
    this.#skip = position - this.#nextBlock * this.file.blockBytes;
    this.bytes = this.#own;
    this.#start = 0;
    this.pos = 0;
    this.end = 0;
    this.base = position;
  }

  /** Appends the next block or blocks, if that can be done without waiting. @throws CorruptFileError, FileOperationError */
  more(): More {
    const { cache, isBlocking, files } = this.#source;
    const { file } = this;
    if (this.#nextBlock >= file.blockCount) return More.AtEnd;
    if (cache !== undefined) {
      const slot = cache.find(file.cacheId, this.#nextBlock);
      if (slot >= 0) {
        this.#append(cache.bytes(slot), cache.start(slot), cache.length(slot), slot);
        return More.Added;
      }
    }
    if (!isBlocking) return More.NeedsLoad;
    const { last, start, length } = this.#plan();
    const disk = this.#diskBuffer(length);
    const count = files.readSync(file.file, disk, 0, length, start);
    this.#appendDisk(disk, count, this.#nextBlock, last);
    return More.Added;
  }

  /** Reads what `more` asked for and appends it. Rejects with CorruptFileError or FileOperationError. */
  load(): Promise<void> {
    const { cache, files } = this.#source;
    const { file } = this;
    const first = this.#nextBlock;
    const generation = this.#generation;
    return new Promise((resolve, reject) => {
      const { last, start, length } = this.#plan();
      this.#isLoading = true;
      // Called once, with what to do when the bytes are there; nothing is done for a window that was closed meanwhile.
      const finish = (error: Error | undefined, append: () => void) => {
        if (generation === this.#generation) {
          this.#isLoading = false;
          try {
            if (error === undefined) append();
          } catch (thrown) {
            reject(thrown);
            return;
          }
        }
        if (error === undefined) resolve();
        else reject(error);
      };
      if (cache !== undefined && last === first) {
        cache.load(files, file, first, (error, bytes, at, blockLength, slot) => {
          finish(error, () => this.#append(bytes, at, blockLength, slot));
        });
        return;
      }
      const disk = this.#diskBuffer(length);
      files.read(file.file, disk, 0, length, start, (error, count) => {
        finish(error, () => this.#appendDisk(disk, count, first, last));
      });
    });
  }

  /** Gives back the pinned block and empties the window; `seek` makes it usable again. A load under way ends without effect. */
  close(): void {
    this.#generation++;
    this.#release();
    if (this.#own.length > KEPT_BYTES) this.#own = EMPTY;
    if (this.#isLoading || this.#disk.length > KEPT_BYTES) this.#disk = EMPTY; // the port may still write into it
    this.#isLoading = false;
    this.bytes = EMPTY;
    this.#start = 0;
    this.pos = 0;
    this.end = 0;
    this.limit = Number.POSITIVE_INFINITY;
  }

  /** The blocks of the next read: as many as fit what is to be read ahead, at least one. */
  #plan(): { readonly last: number; readonly start: number; readonly length: number } {
    const { file } = this;
    const first = this.#nextBlock;
    const start = file.diskStart(first);
    let last = first;
    let end = file.diskEnd(first);
    while (last + 1 < file.blockCount && (last + 1) * file.blockBytes < this.limit) {
      const next = file.diskEnd(last + 1);
      if (next - start > this.#aheadBytes) break;
      last++;
      end = next;
    }
    this.#aheadBytes = Math.min(MOST_AHEAD_BYTES, Math.max(this.#aheadBytes, file.blockBytes) * 2);
    return { last, start, length: end - start };
  }

  #diskBuffer(length: number): Uint8Array {
    if (this.#disk.length < length) this.#disk = Buffer.allocUnsafeSlow(length);
    return this.#disk;
  }

  #appendDisk(disk: Uint8Array, count: number, first: number, last: number): void {
    const { file } = this;
    const { cache } = this.#source;
    const diskBase = file.diskStart(first);
    this.#makeRoom((last - first + 1) * file.blockBytes);
    for (let block = first; block <= last; block++) {
      const from = Math.min(count, file.diskStart(block) - diskBase);
      const to = Math.min(count, file.diskEnd(block) - diskBase);
      const length = file.blockLength(block);
      file.decode(block, disk, from, to, this.#own, this.end);
      cache?.offer(file, block, this.#own, this.end, this.end + length);
      this.#advance(length);
    }
  }

  #append(bytes: Uint8Array, start: number, length: number, slot: number): void {
    if (this.pos === this.end && slot >= 0) {
      this.#release();
      this.#source.cache!.pin(slot);
      this.#slot = slot;
      this.bytes = bytes;
      this.base = this.#nextBlock * this.file.blockBytes - start;
      this.end = start;
      this.#start = start + this.#skip;
      this.pos = this.#start;
      this.#skip = 0;
      this.end = start + length;
      this.#nextBlock++;
      return;
    }
    this.#makeRoom(length);
    this.#own.set(bytes.subarray(start, start + length), this.end);
    this.#advance(length);
  }

  /** Counts a block that was put at own[end]. */
  #advance(length: number): void {
    if (this.#skip > 0) {
      this.#start = this.#skip; // only in front of an empty window
      this.pos = this.#skip;
      this.#skip = 0;
    }
    this.end += length;
    this.#nextBlock++;
  }

  /** Brings bytes[pos, end) into the own buffer, with room for `extra` bytes after them. */
  #makeRoom(extra: number): void {
    const kept = this.end - this.pos;
    const isOwn = this.bytes === this.#own;
    if (kept === 0) {
      // base is the next block's start then, also when the place sought lies inside it
      this.#release();
      if (this.#own.length < extra) this.#own = new Uint8Array(extra);
      this.bytes = this.#own;
      this.base = this.#nextBlock * this.file.blockBytes;
      this.#start = 0;
      this.pos = 0;
      this.end = 0;
      return;
    }
    if (isOwn && this.end + extra <= this.#own.length) return;
    const { bytes, pos, end } = this;
    const needed = kept + extra;
    // Moving is cheap when much is free at the front; else the buffer doubles, so that a row over many blocks stays linear.
    if (needed <= this.#own.length && (!isOwn || pos >= kept)) {
      this.#own.set(bytes.subarray(pos, end), 0);
    } else {
      const larger = new Uint8Array(Math.max(needed, this.#own.length * 2));
      larger.set(bytes.subarray(pos, end), 0);
      this.#own = larger;
    }
    this.#release();
    this.bytes = this.#own;
    this.base += pos;
    this.#start = 0;
    this.pos = 0;
    this.end = kept;
  }

  #release(): void {
    if (this.#slot < 0) return;
    this.#source.cache!.unpin(this.#slot);
    this.#slot = -1;
  }
}

const EMPTY = new Uint8Array(0);
