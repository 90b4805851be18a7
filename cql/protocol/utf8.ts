import { ProtocolError } from '../../core/errors.ts';

const STRICT = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Offset, counted from `start`, of the first byte that begins no valid UTF-8 character in bytes[start, end), or -1 when all
 * is valid. Overlong forms, surrogates and what lies above U+10FFFF are invalid (RFC 3629).
 */
export function invalidUtf8Offset(bytes: Uint8Array, start: number, end: number): number {
  let i = start;
  while (i < end) {
    const first = bytes[i]!;
    if (first < 0x80) {
      i++;
      continue;
    }
    const length = first < 0xc2 || first > 0xf4 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (length === 0 || i + length > end) return i - start;
    const second = bytes[i + 1]!;
    // The second byte rules out overlong forms (e0, f0), surrogates (ed) and values above U+10FFFF (f4).
    const lowest = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const highest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (second < lowest || second > highest) return i - start;
    for (let k = 2; k < length; k++) if ((bytes[i + k]! & 0xc0) !== 0x80) return i - start;
    i += length;
  }
  return -1;
}

/** Below this length, in bytes, a string is made by a loop while it is ASCII: the call of a decoder costs more. */
const SHORT = 24;

/**
 * The text of bytes[start, end).
 * @throws ProtocolError naming the offset of the first invalid byte, counted from `start`
 */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  if (end - start <= SHORT) {
    let text = '';
    let i = start;
    while (i < end && bytes[i]! < 0x80) text += String.fromCharCode(bytes[i++]!);
    if (i === end) return text;
  }
  const bad = invalidUtf8Offset(bytes, start, end);
  if (bad >= 0)
    throw new ProtocolError(`Cannot decode string as UTF8, invalid character at byte offset ${bad}`, { offset: bad });
  return STRICT.decode(bytes.subarray(start, end));
}

/** The largest length not above `limit` at which valid UTF-8 in bytes[start, ...) can be cut without splitting a character. */
export function utf8CutLength(bytes: Uint8Array, start: number, limit: number): number {
  let length = limit;
  while (length > 0 && (bytes[start + length]! & 0xc0) === 0x80) length--;
  return length;
}
