import type { Outcome } from './register-history.ts';

/**
 * Judges conditional writes: each key is a register that only "set to b if it is a" changes, where every b is another. So there is one
 * order in which the writes can have happened, and it must fit the times of the requests: linearizability.
 */

export interface CasWrite {
  readonly key: number;
  /** Undefined: if there is no row. */
  readonly expected: number | undefined;
  readonly value: number;
  readonly begin: number;
  readonly end: number;
  /** 'done' when it was applied; one whose condition did not hold is no write but an observation. */
  readonly outcome: Outcome;
}

/** Somebody was told a key's value. */
export interface CasObservation {
  readonly key: number;
  readonly value: number | undefined;
  readonly begin: number;
  readonly end: number;
}

/** An operation at its place in the chain of values. */
interface Placed {
  readonly place: number;
  readonly begin: number;
  readonly end: number;
  readonly isWrite: boolean;
}

/** What is wrong with a history, a line each; empty when it is linearizable. */
export function checkCas(writes: readonly CasWrite[], observations: readonly CasObservation[]): string[] {
  const keys = new Set([...writes, ...observations].map(({ key }) => key));
  return [...keys].flatMap((key) =>
    checkKey(
      key,
      writes.filter((write) => write.key === key && write.outcome !== 'refused'),
      observations.filter((observation) => observation.key === key),
    ),
  );
}

function checkKey(key: number, writes: readonly CasWrite[], observations: readonly CasObservation[]): string[] {
  const errors: string[] = [];
  const effective = effectiveWrites(writes, observations);
  const following = new Map<number | undefined, CasWrite>();
  for (const write of effective) {
    const rival = following.get(write.expected);
    if (rival !== undefined) errors.push(`key ${key}: ${write.expected} became both ${rival.value} and ${write.value}`);
    following.set(write.expected, write);
  }
  const places = new Map<number | undefined, number>([[undefined, 0]]);
  for (let write = following.get(undefined); write !== undefined; write = following.get(write.value)) {
    if (places.has(write.value)) break;
    places.set(write.value, places.size);
  }
  const placed: Placed[] = [];
  const place = (value: number | undefined, begin: number, end: number, isWrite: boolean): void => {
    const found = places.get(value);
    if (found === undefined)
      errors.push(`key ${key}: ${value} was there at ${begin}-${end}, but cannot have come about`);
    else placed.push({ place: found, begin, end, isWrite });
  };
  for (const { value, begin, end, outcome } of effective)
    place(value, begin, outcome === 'done' ? end : Infinity, true);
  for (const { value, begin, end } of observations) place(value, begin, end, false);
  return [...errors, ...checkTimes(key, placed)];
}

/** Those that were applied for sure: their client was told, or somebody has seen the value or built on it. */
function effectiveWrites(writes: readonly CasWrite[], observations: readonly CasObservation[]): CasWrite[] {
  const seen = new Set(observations.map(({ value }) => value));
  const effective = new Set(writes.filter(({ outcome }) => outcome === 'done'));
  for (let size = -1; size !== effective.size; ) {
    size = effective.size;
    for (const { expected } of effective) seen.add(expected);
    for (const write of writes) if (seen.has(write.value)) effective.add(write);
  }
  return [...effective];
}

function checkTimes(key: number, placed: readonly Placed[]): string[] {
  const errors: string[] = [];
  for (const later of placed) {
    for (const earlier of placed) {
      if (earlier.end >= later.begin) continue;
      const isFine = later.isWrite ? earlier.place < later.place : earlier.place <= later.place;
      if (isFine) continue;
      errors.push(
        `key ${key}: what was at place ${earlier.place} at ${earlier.end} was at place ${later.place} at ${later.begin}`,
      );
    }
  }
  return errors;
}
