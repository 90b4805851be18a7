import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INT64_MAX_HI, INT64_MAX_LO } from '../../core/int64.ts';
import { RowMerger } from '../../core/mutation/merge-rows.ts';
import { RowBatchPool } from '../../core/read/batch-pool.ts';
import { LiveFilter, liveCursor } from '../../core/read/live-cursor.ts';
import { mergeCursors } from '../../core/read/merge-cursor.ts';
import { RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD } from '../../core/read/row-cursor.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS } from '../../core/token.ts';
import { SSTable } from '../../sstable/reader.ts';
import { SimFiles } from '../../test/sim/sim-files.ts';
import {
  Column,
  HOST_ID,
  harnessTable,
  mutationOf,
  sorted,
  takeRows,
  WHOLE,
} from '../../test/support/store-harness.ts';
import { type StoreChange, type StoreWrite, visibleRows } from '../../test/support/store-model.ts';
import { runCompaction, runFlush, runNames } from './background-jobs.ts';
import { prefixOfGeneration } from './generation.ts';
import { Memtable } from './memtable.ts';
import { SlabPool } from './slab-pool.ts';
import { describeTable } from './table-description.ts';

const TABLE = harnessTable(1);
const DIRECTORY = '/data/ks/t';
const NOW = 1_000;
const COLUMNS: ReadonlySet<number> = new Set(TABLE.definition.columns.map(({ id }) => id));
const NO_PURGE = { nowSeconds: NOW, gcBefore: 0, leastOutsideHi: 0, leastOutsideLo: 0 };

const generation = (n: number): string => `00000000-0000-1000-8000-${n.toString(16).padStart(12, '0')}`;

/** SSTables of one directory, made by the jobs themselves. */
class Shelf {
  readonly files = new SimFiles((operation) => setImmediate(operation));
  #count = 0;

  async flush(writes: readonly StoreWrite[], table: TableDescriptor = TABLE): Promise<string | undefined> {
    const pool = new SlabPool(1024 * 1024);
    const memtable = new Memtable(pool, table, ALL_TOKENS);
    for (const write of writes) {
      const bytes = mutationOf(write, 1);
      if (!memtable.apply(bytes, 0, bytes.length)) throw new Error('no room');
    }
    memtable.seal();
    const options = this.#output(table);
    const info = await runFlush(this.files, pool.views, { ...options, purge: NO_PURGE, memtable: memtable.handle() });
    return this.#commit(info?.prefix);
  }

  /** @param leastOutside timestamp of the oldest thing that the job does not see */
  async compact(prefixes: readonly string[], gcBefore: number, leastOutside: number): Promise<string | undefined> {
    const isNone = leastOutside === Number.POSITIVE_INFINITY;
    const info = await runCompaction(
      this.files,
      {
        ...this.#output(TABLE),
        purge: {
          nowSeconds: NOW,
          gcBefore,
          leastOutsideHi: isNone ? INT64_MAX_HI : 0,
          leastOutsideLo: isNone ? INT64_MAX_LO : leastOutside,
        },
        inputs: prefixes.map((prefix) => `${DIRECTORY}/${prefix}-Data.db`),
        level: 0,
        bytesPerSecond: 0,
      },
      () => undefined,
    );
    return this.#commit(info?.prefix);
  }

  async open(prefix: string): Promise<SSTable> {
    return SSTable.open(this.files, `${DIRECTORY}/${prefix}-Data.db`, { table: TABLE, isBlocking: true });
  }

  async read(prefixes: readonly string[]): Promise<Map<string, string>> {
    const rows = new Map<string, string>();
    if (prefixes.length === 0) return rows;
    const sstables = [];
    for (const prefix of prefixes) sstables.push(await this.open(prefix));
    const pool = new RowBatchPool();
    const scans = sstables.map((sstable) => sstable.openScan(ALL_TOKENS, WHOLE));
    const merged = mergeCursors(scans, TABLE.comparator, new RowMerger(TABLE), pool, false);
    const cursor = liveCursor(merged, new LiveFilter(TABLE, NOW), pool);
    const batch = new RowBatch();
    let key = '';
    for (let added = 1; added !== 0; ) {
      batch.clear();
      added = cursor.fill(batch);
      if (added === NEEDS_LOAD) await cursor.load();
      else key = takeRows(TABLE.id, key, batch, rows);
    }
    cursor.close();
    for (const sstable of sstables) sstable.close();
    return rows;
  }

  #output(table: TableDescriptor) {
    const options = { table: describeTable(table), directory: DIRECTORY, hostId: HOST_ID, logIntervals: [] };
    return { ...options, generation: generation(++this.#count) };
  }

  #commit(prefix: string | undefined): string | undefined {
    if (prefix !== undefined) {
      runNames(this.files, { directory: DIRECTORY, commit: [prefix], remove: [], removesDirectory: false });
    }
    return prefix;
  }
}

const cell = fc.record({
  column: fc.constantFrom(Column.V as number, Column.W as number),
  value: fc.option(fc.constantFrom('a', 'bb', ''), { nil: undefined }),
  ttl: fc.constantFrom(0, 0, 0, 5, 5000),
});
const c = fc.integer({ min: 0, max: 5 });
const change: fc.Arbitrary<StoreChange> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('row' as const), c, markerTtl: fc.constantFrom(0, 0, -1, 5), cells: fc.uniqueArray(cell, { minLength: 1, maxLength: 2, selector: (each) => each.column }).map((cells) => cells.toSorted((a, b) => a.column - b.column)) }) },
  { weight: 1, arbitrary: cell.map((each) => ({ kind: 'static' as const, cell: { ...each, column: Column.S } })) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('deleteRow' as const), c }) },
  { weight: 2, arbitrary: fc.tuple(c, c).map(([a, b]) => ({ kind: 'deleteRange' as const, from: Math.min(a, b), to: Math.max(a, b) + 1 })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'deletePartition' as const }) },
); // biome-ignore format: a table
/** Writes of some SSTables; timestamps are unique and in any order. */
const histories = fc
  .array(fc.array(fc.tuple(fc.integer({ min: 0, max: 2 }), change, fc.integer({ min: 900, max: 999 })), { minLength: 1, maxLength: 8 }), { minLength: 1, maxLength: 4 })
  .chain((tables) => {
    const count = tables.flat().length;
    return fc.shuffledSubarray(Array.from({ length: count }, (_, i) => i + 1), { minLength: count }).map((timestamps) => {
      let n = 0;
      return tables.map((writes) =>
        writes.map(([p, each, madeAt]): StoreWrite => ({ tableId: TABLE.id, p, timestamp: timestamps[n++]!, madeAt, changes: [each] })),
      );
    });
  }); // biome-ignore format: a table

describe('a compaction', () => {
  test('of any SSTables changes nothing that is read, whatever it purges', async () => {
    const property = fc.asyncProperty(
      histories,
      fc.nat(),
      fc.constantFrom(0, 950, NOW),
      async (tables, choice, gcBefore) => {
        const shelf = new Shelf();
        const prefixes: (string | undefined)[] = [];
        for (const writes of tables) prefixes.push(await shelf.flush(writes));
        const all = prefixes.filter((prefix) => prefix !== undefined);
        const expected = sorted(visibleRows(tables.flat(), () => COLUMNS, NOW));
        expect(sorted(await shelf.read(all))).toEqual(expected);
        // Some of them are inputs; the bound is what the others' statistics say.
        const inputs = all.filter((_, i) => ((choice >> i) & 1) === 1);
        const others = all.filter((prefix) => !inputs.includes(prefix));
        if (inputs.length === 0) return;
        let leastOutside = Number.POSITIVE_INFINITY;
        tables.forEach((writes, i) => {
          if (!inputs.includes(prefixes[i]!)) {
            for (const { timestamp } of writes) leastOutside = Math.min(leastOutside, timestamp);
          }
        });
        const output = await shelf.compact(inputs, gcBefore, leastOutside);
        const left = output === undefined ? others : [...others, output];
        expect(sorted(await shelf.read(left))).toEqual(expected);
        // What is left, merged alone, still hides nothing and loses nothing.
        const last = left.length === 0 ? undefined : await shelf.compact(left, NOW, Number.POSITIVE_INFINITY);
        expect(sorted(await shelf.read(last === undefined ? [] : [last]))).toEqual(expected);
        expect(shelf.files.openCount).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 150 });
  });

  test('purges a tombstone only when it is old enough and nothing outside is older', async () => {
    const shelf = new Shelf();
    const at = (timestamp: number, changes: StoreChange[]): StoreWrite => ({
      tableId: TABLE.id,
      p: 1,
      timestamp,
      madeAt: 900,
      changes,
    });
    const prefix = await shelf.flush([at(50, [{ kind: 'deleteRow', c: 1 }]), at(60, [{ kind: 'deletePartition' }])]);
    const left = async (gcBefore: number, leastOutside: number) => {
      const output = await shelf.compact([prefix!], gcBefore, leastOutside);
      if (output === undefined) return 0;
      const sstable = await shelf.open(output);
      sstable.close();
      return sstable.partitionCount;
    };
    expect(await left(900, Number.POSITIVE_INFINITY)).toBe(1);
    expect(await left(901, Number.POSITIVE_INFINITY)).toBe(0);
    expect(await left(901, 61)).toBe(0);
    expect(await left(901, 60)).toBe(1);
    expect(await left(0, Number.POSITIVE_INFINITY)).toBe(1);
  });

  test('of a damaged input names the file and leaves nothing', async () => {
    const shelf = new Shelf();
    const write: StoreWrite = {
      tableId: TABLE.id,
      p: 1,
      timestamp: 5,
      madeAt: 900,
      changes: [{ kind: 'row', c: 1, markerTtl: 0, cells: [] }],
    };
    const good = await shelf.flush([write]);
    const bad = await shelf.flush([{ ...write, timestamp: 6 }]);
    shelf.files.flip(`${DIRECTORY}/${bad}-Data.db`, 3, 0x10);
    const before = shelf.files.list(DIRECTORY);
    await expect(shelf.compact([good!, bad!], NOW, 0)).rejects.toThrow(`${bad}-Data.db`);
    expect(shelf.files.list(DIRECTORY)).toEqual(before);
    expect(shelf.files.openCount).toBe(0);
  });
});

describe('names', () => {
  test('may be changed again, and for a directory that is gone', async () => {
    const shelf = new Shelf();
    const files = shelf.files;
    const write: StoreWrite = {
      tableId: TABLE.id,
      p: 1,
      timestamp: 5,
      madeAt: 1,
      changes: [{ kind: 'deletePartition' }],
    };
    const prefix = (await shelf.flush([write]))!;
    const names = {
      directory: DIRECTORY,
      commit: [],
      remove: [prefix, prefixOfGeneration(generation(99))],
      removesDirectory: true,
    };
    runNames(files, { ...names, commit: [prefix], remove: [], removesDirectory: false });
    files.setContent(`${DIRECTORY}/somebody's.txt`, new Uint8Array(1));
    runNames(files, names);
    expect(files.list(DIRECTORY)).toEqual(["somebody's.txt"]);
    files.unlink(`${DIRECTORY}/somebody's.txt`);
    files.setContent(`${DIRECTORY}/schema.cql`, new Uint8Array(1));
    runNames(files, names);
    expect(files.status(DIRECTORY)).toBeUndefined();
    runNames(files, names);
  });
});
