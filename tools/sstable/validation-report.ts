import type { TesseraError } from '../../core/errors.ts';

/** Messages of one SSTable beyond this many are counted only. */
const MOST_MESSAGES = 100;

/** What is wrong with one SSTable. Errors make it invalid; warnings are told and change nothing. */
export class ValidationReport {
  errorCount = 0;
  readonly #tell: (text: string) => void;
  readonly #toldOnce: Set<string> = new Set();
  #messageCount = 0;

  constructor(tell: (text: string) => void) {
    this.#tell = tell;
  }

  /** @param offset byte in the file, or in the uncompressed data of a Data.db */
  error(path: string, offset: number, why: string): void {
    this.errorCount++;
    this.#message(`error: ${path} at byte ${offset}: ${why}`);
  }

  /** Damage that a reader met. */
  failure(error: TesseraError): void {
    this.errorCount++;
    this.#message(`error: ${error.message}`);
  }

  /** An error that many rows can have and that counts once. */
  errorOnce(kind: string, path: string, offset: number, why: string): void {
    if (!this.#isNew(kind)) return;
    this.error(path, offset, why);
  }

  warningOnce(kind: string, path: string, offset: number, why: string): void {
    if (!this.#isNew(kind)) return;
    this.#message(`warning: ${path} at byte ${offset}: ${why}`);
  }

  #isNew(kind: string): boolean {
    if (this.#toldOnce.has(kind)) return false;
    this.#toldOnce.add(kind);
    return true;
  }

  #message(text: string): void {
    this.#messageCount++;
    if (this.#messageCount <= MOST_MESSAGES) this.#tell(text);
    else if (this.#messageCount === MOST_MESSAGES + 1) this.#tell('further messages are left out');
  }
}
