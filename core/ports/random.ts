/** Randomness: seeded in tests and the simulator, the operating system's in a node. */
export interface Random {
  /** A number in [0, 1) with 32 random bits. */
  next(): number;
  /** Overwrites `target` with random bytes. */
  fill(target: Uint8Array): void;
}
