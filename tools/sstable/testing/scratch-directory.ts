import { existsSync, mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where there is one, a file system in memory: tests write many small SSTables, each of them synced. */
const MEMORY = '/dev/shm';

/** A new, empty directory for a test file, which removes it. */
export function scratchDirectory(prefix: string): string {
  return mkdtempSync(join(existsSync(MEMORY) ? MEMORY : tmpdir(), `${prefix}-`));
}
