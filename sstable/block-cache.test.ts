import { crc32 } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { OpenMode } from '../core/ports/files.ts';
import { SimFiles } from '../test/sim/sim-files.ts';
import { SimRandom } from '../test/sim/sim-random.ts';
import { BlockCache } from './block-cache.ts';
import { BlockFile } from './block-file.ts';
import { Dice } from './testing/random-partitions.ts';

const FILE_BLOCKS = 40;

/** A file whose bytes tell their file and block. */
function makeFile(files: SimFiles, cache: BlockCache, number: number, blockBytes: number): BlockFile {
  const path = `/file${number}`;
  const content = new Uint8Array(FILE_BLOCKS * blockBytes - 17);
  for (let i = 0; i < content.length; i++) content[i] = expectedByte(number, Math.floor(i / blockBytes));
  const crcs = Uint32Array.from({ length: FILE_BLOCKS }, (_, i) =>
    crc32(content.subarray(i * blockBytes, (i + 1) * blockBytes)),
  );
  files.setContent(path, content);
  const file = files.open(path, OpenMode.Read);
  return new BlockFile(path, file, cache.newFileId(), content.length, undefined, { blockBytes, crcs });
}

const expectedByte = (file: number, block: number) => (file * 41 + block * 7) & 0xff;

describe('the block cache', () => {
  test('holds what was loaded, never reuses a pinned slot, keeps its limit', () => {
    fc.assert(
      fc.property(fc.integer(), (seed) => {
        const dice = new Dice(seed);
        const files = new SimFiles();
        const random = new SimRandom(seed);
        const cache = new BlockCache(dice.pick([1, 600_000, 3_000_000]));
        const list = [4096, 16_384, 65_536, 4096].map((bytes, i) => makeFile(files, cache, i, bytes));
        const pinned: { slot: number; file: number; block: number }[] = [];
        let loads = 0;
        let answers = 0;
        const check = (bytes: Uint8Array, start: number, length: number, file: number, block: number) => {
          expect(length).toBe(list[file]!.blockLength(block));
          expect(bytes[start]).toBe(expectedByte(file, block));
          expect(bytes[start + length - 1]).toBe(expectedByte(file, block));
        };
        const slotIs = (slot: number, file: number, block: number) =>
          check(cache.bytes(slot), cache.start(slot), cache.length(slot), file, block);
        for (let step = 0; step < 300; step++) {
          const file = dice.below(list.length);
          const block = dice.below(FILE_BLOCKS);
          const slot = cache.find(list[file]!.cacheId, block);
          if (slot >= 0) {
            slotIs(slot, file, block);
            if (dice.chance(0.2)) {
              cache.pin(slot);
              pinned.push({ slot, file, block });
            }
          } else if (dice.chance(0.2)) {
            const bytes = new Uint8Array(list[file]!.blockLength(block)).fill(expectedByte(file, block));
            cache.offer(list[file]!, block, bytes, 0, bytes.length);
          } else {
            loads++;
            cache.load(files, list[file]!, block, (error, bytes, start, length, at) => {
              answers++;
              expect(error).toBeUndefined();
              check(bytes, start, length, file, block);
              if (at >= 0 && dice.chance(0.3)) {
                cache.pin(at);
                pinned.push({ slot: at, file, block });
              }
            });
          }
          while (dice.chance(0.6) && files.step(random));
          if (dice.chance(0.01)) cache.forget(list[dice.below(list.length)]!.cacheId);
          for (const { slot: at, file: f, block: b } of pinned) slotIs(at, f, b);
          if (pinned.length > 0 && dice.chance(0.25)) cache.unpin(pinned.shift()!.slot);
          expect(cache.usedBytes).toBeLessThanOrEqual(Math.max(cache.limitBytes, 256 * 1024));
        }
        while (files.step(random));
        expect(answers).toBe(loads);
      }),
      { numRuns: 25 },
    );
  });

  test('reads a block once for all who ask at a time, and tells all of an error', () => {
    const files = new SimFiles();
    const cache = new BlockCache(1_000_000);
    const file = makeFile(files, cache, 0, 65_536);
    const random = new SimRandom(1);
    let answers = 0;
    for (let i = 0; i < 3; i++) cache.load(files, file, 5, () => answers++);
    expect(files.queuedCount).toBe(1);
    while (files.step(random));
    expect(answers).toBe(3);

    files.plan = (operation) => (operation === 'read' ? { errno: 'EIO' } : undefined);
    const errors: (Error | undefined)[] = [];
    for (let i = 0; i < 2; i++) cache.load(files, file, 6, (error) => errors.push(error));
    while (files.step(random));
    expect(errors.map(String)).toEqual([expect.stringContaining('EIO'), expect.stringContaining('EIO')]);
    files.plan = undefined;
    expect(cache.find(file.cacheId, 6)).toBe(-1);
    cache.load(files, file, 6, (error) => errors.push(error));
    while (files.step(random));
    expect(errors.at(-1)).toBeUndefined();
    expect(cache.find(file.cacheId, 6)).toBeGreaterThanOrEqual(0);
  });
});
