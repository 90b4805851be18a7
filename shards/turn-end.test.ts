import { expect, test } from 'vitest';
import { TurnEnd } from './turn-end.ts';

test('tasks run once, in the order of first asking, and what they ask for runs in the same turn end', () => {
  const turnEnd = new TurnEnd();
  const ran: string[] = [];
  const c = (): number => ran.push('c');
  const b = (): void => {
    ran.push('b');
    turnEnd.add(c);
    turnEnd.add(a);
  };
  const a = (): number => ran.push('a');
  for (const task of [b, a, b]) turnEnd.add(task);
  turnEnd.run();
  expect(ran).toEqual(['b', 'a', 'c']);
  expect(turnEnd.isEmpty).toBe(true);
});

test('a task that was asked for again after it ran runs again', () => {
  const turnEnd = new TurnEnd();
  const ran: string[] = [];
  const publish = (): number => ran.push('publish');
  turnEnd.add(publish);
  turnEnd.add(() => {
    ran.push('reply');
    turnEnd.add(publish);
  });
  turnEnd.run();
  expect(ran).toEqual(['publish', 'reply', 'publish']);
});

test('after a task that throws the others are still there', () => {
  const turnEnd = new TurnEnd();
  let ran = 0;
  turnEnd.add(() => {
    throw new RangeError('no');
  });
  turnEnd.add(() => ran++);
  expect(() => turnEnd.run()).toThrow(RangeError);
  turnEnd.run();
  expect(ran).toBe(1);
});
