import { readI32BE, readU32BE, writeI32BE } from '../../../core/bytes.ts';
import { InvalidRequestError } from '../../../core/errors.ts';
import { int64Hi, int64Lo, int64ToBigInt, int64ToNumber } from '../../../core/int64.ts';
import type { CqlType } from '../../../core/types/cql-type.ts';
import { dateType } from '../../../core/types/date.ts';
import { bigintType } from '../../../core/types/int.ts';
import { timeType } from '../../../core/types/time.ts';
import { timestampType } from '../../../core/types/timestamp.ts';
import { maxTimeUuid, minTimeUuid, timeUuidUnixMs } from '../../../core/types/timeuuid.ts';
import { timeuuidType } from '../../../core/types/uuid.ts';
import type { ExecutionContext } from '../plan.ts';
import type { ScalarFunction } from './scalar-function.ts';

/** Functions between timeuuid, timestamp, date and bigint milliseconds. An empty value counts as null. */

const MS_PER_DAY = 86_400_000;
const NANOS_PER_US = 1000;
const US_PER_DAY = 86_400_000_000;
/** The date number of 1970-01-01. */
const DAY_OF_1970 = 0x8000_0000;

function int64Bytes(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  writeI32BE(bytes, 0, int64Hi(value));
  writeI32BE(bytes, 4, int64Lo(value));
  return bytes;
}

/** The date that holds a time in milliseconds since 1970. @throws InvalidRequestError beyond the dates there are */
export function dateOfTimestamp(timestamp: Uint8Array): Uint8Array {
  const ms = int64ToBigInt(readI32BE(timestamp, 0), readI32BE(timestamp, 4));
  const remainder = ((ms % BigInt(MS_PER_DAY)) + BigInt(MS_PER_DAY)) % BigInt(MS_PER_DAY);
  const day = Number((ms - remainder) / BigInt(MS_PER_DAY)) + DAY_OF_1970;
  if (day < 0 || day > 0xffff_ffff) throw new InvalidRequestError(`timestamp ${ms} is beyond the range of dates`);
  const bytes = new Uint8Array(4);
  writeI32BE(bytes, 0, day);
  return bytes;
}

/** Midnight, UTC, of a date. */
export function timestampOfDate(date: Uint8Array): Uint8Array {
  return int64Bytes((readU32BE(date, 0) - DAY_OF_1970) * MS_PER_DAY);
}

/** The time in a timeuuid, to the millisecond. */
export function timestampOfTimeUuid(id: Uint8Array): Uint8Array {
  return int64Bytes(timeUuidUnixMs(id, 0));
}

function unixMs(timestamp: Uint8Array): number {
  return int64ToNumber(readI32BE(timestamp, 0), readI32BE(timestamp, 4));
}

function conversion(
  name: string,
  from: CqlType,
  to: CqlType,
  convert: (value: Uint8Array) => Uint8Array,
): ScalarFunction {
  return {
    name,
    argumentTypes: [from],
    returnType: to,
    isPure: true,
    call: ([value]) => (value === undefined || value.length === 0 ? undefined : convert(value)),
  };
}

function current(name: string, type: CqlType, convert: (context: ExecutionContext) => Uint8Array): ScalarFunction {
  return { name, argumentTypes: [], returnType: type, isPure: false, call: (_args, context) => convert(context) };
}

const currentTimestamp = ({ nowUs }: ExecutionContext): Uint8Array => int64Bytes(Math.floor(nowUs / 1000));
const currentDate = (context: ExecutionContext): Uint8Array => dateOfTimestamp(currentTimestamp(context));
const currentTime = ({ nowUs }: ExecutionContext): Uint8Array => int64Bytes((nowUs % US_PER_DAY) * NANOS_PER_US);

/** Both spellings of a name: Cassandra 5 writes words with underscores. */
function spelled(names: readonly [string, string], make: (name: string) => ScalarFunction[]): ScalarFunction[] {
  return names.flatMap(make);
}

export const TIME_FUNCTIONS: readonly ScalarFunction[] = [
  ...spelled(['currenttimestamp', 'current_timestamp'], (name) => [current(name, timestampType, currentTimestamp)]),
  ...spelled(['currentdate', 'current_date'], (name) => [current(name, dateType, currentDate)]),
  ...spelled(['currenttime', 'current_time'], (name) => [current(name, timeType, currentTime)]),
  ...spelled(['mintimeuuid', 'min_timeuuid'], (name) => [
    conversion(name, timestampType, timeuuidType, (value) => minTimeUuid(unixMs(value))),
  ]),
  ...spelled(['maxtimeuuid', 'max_timeuuid'], (name) => [
    conversion(name, timestampType, timeuuidType, (value) => maxTimeUuid(unixMs(value))),
  ]),
  ...spelled(['todate', 'to_date'], (name) => [
    conversion(name, timeuuidType, dateType, (value) => dateOfTimestamp(timestampOfTimeUuid(value))),
    conversion(name, timestampType, dateType, dateOfTimestamp),
  ]),
  ...spelled(['totimestamp', 'to_timestamp'], (name) => [
    conversion(name, timeuuidType, timestampType, timestampOfTimeUuid),
    conversion(name, dateType, timestampType, timestampOfDate),
  ]),
  ...spelled(['tounixtimestamp', 'to_unix_timestamp'], (name) => [
    conversion(name, timeuuidType, bigintType, timestampOfTimeUuid),
    conversion(name, timestampType, bigintType, (value) => value.slice()),
    conversion(name, dateType, bigintType, timestampOfDate),
  ]),
  conversion('dateof', timeuuidType, timestampType, timestampOfTimeUuid),
  conversion('unixtimestampof', timeuuidType, bigintType, timestampOfTimeUuid),
];
