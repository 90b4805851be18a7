import { crc32 } from 'node:zlib';
import { CorruptFileError } from '../core/errors.ts';
import { type Files, OpenMode } from '../core/ports/files.ts';
import { type BloomFilter, decodeFilter } from './format/filter.ts';
import { Component, joinPath, parseSSTableName } from './format/names.ts';
import { decodeTessera } from './format/tessera.ts';
import { versionFeatures } from './format/version.ts';

/**
 * Reads the bloom filter alone of one of our own SSTables, verified. Blocking: for pool threads. Undefined when there is none, or
 * none that can be trusted: files of others have no checksum of it, and a damaged filter would deny what is there.
 * @throws FileOperationError; UnsupportedFormatError for a version that is not read
 */
export function readFilter(files: Files, directory: string, prefix: string): BloomFilter | undefined {
  const name = parseSSTableName(`${prefix}-${Component.Filter}`);
  if (name === undefined) return undefined;
  const path = (component: string): string => joinPath(directory, `${prefix}-${component}`);
  const checksumBytes = readWhole(files, path(Component.Tessera));
  if (checksumBytes === undefined) return undefined;
  try {
    const expected = decodeTessera(checksumBytes, path(Component.Tessera)).components.get(Component.Filter);
    if (expected === undefined) return undefined;
    const bytes = readWhole(files, path(Component.Filter));
    if (bytes === undefined || crc32(bytes) !== expected.crc) return undefined;
    const version = versionFeatures(name.version, name.format, path(Component.Filter));
    return decodeFilter(bytes, path(Component.Filter), version);
  } catch (error) {
    // Whoever opens the SSTable to read it says what is wrong with it.
    if (error instanceof CorruptFileError) return undefined;
    throw error;
  }
}

function readWhole(files: Files, path: string): Uint8Array | undefined {
  if (files.status(path) === undefined) return undefined;
  const file = files.open(path, OpenMode.Read);
  try {
    const bytes = new Uint8Array(files.sizeOf(file));
    return files.readSync(file, bytes, 0, bytes.length, 0) === bytes.length ? bytes : undefined;
  } finally {
    files.close(file);
  }
}
