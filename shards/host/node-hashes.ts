import { createHash } from 'node:crypto';

/** MD5 of bytes: names prepared statements as both peers do. */
export function md5(bytes: Uint8Array): Uint8Array {
  return createHash('md5').update(bytes).digest();
}
