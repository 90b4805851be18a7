import { crc32 } from 'node:zlib';
import { copyBytes, writeI32BE } from '../core/bytes.ts';
import type { ChunkCodec } from './compress.ts';
import type { FileOutput } from './file-output.ts';
import { CHUNK_CRC_BYTES, type CompressionInfo, NEVER_RAW } from './format/compression-info.ts';

/**
 * The uncompressed bytes of Data.db on their way to the file: cut into chunks and compressed, or as they are. Positions
 * are uncompressed ones.
 */
export class DataOutput {
  readonly #file: FileOutput;
  readonly #codec: ChunkCodec | undefined;
  readonly #options: Readonly<Record<string, string>>;
  readonly #chunk: Buffer;
  readonly #crc: Uint8Array = new Uint8Array(CHUNK_CRC_BYTES);
  #used = 0;
  #position = 0;
  #offsets: Float64Array = new Float64Array(64);
  #chunkCount = 0;

  /** @param codec undefined: no compression; @param chunkBytes a power of two */
  constructor(
    file: FileOutput,
    codec: ChunkCodec | undefined,
    options: Readonly<Record<string, string>>,
    chunkBytes: number,
  ) {
    this.#file = file;
    this.#codec = codec;
    this.#options = options;
    this.#chunk = Buffer.alloc(codec === undefined ? 0 : chunkBytes);
  }

  /** Bytes so far, before compression. */
  get position(): number {
    return this.#position;
  }

  write(bytes: Uint8Array, start: number, end: number): void {
    this.#position += end - start;
    if (this.#codec === undefined) {
      this.#file.write(bytes, start, end);
      return;
    }
    const chunk = this.#chunk;
    let at = start;
    while (at < end) {
      const count = Math.min(end - at, chunk.length - this.#used);
      copyBytes(bytes, at, at + count, chunk, this.#used);
      this.#used += count;
      at += count;
      if (this.#used === chunk.length) this.#flushChunk(chunk);
    }
  }

  /** Compresses what is left. */
  finish(): void {
    if (this.#used > 0) this.#flushChunk(this.#chunk.subarray(0, this.#used));
  }

  /** After `finish`; undefined without compression. */
  compressionInfo(): CompressionInfo | undefined {
    if (this.#codec === undefined) return undefined;
    return {
      compressor: this.#codec.className,
      options: this.#options,
      chunkBytes: this.#chunk.length,
      maxCompressedBytes: NEVER_RAW,
      dataBytes: this.#position,
      offsets: this.#offsets.subarray(0, this.#chunkCount),
    };
  }

  #flushChunk(chunk: Uint8Array): void {
    if (this.#chunkCount === this.#offsets.length) {
      const larger = new Float64Array(this.#offsets.length * 2);
      larger.set(this.#offsets);
      this.#offsets = larger;
    }
    this.#offsets[this.#chunkCount++] = this.#file.sizeBytes;
    const stored = this.#codec!.compress(chunk);
    this.#file.write(stored, 0, stored.length);
    writeI32BE(this.#crc, 0, crc32(stored));
    this.#file.write(this.#crc, 0, CHUNK_CRC_BYTES);
    this.#used = 0;
  }
}
