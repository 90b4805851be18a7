/** UUIDs as 16 bytes in network order and as lower-case text with dashes, for identities in our own records. */

export const UUID_BYTES = 16;
/** "None" where a UUID field may be empty. */
export const NIL_UUID = '00000000-0000-0000-0000-000000000000';

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));
const UUID_TEXT = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** True for the text form that the functions here take. */
export function isUuidText(text: string): boolean {
  return UUID_TEXT.test(text);
}

/** The text of bytes[at, at + 16). The caller checked the length. */
export function uuidText(bytes: Uint8Array, at: number): string {
  let text = '';
  for (let i = 0; i < UUID_BYTES; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) text += '-';
    text += HEX[bytes[at + i]!]!;
  }
  return text;
}

/** Writes the 16 bytes of `text`. @throws RangeError when it is not a lower-case UUID with dashes */
export function writeUuid(text: string, target: Uint8Array, at: number): void {
  if (!isUuidText(text)) throw new RangeError(`not a UUID: ${text}`);
  let o = at;
  for (let i = 0; i < 36; i += 2) {
    if (text.charCodeAt(i) === 0x2d) i++;
    target[o++] = Number.parseInt(text.slice(i, i + 2), 16);
  }
}

/** A new array with the 16 bytes of `text`. @throws RangeError when it is not a lower-case UUID with dashes */
export function uuidBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(UUID_BYTES);
  writeUuid(text, bytes, 0);
  return bytes;
}
