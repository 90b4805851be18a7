import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { drain, type Fragment, MemorySource } from '../../test/support/memory-source.ts';
import { arbitrarySlice, arbitraryWrite, NOW, seededRandom } from '../../test/support/model-arbitraries.ts';
import {
  checkStream,
  MODEL_TABLE,
  mutationBytes,
  type SeenPartition,
  seenOf,
} from '../../test/support/partition-model.ts';
import { ByteWriter } from '../bytes.ts';
import { TesseraError } from '../errors.ts';
import { ALL_TOKENS, Token, tokenOf } from '../token.ts';
import { RowBatchPool } from './batch-pool.ts';
import { LiveFilter, liveCursor } from './live-cursor.ts';
import { openRead } from './open-read.ts';
import { PageCursor, type PageEnd } from './page.ts';
import { PageBuilder, PageState } from './page-builder.ts';
import { checkReadCommand, NO_LIMIT, type ReadCommand, ReadKind } from './read-command.ts';
import { FragmentKind, RowBatch } from './row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from './row-cursor.ts';

const pool = new RowBatchPool();
const COLUMNS = MODEL_TABLE.clustering.length;

/** One page of a command, as a replica makes it. */
async function pageOf(
  source: MemorySource,
  command: ReadCommand,
  isLive: boolean,
  capacity: number,
): Promise<Uint8Array> {
  expect(checkReadCommand(command, MODEL_TABLE)).toBeUndefined();
  let cursor: RowCursor = openRead(source, command, MODEL_TABLE.comparator);
  if (isLive) cursor = liveCursor(cursor, new LiveFilter(MODEL_TABLE, command.nowSeconds), pool);
  const builder = new PageBuilder(command);
  const batch = new RowBatch(capacity, 300);
  for (;;) {
    batch.clear();
    const added = cursor.fill(batch);
    if (added === 0) break;
    if (added === NEEDS_LOAD) {
      await cursor.load();
      continue;
    }
    const state = builder.append(batch);
    if (state === PageState.Full) break;
    if (state === PageState.SkipPartition) cursor.skipPartition();
  }
  cursor.close();
  const out = new ByteWriter(1);
  builder.finish(out);
  return out.toBytes();
}

/** The command for the next page. */
function nextPage(command: ReadCommand, end: PageEnd): ReadCommand | undefined {
  const { resume, key, tokenHi, tokenLo } = end;
  if (command.range !== undefined) {
    const range = {
      ...command.range,
      startHi: tokenHi,
      startLo: tokenLo,
      startKey: key,
      startInclusive: resume !== undefined,
    };
    return { ...command, range, resume };
  }
  const at = command.partitions.findIndex((partition) => Buffer.compare(partition.key, key) === 0);
  const partitions = command.partitions.slice(resume === undefined ? at + 1 : at);
  return partitions.length === 0 ? undefined : { ...command, partitions, resume };
}

/** Partitions of several pages as one answer: parts of one partition put together. */
function joined(pages: readonly (readonly SeenPartition[])[]): SeenPartition[] {
  const all: SeenPartition[] = [];
  for (const partition of pages.flat()) {
    const last = all.at(-1);
    if (last?.key === partition.key) all[all.length - 1] = { ...last, rows: [...last.rows, ...partition.rows] };
    else all.push(partition);
  }
  return all;
}

const arbitraryWrites = fc.array(arbitraryWrite(true), { minLength: 1, maxLength: 25 });
const limits = fc.record({
  rowLimit: fc.constantFrom(1, 2, 5, NO_LIMIT),
  partitionLimit: fc.constantFrom(1, 2, NO_LIMIT),
  perPartitionRowLimit: fc.constantFrom(1, 2, 3, NO_LIMIT),
  pageBytes: fc.constantFrom(0, 60, 1_000_000),
});

function commandFor(
  writes: readonly { key: Uint8Array }[],
  isScan: boolean,
  rest: Pick<ReadCommand, 'slice' | 'rowLimit' | 'partitionLimit' | 'perPartitionRowLimit' | 'pageBytes'>,
): ReadCommand {
  const token = new Token();
  const keys = new Map(writes.map(({ key }) => [Buffer.from(key).toString('hex'), key]));
  const partitions = [...keys.values()].map((key) => {
    tokenOf(key, 0, key.length, token);
    return { tokenHi: token.hi, tokenLo: token.lo, key };
  });
  return {
    ...rest,
    kind: isScan ? ReadKind.Range : ReadKind.Partitions,
    tableId: MODEL_TABLE.id,
    schemaVersion: 1,
    partitions: isScan ? [] : partitions,
    range: isScan ? ALL_TOKENS : undefined,
    resume: undefined,
    nowSeconds: NOW,
  };
}

const rowsOf = (partitions: readonly SeenPartition[]) =>
  partitions.reduce((sum, { rows, statics }) => sum + (rows.length === 0 && statics.length > 0 ? 1 : rows.length), 0);

describe('pages', () => {
  test('of live rows, one after the other, are the whole answer, and each keeps the limits', async () => {
    const property = fc.asyncProperty(
      arbitraryWrites,
      arbitrarySlice,
      limits,
      fc.boolean(),
      fc.integer({ min: 1, max: 6 }),
      fc.integer(),
      async (writes, slice, limit, isScan, capacity, seed) => {
        const source = new MemorySource(MODEL_TABLE, seededRandom(seed));
        for (const write of writes) source.apply(mutationBytes(write));
        const first = commandFor(writes, isScan, { ...limit, slice });
        const whole = openRead(source, first, MODEL_TABLE.comparator);
        const live = seenOf(await drain(liveCursor(whole, new LiveFilter(MODEL_TABLE, NOW), pool)));
        const pages: SeenPartition[][] = [];
        for (let command: ReadCommand | undefined = first; command !== undefined; ) {
          const bytes = await pageOf(source, command, true, capacity);
          const cursor = new PageCursor(bytes, 0, bytes.length, COLUMNS);
          const { end, rows } = cursor;
          const fragments = await drain(cursor, capacity, 100);
          if (isScan) checkStream(fragments, slice.isReversed); // a list has its partitions in any order
          const partitions = seenOf(fragments);
          // The partition that the page before began comes again, perhaps with its static row alone.
          const begun = command.resume && (command.range?.startKey ?? command.partitions[0]?.key);
          const isBegun = begun !== undefined && partitions[0]?.key === Buffer.from(begun).toString('hex');
          const fresh = partitions.filter(({ rows: left }, i) => left.length > 0 || i > 0 || !isBegun);
          expect(rowsOf(fresh)).toBe(rows);
          expect(rows).toBeLessThanOrEqual(limit.rowLimit);
          expect(partitions.length - (isBegun ? 1 : 0)).toBeLessThanOrEqual(limit.partitionLimit);
          expect(end === undefined || rows > 0).toBe(true);
          pages.push(partitions);
          expect(pages.length).toBeLessThan(100);
          command = end && nextPage(command, end);
        }
        const expected = live.map((partition) => ({
          ...partition,
          rows: partition.rows.slice(0, limit.perPartitionRowLimit),
        }));
        expect(joined(pages)).toEqual(expected);
      },
    );
    await fc.assert(property, { numRuns: 800 });
  });

  test('of raw fragments hold all that is needed to merge them later', async () => {
    const property = fc.asyncProperty(
      arbitraryWrites,
      arbitrarySlice,
      limits,
      fc.integer(),
      async (writes, slice, limit, seed) => {
        const source = new MemorySource(MODEL_TABLE, seededRandom(seed));
        for (const write of writes) source.apply(mutationBytes(write));
        const { pageBytes, rowLimit } = limit;
        const rest = { pageBytes, rowLimit, partitionLimit: NO_LIMIT, perPartitionRowLimit: NO_LIMIT, slice };
        const first = commandFor(writes, true, rest);
        const read = async (cursor: RowCursor) =>
          seenOf(await drain(liveCursor(cursor, new LiveFilter(MODEL_TABLE, NOW), pool)));
        const pages: SeenPartition[][] = [];
        for (let command: ReadCommand | undefined = first; command !== undefined; ) {
          const bytes = await pageOf(source, command, false, 5);
          const cursor = new PageCursor(bytes, 0, bytes.length, COLUMNS);
          const fragments: Fragment[] = await drain(new PageCursor(bytes, 0, bytes.length, COLUMNS));
          checkStream(fragments, slice.isReversed);
          const { end } = cursor;
          pages.push(await read(cursor));
          expect(pages.length).toBeLessThan(100);
          command = end && nextPage(command, end);
        }
        expect(joined(pages)).toEqual(await read(openRead(source, first, MODEL_TABLE.comparator)));
      },
    );
    await fc.assert(property, { numRuns: 500 });
  });

  test('damaged in any way give sound fragments or are refused', async () => {
    let refused = 0;
    const damage = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 });
    const property = fc.asyncProperty(
      arbitraryWrites,
      arbitrarySlice,
      damage,
      fc.nat(),
      async (writes, slice, flips, cut) => {
        const source = new MemorySource(MODEL_TABLE);
        for (const write of writes) source.apply(mutationBytes(write));
        const limit = { rowLimit: 3, partitionLimit: 2, perPartitionRowLimit: NO_LIMIT, pageBytes: 500 };
        const bytes = await pageOf(source, commandFor(writes, true, { ...limit, slice }), false, 8);
        for (const [at, value] of flips) bytes[at % bytes.length] = value;
        const end = cut % 2 === 0 ? cut % bytes.length : bytes.length;
        try {
          const cursor = new PageCursor(bytes, 0, end, COLUMNS);
          for (const { position, kind } of await drain(cursor)) {
            if (kind === FragmentKind.Row) expect(position.length).toBeLessThanOrEqual(end);
          }
        } catch (error) {
          if (!(error instanceof TesseraError)) throw error;
          refused++;
        }
      },
    );
    await fc.assert(property, { numRuns: 2000 });
    expect(refused).toBeGreaterThan(800);
  });

  test('can be skipped through partition by partition', async () => {
    const source = new MemorySource(MODEL_TABLE);
    const keys = ['a', 'bb', 'ccc'].map((key) => new Uint8Array(Buffer.from(key)));
    for (const key of keys) {
      for (let i = 0; i < 5; i++) {
        const body = {
          liveness: { timestamp: 1n, ttl: 0, expiry: 0 },
          deletion: undefined,
          shadowable: undefined,
          complexDeletions: [],
          cells: [],
        };
        const values = [new Uint8Array([0, 0, 0, i]), new Uint8Array(0)];
        source.apply(mutationBytes({ kind: 'row', key, values, body }));
      }
    }
    const slice = {
      slices: [{ start: new Uint8Array(0), startWeight: -1, end: new Uint8Array(0), endWeight: 1 }],
      isReversed: false,
      wantsRows: true,
      wantsStatics: true,
    };
    const limit = { rowLimit: NO_LIMIT, partitionLimit: NO_LIMIT, perPartitionRowLimit: NO_LIMIT, pageBytes: 1e6 };
    const command = commandFor(
      keys.map((key) => ({ key })),
      true,
      { ...limit, slice },
    );
    const bytes = await pageOf(source, command, true, 8);
    const cursor = new PageCursor(bytes, 0, bytes.length, COLUMNS);
    cursor.skipPartition(); // nothing was delivered: nothing to drop
    const batch = new RowBatch(2);
    const starts: number[] = [];
    for (;;) {
      batch.clear();
      if (cursor.fill(batch) === 0) break;
      starts.push(batch.kind[0]!);
      cursor.skipPartition();
    }
    expect(starts).toEqual([1, 1, 1]);
  });
});
