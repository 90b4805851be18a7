import { CorruptFileError } from '../../core/errors.ts';

/** Digest.crc32: CRC-32 of the whole Data.db as it is on disk, as unsigned decimal text without a line end. */

export function encodeDigest(crc: number): Uint8Array {
  return new TextEncoder().encode(String(crc >>> 0));
}

/** @throws CorruptFileError when the text is no unsigned 32-bit number */
export function decodeDigest(bytes: Uint8Array, path: string): number {
  const text = bytes.length <= 32 ? new TextDecoder().decode(bytes).trim() : '';
  const value = /^\d{1,10}$/.test(text) ? Number(text) : -1;
  if (value < 0 || value > 0xffff_ffff) throw new CorruptFileError(path, 0, 'not a decimal CRC-32');
  return value;
}
