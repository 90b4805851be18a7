import { assert } from '../../core/assert.ts';
import { readI32BE } from '../../core/bytes.ts';
import { ID_LENGTH } from './statement-id.ts';

/** What `find` returns for an id that is not there. */
export const NOT_FOUND = -1;

const FIRST_CAPACITY = 64;
const WORDS = ID_LENGTH / 4;

/**
 * Prepared statement ids to small numbers, for EXECUTE: a look-up makes no string and allocates nothing. Open addressing with
 * linear probing at a load of at most one half; removal shifts back, so that there are no tombstones. Ids are MD5 and need no
 * more mixing, but whoever prepares statements can choose texts whose ids share their first bits: `seed`, a random int32,
 * hides which slots they get.
 *
 * Slot s: words[4s, 4s + 4) is the id as four int32 BE, values[s] its number or NOT_FOUND for an empty slot.
 */
export class StatementIdTable {
  #words: Int32Array;
  #values: Int32Array;
  #mask: number;
  #size: number;
  readonly #seed: number;

  constructor(seed = 0) {
    this.#words = new Int32Array(FIRST_CAPACITY * WORDS);
    this.#values = new Int32Array(FIRST_CAPACITY).fill(NOT_FOUND);
    this.#mask = FIRST_CAPACITY - 1;
    this.#size = 0;
    this.#seed = seed;
  }

  get size(): number {
    return this.#size;
  }

  /** The number of the id bytes[start, end), or NOT_FOUND; also for an id of another length than 16. */
  find(bytes: Uint8Array, start: number, end: number): number {
    if (end - start !== ID_LENGTH) return NOT_FOUND;
    return this.#values[this.#slotOf(bytes, start)]!;
  }

  /** Sets the number of an id: 0 or more. Replaces an earlier one. */
  set(bytes: Uint8Array, start: number, end: number, value: number): void {
    assert(end - start === ID_LENGTH, 'a statement id has 16 bytes');
    assert(value >= 0, 'the number of a statement is not negative');
    let slot = this.#slotOf(bytes, start);
    if (this.#values[slot] === NOT_FOUND) {
      if (2 * (this.#size + 1) > this.#values.length) {
        this.#grow();
        slot = this.#slotOf(bytes, start);
      }
      this.#size++;
      for (let i = 0; i < WORDS; i++) this.#words[slot * WORDS + i] = readI32BE(bytes, start + 4 * i);
    }
    this.#values[slot] = value;
  }

  /** Forgets an id; returns its number, or NOT_FOUND if it was not there. */
  delete(bytes: Uint8Array, start: number, end: number): number {
    if (end - start !== ID_LENGTH) return NOT_FOUND;
    let hole = this.#slotOf(bytes, start);
    const value = this.#values[hole]!;
    if (value === NOT_FOUND) return NOT_FOUND;
    this.#size--;
    // Knuth 6.4, algorithm R: an entry moves into the hole if its home does not lie between the hole and itself.
    for (let slot = (hole + 1) & this.#mask; this.#values[slot] !== NOT_FOUND; slot = (slot + 1) & this.#mask) {
      const home = this.#home(this.#words[slot * WORDS]!, this.#words[slot * WORDS + 1]!);
      if (((slot - home) & this.#mask) < ((slot - hole) & this.#mask)) continue;
      this.#words.copyWithin(hole * WORDS, slot * WORDS, (slot + 1) * WORDS);
      this.#values[hole] = this.#values[slot]!;
      hole = slot;
    }
    this.#values[hole] = NOT_FOUND;
    return value;
  }

  /** The slot that holds the id at bytes[start], or the empty one where it would go. */
  #slotOf(bytes: Uint8Array, start: number): number {
    const words = this.#words;
    const values = this.#values;
    const first = readI32BE(bytes, start);
    const second = readI32BE(bytes, start + 4);
    let slot = this.#home(first, second);
    while (values[slot] !== NOT_FOUND) {
      const at = slot * WORDS;
      if (
        words[at] === first &&
        words[at + 1] === second &&
        words[at + 2] === readI32BE(bytes, start + 8) &&
        words[at + 3] === readI32BE(bytes, start + 12)
      ) {
        return slot;
      }
      slot = (slot + 1) & this.#mask;
    }
    return slot;
  }

  #home(first: number, second: number): number {
    const mixed = Math.imul(first ^ this.#seed, 0x9e37_79b1) ^ second;
    return (mixed ^ (mixed >>> 16)) & this.#mask;
  }

  #grow(): void {
    const words = this.#words;
    const values = this.#values;
    const capacity = values.length * 2;
    this.#words = new Int32Array(capacity * WORDS);
    this.#values = new Int32Array(capacity).fill(NOT_FOUND);
    this.#mask = capacity - 1;
    for (let old = 0; old < values.length; old++) {
      if (values[old] === NOT_FOUND) continue;
      let slot = this.#home(words[old * WORDS]!, words[old * WORDS + 1]!);
      while (this.#values[slot] !== NOT_FOUND) slot = (slot + 1) & this.#mask;
      for (let i = 0; i < WORDS; i++) this.#words[slot * WORDS + i] = words[old * WORDS + i]!;
      this.#values[slot] = values[old]!;
    }
  }
}
