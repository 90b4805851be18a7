import { compareBytes, readU32BE, writeI32BE } from '../bytes.ts';
import { civilFromDays, civilText, daysFromCivil } from './calendar.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { checkWidth, leadingBytes } from './fixed-width.ts';
import { cannotMake, invalidValueText } from './text-form.ts';

/** date: days as an unsigned 32-bit number in which 2^31 is 1970-01-01; in byte order. */

const DAY_OF_1970 = 0x8000_0000;
const CIVIL = /^([+-]?\d{1,8})-(\d{1,2})-(\d{1,2})$/;
const RAW_DAYS = /^\d{1,20}$/;

/** The four bytes of a day number as they are stored, 0 to 2^32 - 1; undefined beyond. */
function daysToBytes(days: number): Uint8Array | undefined {
  if (!(days >= 0 && days <= 0xffff_ffff)) return undefined;
  const bytes = new Uint8Array(4);
  writeI32BE(bytes, 0, days);
  return bytes;
}

export const dateType: CqlType = new DefinedType({
  kind: TypeKind.Date,
  cqlName: 'date',
  className: `${MARSHAL_PREFIX}SimpleDateType`,
  fixedLength: -1,
  compare: compareBytes,
  prefix: leadingBytes,
  validate: (_bytes, start, end) => checkWidth('date', 4, end - start),
  toText(bytes, start, end) {
    if (start === end) return '';
    if (end - start !== 4) return invalidValueText(bytes, start, end);
    return civilText(civilFromDays(readU32BE(bytes, start) - DAY_OF_1970));
  },
  /** `yyyy-mm-dd`, or the unsigned day number. */
  fromText(text) {
    if (text === '') return new Uint8Array(0);
    let bytes: Uint8Array | undefined;
    const civil = CIVIL.exec(text);
    if (civil !== null) {
      const days = daysFromCivil(Number(civil[1]), Number(civil[2]), Number(civil[3]));
      if (days !== undefined) bytes = daysToBytes(days + DAY_OF_1970);
    } else if (RAW_DAYS.test(text)) {
      bytes = daysToBytes(Number(text));
      if (bytes === undefined) throw cannotMake('date', text, 'days are a 32-bit unsigned int');
    } else if (/^-\d+$/.test(text)) {
      throw cannotMake('date', text, 'days are an unsigned int, 2^31 is 1970-01-01');
    }
    if (bytes === undefined) throw cannotMake('date', text);
    return bytes;
  },
});
