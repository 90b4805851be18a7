import { civilFromDays, civilText, daysFromCivil } from '../../core/types/calendar.ts';

const SECONDS_PER_DAY = 86_400;
const MICROS_PER_SECOND = 1_000_000n;

/** `2018-06-20 18:34:01`, UTC. */
function clockText(seconds: number, separator: string): string {
  const days = Math.floor(seconds / SECONDS_PER_DAY);
  const ofDay = seconds - days * SECONDS_PER_DAY;
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(ofDay / 3600))}:${two(Math.floor(ofDay / 60) % 60)}:${two(ofDay % 60)}`;
  const date = civilFromDays(days);
  return `${date.year > 9999 ? '+' : ''}${civilText(date)}${separator}${clock}`;
}

/** `2018-06-20 18:34:01z`: seconds since 1970 as `scylla sstable` prints them. */
export function spacedTime(seconds: number): string {
  return `${clockText(seconds, ' ')}z`;
}

/** `2018-06-20T18:34:01Z`: seconds since 1970 as sstabledump prints them. */
export function isoSeconds(seconds: number): string {
  return `${clockText(seconds, 'T')}Z`;
}

/** Microseconds since 1970 as sstabledump prints them: with no, three or six decimals, whichever suffices. */
export function isoMicros(micros: bigint): string {
  const fraction = ((micros % MICROS_PER_SECOND) + MICROS_PER_SECOND) % MICROS_PER_SECOND;
  const clock = clockText(Number((micros - fraction) / MICROS_PER_SECOND), 'T');
  if (fraction === 0n) return `${clock}Z`;
  const digits = String(fraction).padStart(6, '0');
  return `${clock}.${digits.endsWith('000') ? digits.slice(0, 3) : digits}Z`;
}

/** Seconds since 1970 of what `spacedTime` prints; undefined when the text is something else. */
export function parseSpacedTime(text: string): number | undefined {
  const match = /^\+?(-?\d{4,6})-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)z$/.exec(text);
  if (match === null) return undefined;
  const [year, month, day, hour, minute, second] = match.slice(1).map(Number) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const days = daysFromCivil(year, month, day);
  if (days === undefined || hour > 23 || minute > 59 || second > 59) return undefined;
  return days * SECONDS_PER_DAY + hour * 3600 + minute * 60 + second;
}
