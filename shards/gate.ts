import { assert } from '../core/assert.ts';
import { NotReadyError } from '../core/errors.ts';

/**
 * Counts who is inside, and waits for them when it closes: what a table, a group, a listener puts before its users so that it
 * can go away when nobody uses it any more.
 *
 * States: open -> closing (nobody enters, those inside finish) -> closed (nobody is inside).
 */
export class Gate {
  readonly #name: string;
  #inside: number;
  #closed: PromiseWithResolvers<void> | undefined;

  /** @param name what refuses entry, in the words of an error: 'table ks.t' */
  constructor(name: string) {
    this.#name = name;
    this.#inside = 0;
    this.#closed = undefined;
  }

  /** Who entered and has not left. */
  get inside(): number {
    return this.#inside;
  }

  /** False while closing, and for ever after. */
  get isOpen(): boolean {
    return this.#closed === undefined;
  }

  /** Enters; every entry needs its `leave`. @throws NotReadyError when the gate is closing or closed */
  enter(): void {
    if (!this.tryEnter()) throw new NotReadyError(`${this.#name} is closing`);
  }

  /** Enters unless the gate is closing or closed: then false, and nothing to leave. */
  tryEnter(): boolean {
    if (this.#closed !== undefined) return false;
    this.#inside++;
    return true;
  }

  leave(): void {
    assert(this.#inside > 0, 'who leaves a gate has entered it');
    this.#inside--;
    if (this.#inside === 0 && this.#closed !== undefined) this.#closed.resolve();
  }

  /** Lets nobody in from now on; resolves when the last one has left. May be called again: the same promise. */
  close(): Promise<void> {
    if (this.#closed === undefined) {
      this.#closed = Promise.withResolvers<void>();
      if (this.#inside === 0) this.#closed.resolve();
    }
    return this.#closed.promise;
  }
}
