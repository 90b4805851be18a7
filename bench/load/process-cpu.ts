import { readFileSync } from 'node:fs';

/** Clock ticks a second of Linux's accounting; fixed in its interface to programs. */
const TICKS_PER_SECOND = 100;

/** User and system time of a process and all its threads in seconds, or undefined where /proc is missing. */
export function cpuSeconds(pid: number): number | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND;
  } catch {
    return undefined; // no such process, or not Linux: the report leaves the figure out
  }
}

/** Resident memory in bytes, or undefined. */
export function residentBytes(pid: number): number | undefined {
  try {
    const match = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'latin1'));
    return match === null ? undefined : Number(match[1]) * 1024;
  } catch {
    return undefined;
  }
}
