import { readSync } from 'node:fs';
import { FileOperationError } from '../../core/errors.ts';
import { type Files, OpenMode } from '../../core/ports/files.ts';

/** Bytes that come one after the other. */
export interface ByteFeed {
  /** For messages. */
  readonly name: string;
  /** Bytes in all; undefined where that is not known before the end. */
  readonly sizeBytes: number | undefined;
  /** Puts the next bytes at the start of `target`. Returns how many; 0 is the end. @throws FileOperationError */
  read(target: Uint8Array): number;
  close(): void;
}

/** A file from its start to its end. @throws FileOperationError */
export function fileFeed(files: Files, path: string): ByteFeed {
  const file = files.open(path, OpenMode.Read);
  let position = 0;
  return {
    name: path,
    sizeBytes: files.sizeOf(file),
    read(target) {
      const count = files.readSync(file, target, 0, target.length, position);
      position += count;
      return count;
    },
    close: () => files.close(file),
  };
}

const STANDARD_INPUT = 0;
/** How long to wait when the other program has nothing to read yet. */
const RETRY_MS = 5;

export function standardInputFeed(): ByteFeed {
  const name = 'standard input';
  return {
    name,
    sizeBytes: undefined,
    read(target) {
      for (;;) {
        try {
          return readSync(STANDARD_INPUT, target, 0, target.length, null);
        } catch (error) {
          const code = (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN';
          if (code === 'EOF') return 0;
          if (code !== 'EAGAIN') throw new FileOperationError('read', name, code, { cause: error });
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, RETRY_MS);
        }
      }
    },
    close: () => undefined,
  };
}
