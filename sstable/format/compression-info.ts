import { ByteCursor, ByteWriter } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { readI32, readSafeI64, readUtf, writeSafeI64, writeUtf } from './fields.ts';
import type { VersionFeatures } from './version.ts';

/**
 * CompressionInfo.db: where the chunks of a compressed Data.db are. Big endian.
 *
 *   utf  compressor, simple or full class name
 *   i32  options; each: utf key, utf value
 *   i32  chunk length before compression, a power of two
 *  [i32  max compressed length]     from `na` on: a chunk stored with at least that many bytes is not compressed
 *   i64  uncompressed length of Data.db
 *   i32  chunks
 *   i64  offset in Data.db, per chunk
 *
 * A chunk ends with the CRC-32 of its stored bytes, 4 bytes big endian. Positions elsewhere are uncompressed ones.
 */
export interface CompressionInfo {
  /** Simple class name, 'LZ4Compressor'. */
  readonly compressor: string;
  readonly options: Readonly<Record<string, string>>;
  readonly chunkBytes: number;
  /** 2^31 - 1: no raw chunks. */
  readonly maxCompressedBytes: number;
  readonly dataBytes: number;
  /** One per chunk. */
  readonly offsets: Float64Array;
}

/** Larger chunks are refused, so that a damaged length cannot make a reader allocate out of proportion. */
export const MAX_CHUNK_BYTES: number = 16 * 1024 * 1024;
export const NEVER_RAW = 0x7fff_ffff;
/** Bytes of a chunk's checksum. */
export const CHUNK_CRC_BYTES = 4;

export function encodeCompressionInfo(info: CompressionInfo, version: VersionFeatures): Uint8Array {
  const out = new ByteWriter(64 + info.offsets.length * 8);
  writeUtf(out, info.compressor);
  const options = Object.entries(info.options);
  out.i32BE(options.length);
  for (const [key, value] of options) {
    writeUtf(out, key);
    writeUtf(out, value);
  }
  out.i32BE(info.chunkBytes);
  if (version.hasModernFrame) out.i32BE(info.maxCompressedBytes);
  writeSafeI64(out, info.dataBytes);
  out.i32BE(info.offsets.length);
  for (let i = 0; i < info.offsets.length; i++) writeSafeI64(out, info.offsets[i]!);
  return out.toBytes();
}

/**
 * @param fileBytes size of Data.db on disk, which the offsets must fit
 * @throws CorruptFileError when lengths and offsets do not fit each other
 */
export function decodeCompressionInfo(
  bytes: Uint8Array,
  path: string,
  version: VersionFeatures,
  fileBytes: number,
): CompressionInfo {
  const cursor = new ByteCursor(bytes, path);
  const className = readUtf(cursor);
  const options: Record<string, string> = {};
  const optionCount = readI32(cursor);
  if (optionCount < 0 || optionCount > bytes.length) throw new CorruptFileError(path, cursor.pos - 4, 'option count');
  for (let i = 0; i < optionCount; i++) {
    const key = readUtf(cursor);
    options[key] = readUtf(cursor);
  }
  const chunkBytes = readI32(cursor);
  if (chunkBytes <= 0 || chunkBytes > MAX_CHUNK_BYTES || (chunkBytes & (chunkBytes - 1)) !== 0) {
    throw new CorruptFileError(path, cursor.pos - 4, `chunk length ${chunkBytes}`);
  }
  const maxCompressedBytes = version.hasModernFrame ? readI32(cursor) : NEVER_RAW;
  if (maxCompressedBytes <= 0) throw new CorruptFileError(path, cursor.pos - 4, 'max compressed length');
  const dataBytes = readSafeI64(cursor);
  if (dataBytes < 0) throw new CorruptFileError(path, cursor.pos - 8, 'negative data length');
  const offsets = readOffsets(cursor, Math.ceil(dataBytes / chunkBytes), fileBytes);
  const compressor = className.slice(className.lastIndexOf('.') + 1);
  return { compressor, options, chunkBytes, maxCompressedBytes, dataBytes, offsets };
}

function readOffsets(cursor: ByteCursor, needed: number, fileBytes: number): Float64Array {
  const { path } = cursor;
  const count = readI32(cursor);
  if (count < needed || count > needed + 1 || count * 8 > cursor.end - cursor.pos) {
    throw new CorruptFileError(path, cursor.pos - 4, `${count} chunks where the length asks for ${needed}`);
  }
  const offsets = new Float64Array(count);
  let before = -1;
  for (let i = 0; i < count; i++) {
    const offset = readSafeI64(cursor);
    if (offset <= before || offset >= fileBytes) {
      throw new CorruptFileError(path, cursor.pos - 8, `chunk offset ${offset} in a file of ${fileBytes} bytes`);
    }
    offsets[i] = offset;
    before = offset;
  }
  if (count > 0 && offsets[0] !== 0) throw new CorruptFileError(path, cursor.pos, 'first chunk is not at 0');
  return offsets;
}
