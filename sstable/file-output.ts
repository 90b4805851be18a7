import { crc32 } from 'node:zlib';
import { type FileDescriptor, type Files, OpenMode } from '../core/ports/files.ts';
import { CHECKSUM_BLOCK_BYTES } from './format/tessera.ts';

/** Bytes gathered before one write; a multiple of CHECKSUM_BLOCK_BYTES, so that blocks never cross two writes. */
const BUFFER_BYTES: number = 4 * CHECKSUM_BLOCK_BYTES;

/**
 * A new file, written from its start to its end through one buffer, with the checksum of all of it and, if wanted, of each
 * 64 KiB. Blocking: for pool threads and start-up.
 */
export class FileOutput {
  readonly path: string;
  /** CRC-32 of each whole or last block; filled only when asked for. */
  readonly blockCrcs: number[] = [];
  /** CRC-32 of all bytes that left the buffer; of the file after `finish`. */
  crc = 0;
  readonly #files: Files;
  readonly #wantsBlocks: boolean;
  readonly #buffer: Uint8Array;
  #used = 0;
  #written = 0;
  #file: FileDescriptor;

  /**
   * @param expectedBytes size of a file without `wantsBlocks` if it is known: small ones need no large buffer
   * @throws FileOperationError, EEXIST when the file is there
   */
  constructor(files: Files, path: string, wantsBlocks: boolean, expectedBytes: number = BUFFER_BYTES) {
    this.#files = files;
    this.path = path;
    this.#wantsBlocks = wantsBlocks;
    this.#buffer = new Uint8Array(wantsBlocks ? BUFFER_BYTES : Math.max(1, Math.min(expectedBytes, BUFFER_BYTES)));
    this.#file = files.open(path, OpenMode.CreateNew);
  }

  /** Bytes so far. */
  get sizeBytes(): number {
    return this.#written + this.#used;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    let at = start;
    while (at < end) {
      const count = Math.min(end - at, this.#buffer.length - this.#used);
      this.#buffer.set(bytes.subarray(at, at + count), this.#used);
      this.#used += count;
      at += count;
      if (this.#used === this.#buffer.length) this.#flush();
    }
  }

  /** Writes what is left, syncs and closes. */
  finish(): void {
    this.#flush();
    this.#files.fdatasyncSync(this.#file);
    this.close();
  }

  /** Closes without writing what is left; closing twice is fine. */
  close(): void {
    if (this.#file === CLOSED) return;
    const file = this.#file;
    this.#file = CLOSED;
    this.#files.close(file);
  }

  #flush(): void {
    const used = this.#used;
    if (used === 0) return;
    const view = this.#buffer.subarray(0, used);
    this.crc = crc32(view, this.crc);
    if (this.#wantsBlocks) {
      for (let at = 0; at < used; at += CHECKSUM_BLOCK_BYTES) {
        this.blockCrcs.push(crc32(view.subarray(at, Math.min(used, at + CHECKSUM_BLOCK_BYTES))));
      }
    }
    this.#files.writeSync(this.#file, this.#buffer, 0, used, this.#written);
    this.#written += used;
    this.#used = 0;
  }
}

const CLOSED: FileDescriptor = -1;
