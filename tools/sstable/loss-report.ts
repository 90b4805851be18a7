/** Messages beyond this many are counted only. */
const MOST_MESSAGES = 100;

/** What a scrub could not keep. */
export class LossReport {
  count = 0;
  readonly #tell: (text: string) => void;

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
  }

  /** @param path of the file, and where in it: damage, as errors name it; @param what is lost by it */
  lost(path: string, position: number, why: string, what: string): void {
    this.add(`${path} at byte ${position}: uncompressed data: ${why}`, what);
  }

  /** @param message of an error, which names its place */
  add(message: string, what: string): void {
    this.count++;
    if (this.count <= MOST_MESSAGES) this.#tell(`lost: ${what}: ${message}`);
    else if (this.count === MOST_MESSAGES + 1) this.#tell('further losses are counted only');
  }
}
