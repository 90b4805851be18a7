import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { arbitraryBody } from '../../test/support/model-arbitraries.ts';
import { bodyBytes, MODEL_TABLE, type ModelBody } from '../../test/support/partition-model.ts';
import { ByteWriter, readI32BE, readU16BE } from '../bytes.ts';
import type { ColumnId } from '../ids.ts';
import { bigIntHi, bigIntLo } from '../int64.ts';
import { ColumnKind } from '../schema/column.ts';
import { TableDescriptor } from '../schema/table.ts';
import { counterType } from '../types/int.ts';
import { checkRowBody, MutationChecker } from './check.ts';
import { RowMerger } from './merge-rows.ts';
import { CellFlag, RowBodyWriter, RowFlag, RowReader } from './row-body.ts';

const merger = new RowMerger(MODEL_TABLE);
const checker = new MutationChecker(MODEL_TABLE);
const NOTHING_LEFT = new Uint8Array(0);

function merge(bodies: readonly Uint8Array[], cover?: { timestamp: bigint; time: number }, rows = merger): Uint8Array {
  const out = new ByteWriter(1);
  out.u8(0xee); // a merged row begins anywhere
  rows.begin();
  for (const body of bodies) if (body.length > 0) rows.add(body, 0, body.length);
  const left =
    cover === undefined
      ? rows.finish(out)
      : rows.finish(out, bigIntHi(cover.timestamp), bigIntLo(cover.timestamp), cover.time);
  expect(left).toBe(out.length > 1);
  return out.toBytes().slice(1);
}

const bodies = fc.array(
  arbitraryBody(false, true).map((body) => bodyBytes(body)),
  { minLength: 2, maxLength: 5 },
);
const EMPTY: ModelBody = {
  liveness: undefined,
  deletion: undefined,
  shadowable: undefined,
  complexDeletions: [],
  cells: [],
};

describe('RowMerger', () => {
  test('is commutative, associative and idempotent to the byte, and gives sound bodies', () => {
    const property = fc.property(bodies, fc.nat(), (raw, seed) => {
      const all = raw.map((body) => merge([body, body])); // a single body is not made canonical: see the class
      const merged = merge(all);
      if (merged.length > 0) expect(checker.checkRowBody(merged, 0, merged.length, false)).toBeUndefined();
      const cut = 1 + (seed % (all.length - 1));
      expect(merge([merge(all.slice(0, cut)), merge(all.slice(cut))])).toEqual(merged);
      expect(merge(all.toReversed())).toEqual(merged);
      expect(merge([merged, merged])).toEqual(merged);
      expect(merge([...all, merged])).toEqual(merged);
    });
    fc.assert(property, { numRuns: 3000 });
  });

  test("leaves out what a covering deletion hides, as if it were the row's own", () => {
    const cover = fc.record({ timestamp: fc.bigInt({ min: -2n, max: 9n }), time: fc.integer({ min: 50, max: 100 }) });
    const property = fc.property(bodies, cover, (all, deletion) => {
      const own = bodyBytes({ ...EMPTY, deletion });
      expect(merge([merge(all, deletion), own])).toEqual(merge([...all, own]));
      expect(merge([merge(all, deletion)], deletion)).toEqual(merge(all, deletion));
    });
    fc.assert(property, { numRuns: 2000 });
  });

  test('says when nothing is left', () => {
    const row = bodyBytes({ ...EMPTY, liveness: { timestamp: 5n, ttl: 0, expiry: 0 } });
    expect(merge([row], { timestamp: 5n, time: 9 })).toEqual(NOTHING_LEFT);
    expect(merge([new Uint8Array(1), new Uint8Array(1)])).toEqual(NOTHING_LEFT);
    expect(merge([])).toEqual(NOTHING_LEFT);
  });

  test('voids a shadowable deletion by newer liveness and hides nothing for it', () => {
    const cell = {
      column: 5,
      path: undefined,
      timestamp: 1n,
      deadAt: undefined,
      ttl: 0,
      expiry: 0,
      value: NOTHING_LEFT,
    };
    const shadowed = bodyBytes({ ...EMPTY, shadowable: { timestamp: 5n, time: 60 }, cells: [cell] });
    const reader = new RowReader();
    const older = merge([shadowed, bodyBytes({ ...EMPTY, liveness: { timestamp: 5n, ttl: 0, expiry: 0 } })]);
    reader.open(older, 0, older.length);
    expect(reader.rowFlags).toBe(RowFlag.Liveness | RowFlag.ShadowableDeletion);
    const newer = merge([shadowed, bodyBytes({ ...EMPTY, liveness: { timestamp: 6n, ttl: 0, expiry: 0 } })]);
    reader.open(newer, 0, newer.length);
    expect(reader.rowFlags).toBe(RowFlag.Liveness);
    expect(reader.next()).toBe(true);
  });

  test('drops a deletion of the least timestamp, which is none', () => {
    const none = { timestamp: -(2n ** 63n), time: 60 };
    const body = bodyBytes({ ...EMPTY, deletion: none, complexDeletions: [{ ...none, column: 6 }] });
    expect(merge([body])).toEqual(NOTHING_LEFT);
    expect(merge([body, body])).toEqual(NOTHING_LEFT);
  });

  test('takes many bodies', () => {
    const rows = Array.from({ length: 40 }, (_, i) =>
      bodyBytes({ ...EMPTY, liveness: { timestamp: BigInt(i), ttl: 0, expiry: 0 } }),
    );
    expect(merge(rows)).toEqual(rows[39]);
  });
});

describe('counters', () => {
  const { definition } = MODEL_TABLE;
  const table = new TableDescriptor({
    ...definition,
    droppedColumns: [],
    columns: [
      ...definition.columns.filter(({ kind }) => kind === ColumnKind.PartitionKey),
      {
        id: 1 as ColumnId,
        name: 'n',
        kind: ColumnKind.Regular,
        position: 0,
        type: counterType,
        isReversed: false,
      },
    ],
  });
  const counters = new RowMerger(table);

  type Shard = readonly [id: number, clock: number, count: number];

  function value(shards: readonly Shard[], headers = shards.length): Buffer {
    const bytes = Buffer.alloc(2 + headers * 2 + shards.length * 32);
    bytes.writeUInt16BE(headers, 0);
    for (let i = 0; i < headers; i++) bytes.writeUInt16BE(0x8000 + i, 2 + i * 2);
    for (const [i, [id, clock, count]] of shards.entries()) {
      const at = 2 + headers * 2 + i * 32;
      bytes.fill(id, at, at + 16);
      bytes.writeBigInt64BE(BigInt(clock), at + 16);
      bytes.writeBigInt64BE(BigInt(count), at + 24);
    }
    return bytes;
  }
  function row(timestamp: number, bytes: Uint8Array | undefined): Uint8Array {
    const out = new ByteWriter();
    const writer = new RowBodyWriter();
    writer.begin(out);
    if (bytes === undefined) writer.deadCell(1, 0, timestamp, 50);
    else writer.cell(1, 0, timestamp, 0, 0, bytes, 0, bytes.length);
    return out.toBytes();
  }
  function merged(rows: readonly Uint8Array[]): { timestamp: number; isDead: boolean; shards: Shard[]; value: Buffer } {
    const body = merge(rows, undefined, counters);
    expect(checkRowBody(body, 0, body.length)).toBeUndefined();
    const reader = new RowReader();
    reader.open(body, 0, body.length);
    expect(reader.next()).toBe(true);
    const { timestampLo: timestamp, flags, valueStart, valueEnd } = reader;
    const shards: Shard[] = [];
    const isDead = (flags & CellFlag.Deleted) !== 0;
    if (!isDead && valueEnd - valueStart >= 2) {
      for (let at = valueStart + 2 + readU16BE(body, valueStart) * 2; at < valueEnd; at += 32) {
        shards.push([body[at]!, readI32BE(body, at + 20), readI32BE(body, at + 28)]);
      }
    }
    return { timestamp, isDead, shards, value: Buffer.from(body.slice(valueStart, valueEnd)) };
  }

  test('keep the shard with the higher clock of each writer, sorted, all global', () => {
    const a = row(7, value([[1, 5, 10], [9, 2, 1]])); // biome-ignore format: one line per row
    const b = row(3, value([[9, 1, 99], [4, 1, 3], [1, 6, 11]], 1)); // biome-ignore format: unsorted, as old files are
    for (const rows of [
      [a, b],
      [b, a],
      [a, b, a],
    ]) {
      const result = merged(rows);
      expect(result.timestamp).toBe(7);
      expect(result.shards).toEqual([[1, 6, 11], [4, 1, 3], [9, 2, 1]]); // biome-ignore format: short
      expect(result.value).toEqual(value(result.shards));
    }
  });

  test('decide a tie of clocks alike in both orders', () => {
    const a = row(1, value([[1, 5, 10]]));
    const b = row(1, value([[1, 5, 12]]));
    expect(merged([a, b]).shards).toEqual([[1, 5, 12]]);
    expect(merged([b, a]).shards).toEqual([[1, 5, 12]]);
  });

  test('a tombstone wins whatever the timestamps', () => {
    const live = row(9, value([[1, 5, 10]]));
    expect(merged([live, row(3, undefined)])).toMatchObject({ isDead: true, timestamp: 3 });
    expect(merged([row(3, undefined), live])).toMatchObject({ isDead: true, timestamp: 3 });
    expect(merged([row(3, undefined), live, row(4, undefined)])).toMatchObject({ isDead: true, timestamp: 4 });
  });

  test('bytes that are no counter value count for nothing beside one', () => {
    const good = row(1, value([[1, 5, 10]]));
    for (const bad of [
      Buffer.alloc(0),
      Buffer.alloc(1),
      Buffer.from([0xff, 0xff]),
      Buffer.alloc(33),
      Buffer.from([0, 9, 0]),
    ]) {
      expect(merged([good, row(2, bad)]).shards).toEqual([[1, 5, 10]]);
    }
    expect(merged([row(1, value([])), row(2, value([]))]).value).toEqual(value([]));
  });

  test('many shards are all kept', () => {
    const rows = Array.from({ length: 30 }, (_, i) => row(i, value([[(i * 7) % 31, 1, i]])));
    expect(merged(rows).shards.length).toBe(30);
  });
});
