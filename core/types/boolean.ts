import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { checkWidth, compareOddLengths } from './fixed-width.ts';
import { cannotMake, invalidValueText } from './text-form.ts';

/** boolean: one byte, 0 is false, anything else true; written as 1. */
export const booleanType: CqlType = new DefinedType({
  kind: TypeKind.Boolean,
  cqlName: 'boolean',
  className: `${MARSHAL_PREFIX}BooleanType`,
  fixedLength: 1,
  compare(a, aStart, aEnd, b, bStart, bEnd) {
    if (aEnd - aStart !== 1 || bEnd - bStart !== 1) return compareOddLengths(1, a, aStart, aEnd, b, bStart, bEnd);
    return (a[aStart] === 0 ? 0 : 1) - (b[bStart] === 0 ? 0 : 1);
  },
  prefix: (bytes, start, end) => (end - start === 1 && bytes[start] !== 0 ? 1 : 0),
  validate: (_bytes, start, end) => checkWidth('boolean', 1, end - start),
  toText(bytes, start, end) {
    if (start === end) return '';
    if (end - start !== 1) return invalidValueText(bytes, start, end);
    return bytes[start] === 0 ? 'false' : 'true';
  },
  fromText(text) {
    if (text === '') return new Uint8Array(0);
    const word = text.length <= 5 ? text.toLowerCase() : text;
    if (word === 'true') return Uint8Array.of(1);
    if (word === 'false') return Uint8Array.of(0);
    throw cannotMake('boolean', text);
  },
});
