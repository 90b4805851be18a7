import { expect, test } from 'vitest';
import { RaftEntryKind } from '../commitlog/raft-records.ts';
import { EntryKind } from './entry.ts';

test('kinds of entries have the numbers that the commit log writes', () => {
  expect(EntryKind).toEqual(RaftEntryKind);
});
