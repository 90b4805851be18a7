import { civilFromDays } from '../../core/types/calendar.ts';

/** Numbers and times as Cassandra's tools print them; times in UTC. */

const SECONDS_PER_DAY = 86_400;
const UNITS: readonly (readonly [string, number])[] = [
  ['day', SECONDS_PER_DAY],
  ['hour', 3600],
  ['minute', 60],
  ['second', 1],
];

/** `03/09/2024 16:00:00` */
export function javaDate(seconds: number): string {
  const days = Math.floor(seconds / SECONDS_PER_DAY);
  const ofDay = seconds - days * SECONDS_PER_DAY;
  const { year, month, day } = civilFromDays(days);
  const two = (value: number) => String(value).padStart(2, '0');
  const clock = `${two(Math.floor(ofDay / 3600))}:${two(Math.floor(ofDay / 60) % 60)}:${two(ofDay % 60)}`;
  return `${two(month)}/${two(day)}/${String(year).padStart(4, '0')} ${clock}`;
}

/** `1 hour 30 seconds`: units of nothing are left out at both ends only. */
export function durationWords(seconds: number): string {
  let left = seconds;
  const parts = UNITS.map(([name, size]) => {
    const count = Math.floor(left / size);
    left -= count * size;
    return { count, text: `${count} ${name}${count === 1 ? '' : 's'}` };
  });
  const first = parts.findIndex(({ count }) => count > 0);
  const last = parts.findLastIndex(({ count }) => count > 0);
  return parts
    .slice(Math.max(0, first), last + 1)
    .map(({ text }) => text)
    .join(' ');
}

/** `1.5 kB`; nothing for 0. */
export function byteCount(bytes: number): string | undefined {
  if (bytes === 0) return undefined;
  if (bytes < 1024) return `${bytes} B`;
  const power = Math.min(5, Math.floor(Math.log(bytes) / Math.log(1024)));
  return `${(bytes / 1024 ** power).toFixed(1)} ${'kMGTP'[power - 1]}B`;
}
