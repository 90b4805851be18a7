import { Worker } from 'node:worker_threads';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ByteWriter, writeI32BE } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { MUTATION_HEAD_BYTES, MutationWriter } from '../../core/mutation/frozen-mutation.ts';
import { RowMerger } from '../../core/mutation/merge-rows.ts';
import { NO_DELETION_TIME, RowReader } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import { ALL_ROWS, type PartitionSlice, type TokenRange } from '../../core/read/slice.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { ALL_TOKENS, Token, tabletTokenRange, tokenOf } from '../../core/token.ts';
import { uuidBytes } from '../../core/uuid-bytes.ts';
import { drain, type Fragment, fragmentsOf, MemorySource } from '../../test/support/memory-source.ts';
import { arbitrarySlice, arbitraryWrite } from '../../test/support/model-arbitraries.ts';
import { checkStream, MODEL_TABLE, type ModelWrite, mutationBytes } from '../../test/support/partition-model.ts';
import { Memtable } from './memtable.ts';
import { SealedMemtable } from './sealed-memtable.ts';
import { PAGE_BYTES, SlabPool } from './slab-pool.ts';

const EVERYTHING: PartitionSlice = { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true };
const MIB = 1024 * 1024;
const merger = new RowMerger(MODEL_TABLE);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** One mutation of all writes, which are of one key. */
function mutationOf(writes: readonly ModelWrite[]): Uint8Array {
  const out = new ByteWriter();
  for (const [i, write] of writes.entries()) {
    const bytes = mutationBytes(write);
    out.raw(bytes, i === 0 ? 0 : MUTATION_HEAD_BYTES + write.key.length);
  }
  return out.toBytes();
}

/** Values of two kinds made large: beyond what a row holds inline, and beyond a page. */
function enlarged(write: ModelWrite): ModelWrite {
  if (write.kind !== 'row' && write.kind !== 'static') return write;
  const cells = write.body.cells.map((cell) => {
    const size = hex(cell.value) === hex(Buffer.from('y')) ? 700 : cell.value.length === 2 ? 20_000 : 0;
    return size === 0 ? cell : { ...cell, value: new Uint8Array(size).fill(cell.value[0]! + Number(cell.timestamp)) };
  });
  return { ...write, body: { ...write.body, cells } };
}

const arbitraryMutations = fc.array(
  fc.array(arbitraryWrite(true), { minLength: 1, maxLength: 4 }).map((writes) => {
    const { key } = writes[0]!;
    return writes.map((write) => ({ ...write, key }));
  }),
  { maxLength: 16 },
);

/** The stream with bodies merged to their canonical form, without empty rows and partitions that have nothing. */
function canonical(fragments: readonly Fragment[]): object[] {
  const result: object[] = [];
  for (const fragment of fragments) {
    const { kind, weight, position, tokenHi, tokenLo } = fragment;
    let body = fragment.body;
    if (kind === FragmentKind.Row || kind === FragmentKind.StaticRow) {
      const out = new ByteWriter();
      merger.begin();
      merger.add(body, 0, body.length);
      merger.add(body, 0, body.length); // a single body would be copied as it is
      if (!merger.finish(out)) continue;
      body = out.toBytes();
    }
    const previous = result.at(-1) as { kind?: number; body?: string } | undefined;
    if (kind === FragmentKind.PartitionEnd && previous?.kind === FragmentKind.PartitionStart && previous.body === '') {
      result.pop();
      continue;
    }
    result.push({ kind, weight, position: hex(position), body: hex(body), tokenHi, tokenLo });
  }
  return result;
}

/** Every partition by openPartition, in the order of the scan. */
async function drainPartitions(
  source: RowSource,
  keys: readonly Uint8Array[],
  slice: PartitionSlice,
  capacity: number,
) {
  const token = new Token();
  const parts = [];
  for (const key of keys) {
    tokenOf(key, 0, key.length, token);
    const cursor = source.openPartition(token.hi, token.lo, key, 0, key.length, slice);
    parts.push(cursor === undefined ? [] : canonical(await drain(cursor, capacity)));
  }
  return parts;
}

function pool(bytes = 8 * MIB): SlabPool {
  return new SlabPool(bytes);
}

describe('a memtable', () => {
  test('shows what sorted arrays show, for any writes, slices, directions and batch sizes', async () => {
    const property = fc.asyncProperty(
      arbitraryMutations,
      arbitrarySlice,
      fc.constantFrom(1, 2, 3, 64),
      fc.boolean(),
      async (mutations, slice, capacity, isLarge) => {
        const slabs = pool(64 * MIB);
        const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
        const model = new MemorySource(MODEL_TABLE);
        for (const writes of mutations) {
          const bytes = mutationOf(isLarge ? writes.map(enlarged) : writes);
          expect(memtable.apply(bytes, 0, bytes.length)).toBe(true);
          model.apply(bytes);
        }
        const scanned = await drain(memtable.openScan(ALL_TOKENS, slice), capacity);
        checkStream(scanned, slice.isReversed);
        expect(canonical(scanned)).toEqual(canonical(await drain(model.openScan(ALL_TOKENS, slice))));
        const keys = [...new Map(mutations.flat().map(({ key }) => [hex(key), key])).values()];
        expect(await drainPartitions(memtable, keys, slice, capacity)).toEqual(
          await drainPartitions(model, keys, slice, capacity),
        );
        memtable.release();
        expect(slabs.usedPages).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 400 });
  });

  test('shows a partition to its end as it was at its beginning, whatever is written between the fills', async () => {
    const mutation = fc.array(arbitraryWrite(false), { minLength: 1, maxLength: 3 });
    const arbitrary = fc
      .tuple(fc.array(mutation, { maxLength: 8 }), fc.array(mutation, { maxLength: 12 }))
      .map((both) => both.map((list) => list.map((writes) => writes.map((w) => ({ ...w, key: KEY })))));
    const property = fc.asyncProperty(
      arbitrary,
      arbitrarySlice,
      fc.constantFrom(1, 2, 3, 5),
      fc.boolean(),
      async ([before, between], slice, capacity, isLarge) => {
        const slabs = pool(8 * MIB);
        const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
        const model = new MemorySource(MODEL_TABLE);
        const write = (writes: readonly ModelWrite[]) => {
          const bytes = mutationOf(isLarge ? writes.map(enlarged) : writes);
          expect(memtable.apply(bytes, 0, bytes.length)).toBe(true);
          model.apply(bytes);
        };
        before!.forEach(write);
        const rest = [...between!];
        const cursor = memtable.openScan(ALL_TOKENS, slice);
        const late = memtable.openScan(ALL_TOKENS, slice);
        const batch = new RowBatch(capacity);
        const expected = canonical(await drain(model.openScan(ALL_TOKENS, slice)));
        const fragments: Fragment[] = [];
        for (;;) {
          batch.clear();
          if (cursor.fill(batch) === 0) break;
          fragments.push(...fragmentsOf(batch));
          const next = rest.shift();
          if (next !== undefined) write(next);
        }
        cursor.close();
        checkStream(fragments, slice.isReversed);
        expect(canonical(fragments)).toEqual(expected);
        // One that has delivered nothing yet shows what is there when it begins.
        expect(canonical(await drain(late, 64))).toEqual(canonical(await drain(model.openScan(ALL_TOKENS, slice))));
        memtable.release();
        expect(slabs.usedPages).toBe(0);
      },
    );
    await fc.assert(property, { numRuns: 600 });
  });

  test('gives up a read whose partition is overwritten without end, and keeps no more than a bound for it', () => {
    const memtable = new Memtable(pool(64 * MIB), MODEL_TABLE, ALL_TOKENS);
    for (let row = 0; row < 100; row++) applyRow(memtable, 'k', row, 'v');
    const cursor = memtable.openScan(ALL_TOKENS, EVERYTHING);
    const batch = new RowBatch(4);
    cursor.fill(batch);
    for (let row = 100; row < 10_000; row++) applyRow(memtable, 'k', row, 'w');
    batch.clear();
    expect(cursor.fill(batch)).toBe(4);
    for (let row = 10_000; row < 150_000; row++) applyRow(memtable, 'k', row, 'w');
    batch.clear();
    expect(() => cursor.fill(batch)).toThrow('faster than it can be read');
    cursor.close();
    memtable.release();
  });

  test('lets a mutation of very many rows in when what it needs is there, and knows when it never will be', () => {
    const writer = beginMutation(KEY);
    const rows = 20_000;
    for (let row = 0; row < rows; row++) {
      const prefix = clusteringPrefix([int32(row), Buffer.from('c')]);
      writer.beginRow(prefix, 0, prefix.length);
      writer.row.liveness(0, 5, 0, NO_DELETION_TIME);
      writer.endRow();
    }
    const { bytes, length } = writer.out;
    const needed = new Memtable(pool(), MODEL_TABLE, ALL_TOKENS).roomFor(bytes, 0, length);
    expect(needed).toBeLessThan(48 * MIB);
    const memtable = new Memtable(pool(needed + 2 * PAGE_BYTES), MODEL_TABLE, ALL_TOKENS);
    expect(memtable.apply(bytes, 0, length)).toBe(true);
    expect(memtable.stats.rowCount).toBe(rows);
    expect(new Memtable(pool(needed / 2), MODEL_TABLE, ALL_TOKENS).apply(bytes, 0, length)).toBe(false);
  });

  test('overwrites a small row as merging would', async () => {
    const time = fc.bigInt({ min: 1n, max: 3n });
    const cell = fc.record({
      column: fc.constantFrom(5, 9),
      path: fc.constant(undefined),
      timestamp: time,
      deadAt: fc.constant(undefined),
      ttl: fc.constant(0),
      expiry: fc.constant(0),
      value: fc.constantFrom('a', 'b', 'cc').map((text) => new Uint8Array(Buffer.from(text))),
    });
    const none = fc.constant(undefined);
    const marker = time.map((timestamp) => ({ timestamp, ttl: 0, expiry: 0 }));
    const deletion = time.map((timestamp) => ({ timestamp, time: 60 }));
    const body = fc.record({
      liveness: fc.oneof(none, marker),
      deletion: fc.oneof({ weight: 9, arbitrary: none }, { weight: 1, arbitrary: deletion }),
      shadowable: fc.constant(undefined),
      complexDeletions: fc.constant([]),
      cells: fc.uniqueArray(cell, { maxLength: 2, selector: ({ column }) => column }),
    });
    const property = fc.asyncProperty(fc.array(body, { minLength: 2, maxLength: 4 }), async (bodies) => {
      const memtable = new Memtable(pool(MIB), MODEL_TABLE, ALL_TOKENS);
      const model = new MemorySource(MODEL_TABLE);
      for (const one of bodies) {
        const bytes = mutationOf([{ kind: 'row', key: KEY, values: [int32(1), KEY], body: one }]);
        memtable.apply(bytes, 0, bytes.length);
        model.apply(bytes);
      }
      expect(canonical(await drain(memtable.openScan(ALL_TOKENS, EVERYTHING)))).toEqual(
        canonical(await drain(model.openScan(ALL_TOKENS, EVERYTHING))),
      );
    });
    await fc.assert(property, { numRuns: 600 });
  });

  test('skips the rest of a partition', () => {
    const memtable = new Memtable(pool(), MODEL_TABLE, ALL_TOKENS);
    for (let i = 0; i < 20; i++) {
      for (let row = 0; row < 10; row++) applyRow(memtable, `key ${i}`, row, `value ${row}`);
    }
    const cursor = memtable.openScan(ALL_TOKENS, EVERYTHING);
    const batch = new RowBatch(3);
    let starts = 0;
    for (;;) {
      batch.clear();
      if (cursor.fill(batch) === 0) break;
      expect(batch.kind[0]).toBe(FragmentKind.PartitionStart);
      starts++;
      cursor.skipPartition();
    }
    cursor.close();
    expect(starts).toBe(20);
  });

  test('delivers the token range it is asked for, from and to any place', async () => {
    const memtable = new Memtable(pool(), MODEL_TABLE, ALL_TOKENS);
    const model = new MemorySource(MODEL_TABLE);
    const places: { hi: number; lo: number; key: Uint8Array }[] = [];
    for (let i = 0; i < 300; i++) {
      const key = Buffer.from(`key ${i % 290}`); // some twice
      const token = { hi: (i % 5 === 0 ? 7 : Math.imul(i, 0x9e37_79b1)) | 0, lo: (i % 10) - 5 };
      const bytes = rowMutation(key, 1, 'x', token);
      memtable.apply(bytes, 0, bytes.length);
      model.apply(bytes);
      places.push({ ...token, key });
    }
    let compared = 0;
    for (let i = 0; i + 7 < places.length; i += 9) {
      for (const startKey of [undefined, places[i]!.key]) {
        for (const startInclusive of [true, false]) {
          for (const endInclusive of [true, false]) {
            const range: TokenRange = {
              startHi: places[i]!.hi,
              startLo: places[i]!.lo,
              startKey,
              startInclusive,
              endHi: places[i + 7]!.hi,
              endLo: places[i + 7]!.lo,
              endInclusive,
            };
            const actual = await drain(memtable.openScan(range, EVERYTHING), 64);
            expect(canonical(actual)).toEqual(canonical(await drain(model.openScan(range, EVERYTHING), 64)));
            compared += actual.length;
          }
        }
      }
    }
    expect(compared).toBeGreaterThan(3000);
  });

  test('holds 100,000 partitions in order, none lost while the index grows', () => {
    const slabs = pool(32 * MIB);
    const range = tabletTokenRange(5, 8);
    const memtable = new Memtable(slabs, MODEL_TABLE, range);
    const token = new Token();
    const keys: Buffer[] = [];
    for (let i = 0; keys.length < 100_000; i++) {
      const key = Buffer.from(`partition ${i}`);
      tokenOf(key, 0, key.length, token);
      if ((token.hi ^ -0x8000_0000) >>> 29 !== 5) continue;
      keys.push(key);
      const bytes = rowMutation(key, 1, 'v');
      if (!memtable.apply(bytes, 0, bytes.length)) throw new Error('no room');
    }
    expect(memtable.partitionCount).toBe(keys.length);
    for (const key of keys) {
      tokenOf(key, 0, key.length, token);
      if (memtable.findPartition(token.hi, token.lo, key, 0, key.length) === 0) throw new Error(`lost ${key}`);
    }
    const batch = new RowBatch(1000);
    const cursor = memtable.openScan(range, EVERYTHING);
    let count = 0;
    let lastHi = INT64_MIN_HI;
    for (batch.clear(); cursor.fill(batch) > 0; batch.clear()) {
      for (let i = 0; i < batch.count; i++) {
        if (batch.kind[i] !== FragmentKind.PartitionStart) continue;
        if (batch.tokenHi[i]! < lastHi) throw new Error('out of order');
        lastHi = batch.tokenHi[i]!;
        count++;
      }
    }
    cursor.close();
    expect(count).toBe(keys.length);
    memtable.release();
    expect(slabs.usedPages).toBe(0);
  });

  test.each(['ascending', 'descending', 'random'])('orders the rows of a large partition that come %s', (order) => {
    const memtable = new Memtable(pool(32 * MIB), MODEL_TABLE, ALL_TOKENS);
    const total = order === 'random' ? 100_000 : 20_000;
    for (let i = 0; i < total; i++) {
      // 7919 and the total have no common factor: a permutation.
      const row = order === 'ascending' ? i : order === 'descending' ? total - 1 - i : (i * 7919) % total;
      applyRow(memtable, 'k', row, 'v');
    }
    expect(memtable.stats.rowCount).toBe(total);
    for (const isReversed of [false, true]) {
      const cursor = memtable.openScan(ALL_TOKENS, { ...EVERYTHING, isReversed });
      const batch = new RowBatch(777);
      let next = isReversed ? total - 1 : 0;
      for (batch.clear(); cursor.fill(batch) > 0; batch.clear()) {
        for (let i = 0; i < batch.count; i++) {
          if (batch.kind[i] !== FragmentKind.Row) continue;
          const at = batch.positionStart[i]! + 2;
          const row = Buffer.from(batch.bytes.buffer).readInt32BE(batch.bytes.byteOffset + at);
          if (row !== next) throw new Error(`row ${row} where ${next} belongs`);
          next += isReversed ? -1 : 1;
        }
      }
      cursor.close();
      expect(next).toBe(isReversed ? -1 : total);
    }
  });

  test('merges a collection that is grown element by element without copying it each time', async () => {
    const slabs = pool(32 * MIB);
    const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
    const elements = 10_000;
    let written = 0;
    for (let i = 0; i < elements; i++) {
      const bytes = elementMutation('k', i, 'twenty bytes of text');
      written += bytes.length;
      expect(memtable.apply(bytes, 0, bytes.length)).toBe(true);
    }
    expect(memtable.mergedBytes).toBeLessThan(written * 2 * Math.log2(elements));
    expect(memtable.allocatedBytes).toBeLessThan(written * 5);
    const cells = new RowReader();
    const [, row] = await drain(memtable.openScan(ALL_TOKENS, EVERYTHING), 4, 4 * MIB);
    cells.open(row!.body, 0, row!.body.length);
    let count = 0;
    while (cells.next()) count++;
    expect(count).toBe(elements);
  });

  test('uses the bytes of overwritten rows again', () => {
    const slabs = pool(4 * MIB);
    const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
    for (let i = 0; i < 20_000; i++) applyRow(memtable, 'k', i % 10, 'v'.repeat((i * 37) % 3000), 1000 + i);
    expect(memtable.allocatedBytes).toBeLessThan(MIB);
    memtable.release();
    expect(slabs.usedPages).toBe(0);
  });
});

describe('when the pool is full', () => {
  test('a mutation is refused and changes nothing; after a release it is taken', async () => {
    const sizes = [10, 300, 1500, 9000, 40_000];
    for (const size of sizes) {
      const slabs = pool(40 * PAGE_BYTES);
      const other = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
      applyRow(other, 'other', 1, 'x');
      const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
      const model = new MemorySource(MODEL_TABLE);
      let refused: Uint8Array | undefined;
      for (let i = 0; refused === undefined; i++) {
        const bytes = rowMutation(Buffer.from(`k${i % 50}`), i, String(i % 10).repeat(size));
        if (memtable.apply(bytes, 0, bytes.length)) model.apply(bytes);
        else refused = bytes;
      }
      const { usedPages } = slabs;
      const stats = memtable.stats.values();
      for (let again = 0; again < 3; again++) expect(memtable.apply(refused, 0, refused.length)).toBe(false);
      expect(slabs.usedPages).toBe(usedPages);
      expect(memtable.stats.values()).toEqual(stats);
      expect(canonical(await drain(memtable.openScan(ALL_TOKENS, EVERYTHING)))).toEqual(
        canonical(await drain(model.openScan(ALL_TOKENS, EVERYTHING))),
      );
      let freed = 0;
      slabs.onPagesFreed = () => freed++;
      memtable.release();
      expect(freed).toBe(1);
      expect(other.apply(refused, 0, refused.length)).toBe(true);
      other.release();
      expect(slabs.usedPages).toBe(0);
    }
  });

  test('a large mutation is refused while no run of pages is long enough, however many are free', () => {
    const slabs = pool(100 * PAGE_BYTES);
    const owners = [new Memtable(slabs, MODEL_TABLE, ALL_TOKENS), new Memtable(slabs, MODEL_TABLE, ALL_TOKENS)];
    for (let i = 0; slabs.freePages > 20; i++) applyRow(owners[i & 1]!, `k${i}`, i, 'v'.repeat(9000));
    owners[0]!.release(); // every second page
    expect(slabs.freePages).toBeGreaterThan(50);
    const taken = slabs.allocateRun(16);
    const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
    const { usedPages } = slabs;
    const bytes = rowMutation(KEY, 1, 'v'.repeat(12 * PAGE_BYTES));
    expect(memtable.apply(bytes, 0, bytes.length)).toBe(false);
    expect(memtable.isEmpty).toBe(true);
    expect(slabs.usedPages).toBe(usedPages);
    slabs.freeRun(taken, 16);
    expect(memtable.apply(bytes, 0, bytes.length)).toBe(true);
  });

  test('what was set aside for a large mutation and not needed goes back', () => {
    const slabs = pool(100 * PAGE_BYTES);
    const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
    for (let i = 0; i < 200; i++) {
      applyRow(memtable, 'k', 1, 'v'.repeat(2 * PAGE_BYTES), i);
      expect(slabs.usedBytes).toBe(memtable.allocatedBytes);
    }
    expect(slabs.usedPages).toBeLessThan(20);
  });

  test('any mix of mutations is applied whole or not at all', async () => {
    const property = fc.asyncProperty(arbitraryMutations, fc.integer({ min: 4, max: 30 }), async (mutations, pages) => {
      const slabs = pool(pages * PAGE_BYTES);
      const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
      const model = new MemorySource(MODEL_TABLE);
      for (let round = 0; round < 3; round++) {
        for (const writes of mutations) {
          const bytes = mutationOf(writes.map(enlarged));
          if (memtable.apply(bytes, 0, bytes.length)) model.apply(bytes);
        }
      }
      expect(canonical(await drain(memtable.openScan(ALL_TOKENS, EVERYTHING)))).toEqual(
        canonical(await drain(model.openScan(ALL_TOKENS, EVERYTHING))),
      );
      memtable.release();
      expect(slabs.usedPages).toBe(0);
    });
    await fc.assert(property, { numRuns: 100 });
  });
});

describe('a sealed memtable', () => {
  test('refuses writes, and its pages return when the last reader has left', async () => {
    const slabs = pool();
    const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
    applyRow(memtable, 'k', 1, 'v');
    const cursor = memtable.openScan(ALL_TOKENS, EVERYTHING);
    memtable.seal();
    expect(() => applyRow(memtable, 'k', 2, 'v')).toThrow('a sealed memtable does not change');
    memtable.release();
    expect(slabs.usedPages).toBe(1);
    expect(await drain(cursor)).toHaveLength(3);
    expect(slabs.usedPages).toBe(0);
    expect(() => memtable.release()).toThrow('a reference is released once');
    expect(() => memtable.openScan(ALL_TOKENS, EVERYTHING)).toThrow('not used after its release');
  });

  test('is read by its handle as it is read here, in every direction and slice', async () => {
    const slabs = pool(64 * MIB);
    const property = fc.asyncProperty(arbitraryMutations, arbitrarySlice, async (mutations, slice) => {
      const memtable = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
      for (const writes of mutations) {
        const bytes = mutationOf(writes.map(enlarged));
        memtable.apply(bytes, 0, bytes.length);
      }
      memtable.seal();
      const handle = structuredClone(memtable.handle());
      const sealed = SealedMemtable.open(slabs.views, handle, MODEL_TABLE);
      expect(await drain(sealed.openScan(ALL_TOKENS, slice), 5)).toEqual(
        await drain(memtable.openScan(ALL_TOKENS, slice), 5),
      );
      expect(sealed.stats).toEqual(memtable.stats);
      memtable.release();
    });
    await fc.assert(property, { numRuns: 100 });
  });

  test('is read whole by another thread while the pool is written to', async () => {
    const slabs = pool(64 * MIB);
    const range = tabletTokenRange(1, 2);
    const sealed = new Memtable(slabs, MODEL_TABLE, range);
    for (let i = 0; i < 20_000; i++) {
      const key = Buffer.from(`key ${i % 9000}`);
      const bytes = rowMutation(key, i, `value ${i}`, {
        hi: Math.imul(i % 9000, 0x9e37_79b1) & 0x7fff_ffff,
        lo: i % 9000,
      });
      expect(sealed.apply(bytes, 0, bytes.length)).toBe(true);
    }
    sealed.seal();
    const worker = new Worker(new URL('../../test/support/memtable-worker.ts', import.meta.url), {
      workerData: { memory: slabs.views.memory, handle: sealed.handle() },
    });
    let answer: { fragments: number; checksum: number } | undefined;
    const done = new Promise<void>((resolve, reject) => {
      worker.once('error', reject);
      worker.once('message', (message) => {
        answer = message;
        resolve();
      });
    });
    // Between turns of this thread the other one reads; here the rest of the pool is filled.
    const live = new Memtable(slabs, MODEL_TABLE, ALL_TOKENS);
    for (let i = 0; answer === undefined && i < 200_000; i += 100) {
      for (let j = 0; j < 100; j++) applyRow(live, `other ${i}`, j, 'x');
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    await done;
    await worker.terminate();
    const expected = checksumOf(await drain(sealed.openScan(ALL_TOKENS, EVERYTHING), 100));
    expect(answer).toEqual(expected);
    expect(expected.fragments).toBe(20_000 + 2 * 9000);
    live.release();
    sealed.release();
    expect(slabs.usedPages).toBe(0);
  });
});

test('statistics are bounds of what was written', () => {
  const memtable = new Memtable(pool(), MODEL_TABLE, ALL_TOKENS);
  const key = Buffer.from('k');
  const writer = beginMutation(key);
  writer.partitionDeletion(0, 5, 70);
  writer.rangeDeletion(-1, clusteringPrefix([]), 1, clusteringPrefix([int32(3)]), -1, 4, 60);
  const prefix = clusteringPrefix([int32(1), Buffer.from('a')]);
  writer.beginRow(prefix, 0, prefix.length);
  writer.row.liveness(0, 100, 30, 130);
  writer.row.deadCell(5, 7, 8, 55);
  writer.row.complexDeletion(6, 1, 1, 90);
  writer.row.element(6, 0, 100, 40, 140, int32(1), 0, 4, key, 0, 1);
  writer.endRow();
  writer.beginStaticRow();
  writer.row.cell(3, 0, 101, 0, NO_DELETION_TIME, key, 0, 1);
  writer.endRow();
  const bytes = writer.out.toBytes();
  memtable.apply(bytes, 0, bytes.length);
  expect(memtable.stats.values()).toEqual({
    partitionCount: 1,
    rowCount: 2,
    cellCount: 4,
    tombstoneCount: 4,
    partitionDeletionCount: 1,
    rangeDeletionCount: 1,
    minTimestampHi: -1,
    minTimestampLo: 4,
    maxTimestampHi: 7,
    maxTimestampLo: 8,
    minDeletionTime: 55,
    maxDeletionTime: NO_DELETION_TIME,
    minTtl: 0,
    maxTtl: 40,
  });
});

test('a mutation that says nothing makes no partition', () => {
  const memtable = new Memtable(pool(), MODEL_TABLE, ALL_TOKENS);
  const writer = beginMutation(Buffer.from('k'));
  writer.beginRow(clusteringPrefix([int32(1)]), 0, 6);
  writer.endRow();
  writer.partitionDeletion(INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
  writer.rangeDeletion(1, clusteringPrefix([int32(3)]), -1, clusteringPrefix([int32(3)]), 0, 4, 60);
  const bytes = writer.out.toBytes();
  expect(memtable.apply(bytes, 0, bytes.length)).toBe(true);
  expect(memtable.isEmpty).toBe(true);
  expect(memtable.stats.rowCount).toBe(0);
});

const KEY = Buffer.from('k');

function int32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  writeI32BE(bytes, 0, value);
  return bytes;
}

function beginMutation(key: Uint8Array, at?: { hi: number; lo: number }): MutationWriter {
  const writer = new MutationWriter();
  const token = new Token();
  tokenOf(key, 0, key.length, token);
  const { hi, lo } = at ?? token;
  writer.begin(uuidBytes(MODEL_TABLE.id), 1, hi, lo, key, 0, key.length);
  return writer;
}

function rowMutation(
  key: Uint8Array,
  row: number,
  value: string,
  at?: { hi: number; lo: number },
  timestamp = 1,
): Uint8Array {
  const writer = beginMutation(key, at);
  const prefix = clusteringPrefix([int32(row), Buffer.from('c')]);
  writer.beginRow(prefix, 0, prefix.length);
  writer.row.liveness(0, timestamp, 0, NO_DELETION_TIME);
  const bytes = Buffer.from(value);
  writer.row.cell(5, 0, timestamp, 0, NO_DELETION_TIME, bytes, 0, bytes.length);
  writer.endRow();
  return writer.out.toBytes();
}

function applyRow(memtable: Memtable, key: string, row: number, value: string, timestamp = 1): void {
  const bytes = rowMutation(Buffer.from(key), row, value, undefined, timestamp);
  if (!memtable.apply(bytes, 0, bytes.length)) throw new Error('no room');
}

function elementMutation(key: string, element: number, value: string): Uint8Array {
  const writer = beginMutation(Buffer.from(key));
  const prefix = clusteringPrefix([int32(1), Buffer.from('c')]);
  writer.beginRow(prefix, 0, prefix.length);
  const bytes = Buffer.from(value);
  writer.row.element(6, 0, 1, 0, NO_DELETION_TIME, int32(element), 0, 4, bytes, 0, bytes.length);
  writer.endRow();
  return writer.out.toBytes();
}

/** The same sum as test/support/memtable-worker.ts computes. */
function checksumOf(fragments: readonly Fragment[]): { fragments: number; checksum: number } {
  let checksum = 0;
  for (const { kind, position, body } of fragments) {
    checksum = Math.imul(checksum ^ kind, 0x0100_0193);
    for (const byte of position) checksum = Math.imul(checksum ^ byte, 0x0100_0193);
    for (const byte of body) checksum = Math.imul(checksum ^ byte, 0x0100_0193);
  }
  return { fragments: fragments.length, checksum };
}
