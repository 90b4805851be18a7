import { once } from 'node:events';
import type { ToolOutput } from '../commitlog-dump.ts';

/** Where a command's results go, whole lines or pieces of text, and its messages. */
export interface TextOutput extends ToolOutput {
  /** Appends to the results as it is. */
  write(text: string): void;
  /**
   * Appends UTF-8 to the results as it is.
   * @returns true when the bytes have been written and may be changed; false when they still wait, and must stay as they are
   */
  writeBytes(bytes: Uint8Array): boolean;
  /** Resolves when the reader of the results has taken what was written, so that no more than a little waits in memory. */
  drain(): Promise<void>;
  /** Shows how far a long run has come; undefined takes the display away. */
  progress(text: string | undefined): void;
}

/** Results to stdout, messages to stderr. */
export class StandardOutput implements TextOutput {
  readonly #isTerminal: boolean = process.stderr.isTTY === true;
  #hasProgress = false;

  write(text: string): void {
    process.stdout.write(text);
  }

  writeBytes(bytes: Uint8Array): boolean {
    process.stdout.write(bytes);
    return process.stdout.writableLength === 0;
  }

  line(text: string): void {
    this.write(`${text}\n`);
  }

  error(text: string): void {
    this.progress(undefined);
    process.stderr.write(`${text}\n`);
  }

  async drain(): Promise<void> {
    // Asked of the stream now: what was full when it was written may have drained since, and then says so no more.
    if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain');
  }

  /** One line that is drawn over itself on a terminal, else a line each. */
  progress(text: string | undefined): void {
    if (!this.#isTerminal) {
      if (text !== undefined) process.stderr.write(`${text}\n`);
    } else if (text !== undefined) {
      process.stderr.write(`\r\x1b[K${text}`);
      this.#hasProgress = true;
    } else if (this.#hasProgress) {
      process.stderr.write('\r\x1b[K');
      this.#hasProgress = false;
    }
  }
}

/** Ends the process quietly, as success, once nobody reads its results any more (`| head`). */
export function endWhenReaderLeaves(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0);
    process.stderr.write(`cannot write the results: ${error.message}\n`);
    process.exit(1);
  });
}
