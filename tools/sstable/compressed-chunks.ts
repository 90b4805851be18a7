import { crc32 } from 'node:zlib';
import { readU32BE } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { type Files, OpenMode } from '../../core/ports/files.ts';
import { CHUNK_CRC_BYTES, type CompressionInfo, decodeCompressionInfo } from '../../sstable/format/compression-info.ts';
import { Component } from '../../sstable/format/names.ts';
import { componentPath, versionOf } from './component-path.ts';
import { readWhole } from './whole-file.ts';

/** CompressionInfo.db of an SSTable; undefined when it is not compressed. @throws CorruptFileError, FileOperationError */
export function readCompressionInfo(files: Files, dataPath: string): CompressionInfo | undefined {
  const path = componentPath(dataPath, Component.CompressionInfo);
  if (files.status(path) === undefined) return undefined;
  const dataBytes = files.status(dataPath)?.sizeBytes ?? 0;
  return decodeCompressionInfo(readWhole(files, path), path, versionOf(dataPath), dataBytes);
}

/**
 * Compares the checksum that follows each chunk of a compressed Data.db with the chunk; nothing is decompressed.
 * @param bad told of each chunk that is damaged: where it begins in the file, and why
 * @throws FileOperationError
 */
export function checkChunks(
  files: Files,
  dataPath: string,
  { offsets, chunkBytes }: CompressionInfo,
  bad: (offset: number, why: string) => void,
  progress: (fraction: number) => void,
): void {
  const file = files.open(dataPath, OpenMode.Read);
  try {
    const sizeBytes = files.sizeOf(file);
    // No compressor makes data much larger: a longer chunk is a damaged offset, and must not be read into memory.
    const most = chunkBytes * 2 + 4096;
    const bytes = new Uint8Array(most);
    for (let i = 0; i < offsets.length; i++) {
      const start = offsets[i]!;
      const length = (i + 1 < offsets.length ? offsets[i + 1]! : sizeBytes) - start;
      if (length > most || length <= CHUNK_CRC_BYTES) {
        bad(start, `chunk of ${length} bytes`);
        continue;
      }
      const stored = length - CHUNK_CRC_BYTES;
      const count = files.readSync(file, bytes, 0, length, start);
      if (count !== length) throw new CorruptFileError(dataPath, start + count, 'file cut short');
      if (crc32(bytes.subarray(0, stored)) !== readU32BE(bytes, stored))
        bad(start, 'checksum of the chunk does not match');
      progress(start / sizeBytes);
    }
  } finally {
    files.close(file);
  }
}
