import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';

/** Much more than a pipe holds. */
const PIECES = 64;
const PIECE_BYTES = 64 * 1024;

const PROGRAM = `
  import { StandardOutput } from ${JSON.stringify(join(import.meta.dirname, 'text-output.ts'))};
  const out = new StandardOutput();
  let piece = new Uint8Array(${PIECE_BYTES});
  for (let i = 0; i < ${PIECES}; i++) {
    piece.fill(0x41 + i);
    if (!out.writeBytes(piece)) piece = new Uint8Array(${PIECE_BYTES});
    await new Promise((resolve) => setImmediate(resolve));
    await out.drain();
  }
  out.write('end');
`;

test('a reader of a pipe gets everything, in order, whenever the pipe drains', async () => {
  const child = spawn(process.execPath, ['--input-type=module', '-e', PROGRAM], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const pieces: Buffer[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece));
  const code = await new Promise((resolve) => child.on('close', resolve));
  const all = Buffer.concat(pieces);
  expect(code).toBe(0);
  expect(all.length).toBe(PIECES * PIECE_BYTES + 3);
  for (let i = 0; i < PIECES; i++) {
    const piece = all.subarray(i * PIECE_BYTES, (i + 1) * PIECE_BYTES);
    expect(piece.every((byte) => byte === 0x41 + i)).toBe(true);
  }
});
