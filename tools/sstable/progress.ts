import type { TextOutput } from '../commands/text-output.ts';

/** Milliseconds between two signs of life of a long run. */
const INTERVAL_MS = 10_000;
/** Calls between two readings of the clock. */
const CALLS_PER_LOOK = 16;

/** Tells on stderr, every ten seconds, how far a long run has come. Short runs say nothing. */
export class Progress {
  readonly #out: TextOutput;
  readonly #what: string;
  #nextMs: number = Date.now() + INTERVAL_MS;
  #calls = 0;
  #wasShown = false;

  constructor(out: TextOutput, what: string) {
    this.#out = out;
    this.#what = what;
  }

  /** Called often; looks at the clock now and then. @param fraction 0 to 1 */
  at(fraction: number): void {
    if (++this.#calls % CALLS_PER_LOOK !== 0) return;
    const nowMs = Date.now();
    if (nowMs < this.#nextMs) return;
    this.#nextMs = nowMs + INTERVAL_MS;
    this.#wasShown = true;
    this.#out.progress(`${this.#what}: ${Math.floor(fraction * 100)} %`);
  }

  done(): void {
    if (this.#wasShown) this.#out.progress(undefined);
  }
}
