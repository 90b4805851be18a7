/** Rounds of a loop over batches or blocks between two turns. */
const ROUNDS_PER_TURN = 16;

/**
 * Lets a long loop over blocks come to its next turn now and then: what decompressors hold of each block outside of the heap is given
 * back between turns only.
 */
export class Turns {
  readonly #roundsPerTurn: number;
  #rounds = 0;

  constructor(roundsPerTurn: number = ROUNDS_PER_TURN) {
    this.#roundsPerTurn = roundsPerTurn;
  }

  /** Called once a round; undefined when the round may go on at once. */
  next(): Promise<void> | undefined {
    if (++this.#rounds % this.#roundsPerTurn !== 0) return undefined;
    return new Promise((resolve) => {
      setImmediate(resolve);
    });
  }
}
