import { crc32 } from 'node:zlib';
import { copyBytes, readU32BE } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import type { FileDescriptor } from '../core/ports/files.ts';
import { type ChunkCodec, chunkCodec } from './compress.ts';
import { CHUNK_CRC_BYTES, type CompressionInfo } from './format/compression-info.ts';

/** Block of a file that has neither compression nor checksums. */
const PLAIN_BLOCK_BYTES: number = 64 * 1024;

/** What the blocks of a plain file are checked against. */
export interface BlockChecksums {
  readonly blockBytes: number;
  readonly crcs: Uint32Array;
}

/**
 * An open file as a row of blocks, each verified when it is decoded: chunks of a compressed Data.db, or pieces of a plain
 * file with a checksum each (or none, in files of others). Positions are uncompressed ones. Blocks have `blockBytes` bytes but
 * for the last.
 */
export class BlockFile {
  readonly path: string;
  readonly file: FileDescriptor;
  /** Names the file in a BlockCache; -1 without one. */
  readonly cacheId: number;
  readonly blockBytes: number;
  /** Uncompressed. */
  readonly sizeBytes: number;
  readonly blockCount: number;
  readonly #diskBytes: number;
  readonly #codec: ChunkCodec | undefined;
  readonly #compression: CompressionInfo | undefined;
  readonly #crcs: Uint32Array | undefined;

  /**
   * @param diskBytes size of the file
   * @throws CorruptFileError when the checksums are not as many as the blocks; UnsupportedFormatError for the compressor
   */
  constructor(
    path: string,
    file: FileDescriptor,
    cacheId: number,
    diskBytes: number,
    compression: CompressionInfo | undefined,
    checksums: BlockChecksums | undefined,
  ) {
    this.path = path;
    this.file = file;
    this.cacheId = cacheId;
    this.#diskBytes = diskBytes;
    this.#compression = compression;
    this.#crcs = checksums?.crcs;
    if (compression !== undefined) {
      this.#codec = chunkCodec(compression.compressor, compression.options, path);
      this.blockBytes = compression.chunkBytes;
      this.sizeBytes = compression.dataBytes;
    } else {
      this.blockBytes = checksums?.blockBytes ?? PLAIN_BLOCK_BYTES;
      this.sizeBytes = diskBytes;
    }
    this.blockCount = Math.ceil(this.sizeBytes / this.blockBytes);
    if (checksums !== undefined && checksums.crcs.length !== this.blockCount) {
      throw new CorruptFileError(path, diskBytes, `${this.blockCount} blocks, ${checksums.crcs.length} checksums`);
    }
  }

  /** Uncompressed bytes of a block. */
  blockLength(block: number): number {
    return Math.min(this.blockBytes, this.sizeBytes - block * this.blockBytes);
  }

  /** Where a block is in the file: [diskStart, diskEnd), its chunk checksum included. */
  diskStart(block: number): number {
    return this.#compression === undefined ? block * this.blockBytes : this.#compression.offsets[block]!;
  }
  diskEnd(block: number): number {
    if (this.#compression === undefined) return Math.min(this.#diskBytes, (block + 1) * this.blockBytes);
    const { offsets, chunkBytes } = this.#compression;
    const end = block + 1 < offsets.length ? offsets[block + 1]! : this.#diskBytes;
    // No codec makes data much larger: what does is a damaged offset, and must not be read into memory.
    if (end - offsets[block]! > chunkBytes * 2 + 4096) {
      throw new CorruptFileError(this.path, offsets[block]!, `chunk of ${end - offsets[block]!} bytes`);
    }
    return end;
  }

  /**
   * Verifies the stored block source[start, end) and writes its blockLength bytes to target[at].
   * @throws CorruptFileError
   */
  decode(block: number, source: Uint8Array, start: number, end: number, target: Uint8Array, at: number): void {
    const length = this.blockLength(block);
    const offset = this.diskStart(block);
    if (this.#codec === undefined) {
      if (end - start !== length) throw new CorruptFileError(this.path, offset, 'file cut short');
      if (this.#crcs !== undefined && crc32(source.subarray(start, end)) !== this.#crcs[block]) {
        throw new CorruptFileError(this.path, offset, 'checksum of the block does not match');
      }
      if (source !== target || start !== at) copyBytes(source, start, end, target, at);
      return;
    }
    const stored = end - CHUNK_CRC_BYTES;
    if (stored <= start || end - start !== this.diskEnd(block) - offset) {
      throw new CorruptFileError(this.path, offset, 'chunk cut short');
    }
    if (crc32(source.subarray(start, stored)) !== readU32BE(source, stored)) {
      throw new CorruptFileError(this.path, offset, 'checksum of the chunk does not match');
    }
    if (stored - start >= this.#compression!.maxCompressedBytes) {
      if (stored - start < length) throw new CorruptFileError(this.path, offset, 'raw chunk cut short');
      copyBytes(source, start, start + length, target, at);
      return;
    }
    this.#codec.decompress(source, start, stored, target, at, length, this.path, offset);
  }
}
