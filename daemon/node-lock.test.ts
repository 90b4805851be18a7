import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { NodeLock } from './node-lock.ts';

const MODULE = new URL('./node-lock.ts', import.meta.url).href;

function tryElsewhere(workdir: string): string {
  const code = `const { NodeLock } = await import('${MODULE}');
    try { new NodeLock(${JSON.stringify(workdir)}); console.log('taken'); } catch (error) { console.log(error.message); }`;
  const result = spawnSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
  return result.stdout.trim();
}

test('a second process is told who has the directory; the lock goes with its process', () => {
  const workdir = mkdtempSync(join(tmpdir(), 'tessera-lock-'));
  try {
    const lock = new NodeLock(workdir);
    expect(tryElsewhere(workdir)).toBe(`${workdir} is in use by another node (pid ${process.pid})`);
    lock.release();
    expect(tryElsewhere(workdir)).toBe('taken');
    expect(tryElsewhere(workdir)).toBe('taken'); // that process ended without releasing
  } finally {
    rmSync(workdir, { recursive: true });
  }
});
