import { InvalidRequestError } from '../errors.ts';

/** What the text forms of all types share: hex, UTF-8, and how errors quote a value. */

/** Characters of a value that an error message repeats. */
const QUOTED_LENGTH = 100;

const encoder = new TextEncoder();

/** Lower-case hex of bytes[start, end), without a prefix. */
export function toHex(bytes: Uint8Array, start: number, end: number): string {
  return view(bytes, start, end).toString('hex');
}

/** How `toText` shows bytes that are no value of the type: `0x` and hex. */
export function invalidValueText(bytes: Uint8Array, start: number, end: number): string {
  return `0x${toHex(bytes, start, end)}`;
}

/** The bytes of an even number of hex digits, or undefined when the text is something else. */
export function fromHex(text: string): Uint8Array | undefined {
  if (text.length % 2 !== 0) return undefined;
  const bytes = new Uint8Array(text.length / 2);
  for (let i = 0; i < bytes.length; i++) {
    const high = hexDigit(text.charCodeAt(2 * i));
    const low = hexDigit(text.charCodeAt(2 * i + 1));
    if (high < 0 || low < 0) return undefined;
    bytes[i] = (high << 4) | low;
  }
  return bytes;
}

function hexDigit(code: number): number {
  if (code >= 48 && code <= 57) return code - 48;
  const letter = code | 0x20;
  return letter >= 97 && letter <= 102 ? letter - 87 : -1;
}

/** The text of valid UTF-8; call `isUtf8` first where that is not known. */
export function decodeUtf8(bytes: Uint8Array, start: number, end: number): string {
  return view(bytes, start, end).toString('utf8');
}

/** UTF-8 of a text. A lone surrogate becomes U+FFFD: callers refuse such texts first. */
export function encodeUtf8(text: string): Uint8Array {
  return encoder.encode(text);
}

/** A Buffer over bytes[start, end), for its text codecs. It shares the memory. */
export function view(bytes: Uint8Array, start: number, end: number): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start);
}

/**
 * Position of the first byte that is not UTF-8 (a cut or overlong sequence, a surrogate, above U+10FFFF), or -1.
 * @see Unicode Standard, table 3-7
 */
export function findInvalidUtf8(bytes: Uint8Array, start: number, end: number): number {
  let at = start;
  while (at < end) {
    const first = bytes[at]!;
    if (first < 0x80) {
      at++;
      continue;
    }
    const length =
      first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
    if (length === 0 || at + length > end) return at;
    const second = bytes[at + 1]!;
    const least = first === 0xe0 ? 0xa0 : first === 0xf0 ? 0x90 : 0x80;
    const greatest = first === 0xed ? 0x9f : first === 0xf4 ? 0x8f : 0xbf;
    if (second < least || second > greatest) return at;
    if (length > 2 && (bytes[at + 2]! & 0xc0) !== 0x80) return at;
    if (length > 3 && (bytes[at + 3]! & 0xc0) !== 0x80) return at;
    at += length;
  }
  return -1;
}

/** A user's text as error messages quote it: cut when long. */
export function shorten(text: string): string {
  return text.length <= QUOTED_LENGTH ? text : `${text.slice(0, QUOTED_LENGTH)}...`;
}

/** The error for a text that is no value of the type. `why` adds a reason. */
export function cannotMake(cqlName: string, text: string, why = ''): InvalidRequestError {
  return new InvalidRequestError(`Unable to make ${cqlName} from '${shorten(text)}'${why === '' ? '' : `: ${why}`}`);
}
