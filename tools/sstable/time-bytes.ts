import { int64ToBigInt, int64ToNumber, isSafeInt64 } from '../../core/int64.ts';
import { civilFromDays, civilText } from '../../core/types/calendar.ts';
import { INT64_TEXT_BYTES, writeI64, writePadded, writePair } from './digit-bytes.ts';
import type { JsonText } from './json-text.ts';
import { isoMicros } from './time-text.ts';

const SECONDS_PER_DAY = 86_400;
const MOST_DATE_BYTES = 32;
/** Bytes after a date. */
const MOST_CLOCK_BYTES = 24;
const COLON = 58;

/**
 * Points in time as text in JSON, straight into its bytes. Rows of a file tell times of few days, often the same time again and
 * again: the date written last is kept.
 */
export class TimeBytes {
  /** Years above 9999 have a plus sign. */
  readonly #hasPlus: boolean;
  readonly #date: Uint8Array = new Uint8Array(MOST_DATE_BYTES);
  #dateLength = 0;
  #days = Number.NaN;

  constructor(hasPlus: boolean) {
    this.#hasPlus = hasPlus;
  }

  /** Date and time of day of a count of seconds, `separator` (an ASCII code) between them. */
  clock(json: JsonText, seconds: number, separator: number): void {
    const days = Math.floor(seconds / SECONDS_PER_DAY);
    const ofDay = seconds - days * SECONDS_PER_DAY;
    if (days !== this.#days) this.#setDate(days);
    let at = json.reserve(MOST_DATE_BYTES + MOST_CLOCK_BYTES);
    const { bytes } = json;
    const date = this.#date;
    for (let i = 0; i < this.#dateLength; i++) bytes[at++] = date[i]!;
    bytes[at] = separator;
    const minutes = Math.floor(ofDay / 60);
    const hours = Math.floor(minutes / 60);
    at = writePair(bytes, at + 1, hours);
    bytes[at] = COLON;
    at = writePair(bytes, at + 1, minutes - hours * 60);
    bytes[at] = COLON;
    json.length = writePair(bytes, at + 1, ofDay - minutes * 60);
  }

  /** `2018-06-20T18:34:01.234567Z` of microseconds, in three decimals or none where these suffice. */
  isoMicros(json: JsonText, hi: number, lo: number): void {
    if (!isSafeInt64(hi, lo)) {
      json.raw(isoMicros(int64ToBigInt(hi, lo)));
      return;
    }
    const micros = int64ToNumber(hi, lo);
    const seconds = Math.floor(micros / 1e6);
    const fraction = micros - seconds * 1e6;
    this.clock(json, seconds, T);
    if (fraction !== 0) {
      const millis = Math.floor(fraction / 1000);
      if (millis * 1000 === fraction) decimals(json, millis, 3);
      else decimals(json, fraction, 6);
    }
    zone(json, Z);
  }

  /** `2018-06-20T18:34:01Z` of seconds. */
  isoSeconds(json: JsonText, seconds: number): void {
    this.clock(json, seconds, T);
    zone(json, Z);
  }

  /** `2018-06-20 18:34:01z` of seconds. */
  spaced(json: JsonText, seconds: number): void {
    this.clock(json, seconds, SPACE);
    zone(json, SMALL_Z);
  }

  /** `2018-06-20T18:34:01.234Z` of milliseconds, a safe integer. */
  millis(json: JsonText, millis: number, separator: number): void {
    const seconds = Math.floor(millis / 1000);
    this.clock(json, seconds, separator);
    decimals(json, millis - seconds * 1000, 3);
    zone(json, Z);
  }

  #setDate(days: number): void {
    const date = civilFromDays(days);
    const text = `${this.#hasPlus && date.year > 9999 ? '+' : ''}${civilText(date)}`;
    for (let i = 0; i < text.length; i++) this.#date[i] = text.charCodeAt(i);
    this.#dateLength = text.length;
    this.#days = days;
  }
}

/** Between date and time. */
export const T = 84;
export const SPACE = 32;
const Z = 90;
const SMALL_Z = 122;
const POINT = 46;

/** Appends a signed number of 64 bits. */
export function int64Bytes(json: JsonText, hi: number, lo: number): void {
  const at = json.reserve(INT64_TEXT_BYTES);
  json.length = writeI64(json.bytes, at, hi, lo);
}

/** In the room that `clock` reserved. */
function decimals(json: JsonText, value: number, width: number): void {
  json.bytes[json.length] = POINT;
  json.length = writePadded(json.bytes, json.length + 1, value, width);
}

function zone(json: JsonText, letter: number): void {
  json.bytes[json.length++] = letter;
}
