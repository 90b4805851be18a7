import type { Random } from '../../core/ports/random.ts';

// Loaded with the first use: it takes 5 ms, and no start needs it but the very first of a node.
const cryptoModule = (): typeof import('node:crypto') => process.getBuiltinModule('node:crypto');

const POOL_WORDS = 256;

/** The operating system's randomness, taken 1 KiB at a time. */
export class NodeRandom implements Random {
  readonly #pool: Uint32Array<ArrayBuffer>;
  #used: number;

  constructor() {
    this.#pool = new Uint32Array(POOL_WORDS);
    this.#used = POOL_WORDS;
  }

  next(): number {
    if (this.#used === POOL_WORDS) {
      cryptoModule().randomFillSync(this.#pool);
      this.#used = 0;
    }
    const word = this.#pool[this.#used]!;
    this.#pool[this.#used] = 0; // what was given out is not to be found here again
    this.#used++;
    return word / 0x1_0000_0000;
  }

  fill(target: Uint8Array): void {
    cryptoModule().randomFillSync(target);
  }
}
