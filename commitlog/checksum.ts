import { crc32 as nativeCrc32 } from 'node:zlib';
import { crc32 } from '../core/crc32.ts';

/** From here on the native CRC with its view of the range is the faster one (bench/micro/commitlog.bench.ts). */
const NATIVE_FROM_BYTES = 256;

/** CRC-32 of bytes[start, end) continued from `seed`, by whichever implementation is faster at that length. */
export function checksum(bytes: Uint8Array, start: number, end: number, seed: number): number {
  if (end - start < NATIVE_FROM_BYTES) return crc32(bytes, start, end, seed);
  return nativeCrc32(bytes.subarray(start, end), seed);
}
