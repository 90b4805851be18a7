import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI } from '../../core/int64.ts';
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
import { runFlush, runNames } from './background-jobs.ts';
import { type CompactPayload, runCompaction } from './compaction-job.ts';
import { prefixOfGeneration } from './generation.ts';
import { Memtable } from './memtable.ts';
import { describeOutside, type OutsideFile } from './outside-sstables.ts';
import { SlabPool } from './slab-pool.ts';
import { describeTable } from './table-description.ts';

const TABLE = harnessTable(1, { compression: {} });
const DIRECTORY = '/data/ks/t';
const NOW = 1_000;
const COLUMNS: ReadonlySet<number> = new Set(TABLE.definition.columns.map(({ id }) => id));

const purgeOf = (gcBefore: number) => ({
  nowSeconds: NOW,
  gcBefore,
  leastInMemoryHi: INT64_MAX_HI,
  leastInMemoryLo: INT64_MAX_LO,
});
/** All tokens, the oldest data. */
const ALL = {
  firstHi: INT64_MIN_HI,
  firstLo: 0,
  lastHi: INT64_MAX_HI,
  lastLo: INT64_MAX_LO,
  minTimestampHi: 0,
  minTimestampLo: 0,
};

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
    const info = await runFlush(this.files, pool.views, {
      ...options,
      generation: this.#generation(),
      nowSeconds: NOW,
      memtable: memtable.handle(),
    });
    return this.#commit(info?.prefix);
  }

  /**
   * Merges into one SSTable or none.
   * @param leastInMemory timestamp of the oldest thing that is in no SSTable
   * @param others what the job does not see
   */
  async compact(
    prefixes: readonly string[],
    gcBefore: number,
    leastInMemory: number = Number.POSITIVE_INFINITY,
    others: readonly string[] = [],
  ): Promise<string | undefined> {
    const outputs = await this.compactInto(prefixes, gcBefore, leastInMemory, others, {});
    expect(outputs.length).toBeLessThan(2);
    return outputs[0];
  }

  async compactInto(
    prefixes: readonly string[],
    gcBefore: number,
    leastInMemory: number,
    others: readonly string[],
    changes: Partial<CompactPayload>,
  ): Promise<string[]> {
    const isNone = leastInMemory === Number.POSITIVE_INFINITY;
    const outside = [];
    for (const prefix of others) outside.push(await this.#described(prefix));
    const outputs = await runCompaction(
      this.files,
      {
        ...this.#output(TABLE),
        generations: Array.from({ length: 20 }, () => this.#generation()),
        purge: {
          nowSeconds: NOW,
          gcBefore,
          leastInMemoryHi: isNone ? INT64_MAX_HI : 0,
          leastInMemoryLo: isNone ? INT64_MAX_LO : leastInMemory,
          outside: describeOutside(outside),
        },
        inputs: prefixes.map((prefix) => [`${DIRECTORY}/${prefix}-Data.db`]),
        base: { minTimestampHi: 0, minTimestampLo: 0, minLocalDeletionTime: 900, minTtl: 0 },
        expectedPartitions: 100,
        expectedBytes: 1000,
        level: 0,
        repairedAtMs: 0,
        maxOutputBytes: Number.POSITIVE_INFINITY,
        cellCount: 1,
        bytesPerSecond: 0,
        ...changes,
      },
      () => undefined,
    );
    for (const { info } of outputs) this.#commit(info.prefix);
    return outputs.map(({ info }) => info.prefix);
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
    return options;
  }

  #generation(): string {
    return generation(++this.#count);
  }

  async #described(prefix: string): Promise<OutsideFile> {
    const sstable = await this.open(prefix);
    sstable.close();
    const { firstToken, lastToken, statistics } = sstable;
    const { minTimestampHi, minTimestampLo } = statistics.stats;
    return {
      prefix,
      firstHi: firstToken.hi,
      firstLo: firstToken.lo,
      lastHi: lastToken.hi,
      lastLo: lastToken.lo,
      minTimestampHi,
      minTimestampLo,
    };
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
        // Some of them are inputs; of the others some are in SSTables, and some as if in memory.
        const inputs = all.filter((_, i) => ((choice >> i) & 1) === 1);
        const others = all.filter((prefix) => !inputs.includes(prefix));
        if (inputs.length === 0) return;
        const isInMemory = (prefix: string): boolean => ((choice >> (8 + all.indexOf(prefix))) & 1) === 1;
        let leastInMemory = Number.POSITIVE_INFINITY;
        tables.forEach((writes, i) => {
          const prefix = prefixes[i];
          if (prefix !== undefined && others.includes(prefix) && isInMemory(prefix)) {
            for (const { timestamp } of writes) leastInMemory = Math.min(leastInMemory, timestamp);
          }
        });
        const outside = others.filter((prefix) => !isInMemory(prefix));
        const isSplit = ((choice >> 16) & 1) === 1;
        const changes = isSplit ? { maxOutputBytes: 1, cellCount: 4, level: 3 } : {};
        const outputs = await shelf.compactInto(inputs, gcBefore, leastInMemory, outside, changes);
        expect(outputs.length).toBeLessThan(isSplit ? 4 : 2);
        const left = [...others, ...outputs];
        expect(sorted(await shelf.read(left))).toEqual(expected);
        // What is left, merged alone, still hides nothing and loses nothing.
        const last = left.length === 0 ? undefined : await shelf.compact(left, NOW);
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

  test('purges where other SSTables are older, in partitions that those have not', async () => {
    const shelf = new Shelf();
    const at = (p: number, timestamp: number, changes: StoreChange[]): StoreWrite => ({
      tableId: TABLE.id,
      p,
      timestamp,
      madeAt: 900,
      changes,
    });
    const row: StoreChange = { kind: 'row', c: 1, markerTtl: 0, cells: [] };
    const keys = Array.from({ length: 40 }, (_, p) => p);
    const deletions = await shelf.flush(keys.map((p) => at(p, 50 + p, [{ kind: 'deletePartition' }])));
    const older = await shelf.flush(keys.filter((p) => p % 4 === 0).map((p) => at(p, 10, [row])));
    const newer = await shelf.flush(keys.filter((p) => p % 4 === 1).map((p) => at(p, 500, [row])));
    const output = await shelf.compact([deletions!], NOW, Number.POSITIVE_INFINITY, [older!, newer!]);
    const sstable = await shelf.open(output!);
    sstable.close();
    expect(sstable.partitionCount).toBeGreaterThanOrEqual(10);
    expect(sstable.partitionCount).toBeLessThan(13); // some more by false positives of the filter
    // A filter that cannot be trusted counts for nothing.
    shelf.files.flip(`${DIRECTORY}/${older}-Filter.db`, 9, 0xff);
    const careful = await shelf.compactInto([deletions!], NOW, Number.POSITIVE_INFINITY, [], {
      purge: { ...purgeOf(NOW), outside: describeOutside([{ ...ALL, prefix: older! }]) },
    });
    const kept = await shelf.open(careful[0]!);
    kept.close();
    expect(kept.partitionCount).toBe(40);
  });

  test('is cut by size, and where parts of the tokens end, with the level that it was told', async () => {
    const shelf = new Shelf();
    const row: StoreChange = { kind: 'row', c: 1, markerTtl: 0, cells: [] };
    const write = (p: number): StoreWrite => ({ tableId: TABLE.id, p, timestamp: 5, madeAt: 900, changes: [row] });
    const input = await shelf.flush(Array.from({ length: 60 }, (_, p) => write(p)));
    const expected = await shelf.read([input!]);
    const into = async (changes: Partial<CompactPayload>) => {
      const outputs = await shelf.compactInto([input!], 0, 0, [], changes);
      expect(sorted(await shelf.read(outputs))).toEqual(sorted(expected));
      const opened = [];
      for (const output of outputs) opened.push(await shelf.open(output));
      for (const sstable of opened) sstable.close();
      for (let i = 1; i < opened.length; i++) {
        expect(opened[i]!.firstToken.hi).toBeGreaterThan(opened[i - 1]!.lastToken.hi);
      }
      return opened;
    };
    const quarters = await into({ cellCount: 4, level: 2, repairedAtMs: 77 });
    expect(quarters.map(({ firstToken }) => (firstToken.hi >> 30) + 2)).toEqual([0, 1, 2, 3]);
    expect(quarters.map(({ statistics }) => statistics.stats)).toMatchObject(
      Array(4).fill({ level: 2, repairedAtMs: 77 }),
    );
    expect((await into({ maxOutputBytes: 300 })).length).toBeGreaterThan(3);
    // Outputs without tokens in common are read one after the other.
    const chain = quarters.map(({ path }) => path);
    const [again] = await into({ inputs: [chain] });
    expect(again!.partitionCount).toBe(60);
    // With fewer names than it would take the last one gets the rest.
    const few = await into({ maxOutputBytes: 1, generations: [generation(900), generation(901), generation(902)] });
    expect(few.map(({ partitionCount }) => partitionCount)).toEqual([1, 1, 58]);
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
