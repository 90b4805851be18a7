import { describe, expect, test } from 'vitest';
import { SyncMode } from '../../commitlog/commitlog-options.ts';
import { SimRandom } from '../../test/sim/sim-random.ts';
import { StoreHarness } from '../../test/support/store-harness.ts';

/** What must be read: the last write of each row by timestamp. */
class Model {
  readonly #rows = new Map<string, { timestamp: number; value: string | undefined }>();

  apply(p: number, rows: readonly (readonly [number, string | undefined])[], timestamp: number): void {
    for (const [c, value] of rows) {
      const before = this.#rows.get(`${p}/${c}`);
      if (before === undefined || before.timestamp <= timestamp) this.#rows.set(`${p}/${c}`, { timestamp, value });
    }
  }

  live(): Map<string, string> {
    const live = new Map<string, string>();
    for (const [row, { value }] of this.#rows) if (value !== undefined) live.set(row, value);
    return live;
  }
}

const sorted = (rows: ReadonlyMap<string, string>): [string, string][] =>
  [...rows].sort(([a], [b]) => (a < b ? -1 : 1));

test('what is written is read, from memtables, SSTables and after a restart', async () => {
  const harness = new StoreHarness(1);
  await harness.open();
  await harness.settle(
    harness.write(
      1,
      [
        [1, 'a'],
        [2, 'b'],
      ],
      10,
    ),
  );
  await harness.settle(harness.write(2, [[1, 'c']], 11));
  const expected = [
    ['1/1', 'a'],
    ['1/2', 'b'],
    ['2/1', 'c'],
  ];
  expect(sorted(await harness.readAll())).toEqual(expected);
  await harness.settle(harness.store.flush(() => true));
  expect(harness.store.stats().flushes).toBeGreaterThan(0);
  expect(sorted(await harness.readAll())).toEqual(expected);
  await harness.settle(harness.write(1, [[1, undefined]], 12));
  await harness.settle(harness.store.close());
  await harness.open();
  expect(sorted(await harness.readAll())).toEqual([
    ['1/2', 'b'],
    ['2/1', 'c'],
  ]);
  await harness.settle(harness.store.compact(() => true));
  expect(sorted(await harness.readAll())).toEqual([
    ['1/2', 'b'],
    ['2/1', 'c'],
  ]);
});

test('a truncation removes what was before it, for good, and nothing after it', async () => {
  const harness = new StoreHarness(2);
  await harness.open();
  await harness.settle(harness.write(1, [[1, 'flushed']], 10));
  await harness.settle(harness.store.flush(() => true));
  await harness.settle(harness.write(1, [[2, 'in memory']], 11));
  await harness.settle(harness.store.truncate(harness.table.id));
  await harness.settle(harness.write(1, [[3, 'after']], 12));
  expect(sorted(await harness.readAll())).toEqual([['1/3', 'after']]);
  harness.files.kill();
  harness.tasks.stop();
  await harness.open();
  expect(sorted(await harness.readAll())).toEqual([['1/3', 'after']]);
});

test('more data than memtables hold: writers wait for flushes, nothing is lost, compaction keeps the files few', async () => {
  const harness = new StoreHarness(3, SyncMode.Periodic, 2 * 1024 * 1024);
  await harness.open();
  const value = 'x'.repeat(4000);
  for (let i = 0; i < 1500; i += 100) {
    await harness.settle(
      Promise.all(Array.from({ length: 100 }, (_, k) => harness.write(i + k, [[1, `${value}${i + k}`]], 10))),
    );
  }
  const rows = await harness.readAll();
  expect(rows.size).toBe(1500);
  expect(rows.get('777/1')).toBe(`${value}777`);
  const stats = harness.store.stats();
  expect(stats.flushes).toBeGreaterThan(3);
  expect(stats.slabBytes).toBeLessThanOrEqual(2 * 1024 * 1024);
});

describe('crashes', () => {
  const seeds = Array.from({ length: 40 }, (_, i) => i + 1);
  test.each(seeds)('every acknowledged write is there after power cuts, TESSERA_SEED=%d', async (seed) => {
    const random = new SimRandom(seed * 7919);
    const harness = new StoreHarness(seed, random.chance(0.5) ? SyncMode.Batch : SyncMode.Group, 1024 * 1024);
    const model = new Model();
    let timestamp = 1;
    await harness.open();
    for (let life = 0; life < 4; life++) {
      const open: { p: number; rows: [number, string | undefined][]; timestamp: number; isAcknowledged: boolean }[] =
        [];
      const background: Promise<unknown>[] = [];
      for (let i = 0; i < 30; i++) {
        const p = random.integer(0, 6);
        const rows: [number, string | undefined][] = [];
        for (let c = 0; c < 3; c++) {
          if (random.chance(0.6))
            rows.push([
              c,
              random.chance(0.2) ? undefined : `${seed}-${life}-${i}-${'y'.repeat(random.integer(0, 2000))}`,
            ]);
        }
        if (rows.length === 0) continue;
        const write = { p, rows, timestamp: timestamp++, isAcknowledged: false };
        open.push(write);
        harness.write(p, rows, write.timestamp).then(
          () => {
            write.isAcknowledged = true;
          },
          () => {},
        );
        if (random.chance(0.15)) background.push(harness.store.flush(() => true).catch(() => {}));
        if (random.chance(0.05)) background.push(harness.store.compact(() => true).catch(() => {}));
        const steps = random.integer(0, 40);
        for (let step = 0; step < steps; step++) {
          harness.time.step();
          await new Promise<void>((done) => setImmediate(done));
        }
      }
      harness.tasks.stop();
      harness.files.crash(random);
      await harness.open();
      // Each write that was not acknowledged may be there or not, whole; the acknowledged ones must be.
      const found = await harness.readAll();
      for (const write of open) {
        if (write.isAcknowledged) continue;
        const isThere = write.rows.some(([c, value]) => value !== undefined && found.get(`${write.p}/${c}`) === value);
        const deletesOnly = write.rows.every(([, value]) => value === undefined);
        if (isThere || (deletesOnly && write.rows.every(([c]) => !found.has(`${write.p}/${c}`))))
          write.isAcknowledged = true;
      }
      for (const write of open) if (write.isAcknowledged) model.apply(write.p, write.rows, write.timestamp);
      expect(sorted(found)).toEqual(sorted(model.live()));
    }
  });
});
