import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { replayScript } from '../test/support/raft/script.ts';
import { ScriptedGroup } from '../test/support/raft/scripted-group.ts';

/**
 * Histories of a few members, step by step, with every output (raft/testdata). `npx vitest run raft -u` writes the outputs anew;
 * a change is committed only by who can say why it came.
 */
const FOLDER: string = fileURLToPath(new URL('./testdata/', import.meta.url));

describe('scripts', () => {
  for (const file of readdirSync(FOLDER)
    .filter((name) => name.endsWith('.txt'))
    .sort()) {
    test(file.slice(0, -4), async () => {
      const group = new ScriptedGroup();
      const replayed = replayScript(readFileSync(FOLDER + file, 'utf8'), (command) => group.handle(command));
      await expect(replayed).toMatchFileSnapshot(FOLDER + file);
    });
  }
});
