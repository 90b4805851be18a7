import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { TableId } from '../../core/ids.ts';
import { bigIntHi, bigIntLo, int64ToBigInt } from '../../core/int64.ts';
import { NO_LIMIT, type ReadCommand, ReadKind } from '../../core/read/read-command.ts';
import { ALL_ROWS } from '../../core/read/slice.ts';
import { rangeContains, tabletOfToken } from '../../core/token.ts';
import { commandAfter, readParts } from './read-parts.ts';
import type { TabletRoute } from './routing.ts';

const command = (fields: Partial<ReadCommand>): ReadCommand => ({
  kind: ReadKind.Partitions,
  tableId: '00000000-0000-0000-0000-000000000001' as TableId,
  schemaVersion: 1,
  partitions: [],
  range: undefined,
  slice: { slices: [ALL_ROWS], isReversed: false, wantsRows: true, wantsStatics: true },
  resume: undefined,
  rowLimit: NO_LIMIT,
  partitionLimit: NO_LIMIT,
  perPartitionRowLimit: NO_LIMIT,
  pageBytes: 1024,
  nowSeconds: 0,
  ...fields,
});
const route = (tabletCount: number, shards: number): TabletRoute => ({
  tabletCount,
  shardOf: (tablet) => tablet % shards,
});
const key = (n: number): Uint8Array => Uint8Array.of(n);
const token = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

describe('a read is split by the shards that own its tablets', () => {
  test('partitions keep their order, neighbours of one shard travel together, the resume goes with the first', () => {
    const tokens = [-5n, -4n, 7n, -3n];
    const partitions = tokens.map((each, i) => ({ tokenHi: bigIntHi(each), tokenLo: bigIntLo(each), key: key(i) }));
    const resume = { position: key(9), weight: 0, rowsTaken: 3 };
    const parts = [...readParts(command({ partitions, resume }), route(2, 2))];
    expect(
      parts.map((part) => [part.shard, part.command.partitions.map((each) => each.key[0]), part.command.resume]),
    ).toEqual([
      [0, [0, 1], resume],
      [1, [2], undefined],
      [0, [3], undefined],
    ]);
  });

  test('a range falls into tablets in token order, and every token of it lies in exactly one part', () => {
    fc.assert(
      fc.property(
        token,
        token,
        fc.boolean(),
        fc.boolean(),
        fc.integer({ min: 0, max: 5 }),
        fc.array(token),
        (a, b, from, to, power, probes) => {
          const [start, end] = a < b ? [a, b] : [b, a];
          const range = {
            startHi: bigIntHi(start),
            startLo: bigIntLo(start),
            startKey: undefined,
            startInclusive: from,
            endHi: bigIntHi(end),
            endLo: bigIntLo(end),
            endInclusive: to,
          };
          const tablets = route(2 ** power, 3);
          const parts = [...readParts(command({ kind: ReadKind.Range, range }), tablets)];
          for (const probe of [...probes, start, end, start + 1n, end - 1n]) {
            if (BigInt.asIntN(64, probe) !== probe) continue;
            const hi = bigIntHi(probe);
            const lo = bigIntLo(probe);
            const holding = parts.filter((part) => rangeContains(part.command.range!, hi, lo, key(1), 0, 1));
            const expected = rangeContains(range, hi, lo, key(1), 0, 1) ? 1 : 0;
            if (holding.length !== expected) return false;
            if (expected === 1 && holding[0]!.shard !== tablets.shardOf(tabletOfToken(hi, 2 ** power))) return false;
          }
          const starts = parts.map(({ command: { range: part } }) => int64ToBigInt(part!.startHi, part!.startLo));
          return starts.every((each, i) => i === 0 || starts[i - 1]! <= each);
        },
      ),
    );
  });
});

describe('what is left after a page', () => {
  const partitions = [0, 1, 2].map((n) => ({ tokenHi: n, tokenLo: 0, key: key(n) }));
  const end = (n: number, resume = false) => ({
    tokenHi: n,
    tokenLo: 0,
    key: key(n),
    resume: resume ? { position: key(7), weight: 0, rowsTaken: 1 } : undefined,
  });

  test('the partitions after the last one', () => {
    expect(commandAfter(command({ partitions }), end(0))!.partitions).toEqual(partitions.slice(1));
  });
  test('the last one again when it has more', () => {
    const rest = commandAfter(command({ partitions }), end(1, true))!;
    expect(rest.partitions).toEqual(partitions.slice(1));
    expect(rest.resume).toEqual({ position: key(7), weight: 0, rowsTaken: 1 });
  });
  test('nothing after the last of the list', () => {
    expect(commandAfter(command({ partitions }), end(2))).toBeUndefined();
  });
  test('a range goes on behind the key, or at it', () => {
    const range = {
      startHi: -9,
      startLo: 0,
      startKey: undefined,
      startInclusive: true,
      endHi: 9,
      endLo: 0,
      endInclusive: true,
    };
    const all = command({ kind: ReadKind.Range, range });
    expect(commandAfter(all, end(2))!.range).toMatchObject({
      startHi: 2,
      startKey: key(2),
      startInclusive: false,
      endHi: 9,
    });
    expect(commandAfter(all, end(2, true))!.range).toMatchObject({
      startHi: 2,
      startKey: key(2),
      startInclusive: true,
    });
  });
});
