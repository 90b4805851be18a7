import { compareBytes } from '../bytes.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { leadingBytes } from './fixed-width.ts';
import { cannotMake, fromHex, toHex } from './text-form.ts';

/** blob: any bytes, in byte order. Its text form is hex without a prefix; the prefix 0x is read too. */
export const blobType: CqlType = new DefinedType({
  kind: TypeKind.Blob,
  cqlName: 'blob',
  className: `${MARSHAL_PREFIX}BytesType`,
  fixedLength: -1,
  compare: compareBytes,
  prefix: leadingBytes,
  validate: () => undefined,
  toText: toHex,
  fromText: (text) => blobFromText('blob', text),
});

/** The bytes of hex digits, with 0x in front or without. @throws InvalidRequestError */
export function blobFromText(cqlName: string, text: string): Uint8Array {
  const hasPrefix = text.charCodeAt(0) === 48 && (text.charCodeAt(1) | 0x20) === 120;
  const bytes = fromHex(hasPrefix ? text.slice(2) : text);
  if (bytes === undefined) throw cannotMake(cqlName, text, 'expected an even number of hex digits');
  return bytes;
}
