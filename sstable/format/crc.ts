import { ByteWriter, readI32BE, readU32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';

/**
 * CRC.db, beside a Data.db that is not compressed:
 *
 *   i32  chunk size, 65536
 *   u32  CRC-32 of each chunk of Data.db, the last one shorter
 *
 * One more entry than chunks (the CRC of nothing) occurs and is accepted.
 */
export interface ChunkChecksums {
  readonly chunkBytes: number;
  readonly crcs: Uint32Array;
}

const MAX_CHUNK_BYTES = 16 * 1024 * 1024;

export function encodeCrc(chunkBytes: number, crcs: readonly number[]): Uint8Array {
  const out = new ByteWriter(4 + crcs.length * 4);
  out.i32BE(chunkBytes);
  for (const crc of crcs) out.i32BE(crc);
  return out.toBytes();
}

/** @throws CorruptFileError when it does not fit a Data.db of `dataBytes` */
export function decodeCrc(bytes: Uint8Array, path: string, dataBytes: number): ChunkChecksums {
  if (bytes.length < 4 || bytes.length % 4 !== 0) throw new CorruptFileError(path, 0, 'length is no multiple of 4');
  const chunkBytes = readI32BE(bytes, 0);
  if (chunkBytes <= 0 || chunkBytes > MAX_CHUNK_BYTES) throw new CorruptFileError(path, 0, `chunk size ${chunkBytes}`);
  const count = bytes.length / 4 - 1;
  const chunks = Math.ceil(dataBytes / chunkBytes);
  if (count < chunks || count > chunks + 1) {
    throw new CorruptFileError(path, 4, `${count} checksums for ${chunks} chunks`);
  }
  const crcs = new Uint32Array(chunks);
  for (let i = 0; i < chunks; i++) crcs[i] = readU32BE(bytes, 4 + i * 4);
  return { chunkBytes, crcs };
}
