import { writeSync } from 'node:fs';
import type { Exit } from '../../core/ports/exit.ts';

/** Ends the process from any of its threads. The report goes to stderr directly: the log's way may be what is broken. */
export class NodeExit implements Exit {
  fatal(code: number, error: Error): void {
    const report = error.stack ?? error.message;
    try {
      writeSync(2, `ERROR fatal: ${report}\n`);
    } finally {
      // In a worker `process.exit` ends the thread only; the main thread takes any end of a worker for the end of all.
      process.exit(code);
    }
  }
}
