import fc from 'fast-check';
import { expect, test } from 'vitest';
import { PendingWrites } from './pending-writes.ts';
import type { MemtableSlot } from './storage-group.ts';

/** A slot is only handed through. */
const slotNamed = (name: number) => ({ name }) as unknown as MemtableSlot;

interface Expected {
  readonly number: number;
  readonly bytes: Uint8Array;
  slot: MemtableSlot;
  readonly segment: number;
  readonly offset: number;
  readonly context: number;
}

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => seed * 31 + i);
}

/** Adds and ends writes as told, against a list. Sizes are such that the rings wrap and grow. */
function replay(steps: readonly { kind: string; size: number; pick: number }[]): void {
  const pending = new PendingWrites();
  const open: Expected[] = [];
  const told: [number, Error | undefined][] = [];
  const done = (context: number, error: Error | undefined) => told.push([context, error]);
  const failure = new Error('refused');
  let count = 0;
  for (const { kind, size, pick } of steps) {
    if (kind === 'add') {
      const bytes = bytesOf(size + 5, count);
      const slot = slotNamed(count);
      const number = pending.add(bytes, 2, bytes.length - 3, slot, 256 * count, count * 7, done, count * 3);
      open.push({
        number,
        bytes: bytes.slice(2, -3),
        slot,
        segment: 256 * count,
        offset: count * 7,
        context: count * 3,
      });
      bytes.fill(0); // it was copied
      count++;
    } else if (open.length > 0) {
      const at = kind === 'first' ? 0 : pick % open.length;
      if (kind === 'move') {
        open[at]!.slot = slotNamed(-count);
        pending.moveTo(open[at]!.number, open[at]!.slot);
      } else {
        const [ended] = open.splice(at, 1);
        const error = pick % 3 === 0 ? failure : undefined;
        pending.finish(ended!.number, error);
        expect(told.pop()).toEqual([ended!.context, error]);
      }
    }
    expect(told).toEqual([]);
    expect(pending.byteCount).toBeGreaterThanOrEqual(open.reduce((sum, { bytes }) => sum + bytes.length, 0));
    if (open.length === 0) expect(pending.byteCount).toBe(0);
  }
  for (const { number, bytes, slot, segment, offset } of open) {
    expect(pending.bytes.slice(pending.startOf(number), pending.endOf(number))).toEqual(bytes);
    expect(pending.slotOf(number)).toBe(slot);
    expect(pending.segmentOf(number)).toBe(segment);
    expect(pending.offsetOf(number)).toBe(offset);
  }
}

test('keeps what it is given, in any order of ends, while its rings wrap and grow', () => {
  const step = fc.record({
    kind: fc.constantFrom('add', 'add', 'add', 'first', 'first', 'any', 'move'),
    size: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 20_000, max: 140_000 })),
    pick: fc.nat(10_000),
  });
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), replay), { numRuns: 300 });
});

test('more writes at once than it began with, and then more bytes', () => {
  const adds = (count: number, size: number) => Array.from({ length: count }, () => ({ kind: 'add', size, pick: 1 }));
  const ends = (count: number) => Array.from({ length: count }, () => ({ kind: 'first', size: 0, pick: 1 }));
  replay([...adds(900, 3), ...ends(600), ...adds(3000, 3), ...ends(100), ...adds(40, 50_000), ...ends(2000)]);
});

test('a writer may write again from inside its own end', () => {
  const pending = new PendingWrites();
  const order: number[] = [];
  const slot = slotNamed(1);
  const again = (context: number): void => {
    order.push(context);
    if (context < 3000)
      pending.finish(pending.add(bytesOf(100, context), 0, 100, slot, 1, 1, again, context + 1), undefined);
  };
  const first = pending.add(bytesOf(10, 1), 0, 10, slot, 1, 1, again, 0);
  pending.finish(first, undefined);
  expect(order.length).toBe(3001);
  expect(pending.count).toBe(0);
});

test('a write ends once', () => {
  const pending = new PendingWrites();
  const add = () => pending.add(bytesOf(1, 1), 0, 1, slotNamed(1), 1, 1, () => {}, 1);
  add();
  const second = add();
  pending.finish(second, undefined);
  expect(() => pending.finish(second, undefined)).toThrow('once');
});
