import { compareBytes, readI32BE } from '../bytes.ts';
import { int64ToNumber } from '../int64.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { checkWidth, leadingBytes } from './fixed-width.ts';
import { int64FromText, normalizeInteger } from './int.ts';
import { cannotMake, invalidValueText } from './text-form.ts';

/** time: nanoseconds of the day in eight bytes, 0 to 86399999999999; in byte order. */

export const NANOS_PER_DAY = 86_400_000_000_000;
const CLOCK = /^(\d{1,2}):(\d{1,2}):(\d{1,2})(?:\.(\d{1,9}))?$/;

/** Nanoseconds of the eight bytes at `start`; beyond a day they need not be exact. */
function nanosOf(bytes: Uint8Array, start: number): number {
  return int64ToNumber(readI32BE(bytes, start), readI32BE(bytes, start + 4));
}

export const timeType: CqlType = new DefinedType({
  kind: TypeKind.Time,
  cqlName: 'time',
  className: `${MARSHAL_PREFIX}TimeType`,
  fixedLength: -1,
  compare: compareBytes,
  prefix: leadingBytes,
  validate(bytes, start, end) {
    if (end - start !== 8) return checkWidth('time', 8, end - start);
    const nanos = nanosOf(bytes, start);
    return nanos >= 0 && nanos < NANOS_PER_DAY ? undefined : 'Nanoseconds of time are not within a day';
  },
  toText(bytes, start, end) {
    if (start === end) return '';
    if (timeType.validate(bytes, start, end) !== undefined) return invalidValueText(bytes, start, end);
    const nanos = nanosOf(bytes, start);
    const seconds = Math.floor(nanos / 1e9);
    const two = (value: number) => String(value).padStart(2, '0');
    const clock = `${two(Math.floor(seconds / 3600))}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
    return `${clock}.${String(nanos % 1e9).padStart(9, '0')}`;
  },
  /** `hh:mm:ss[.fffffffff]`, or nanoseconds. */
  fromText(text) {
    if (text === '') return new Uint8Array(0);
    let nanos = Number.NaN;
    const match = CLOCK.exec(text);
    if (match !== null) {
      const [hours, minutes, seconds] = [Number(match[1]), Number(match[2]), Number(match[3])];
      if (hours < 24 && minutes < 60 && seconds < 60) {
        nanos = (hours * 3600 + minutes * 60 + seconds) * 1e9 + Number((match[4] ?? '').padEnd(9, '0'));
      }
    } else {
      const digits = normalizeInteger(text);
      if (digits !== undefined && digits.length < 16) nanos = Number(digits);
    }
    if (!(nanos >= 0 && nanos < NANOS_PER_DAY)) throw cannotMake('time', text);
    return int64FromText(String(nanos))!;
  },
});
