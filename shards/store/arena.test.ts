import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Arena, blockBytes } from './arena.ts';
import { NO_ROOM, PAGE_BYTES, SlabPool } from './slab-pool.ts';

const arbitrarySize = fc.oneof(fc.integer({ min: 1, max: 400 }), fc.integer({ min: 1, max: 3 * PAGE_BYTES }));

test('pieces are aligned, never overlap, keep what is written, and all pages return', () => {
  const step = fc.oneof(
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('piece' as const), size: arbitrarySize }) },
    { weight: 3, arbitrary: fc.record({ kind: fc.constant('block' as const), size: arbitrarySize }) },
    { weight: 2, arbitrary: fc.record({ kind: fc.constant('free' as const), size: fc.nat() }) },
  );
  const property = fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
    const pool = new SlabPool(100 * PAGE_BYTES);
    const arena = new Arena(pool);
    const { u8 } = pool.views;
    const live: { at: number; size: number; mark: number; isBlock: boolean }[] = [];
    let mark = 0;
    const check = ({ at, size, mark: expected }: { at: number; size: number; mark: number }) => {
      for (let i = at; i < at + size; i++) if (u8[i] !== expected) throw new Error('overwritten');
    };
    for (const { kind, size } of steps) {
      if (kind === 'free') {
        const blocks = live.filter(({ isBlock }) => isBlock);
        const block = blocks[size % Math.max(1, blocks.length)];
        if (block === undefined) continue;
        check(block);
        live.splice(live.indexOf(block), 1);
        arena.freeBlock(block.at, block.size);
        continue;
      }
      const at = kind === 'block' ? arena.allocateBlock(size) : arena.allocate(size);
      if (at === NO_ROOM) continue;
      expect(at % 4).toBe(0);
      expect(at).toBeGreaterThanOrEqual(PAGE_BYTES);
      mark = (mark + 1) & 255;
      const bytes = kind === 'block' ? blockBytes(size) : size;
      u8.fill(mark, at, at + bytes);
      live.push({ at, size: bytes, mark, isBlock: kind === 'block' });
      expect(arena.allocatedBytes).toBe(pool.usedBytes);
    }
    live.forEach(check);
    arena.release();
    expect(pool.usedPages).toBe(0);
  });
  fc.assert(property, { numRuns: 300 });
});

test('canAllocate never promises too much', () => {
  const property = fc.property(
    fc.array(fc.integer({ min: 1, max: PAGE_BYTES }), { minLength: 1, maxLength: 60 }),
    fc.integer({ min: 2, max: 40 }),
    fc.integer({ min: 0, max: PAGE_BYTES }),
    (sizes, pages, before) => {
      const pool = new SlabPool(pages * PAGE_BYTES);
      const arena = new Arena(pool);
      if (before > 0) arena.allocate(before);
      let total = 0;
      for (const size of sizes) total += (size + 3) & ~3;
      if (!arena.canAllocate(total)) return;
      for (const size of sizes) expect(arena.allocate(size)).not.toBe(NO_ROOM);
    },
  );
  fc.assert(property, { numRuns: 1000 });
});

test('what is reserved can be had when nothing else is left, and what is not used goes back', () => {
  const pool = new SlabPool(21 * PAGE_BYTES);
  const arena = new Arena(pool);
  const size = 5 * PAGE_BYTES - 100;
  expect(arena.reserve(size)).toBe(true);
  expect(arena.reserve(size + 4)).toBe(true);
  expect(arena.reserve(20 * PAGE_BYTES)).toBe(false);
  expect(arena.reserve(100)).toBe(true); // not large: nothing to set aside
  expect(pool.usedPages).toBe(10);
  const rest = pool.allocateRun(10);
  expect(arena.allocate(4 * PAGE_BYTES)).toBe(NO_ROOM);
  expect(arena.allocate(size)).not.toBe(NO_ROOM);
  arena.dropReserved();
  expect(pool.usedPages).toBe(15);
  arena.release();
  pool.freeRun(rest, 10);
  expect(pool.usedPages).toBe(0);
});

test('blocks of changing size are used again: overwriting for ever takes no more memory', () => {
  const pool = new SlabPool(200 * PAGE_BYTES);
  const arena = new Arena(pool);
  const blocks: { at: number; size: number }[] = [];
  let held = 0;
  for (let i = 0; i < 50_000; i++) {
    const size = 20 + ((i * 7919) % 3000);
    const slot = i % 20;
    const old = blocks[slot];
    if (old !== undefined) arena.freeBlock(old.at, old.size);
    const at = arena.allocateBlock(size);
    if (at === NO_ROOM) throw new Error('memory ground down');
    blocks[slot] = { at, size };
    if (i === 10_000) held = arena.allocatedBytes;
  }
  expect(arena.allocatedBytes).toBeLessThan(held * 1.5);
});
