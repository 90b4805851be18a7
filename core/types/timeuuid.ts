import { readU32BE, writeI32BE, writeU16BE } from '../bytes.ts';
import { uuidTimeHi } from './uuid.ts';

/**
 * Making and reading version 1 UUIDs. Their clock counts 100 ns from 1582-10-15. Pure: the time, the clock sequence and
 * the node come from the caller, who must not give one tick twice under the same node and clock sequence.
 * @see RFC 9562 §5.1
 */

/** 100 ns steps from 1582-10-15 to 1970-01-01, as two halves. */
const UNIX_EPOCH_HI = 0x01b2_1dd2;
const UNIX_EPOCH_LO = 0x1381_4000;
const UNIX_EPOCH = 0x01b2_1dd2_1381_4000n;
const TWO_32 = 0x1_0000_0000;
/** Upper part of the greatest timestamp of 60 bits. */
const MAX_TIME_HI = 0x0fff_ffff;
const TICKS_PER_US = 10;
const TICKS_PER_MS = 10_000;

/**
 * Writes 16 bytes at `at`.
 * @param unixUs microseconds since 1970, a safe integer
 * @param tick 100 ns steps within the microsecond, 0 to 9
 * @param clockSequence 14 bits; the variant bits are added
 * @param node six bytes
 */
export function writeTimeUuid(
  target: Uint8Array,
  at: number,
  unixUs: number,
  tick: number,
  clockSequence: number,
  node: Uint8Array,
): void {
  writeTime(target, at, unixUs, TICKS_PER_US, tick);
  writeU16BE(target, at + 8, 0x8000 | (clockSequence & 0x3fff));
  for (let i = 0; i < 6; i++) target[at + 10 + i] = node[i]!;
}

/** The UUID of `writeTimeUuid` in an array of its own. */
export function timeUuid(unixUs: number, tick: number, clockSequence: number, node: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(16);
  writeTimeUuid(bytes, 0, unixUs, tick, clockSequence, node);
  return bytes;
}

/** The least timeuuid of a millisecond since 1970, in timeuuid order. For comparing only: it is nobody's id. */
export function minTimeUuid(unixMs: number): Uint8Array {
  const bytes = new Uint8Array(16).fill(0x80);
  writeTime(bytes, 0, unixMs, TICKS_PER_MS, 0);
  return bytes;
}

/** The greatest timeuuid of a millisecond since 1970, in timeuuid order. */
export function maxTimeUuid(unixMs: number): Uint8Array {
  const bytes = new Uint8Array(16).fill(0x7f);
  writeTime(bytes, 0, unixMs, TICKS_PER_MS, TICKS_PER_MS - 1);
  return bytes;
}

/** Milliseconds since 1970 of the timeuuid at `at`, rounded down. */
export function timeUuidUnixMs(bytes: Uint8Array, at: number): number {
  return Number(floorDivide(ticksSince1970(bytes, at), 10_000n));
}

/** Microseconds since 1970 of the timeuuid at `at`, rounded down; exact to the year 2255. */
export function timeUuidUnixUs(bytes: Uint8Array, at: number): number {
  return Number(floorDivide(ticksSince1970(bytes, at), 10n));
}

function ticksSince1970(bytes: Uint8Array, at: number): bigint {
  return BigInt.asIntN(64, ((BigInt(uuidTimeHi(bytes, at)) << 32n) | BigInt(readU32BE(bytes, at))) - UNIX_EPOCH);
}

function floorDivide(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value % divisor < 0n ? quotient - 1n : quotient;
}

/**
 * Writes the timestamp and the version, the first half. Times that 60 bits cannot say become the nearest end of the clock.
 * @param time since 1970, a safe integer, in units of `ticksPerUnit` times 100 ns
 */
function writeTime(target: Uint8Array, at: number, time: number, ticksPerUnit: number, tick: number): void {
  const timeHi = Math.floor(time / TWO_32);
  const low = (time - timeHi * TWO_32) * ticksPerUnit + tick + UNIX_EPOCH_LO; // below 2^46
  let hi = timeHi * ticksPerUnit + UNIX_EPOCH_HI + Math.floor(low / TWO_32);
  let lo = (low % TWO_32) | 0;
  if (hi < 0) {
    hi = 0;
    lo = 0;
  } else if (hi > MAX_TIME_HI) {
    hi = MAX_TIME_HI;
    lo = -1;
  }
  writeI32BE(target, at, lo);
  writeU16BE(target, at + 4, hi);
  writeU16BE(target, at + 6, (hi >>> 16) | 0x1000);
}
