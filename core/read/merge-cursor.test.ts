import { describe, expect, test } from 'vitest';
import { drain, type Fragment, FragmentCursor, fragmentsOf } from '../../test/support/memory-source.ts';
import { bodyBytes, MODEL_TABLE } from '../../test/support/partition-model.ts';
import { RowMerger } from '../mutation/merge-rows.ts';
import { clusteringPrefix } from '../schema/clustering-prefix.ts';
import { RowBatchPool } from './batch-pool.ts';
import { MergeCursor } from './merge-cursor.ts';
import { FragmentKind, RowBatch } from './row-batch.ts';

const merger = new RowMerger(MODEL_TABLE);
const NONE = [-0x8000_0000, 0, 0xffff_ffff] as const;

/** Partitions (token, key) with a row for each number. */
function stream(
  ...partitions: readonly (readonly [token: number, key: string, rows: readonly number[]])[]
): Fragment[] {
  const batch = new RowBatch(4096, 1 << 20);
  const body = bodyBytes({
    liveness: { timestamp: 7n, ttl: 0, expiry: 0 },
    deletion: undefined,
    shadowable: undefined,
    complexDeletions: [],
    cells: [],
  });
  for (const [token, name, rows] of partitions) {
    const key = Buffer.from(name);
    batch.addPartitionStart(0, token, key, 0, key.length, ...NONE);
    for (const row of rows) {
      const prefix = clusteringPrefix([new Uint8Array([0, 0, 0, row]), new Uint8Array(0)]);
      batch.beginFragment(FragmentKind.Row, 0, prefix, 0, prefix.length);
      batch.writer.raw(body);
      batch.endFragment();
    }
    batch.addPartitionEnd();
  }
  return fragmentsOf(batch);
}

const merge = (...streams: readonly Fragment[][]) =>
  new MergeCursor(
    streams.map((fragments) => new FragmentCursor(fragments)),
    MODEL_TABLE.comparator,
    merger,
    new RowBatchPool(),
    false,
  );

describe('MergeCursor', () => {
  test('orders partitions of equal tokens by their keys', async () => {
    const left = stream([1, 'a', [1]], [5, 'a', [1]], [5, 'c', [2]], [6, 'b', [1]]);
    const right = stream([5, 'b', [3]], [5, 'c', [4]], [5, 'd', [1]]);
    const expected = stream(
      [1, 'a', [1]],
      [5, 'a', [1]],
      [5, 'b', [3]],
      [5, 'c', [2, 4]],
      [5, 'd', [1]],
      [6, 'b', [1]],
    );
    for (const capacity of [1, 2, 100]) {
      expect(await drain(merge(left, right), capacity)).toEqual(expected);
      expect(await drain(merge(right, left), capacity)).toEqual(expected);
    }
  });

  test('passes many rows of many partitions in any batch size', async () => {
    const rows = Array.from({ length: 90 }, (_, i) => i);
    const left = stream([1, 'a', rows.filter((i) => i % 3 === 0)], [2, 'b', rows], [9, 'z', []]);
    const right = stream([1, 'a', rows.filter((i) => i % 3 !== 0)], [4, 'c', rows.slice(50)]);
    const other = stream([1, 'a', [0, 89]], [3, 'x', [1]], [9, 'z', [1]]);
    const expected = stream([1, 'a', rows], [2, 'b', rows], [3, 'x', [1]], [4, 'c', rows.slice(50)], [9, 'z', [1]]);
    for (const capacity of [1, 7, 256]) {
      expect(await drain(merge(left, right, other), capacity, 1 << 20)).toEqual(expected);
      expect(await drain(merge(left, right, other), capacity, 64)).toEqual(expected);
    }
  });

  test('of nothing is at its end', async () => {
    expect(await drain(merge([], [], []))).toEqual([]);
    expect(await drain(merge())).toEqual([]);
  });
});

describe('RowBatch.addRun', () => {
  test('stops at the capacity and after the fragment that passes the soft limit, as single fragments do', () => {
    const source = new RowBatch(64, 1 << 20);
    for (let i = 0; i < 40; i++) {
      source.beginFragment(FragmentKind.Row, 0, new Uint8Array(i), 0, i);
      source.writer.raw(new Uint8Array([i]));
      source.endFragment();
    }
    for (const [capacity, softLimit] of [
      [5, 1 << 20],
      [64, 100],
      [64, 1],
      [64, 46],
      [64, 47],
      [64, 1 << 20],
    ] as const) {
      const bulk = new RowBatch(capacity, softLimit);
      const single = new RowBatch(capacity, softLimit);
      bulk.addPartitionEnd();
      single.addPartitionEnd();
      expect(bulk.addRun(source, 3, 40)).toBe(bulk.count - 1);
      for (let i = 3; i < 40 && !single.isFull(); i++) {
        const [start, body, end] = [source.positionStart[i]!, source.bodyStart[i]!, source.bodyEnd[i]!];
        single.addFragment(FragmentKind.Row, 0, source.bytes, start, body, body, end);
      }
      expect(fragmentsOf(bulk)).toEqual(fragmentsOf(single));
    }
  });
});
