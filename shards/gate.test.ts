import { expect, test } from 'vitest';
import { AssertionError } from '../core/assert.ts';
import { NotReadyError } from '../core/errors.ts';
import { Gate } from './gate.ts';

async function isSettled(promise: Promise<void>): Promise<boolean> {
  const open = Symbol('open');
  await Promise.resolve();
  return (await Promise.race([promise, Promise.resolve(open)])) !== open;
}

test('closing waits for those inside and lets nobody in', async () => {
  const gate = new Gate('table a.b');
  gate.enter();
  expect(gate.tryEnter()).toBe(true);
  const closed = gate.close();
  expect(gate.isOpen).toBe(false);
  expect(() => gate.enter()).toThrow(NotReadyError);
  expect(() => gate.enter()).toThrow('table a.b is closing');
  expect(gate.tryEnter()).toBe(false);
  gate.leave();
  expect(await isSettled(closed)).toBe(false);
  expect(gate.inside).toBe(1);
  gate.leave();
  expect(await isSettled(closed)).toBe(true);
});

test('closing an empty gate is immediate, and closing again is the same', async () => {
  const gate = new Gate('x');
  const closed = gate.close();
  expect(gate.close()).toBe(closed);
  await closed;
});

test('leaving without having entered is an assertion', () => {
  expect(() => new Gate('x').leave()).toThrow(AssertionError);
});
