import type { Random } from '../core/ports/random.ts';
import { UUID_BYTES, uuidText } from '../core/uuid-bytes.ts';

/** A new UUID of version 4, as lower-case text. */
export function randomUuid(random: Random): string {
  const bytes = new Uint8Array(UUID_BYTES);
  random.fill(bytes);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  return uuidText(bytes, 0);
}
