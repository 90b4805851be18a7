import { expect, test } from 'vitest';
import { SyncMode } from '../../commitlog/commitlog-options.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD } from '../../core/read/row-cursor.ts';
import { ALL_ROWS, type PartitionSlice } from '../../core/read/slice.ts';
import { ALL_TOKENS, Token, tokenOf } from '../../core/token.ts';
import { SimRandom } from '../../test/sim/sim-random.ts';
import { Column, harnessTable, int32, StoreHarness, takeRows } from '../../test/support/store-harness.ts';
import type { StoreChange, StoreWrite } from '../../test/support/store-model.ts';

const ROWS = 60;
const PARTITIONS = 3;

/** Generation g of a partition: its static row says g, its even or odd rows say g, the others are deleted. */
function generation(tableId: string, p: number, g: number, madeAt: number): StoreWrite {
  const value = `${g}${'.'.repeat(g % 400)}`;
  const cells = [{ column: Column.V, value, ttl: 0 }];
  const rows = Array.from({ length: ROWS }, (_, c): StoreChange => {
    if (c % 2 === g % 2) return { kind: 'row', c, markerTtl: 0, cells };
    return { kind: 'deleteRow', c };
  });
  const statics: StoreChange = { kind: 'static', cell: { column: Column.S, value, ttl: 0 } };
  const changes = g % 5 === 4 ? [statics, { kind: 'deleteRange' as const, from: 0, to: ROWS }] : [statics, ...rows];
  return { tableId, p, timestamp: g * 10, madeAt, changes };
}

/** Throws unless the rows of a partition are one generation, whole. */
function assureWhole(rows: readonly (readonly [string, string])[]): void {
  const generations = new Set(rows.map(([, text]) => /=(\d+)/.exec(text)![1]));
  expect([...generations].length).toBeLessThanOrEqual(1);
  if (rows.length === 0) return;
  const g = Number([...generations][0]);
  const expected = g % 5 === 4 ? 1 : ROWS / 2 + 1;
  expect(rows.length).toBe(expected);
}

test.each(Array.from({ length: 4 }, (_, i) => i + 1))(
  'a mutation of many rows is never seen half while writes, flushes and compactions go on, TESSERA_SEED=%d',
  async (seed) => {
    const random = new SimRandom(seed * 31 + 7);
    const harness = new StoreHarness(seed, {
      syncMode: random.pick([SyncMode.Periodic, SyncMode.Batch]),
      tabletCount: 1,
      memtableBytes: 1024 * 1024,
      tables: [harnessTable(1, { gcGraceSeconds: random.pick([0, 1_000_000]), compaction: { min_threshold: '2' } })],
    });
    await harness.open();
    const { table } = harness;
    let g = 0;
    let isOver = false;
    const background: Promise<unknown>[] = [];
    const write = (): void => {
      g++;
      for (let p = 0; p < PARTITIONS; p++) harness.submit(generation(table.id, p, g, harness.nowSeconds - 1));
      if (random.chance(0.1)) background.push(harness.store.flush(() => true));
      if (random.chance(0.03)) background.push(harness.store.compact(() => true));
    };
    /** What goes on while the read is suspended. */
    const others = async (): Promise<void> => {
      for (let writes = random.integer(0, 4); writes > 0; writes--) write();
      await harness.steps(random.integer(0, 25));
    };

    write();
    await harness.steps(50);
    let suspensions = 0;
    for (let reads = 0; reads < 60; reads++) {
      const slice: PartitionSlice = {
        slices: [ALL_ROWS],
        isReversed: random.chance(0.4),
        wantsRows: true,
        wantsStatics: true,
      };
      const source = harness.store.source(table.id)!;
      const key = int32(random.integer(0, PARTITIONS));
      const token = new Token();
      tokenOf(key, 0, key.length, token);
      const merged = random.chance(0.6)
        ? source.openPartition(token.hi, token.lo, key, 0, key.length, slice)
        : source.openScan(ALL_TOKENS, slice);
      if (merged === undefined) continue;
      const cursor = liveCursor(merged, new LiveFilter(table, harness.nowSeconds), new RowBatchPool());
      const batch = new RowBatch(random.pick([2, 5, 16]));
      const rows = new Map<string, string>();
      let at = '';
      await others();
      for (isOver = false; !isOver; ) {
        batch.clear();
        const added = cursor.fill(batch);
        if (added === 0) isOver = true;
        else if (added === NEEDS_LOAD) await harness.settle(cursor.load());
        else at = takeRows(table.id, at, batch, rows);
        if (!isOver && random.chance(0.5)) {
          suspensions++;
          await others();
        }
      }
      cursor.close();
      for (let p = 0; p < PARTITIONS; p++) {
        assureWhole([...rows].filter(([name]) => name.startsWith(`${table.id}/${p}/`)));
      }
    }
    await harness.settle(Promise.allSettled(background));
    expect(suspensions).toBeGreaterThan(100);
    expect(harness.store.stats().flushes).toBeGreaterThan(1);
    await harness.close();
  },
);
