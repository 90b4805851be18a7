import { expect, test } from 'vitest';
import { AssertionError } from '../core/assert.ts';
import { DirtyTracker } from './dirty-tracker.ts';

test('a segment is dirty until every owner has flushed its records', () => {
  const tracker = new DirtyTracker();
  const [a, b] = [tracker.acquireKey(), tracker.acquireKey()];
  tracker.beginSegment(256);
  tracker.add(a);
  tracker.add(b);
  tracker.beginSegment(512);
  tracker.add(a);
  expect(tracker.oldestDirty()).toBe(256);
  tracker.release(a);
  expect(tracker.oldestDirty()).toBe(256);
  tracker.release(b);
  expect(tracker.oldestDirty()).toBe(-1);
});

test('memtables flushed out of order free their own records only', () => {
  const tracker = new DirtyTracker();
  const older = tracker.acquireKey();
  tracker.beginSegment(256);
  tracker.add(older);
  const newer = tracker.acquireKey();
  tracker.beginSegment(512);
  tracker.add(newer);
  tracker.release(newer);
  expect(tracker.oldestDirty()).toBe(256);
  tracker.release(older);
  expect(tracker.oldestDirty()).toBe(-1);
});

test('keys are used again with nothing of their former owner', () => {
  const tracker = new DirtyTracker();
  const key = tracker.acquireKey();
  tracker.beginSegment(256);
  tracker.add(key);
  tracker.release(key);
  expect(tracker.acquireKey()).toBe(key);
  expect(tracker.countOf(256, key)).toBe(0);
});

test('records are given back one by one, and counted in older segments', () => {
  const tracker = new DirtyTracker();
  tracker.beginSegment(256);
  tracker.beginSegment(512);
  const keys = Array.from({ length: 100 }, () => tracker.acquireKey());
  tracker.addTo(256, keys[99]!, 3);
  tracker.remove(256, keys[99]!);
  expect(tracker.countOf(256, keys[99]!)).toBe(2);
  tracker.add(keys[5]!);
  const owners: [number, number][] = [];
  tracker.forEachOwner(256, (key, count) => owners.push([key, count]));
  expect(owners).toEqual([[99, 2]]);
  tracker.forEachOwner(1024, () => expect.unreachable());
  expect(() => tracker.remove(256, keys[99]!, 3)).toThrow(AssertionError);
  expect(() => tracker.addTo(1024, keys[0]!)).toThrow(AssertionError);
});

test('forgetting a dirty segment is a bug', () => {
  const tracker = new DirtyTracker();
  const key = tracker.acquireKey();
  tracker.beginSegment(256);
  tracker.add(key);
  tracker.beginSegment(512);
  expect(() => tracker.forgetBefore(512)).toThrow(AssertionError);
  tracker.clear(key);
  tracker.forgetBefore(512);
  expect(tracker.countOf(256, key)).toBe(0);
  expect(() => tracker.beginSegment(512)).toThrow(AssertionError);
});
