import { compareBytes, readI32BE } from '../bytes.ts';
import { int64ToBigInt } from '../int64.ts';
import { civilFromDays, civilText, daysFromCivil } from './calendar.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { checkWidth, leadingBytes } from './fixed-width.ts';
import { compareInt64Bytes, int64FromText, int64Prefix } from './int.ts';
import { cannotMake, invalidValueText } from './text-form.ts';

/** timestamp: milliseconds since 1970-01-01 UTC in eight bytes, signed. Text is ISO 8601 in UTC with milliseconds. */

const MS_PER_DAY = 86_400_000n;
const CIVIL =
  /^([+-]?\d{1,9})-(\d{1,2})-(\d{1,2})(?:[Tt ](\d{1,2}):(\d{1,2})(?::(\d{1,2})(?:\.(\d+))?)?)? ?(Z|z|GMT|UTC|[+-]\d{2}(?::?\d{2})?)?$/;

function timestampText(bytes: Uint8Array, at: number): string {
  const ms = int64ToBigInt(readI32BE(bytes, at), readI32BE(bytes, at + 4));
  const msOfDay = Number(((ms % MS_PER_DAY) + MS_PER_DAY) % MS_PER_DAY);
  const days = Number((ms - BigInt(msOfDay)) / MS_PER_DAY);
  const two = (value: number) => String(value).padStart(2, '0');
  const seconds = Math.floor(msOfDay / 1000);
  const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  return `${civilText(civilFromDays(days))}T${clock}.${String(msOfDay % 1000).padStart(3, '0')}Z`;
}

/** Minutes east of UTC of a zone's text, or NaN. */
function zoneMinutes(zone: string | undefined): number {
  if (zone === undefined || /^[ZzGU]/.test(zone)) return 0;
  const minutes = Number(zone.slice(1, 3)) * 60 + Number(zone.slice(3).replace(':', '') || '0');
  if (Number(zone.slice(-2)) > 59 && zone.length > 3) return Number.NaN;
  return minutes > 18 * 60 ? Number.NaN : zone[0] === '-' ? -minutes : minutes;
}

function timestampFromText(text: string): Uint8Array {
  if (text === '') return new Uint8Array(0);
  const integer = int64FromText(text);
  if (integer !== undefined) return integer;
  const match = CIVIL.exec(text);
  if (match === null) throw cannotMake('timestamp', text);
  const fraction = match[7] ?? '';
  if (fraction.length > 3) throw cannotMake('timestamp', text, 'Milliseconds length exceeds 3 digits');
  const days = daysFromCivil(Number(match[1]), Number(match[2]), Number(match[3]));
  const [hours, minutes, seconds] = [Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0)];
  const offset = zoneMinutes(match[8]);
  const isClock = hours < 24 && minutes < 60 && seconds < 60;
  if (days === undefined || !isClock || Number.isNaN(offset)) throw cannotMake('timestamp', text);
  const msOfDay = (hours * 3600 + (minutes - offset) * 60 + seconds) * 1000 + Number(fraction.padEnd(3, '0'));
  const bytes = int64FromText((BigInt(days) * MS_PER_DAY + BigInt(msOfDay)).toString());
  if (bytes === undefined) throw cannotMake('timestamp', text);
  return bytes;
}

function makeTimestampType(className: string, compare: CqlType['compare'], prefix: CqlType['prefix']): CqlType {
  return new DefinedType({
    kind: TypeKind.Timestamp,
    cqlName: 'timestamp',
    className: MARSHAL_PREFIX + className,
    fixedLength: 8,
    compare,
    prefix,
    validate: (_bytes, start, end) => checkWidth('timestamp', 8, end - start),
    toText(bytes, start, end) {
      if (start === end) return '';
      return end - start === 8 ? timestampText(bytes, start) : invalidValueText(bytes, start, end);
    },
    fromText: timestampFromText,
  });
}

export const timestampType: CqlType = makeTimestampType('TimestampType', compareInt64Bytes, int64Prefix);
/** The timestamp of old files: the same values in byte order, which puts times before 1970 last. */
export const legacyDateType: CqlType = makeTimestampType('DateType', compareBytes, leadingBytes);
