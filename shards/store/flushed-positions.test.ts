import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { segmentIdOf } from '../../commitlog/segment.ts';
import type { Statistics } from '../../sstable/format/statistics.ts';
import { FlushedPositions } from './flushed-positions.ts';

const OURS = '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11';
const at = (counter: number, shard: number) => segmentIdOf(counter, shard);

function statisticsOf(positions: FlushedPositions, hostId: string | undefined): Statistics {
  return { stats: { hostId, logIntervals: positions.intervals() } } as unknown as Statistics;
}

describe('flushed positions', () => {
  test('cover what lies at or before the furthest of each shard, and nothing of others', () => {
    const positions = new FlushedPositions();
    positions.add(at(5, 1), 100);
    positions.add(at(4, 1), 900);
    positions.add(at(7, 2), 10);
    expect(positions.covers(at(5, 1), 100)).toBe(true);
    expect(positions.covers(at(5, 1), 101)).toBe(false);
    expect(positions.covers(at(4, 1), 5000)).toBe(true);
    expect(positions.covers(at(6, 1), 0)).toBe(false);
    expect(positions.covers(at(7, 2), 10)).toBe(true);
    expect(positions.covers(at(1, 3), 0)).toBe(false);
    expect(positions.highestSegment(1)).toBe(at(5, 1));
    expect(positions.highestSegment(3)).toBe(0);
  });

  test('of another host, or of no log, say nothing', () => {
    const theirs = new FlushedPositions();
    theirs.add(at(5, 1), 100);
    const positions = new FlushedPositions();
    positions.addStatistics(statisticsOf(theirs, 'ffffffff-8d0f-4f0e-9f2c-0a6f6d2b8f11'), OURS);
    positions.addStatistics(statisticsOf(theirs, undefined), OURS);
    const foreign = [{ start: { segment: 0n, position: 0 }, end: { segment: 2n ** 60n, position: 5 } }];
    const statistics = { stats: { hostId: OURS, logIntervals: foreign } } as unknown as Statistics;
    positions.addStatistics(statistics, OURS);
    expect(positions.intervals()).toEqual([]);
  });

  test('are within a place only when they are of its shard alone and not beyond it', () => {
    const positions = new FlushedPositions();
    expect(positions.isWithin(at(9, 1), 9)).toBe(false);
    positions.add(at(5, 1), 100);
    expect(positions.isWithin(at(5, 1), 100)).toBe(true);
    expect(positions.isWithin(at(5, 1), 99)).toBe(false);
    expect(positions.isWithin(at(6, 1), 0)).toBe(true);
    expect(positions.isWithin(at(6, 2), 0)).toBe(false);
    positions.add(at(1, 2), 1);
    expect(positions.isWithin(at(6, 1), 0)).toBe(false);
  });

  test('go beyond others where a log may still be replayed', () => {
    const inputs = new FlushedPositions();
    inputs.add(at(5, 1), 100);
    const left = new FlushedPositions();
    expect(inputs.hasBeyond(left, 1, at(5, 1))).toBe(true);
    expect(inputs.hasBeyond(left, 1, at(6, 1))).toBe(false); // the log has let go of it
    expect(inputs.hasBeyond(left, 2, at(6, 2))).toBe(true); // another shard's log: who knows
    left.add(at(5, 1), 100);
    expect(inputs.hasBeyond(left, 1, at(1, 1))).toBe(false);
  });

  test('united through the statistics of SSTables cover what either covered', () => {
    const place = fc.record({
      counter: fc.integer({ min: 1, max: 4 }),
      shard: fc.integer({ min: 0, max: 2 }),
      offset: fc.integer({ min: 0, max: 5 }),
    });
    const list = fc.array(place, { maxLength: 6 });
    fc.assert(
      fc.property(list, list, place, (a, b, probe) => {
        const positionsOf = (places: typeof a) => {
          const positions = new FlushedPositions();
          for (const { counter, shard, offset } of places) positions.add(at(counter, shard), offset);
          return positions;
        };
        const united = new FlushedPositions();
        united.addStatistics(statisticsOf(positionsOf(a), OURS), OURS);
        united.addStatistics(statisticsOf(positionsOf(b), OURS), OURS);
        const covered = (places: typeof a) => positionsOf(places).covers(at(probe.counter, probe.shard), probe.offset);
        expect(united.covers(at(probe.counter, probe.shard), probe.offset)).toBe(covered(a) || covered(b));
      }),
      { numRuns: 500 },
    );
  });
});
