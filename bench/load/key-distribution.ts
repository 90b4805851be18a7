/** Which key a request takes: numbers from 0 to population - 1, under a seed, so that two runs send the same stream. */
export interface KeyDistribution {
  next(): number;
}

/** A small fast generator of 32-bit numbers (Marsaglia's xorshift); good enough to choose keys. */
export class SeededNumbers {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed * 2_654_435_761) >>> 0 || 1;
    for (let i = 0; i < 8; i++) this.next();
  }

  /** A number in [0, 1). */
  next(): number {
    let x = this.#state;
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    this.#state = x >>> 0;
    return this.#state / 0x1_0000_0000;
  }
}

export const DISTRIBUTIONS = ['sequential', 'uniform', 'zipfian'] as const;
export type DistributionName = (typeof DISTRIBUTIONS)[number];

export function keyDistribution(name: DistributionName, population: number, seed: number): KeyDistribution {
  const random = new SeededNumbers(seed);
  switch (name) {
    case 'sequential': {
      let next = 0;
      return { next: () => next++ % population };
    }
    case 'uniform':
      return { next: () => Math.floor(random.next() * population) };
    default:
      return new Zipfian(population, random);
  }
}

const THETA = 0.99;

/**
 * Few keys take most requests: rank r with a probability of about 1 / r^θ. Ranks are scattered over the keys, so that hot keys lie on
 * different tablets.
 * @see Gray et al., "Quickly generating billion-record synthetic databases", 1994; YCSB's ScrambledZipfian
 */
class Zipfian implements KeyDistribution {
  readonly #population: number;
  readonly #random: SeededNumbers;
  readonly #zeta: number;
  readonly #alpha: number = 1 / (1 - THETA);
  readonly #eta: number;

  constructor(population: number, random: SeededNumbers) {
    this.#population = population;
    this.#random = random;
    let zeta = 0;
    for (let rank = 1; rank <= population; rank++) zeta += 1 / rank ** THETA;
    this.#zeta = zeta;
    this.#eta = (1 - (2 / population) ** (1 - THETA)) / (1 - (1 + 0.5 ** THETA) / zeta);
  }

  next(): number {
    const u = this.#random.next();
    const uz = u * this.#zeta;
    let rank: number;
    if (uz < 1) rank = 0;
    else if (uz < 1 + 0.5 ** THETA) rank = 1;
    else rank = Math.floor(this.#population * (this.#eta * u - this.#eta + 1) ** this.#alpha);
    return (Math.imul(rank, 0x9e37_79b1) >>> 0) % this.#population;
  }
}
