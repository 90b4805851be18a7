import type { Random } from '../../core/ports/random.ts';

/** A seeded generator (xoshiro128**): the same seed gives the same numbers on every machine. */
export class SimRandom implements Random {
  readonly seed: number;
  readonly #state: Uint32Array;

  constructor(seed: number) {
    this.seed = seed;
    this.#state = new Uint32Array(4);
    // SplitMix32 spreads the seed over the state, which must not be all zeros.
    let mix = seed >>> 0;
    for (let i = 0; i < 4; i++) {
      mix = (mix + 0x9e37_79b9) >>> 0;
      let word = mix;
      word = Math.imul(word ^ (word >>> 16), 0x21f0_aaad);
      word = Math.imul(word ^ (word >>> 15), 0x735a_2d97);
      this.#state[i] = word ^ (word >>> 15);
    }
    if (this.#state.every((word) => word === 0)) this.#state[0] = 1;
  }

  next(): number {
    return this.word() / 0x1_0000_0000;
  }

  /** 32 random bits, unsigned. */
  word(): number {
    const state = this.#state;
    const product = Math.imul(state[1]!, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    const shifted = state[1]! << 9;
    state[2]! ^= state[0]!;
    state[3]! ^= state[1]!;
    state[1]! ^= state[2]!;
    state[0]! ^= state[3]!;
    state[2]! ^= shifted;
    state[3] = (state[3]! << 11) | (state[3]! >>> 21);
    return result;
  }

  /** An integer from `start` to `end` - 1. */
  integer(start: number, end: number): number {
    return start + Math.floor(this.next() * (end - start));
  }

  /** True with a probability. */
  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** One of `items`. */
  pick<Item>(items: readonly Item[]): Item {
    return items[this.integer(0, items.length)]!;
  }

  fill(target: Uint8Array): void {
    for (let i = 0; i < target.length; i++) target[i] = this.word();
  }

  /** Another generator, with a seed drawn from this one: so that one part's draws do not move another's. */
  fork(): SimRandom {
    return new SimRandom(this.word());
  }
}
