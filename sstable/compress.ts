import { constants, deflateSync, inflateSync, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import lz4 from 'lz4-napi';
import snappy from 'snappyjs';
import { readU32LE } from '../core/bytes.ts';
import { CorruptFileError, UnsupportedFormatError } from '../core/errors.ts';

/**
 * The compressors of Data.db chunks, by Cassandra's simple class names. Third-party code for this stays in this file.
 *
 *   LZ4Compressor      u32 LE uncompressed length, one LZ4 block
 *   SnappyCompressor   a raw Snappy block
 *   DeflateCompressor  a zlib stream
 *   ZstdCompressor     one Zstandard frame
 *   NoopCompressor     the bytes themselves
 *
 * What a chunk claims to hold is compared with what its place in the file asks for before any decompressor sees it.
 */
export interface ChunkCodec {
  readonly className: string;
  /** The stored form of a chunk; may share memory with `chunk`, and is valid until that changes. */
  compress(chunk: Uint8Array): Uint8Array;
  /**
   * Decompresses source[start, end), which must hold exactly `length` bytes, to target[at].
   * @param offset where the chunk begins in the file, for errors
   * @throws CorruptFileError
   */
  decompress(
    source: Uint8Array,
    start: number,
    end: number,
    target: Uint8Array,
    at: number,
    length: number,
    path: string,
    offset: number,
  ): void;
}

/** @throws UnsupportedFormatError naming the compressor when there is none of that name */
export function chunkCodec(className: string, options: Readonly<Record<string, string>>, path: string): ChunkCodec {
  switch (className) {
    case 'LZ4Compressor':
      return LZ4;
    case 'SnappyCompressor':
      return SNAPPY;
    case 'DeflateCompressor':
      return DEFLATE;
    case 'ZstdCompressor':
      return zstdCodec(options);
    case 'NoopCompressor':
      return NOOP;
    default:
      throw new UnsupportedFormatError(path, `compressor ${className} is not supported`);
  }
}

/** A codec around a function that makes the whole output, of at most `length` bytes, or throws. */
function codec(
  className: string,
  compress: (chunk: Uint8Array) => Uint8Array,
  inflate: (stored: Uint8Array, length: number) => Uint8Array,
): ChunkCodec {
  return {
    className,
    compress,
    decompress(source, start, end, target, at, length, path, offset) {
      let plain: Uint8Array;
      try {
        plain = inflate(source.subarray(start, end), length);
      } catch (error) {
        throw new CorruptFileError(path, offset, `${className}: ${(error as Error).message}`, { cause: error });
      }
      if (plain.length !== length) {
        throw new CorruptFileError(path, offset, `${className}: chunk of ${plain.length} bytes instead of ${length}`);
      }
      target.set(plain, at);
    },
  };
}

const LZ4: ChunkCodec = codec(
  'LZ4Compressor',
  (chunk) => lz4.compressSync(asBuffer(chunk)),
  (stored, length) => {
    if (stored.length < 5) throw new RangeError('chunk cut short');
    const claimed = readU32LE(stored, 0);
    if (claimed !== length) throw new RangeError(`claims ${claimed} bytes instead of ${length}`);
    return lz4.uncompressSync(stored);
  },
);

const SNAPPY: ChunkCodec = codec(
  'SnappyCompressor',
  (chunk) => snappy.compress(plainView(chunk)),
  (stored, length) => {
    const claimed = snappyLength(stored);
    if (claimed !== length) throw new RangeError(`claims ${claimed} bytes instead of ${length}`);
    return snappy.uncompress(plainView(stored), length);
  },
);

const DEFLATE: ChunkCodec = codec(
  'DeflateCompressor',
  (chunk) => deflateSync(chunk),
  (stored, length) => inflateSync(stored, { maxOutputLength: length }),
);

function zstdCodec(options: Readonly<Record<string, string>>): ChunkCodec {
  const level = Number(options.compression_level ?? 3);
  const settings = { params: { [constants.ZSTD_c_compressionLevel]: Number.isInteger(level) ? level : 3 } };
  return codec(
    'ZstdCompressor',
    (chunk) => zstdCompressSync(chunk, settings),
    (stored, length) => zstdDecompressSync(stored, { maxOutputLength: length }),
  );
}

const NOOP: ChunkCodec = codec(
  'NoopCompressor',
  (chunk) => chunk,
  (stored) => stored,
);

/** Snappy's preamble: a little-endian base-128 number; -1 when it is malformed. */
function snappyLength(stored: Uint8Array): number {
  let value = 0;
  for (let i = 0; i < 5 && i < stored.length; i++) {
    value += (stored[i]! & 0x7f) * 2 ** (7 * i);
    if (stored[i]! < 0x80) return value;
  }
  return -1;
}

function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** snappyjs takes a Buffer for something else: give it a bare Uint8Array. */
function plainView(bytes: Uint8Array): Uint8Array {
  return Buffer.isBuffer(bytes) ? new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength) : bytes;
}
