import { ByteCursor, ByteWriter, compareBytes } from '../bytes.ts';
import { InvalidRequestError } from '../errors.ts';
import { bigIntHi, bigIntLo, int64ToBigInt } from '../int64.ts';
import { Int64Halves, readVint64, unZigZag, writeVint64, zigZag } from '../vint.ts';
import { type CqlType, TypeKind } from './cql-type.ts';
import { DefinedType, MARSHAL_PREFIX } from './defined-type.ts';
import { leadingBytes } from './fixed-width.ts';
import { cannotMake, invalidValueText, shorten } from './text-form.ts';
import { vintFieldSize, vintFieldValue } from './vint-field.ts';

/**
 * duration: `months: svint | days: svint | nanoseconds: svint`, all of one sign; months and days fit 32 bits. The three do
 * not convert into one another, so durations have no meaningful order; in storage they are in byte order.
 */

/** In the order in which they must be given; `part` says which of the three numbers a unit counts in. */
const UNITS = [
  { names: ['y'], plural: 'years', part: 0, factor: 12n },
  { names: ['mo'], plural: 'months', part: 0, factor: 1n },
  { names: ['w'], plural: 'weeks', part: 1, factor: 7n },
  { names: ['d'], plural: 'days', part: 1, factor: 1n },
  { names: ['h'], plural: 'hours', part: 2, factor: 3_600_000_000_000n },
  { names: ['m'], plural: 'minutes', part: 2, factor: 60_000_000_000n },
  { names: ['s'], plural: 'seconds', part: 2, factor: 1_000_000_000n },
  { names: ['ms'], plural: 'milliseconds', part: 2, factor: 1_000_000n },
  { names: ['us', 'µs', 'μs'], plural: 'microseconds', part: 2, factor: 1000n },
  { names: ['ns'], plural: 'nanoseconds', part: 2, factor: 1n },
] as const;
const PARTS = [
  { plural: 'months', greatest: 0x7fff_ffffn },
  { plural: 'days', greatest: 0x7fff_ffffn },
  { plural: 'nanoseconds', greatest: 0x7fff_ffff_ffff_ffffn },
] as const;

/** Longest text of a duration: every unit with 19 digits, with room to spare. */
const MAX_DURATION_TEXT = 300;
const STANDARD_TERM = /(\d{1,19})(y|mo|w|d|h|ms|m|us|µs|μs|ns|s)/iy;
const ISO = /^P(?:(\d{1,19})Y)?(?:(\d{1,19})M)?(?:(\d{1,19})D)?(?:T(?:(\d{1,19})H)?(?:(\d{1,19})M)?(?:(\d{1,19})S)?)?$/;
const ISO_WEEKS = /^P(\d{1,19})W$/;
const ISO_ALTERNATIVE = /^P(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2}):(\d{2})$/;
const [YEARS, MONTHS, WEEKS, DAYS, HOURS, MINUTES, SECONDS] = [0, 1, 2, 3, 4, 5, 6];

/** Months, days and nanoseconds as they add up. */
type DurationParts = [bigint, bigint, bigint];

function add(parts: DurationParts, unit: number, digits: string | undefined): void {
  if (digits === undefined) return;
  const { part, factor } = UNITS[unit]!;
  parts[part] += BigInt(digits) * factor;
  const { plural, greatest } = PARTS[part];
  if (parts[part] > greatest) {
    throw new InvalidRequestError(
      `Invalid duration. The total number of ${plural} must be less or equal to ${greatest}`,
    );
  }
}

function parseStandard(text: string): DurationParts | undefined {
  const parts: DurationParts = [0n, 0n, 0n];
  let last = -1;
  const term = new RegExp(STANDARD_TERM);
  while (term.lastIndex < text.length) {
    const match = term.exec(text);
    if (match === null) return undefined;
    const name = match[2]!.toLowerCase();
    const unit = UNITS.findIndex((candidate) => (candidate.names as readonly string[]).includes(name));
    if (unit === last) {
      throw new InvalidRequestError(`Invalid duration. The ${UNITS[unit]!.plural} are specified multiple times`);
    }
    if (unit < last) {
      const [later, earlier] = [UNITS[last]!.plural, UNITS[unit]!.plural];
      throw new InvalidRequestError(`Invalid duration. The ${later} should be after ${earlier}`);
    }
    add(parts, unit, match[1]);
    last = unit;
  }
  return last < 0 ? undefined : parts;
}

function parseIso(text: string): DurationParts | undefined {
  const parts: DurationParts = [0n, 0n, 0n];
  const weeks = ISO_WEEKS.exec(text);
  if (weeks !== null) {
    add(parts, WEEKS!, weeks[1]);
    return parts;
  }
  const match = ISO_ALTERNATIVE.exec(text) ?? ISO.exec(text);
  if (match === null || match.slice(1).every((digits) => digits === undefined) || text.endsWith('T')) return undefined;
  for (const [i, unit] of [YEARS, MONTHS, DAYS, HOURS, MINUTES, SECONDS].entries()) add(parts, unit!, match[i + 1]);
  return parts;
}

/**
 * Bytes of a duration's text: `1y2mo3w4d5h6m7s8ms9us10ns` (any of the units, in this order, each once), ISO 8601
 * (`P1Y2M3DT4H5M6S`, `P4W`, `P0001-02-03T04:05:06`), with an optional sign in front.
 * @throws InvalidRequestError
 */
export function durationFromText(text: string): Uint8Array {
  if (text.length > MAX_DURATION_TEXT) throw cannotMake('duration', text);
  const isNegative = text.startsWith('-');
  const body = isNegative ? text.slice(1) : text;
  const parts = body.startsWith('P') ? parseIso(body) : parseStandard(body);
  if (parts === undefined) throw new InvalidRequestError(`Unable to convert '${shorten(text)}' to a duration`);
  const [months, days, nanos] = isNegative ? [-parts[0], -parts[1], -parts[2]] : parts;
  return encodeDuration(Number(months), Number(days), bigIntHi(nanos), bigIntLo(nanos));
}

/** Bytes of a duration; months and days are int32, nanoseconds come as halves. The caller gives all the same sign. */
export function encodeDuration(months: number, days: number, nanosHi: number, nanosLo: number): Uint8Array {
  const writer = new ByteWriter(16);
  const halves = new Int64Halves();
  for (const [hi, lo] of [
    [months >> 31, months],
    [days >> 31, days],
    [nanosHi, nanosLo],
  ] as const) {
    halves.hi = hi;
    halves.lo = lo;
    zigZag(halves);
    writeVint64(writer, halves.hi, halves.lo);
  }
  return writer.toBytes();
}

function validateDuration(bytes: Uint8Array, start: number, end: number): string | undefined {
  let at = start;
  let hasPositive = false;
  let hasNegative = false;
  for (let part = 0; part < 3; part++) {
    const size = vintFieldSize(bytes, at, end);
    if (size === 0) return `Expected at least 3 vints for duration (${end - start} bytes)`;
    const value = vintFieldValue(bytes, at);
    if (part < 2 && value > 0xffff_ffff) return `Invalid duration. The ${PARTS[part]!.plural} do not fit in 32 bits`;
    at += size;
    if (bytes[at - 1]! & 1)
      hasNegative = true; // zig-zag: odd numbers are the negative ones
    else if (value !== 0) hasPositive = true;
  }
  if (at !== end) return `Unexpected bytes after the duration (${end - at})`;
  return hasPositive && hasNegative
    ? 'The duration months, days and nanoseconds must be all of the same sign'
    : undefined;
}

function durationText(bytes: Uint8Array, start: number, end: number): string {
  const cursor = new ByteCursor(bytes, 'duration', start, end);
  const halves = new Int64Halves();
  const parts: bigint[] = [];
  for (let i = 0; i < 3; i++) {
    readVint64(cursor, halves);
    unZigZag(halves);
    parts.push(int64ToBigInt(halves.hi, halves.lo));
  }
  let text = parts.some((part) => part < 0n) ? '-' : '';
  const isZero = parts.every((part) => part === 0n);
  const rest = parts.map((part) => (part < 0n ? -part : part));
  for (const [unit, { names, part, factor }] of UNITS.entries()) {
    if (unit === WEEKS) continue; // read but never printed, as in Cassandra
    const count = rest[part]! / factor;
    rest[part]! %= factor;
    if (count > 0n) text += `${count}${names[0]}`;
  }
  return isZero ? '0ns' : text;
}

export const durationType: CqlType = new DefinedType({
  kind: TypeKind.Duration,
  cqlName: 'duration',
  className: `${MARSHAL_PREFIX}DurationType`,
  fixedLength: -1,
  compare: compareBytes,
  prefix: leadingBytes,
  validate: validateDuration,
  toText(bytes, start, end) {
    if (start === end) return '';
    return validateDuration(bytes, start, end) === undefined
      ? durationText(bytes, start, end)
      : invalidValueText(bytes, start, end);
  },
  fromText: durationFromText,
});
