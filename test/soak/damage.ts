import type { SimRandom } from '../sim/sim-random.ts';

/** One change to a file's bytes, and how to tell of it. */
export interface Damage {
  readonly what: string;
  readonly bytes: Uint8Array;
}

const BLOCK = 4096;

/** Flips a bit at a given place, or does something worse there: another byte, zeros, a cut, a swap, foreign bytes at the end. */
export function damaged(original: Uint8Array, at: number, random: SimRandom): Damage {
  const which = random.next();
  const bytes = new Uint8Array(original);
  if (which < 0.6) {
    const bit = random.integer(0, 8);
    bytes[at]! ^= 1 << bit;
    return { what: `bit ${bit} of byte ${at} flipped`, bytes };
  }
  if (which < 0.7) {
    bytes[at]! ^= random.integer(1, 256);
    return { what: `byte ${at} set to ${bytes[at]}`, bytes };
  }
  if (which < 0.85) return { what: `cut at ${at}`, bytes: bytes.slice(0, at) };
  if (which < 0.92) {
    bytes.fill(0, at, at + BLOCK);
    return { what: `zeros from ${at} to ${Math.min(at + BLOCK, bytes.length)}`, bytes };
  }
  if (which < 0.96 && bytes.length > 2) {
    const other = random.integer(0, bytes.length);
    const length = Math.min(BLOCK, Math.abs(other - at), bytes.length - Math.max(at, other));
    const [low, high] = [Math.min(at, other), Math.max(at, other)];
    bytes.copyWithin(low, high, high + length);
    bytes.set(original.subarray(low, low + length), high);
    return { what: `${length} bytes at ${low} and ${high} swapped`, bytes };
  }
  const more = new Uint8Array(random.integer(1, 100));
  random.fill(more);
  return { what: `${more.length} bytes added`, bytes: new Uint8Array(Buffer.concat([original, more])) };
}

/** The place of the `turn`-th of `turns` damages: spread over the whole file, all of a small one. */
export function damagePlace(size: number, turn: number, turns: number, random: SimRandom): number {
  if (size <= turns) return turn % size;
  const start = Math.floor((turn / turns) * size);
  const end = Math.max(start + 1, Math.floor(((turn + 1) / turns) * size));
  return random.integer(start, end);
}
