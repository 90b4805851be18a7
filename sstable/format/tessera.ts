import { crc32 } from 'node:zlib';
import { ByteCursor, ByteWriter, readU32BE } from '../../core/bytes.ts';
import { CorruptFileError, UnsupportedFormatError } from '../../core/errors.ts';
import { readI32, readSafeI64, readU32, readUtf, take, writeSafeI64, writeUtf } from './fields.ts';

/**
 * Tessera.db: checksums of the parts that version `me` leaves without one, in every SSTable that Tessera writes
 * (settled question 1). Listed in TOC.txt; other programs skip it. Big endian.
 *
 *   u32  magic "TSRA"
 *   u32  format, 1
 *   i32  components; each: utf name | i64 bytes | u32 CRC-32 of the whole file. All but Tessera.db itself
 *   i32  block size, 65536
 *   i32  blocks of Index.db; each: u32 CRC-32, the last block shorter
 *   i32  blocks of Data.db, 0 when it is compressed (its chunks have their own); each: u32 CRC-32
 *   u32  CRC-32 of everything before
 */
export interface TesseraChecksums {
  readonly components: ReadonlyMap<string, ComponentChecksum>;
  readonly blockBytes: number;
  readonly indexBlocks: Uint32Array;
  readonly dataBlocks: Uint32Array;
}

export interface ComponentChecksum {
  readonly sizeBytes: number;
  readonly crc: number;
}

/** Bytes that one checksum of Index.db or of an uncompressed Data.db covers. */
export const CHECKSUM_BLOCK_BYTES: number = 64 * 1024;

const MAGIC = 0x54535241;
const FORMAT = 1;
const MAX_COMPONENTS = 64;

export function encodeTessera(checksums: TesseraChecksums): Uint8Array {
  const { components, indexBlocks, dataBlocks } = checksums;
  const out = new ByteWriter(512 + (indexBlocks.length + dataBlocks.length) * 4);
  out.i32BE(MAGIC);
  out.i32BE(FORMAT);
  out.i32BE(components.size);
  for (const [name, { sizeBytes, crc }] of components) {
    writeUtf(out, name);
    writeSafeI64(out, sizeBytes);
    out.i32BE(crc);
  }
  out.i32BE(checksums.blockBytes);
  for (const blocks of [indexBlocks, dataBlocks]) {
    out.i32BE(blocks.length);
    for (const crc of blocks) out.i32BE(crc);
  }
  out.i32BE(crc32(out.bytes.subarray(0, out.length)));
  return out.toBytes();
}

/** @throws CorruptFileError; UnsupportedFormatError when a newer Tessera wrote it */
export function decodeTessera(bytes: Uint8Array, path: string): TesseraChecksums {
  if (bytes.length < 12 || readU32BE(bytes, 0) !== MAGIC) throw new CorruptFileError(path, 0, 'not a Tessera.db');
  const end = bytes.length - 4;
  if (readU32BE(bytes, end) !== crc32(bytes.subarray(0, end))) {
    throw new CorruptFileError(path, end, 'checksum does not match');
  }
  const cursor = new ByteCursor(bytes, path, 4, end);
  const format = readI32(cursor);
  if (format !== FORMAT)
    throw new UnsupportedFormatError(path, `format ${format} of Tessera.db is newer than this program`);
  const count = readI32(cursor);
  if (count < 0 || count > MAX_COMPONENTS) throw new CorruptFileError(path, 8, `${count} components`);
  const components = new Map<string, ComponentChecksum>();
  for (let i = 0; i < count; i++) {
    const name = readUtf(cursor);
    const sizeBytes = readSafeI64(cursor);
    components.set(name, { sizeBytes, crc: readU32(cursor) });
  }
  const blockBytes = readI32(cursor);
  if (blockBytes <= 0 || blockBytes > 16 * 1024 * 1024) throw new CorruptFileError(path, cursor.pos - 4, 'block size');
  const indexBlocks = readBlocks(cursor);
  return { components, blockBytes, indexBlocks, dataBlocks: readBlocks(cursor) };
}

function readBlocks(cursor: ByteCursor): Uint32Array {
  const count = readI32(cursor);
  const at = take(cursor, count < 0 ? -1 : count * 4);
  const blocks = new Uint32Array(count);
  for (let i = 0; i < count; i++) blocks[i] = readU32BE(cursor.bytes, at + i * 4);
  return blocks;
}
