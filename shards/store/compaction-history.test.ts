import { expect, test } from 'vitest';
import { type CompactionEntry, CompactionHistory } from './compaction-history.ts';

test('a history shows the last compactions, no more than its limit', () => {
  const history = new CompactionHistory(3);
  for (let n = 1; n <= 20; n++) {
    history.add({ startedMs: n } as CompactionEntry);
    const expected = [n - 2, n - 1, n].filter((each) => each > 0);
    expect(history.latest().map(({ startedMs }) => startedMs)).toEqual(expected);
  }
});
