import { compareBytes } from '../bytes.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { leadingBytes } from './fixed-width.ts';
import { cannotMake, decodeUtf8, encodeUtf8, findInvalidUtf8, invalidValueText } from './text-form.ts';

/** text (varchar) is UTF-8, ascii its first 128 characters. Both may hold NUL, and the empty string is a value. */

/** Position of the first byte above 0x7f, or -1. */
function findNonAscii(bytes: Uint8Array, start: number, end: number): number {
  for (let i = start; i < end; i++) if (bytes[i]! > 0x7f) return i;
  return -1;
}

export const textType: CqlType = new DefinedType({
  kind: TypeKind.Text,
  cqlName: 'text',
  className: `${MARSHAL_PREFIX}UTF8Type`,
  fixedLength: -1,
  compare: compareBytes,
  prefix: leadingBytes,
  validate(bytes, start, end) {
    const at = findInvalidUtf8(bytes, start, end);
    return at < 0 ? undefined : `String didn't validate: invalid UTF-8 at byte offset ${at - start}`;
  },
  toText(bytes, start, end) {
    return findInvalidUtf8(bytes, start, end) < 0 ? decodeUtf8(bytes, start, end) : invalidValueText(bytes, start, end);
  },
  fromText(text) {
    if (!text.isWellFormed()) throw cannotMake('text', text, 'it holds half of a surrogate pair');
    return encodeUtf8(text);
  },
});

export const asciiType: CqlType = new DefinedType({
  kind: TypeKind.Ascii,
  cqlName: 'ascii',
  className: `${MARSHAL_PREFIX}AsciiType`,
  fixedLength: -1,
  compare: compareBytes,
  prefix: leadingBytes,
  validate(bytes, start, end) {
    const at = findNonAscii(bytes, start, end);
    return at < 0 ? undefined : `Invalid byte for ascii: ${bytes[at]} at byte offset ${at - start}`;
  },
  toText(bytes, start, end) {
    return findNonAscii(bytes, start, end) < 0 ? decodeUtf8(bytes, start, end) : invalidValueText(bytes, start, end);
  },
  fromText(text) {
    for (let i = 0; i < text.length; i++) {
      if (text.charCodeAt(i) > 0x7f) throw cannotMake('ascii', text, `character ${i} is not ASCII`);
    }
    return encodeUtf8(text);
  },
});
