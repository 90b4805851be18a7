import fc from 'fast-check';
import { expect, test } from 'vitest';
import { NO_ROOM, PAGE_BYTES, SlabPool } from './slab-pool.ts';

test('runs never overlap, come from the lowest place that fits, and all pages come back', () => {
  const step = fc.oneof(
    { weight: 3, arbitrary: fc.record({ take: fc.integer({ min: 1, max: 9 }) }) },
    { weight: 2, arbitrary: fc.record({ give: fc.nat({ max: 50 }) }) },
  );
  const property = fc.property(fc.integer({ min: 2, max: 150 }), fc.array(step, { maxLength: 120 }), (pages, steps) => {
    const pool = new SlabPool(pages * PAGE_BYTES);
    const used = new Array<boolean>(pages).fill(false);
    used[0] = true;
    const runs: { first: number; count: number }[] = [];
    for (const action of steps) {
      if ('take' in action) {
        const count = action.take;
        let expected = 0;
        for (let page = 1; expected === 0 && page + count <= pages; page++) {
          if (used.slice(page, page + count).every((isUsed) => !isUsed)) expected = page;
        }
        const offset = pool.allocateRun(count);
        expect(offset).toBe(expected * PAGE_BYTES);
        if (offset === NO_ROOM) continue;
        used.fill(true, expected, expected + count);
        runs.push({ first: expected, count });
      } else if (runs.length > 0) {
        const [run] = runs.splice(action.give % runs.length, 1);
        pool.freeRun(run!.first * PAGE_BYTES, run!.count);
        used.fill(false, run!.first, run!.first + run!.count);
      }
      expect(pool.usedPages).toBe(used.filter(Boolean).length - 1);
    }
    for (const { first, count } of runs) pool.freeRun(first * PAGE_BYTES, count);
    expect(pool.freePages).toBe(pool.pageCount);
  });
  fc.assert(property, { numRuns: 300 });
});

test('a page that comes back twice is a bug', () => {
  const pool = new SlabPool(8 * PAGE_BYTES);
  const page = pool.allocateRun(1);
  pool.freeRun(page, 1);
  expect(() => pool.freeRun(page, 1)).toThrow('a page comes back once');
});

test('the last page can be had, alone and in a run', () => {
  const pool = new SlabPool(65 * PAGE_BYTES);
  expect(pool.allocateRun(64)).toBe(PAGE_BYTES);
  expect(pool.allocateRun(1)).toBe(NO_ROOM);
  pool.freeRun(64 * PAGE_BYTES, 1);
  expect(pool.allocateRun(1)).toBe(64 * PAGE_BYTES);
});
