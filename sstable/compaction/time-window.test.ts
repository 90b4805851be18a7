import { describe, expect, test } from 'vitest';
import { candidateOf, contextAt, DAY_MS, MIB, writtenUntil } from '../../test/support/compaction-model.ts';
import type { Candidate, CompactionContext } from './strategy.ts';
import { TimeWindow } from './time-window.ts';

const NOW = 100 * DAY_MS;
const HOUR_MS = 3_600_000;
/** Written on a day, given as a number with fractions. */
const ofDay = (id: number, day: number, megabytes = 100, changes: Partial<Candidate> = {}): Candidate =>
  candidateOf(id, megabytes * MIB, { ...writtenUntil(day * DAY_MS * 1000), ...changes });
const next = (files: readonly Candidate[], options: Record<string, string> = {}, context = contextAt(NOW)) =>
  new TimeWindow(options).next(files, context);

describe('windows', () => {
  const cases: readonly [string, Record<string, string>, Candidate[], number[] | undefined][] = [
    ['one file each: nothing', {}, [ofDay(1, 97), ofDay(2, 98), ofDay(3, 99)], undefined],
    ['the newest by size tiers', {}, [ofDay(1, 99.1), ofDay(2, 99.2), ofDay(3, 99.3), ofDay(4, 99.4)], [1, 2, 3, 4]],
    ['the newest has too few', {}, [ofDay(1, 99.1), ofDay(2, 99.2), ofDay(3, 99.3)], undefined],
    ['the newest has too few of a size', {}, [ofDay(1, 99.1), ofDay(2, 99.2, 900), ofDay(3, 99.3), ofDay(4, 99.4)], undefined],
    ['two of a former one', {}, [ofDay(1, 98.1, 1), ofDay(2, 98.9, 999), ofDay(3, 99)], [1, 2]],
    ['of former ones the newest', {}, [ofDay(1, 97), ofDay(2, 97), ofDay(3, 98), ofDay(4, 98), ofDay(5, 99)], [3, 4]],
    ['former ones no more than the threshold, the smallest', { min_threshold: '2', max_threshold: '2' }, [ofDay(1, 98, 9), ofDay(2, 98, 1), ofDay(3, 98, 2), ofDay(4, 99)], [2, 3]],
    ['of two days', { compaction_window_size: '2' }, [ofDay(1, 96.5), ofDay(2, 97.5), ofDay(3, 99)], [1, 2]],
    ['of hours', { compaction_window_unit: 'HOURS' }, [ofDay(1, 98.1), ofDay(2, 98.9), ofDay(3, 99)], undefined],
    ['of milliseconds', { timestamp_resolution: 'MILLISECONDS', compaction_window_unit: 'HOURS' }, [1, 2, 3].map((id) => candidateOf(id, MIB, writtenUntil(id < 3 ? 1000 * HOUR_MS + id : 1001 * HOUR_MS))), [1, 2]],
    ['before 1970', {}, [ofDay(1, -5.5), ofDay(2, -5.1), ofDay(3, 99)], [1, 2]],
  ]; // biome-ignore format: a table
  test.each(cases)('%s', (_name, options, files, expected) => {
    expect(next(files, options)?.inputs.toSorted()).toEqual(expected);
  });

  test('a major compaction makes one SSTable of each', () => {
    const files = [ofDay(1, 97), ofDay(2, 98.1), ofDay(3, 99), ofDay(4, 98.2)];
    expect(new TimeWindow({}).major(files).map(({ inputs }) => inputs)).toEqual([[3], [2, 4], [1]]);
  });
});

describe('expired SSTables', () => {
  const LONG_AGO = 1000;
  /** Everything in it has expired; timestamps from day to day. */
  const expired = (id: number, from: number, to: number): Candidate =>
    ofDay(id, to, 100, { maxDeletionTime: LONG_AGO, ...leastOf(from) });
  const alive = (id: number, from: number, to: number): Candidate => ofDay(id, to, 100, leastOf(from));
  const leastOf = (day: number) => {
    const { maxTimestampHi, maxTimestampLo } = writtenUntil(day * DAY_MS * 1000);
    return { minTimestampHi: maxTimestampHi, minTimestampLo: maxTimestampLo };
  };
  const inMemory = (day: number): Partial<CompactionContext> => {
    const { minTimestampHi, minTimestampLo } = leastOf(day);
    return { leastInMemoryHi: minTimestampHi, leastInMemoryLo: minTimestampLo };
  };
  const cases: readonly [string, Record<string, string>, Candidate[], Partial<CompactionContext>, number[] | undefined][] = [
    ['go', {}, [expired(1, 10, 11), alive(2, 99, 99)], {}, [1]],
    ['all at once', {}, [expired(1, 10, 11), expired(2, 10, 12), alive(3, 99, 99)], {}, [1, 2]],
    ['go though they are older than each other', {}, [expired(1, 10, 50), expired(2, 10, 11)], {}, [1, 2]],
    ['stay while something alive is as old', {}, [expired(1, 10, 50), alive(2, 50, 99)], {}, undefined],
    ['only those that something alive is as old as', {}, [expired(1, 10, 50), expired(2, 10, 11), alive(3, 30, 99)], {}, [2]],
    ['stay while something in memory is as old', {}, [expired(1, 10, 50)], inMemory(40), undefined],
    ['go before what is in memory', {}, [expired(1, 10, 50)], inMemory(51), [1]],
    ['whatever is as old, if told', { unsafe_aggressive_sstable_expiration: 'true' }, [expired(1, 10, 50), alive(2, 20, 99)], inMemory(1), [1]],
    ['stay within gc grace', {}, [expired(1, 10, 11)], { gcBefore: LONG_AGO }, undefined],
    ['stay while nothing may be purged', {}, [expired(1, 10, 11)], { gcBefore: 0 }, undefined],
    ['stay while the log needs them', {}, [expired(1, 10, 11)], { mayDrop: () => false }, undefined],
  ]; // biome-ignore format: a table
  test.each(cases)('%s', (_name, options, files, context, expected) => {
    const task = next(files, options, contextAt(NOW, context));
    expect(task?.inputs).toEqual(expected);
    if (expected !== undefined) expect(task!.kind).toBe('drop');
  });

  test('are looked for every so often', () => {
    const strategy = new TimeWindow({ expired_sstable_check_frequency_seconds: '100' });
    const files = [expired(1, 10, 11)];
    const stays = contextAt(NOW, { mayDrop: () => false });
    expect(strategy.lookMs).toBe(100_000);
    expect(strategy.next(files, stays)).toBeUndefined();
    expect(strategy.next(files, contextAt(NOW + 99_999))).toBeUndefined();
    expect(strategy.next(files, contextAt(NOW + 100_000))?.inputs).toEqual([1]);
  });
});

test('tombstones are looked at if the table says so', () => {
  const files = [ofDay(1, 10, 1, { droppableShare: 0.9 })];
  expect(next(files)).toBeUndefined();
  expect(next(files, { unchecked_tombstone_compaction: 'false' })).toBeUndefined();
  expect(next(files, { tombstone_threshold: '0.2' })?.inputs).toEqual([1]);
  expect(next(files, { tombstone_compaction_interval: '86400' })?.inputs).toEqual([1]);
  expect(next(files, { unchecked_tombstone_compaction: 'true' })?.inputs).toEqual([1]);
});
