import { readI32LE, readU32BE, writeI32BE, writeI32LE } from '../../core/bytes.ts';
import { ProtocolError } from '../../core/errors.ts';
import { EnvelopeFlag, fatalProtocolError, MAX_BODY_LENGTH } from './envelope.ts';

/**
 * Compression of message bodies in v3 and v4, agreed in STARTUP (spec cql-protocol §2.1).
 *
 *   lz4      uint32 BE length of the uncompressed body | one raw LZ4 block
 *   snappy   one raw Snappy block, which begins with that length as a little-endian base-128 varint
 */

/** The native functions of one algorithm: they enter as a parameter, so that this folder stays pure. */
export interface BlockCodec {
  /**
   * The block of a body, as its own array. LZ4: uint32 LE length of the body, then the raw block; Snappy: the raw block.
   */
  compressBlock(body: Uint8Array): Uint8Array;
  /**
   * The inverse. It allocates what the length in front claims, so callers check that first.
   * @throws Error when the block is damaged
   */
  uncompressBlock(block: Uint8Array): Uint8Array;
}

export interface BodyCompressor {
  /** As STARTUP and SUPPORTED name it. */
  readonly name: string;
  /** The body as it goes on the wire, as its own array. */
  compress(body: Uint8Array): Uint8Array;
  /**
   * The inverse, as its own array.
   * @param limit bytes that the uncompressed body may have
   * @throws ProtocolError when the body is damaged, claims more than `limit`, or more than the algorithm can put into it
   */
  uncompress(body: Uint8Array, limit: number): Uint8Array;
}

/** A byte of an LZ4 block makes at most 255 bytes: a run of length bytes. */
const LZ4_GREATEST_RATIO = 255;
/** A Snappy element of 3 bytes makes at most 64. */
const SNAPPY_GREATEST_RATIO = 22;

/** LZ4 over native block functions that keep the length in front of the block, little endian, as lz4-napi does. */
export function lz4Compressor(codec: BlockCodec): BodyCompressor {
  return {
    name: 'lz4',
    compress(body) {
      const block = codec.compressBlock(body);
      writeI32BE(block, 0, readI32LE(block, 0));
      return block;
    },
    uncompress(body, limit) {
      if (body.length < 4)
        throw new ProtocolError(`a compressed body of ${body.length} bytes: too short for its length`);
      const length = readU32BE(body, 0);
      checkLength(length, limit, (body.length - 4) * LZ4_GREATEST_RATIO);
      // Empty bodies come as a bare length from some clients, and as a length with an empty block from others.
      if (length === 0) return new Uint8Array(0);
      const block = new Uint8Array(body); // the frame's bytes are not ours to change
      writeI32LE(block, 0, length);
      return uncompressBlock(codec, block, length);
    },
  };
}

/** Snappy over native functions for raw blocks. */
export function snappyCompressor(codec: BlockCodec): BodyCompressor {
  return {
    name: 'snappy',
    compress: (body) => codec.compressBlock(body),
    uncompress(body, limit) {
      const length = snappyLength(body);
      checkLength(length, limit, body.length * SNAPPY_GREATEST_RATIO);
      return uncompressBlock(codec, body, length);
    },
  };
}

/**
 * The body of a frame whose flags have `EnvelopeFlag.Compressed`, uncompressed.
 * @param compressor what STARTUP agreed on, or undefined
 * @param limit bytes that the uncompressed body may have
 * @throws ProtocolError; one that closes the connection if no compression was agreed
 */
export function uncompressBody(
  bytes: Uint8Array,
  start: number,
  end: number,
  compressor: BodyCompressor | undefined,
  limit: number,
): Uint8Array {
  if (compressor === undefined) throw fatalProtocolError('Unknown compression algorithm: none was agreed in STARTUP');
  return compressor.uncompress(bytes.subarray(start, end), Math.min(limit, MAX_BODY_LENGTH));
}

/** True if a frame's flags say that its body is compressed. */
export function isCompressed(flags: number): boolean {
  return (flags & EnvelopeFlag.Compressed) !== 0;
}

function checkLength(length: number, limit: number, possible: number): void {
  if (length > limit) {
    throw new ProtocolError(`a compressed body claims ${length} bytes, allowed are ${limit}`, { length, limit });
  }
  if (length > possible)
    throw new ProtocolError(`a compressed body claims ${length} bytes, more than it can hold`, { length });
}

function uncompressBlock(codec: BlockCodec, block: Uint8Array, length: number): Uint8Array {
  let body: Uint8Array;
  try {
    body = codec.uncompressBlock(block);
  } catch (error) {
    throw new ProtocolError(`a compressed body is damaged: ${error instanceof Error ? error.message : String(error)}`);
  }
  if (body.length !== length) {
    throw new ProtocolError(`a compressed body claims ${length} bytes and has ${body.length}`, { length });
  }
  return body;
}

function snappyLength(body: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    if (i >= body.length) break;
    const byte = body[i]!;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  throw new ProtocolError('a compressed body has no valid length in front');
}
