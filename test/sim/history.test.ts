import { expect, test } from 'vitest';
import { type CasObservation, type CasWrite, checkCas } from './cas-history.ts';
import { checkRegisters, type Loss, type RegisterRead, type RegisterWrite } from './register-history.ts';

type Values = Readonly<Record<string, string | undefined>>;

const write = (
  timestamp: number,
  begin: number,
  end: number,
  effects: Values,
  outcome: RegisterWrite['outcome'] = 'done',
) => ({ timestamp, begin, end, outcome, effects: new Map(Object.entries(effects)) }) satisfies RegisterWrite;
const read = (begin: number, end: number, values: Values, isSnapshot = true) =>
  ({ begin, end, isSnapshot, values: new Map(Object.entries(values)) }) satisfies RegisterRead;

const both = { 'p/a': 'a1', 'p/b': 'b1' };

test.each<[string, RegisterWrite[], RegisterRead[], Loss[], number]>([
  ['the written value', [write(1, 1, 2, both)], [read(3, 4, both)], [], 0],
  ['an acknowledged write that is gone', [write(1, 1, 2, both)], [read(3, 4, { 'p/a': undefined })], [], 1],
  ['one that a crash may undo', [write(1, 1, 2, both)], [read(4, 5, { 'p/a': undefined })], [{ from: 0, at: 3 }], 0],
  [
    'one whose answer came after the crash',
    [write(1, 1, 4, both)],
    [read(5, 6, { 'p/a': undefined })],
    [{ from: 0, at: 3 }],
    0,
  ],
  ['one from before that', [write(1, 1, 2, both)], [read(5, 6, { 'p/a': undefined })], [{ from: 3, at: 4 }], 1],
  [
    'an unknown write, either way',
    [write(1, 1, 2, both, 'unknown')],
    [read(3, 4, { 'p/a': undefined }), read(5, 6, both)],
    [],
    0,
  ],
  ['a refused write that is there', [write(1, 1, 2, { 'p/a': 'a1' }, 'refused')], [read(3, 4, { 'p/a': 'a1' })], [], 1],
  ['seen, then gone', [write(1, 1, 9, both, 'unknown')], [read(2, 3, both), read(4, 5, { 'p/a': undefined })], [], 1],
  ['half a write', [write(1, 1, 9, both)], [read(2, 3, { ...both, 'p/b': undefined })], [], 1],
  [
    'half a write, not at one moment',
    [write(1, 1, 9, both)],
    [read(2, 3, { ...both, 'p/b': undefined }, false)],
    [],
    0,
  ],
  [
    'half a write, other partition',
    [write(1, 1, 9, { 'p/a': 'a1', 'q/a': 'a1' })],
    [read(2, 3, { 'p/a': 'a1', 'q/a': undefined })],
    [],
    0,
  ],
  ['the value of nobody', [], [read(1, 2, { 'p/a': 'x' })], [], 1],
  ['a value from the future', [write(1, 3, 4, { 'p/a': 'a1' })], [read(1, 2, { 'p/a': 'a1' })], [], 1],
  [
    'an older timestamp that came later',
    [write(2, 1, 2, { 'p/a': 'new' }), write(1, 3, 4, { 'p/a': 'old' })],
    [read(5, 6, { 'p/a': 'old' })],
    [],
    1,
  ],
  [
    'a deletion',
    [write(1, 1, 2, both), write(2, 3, 4, { 'p/a': undefined })],
    [read(5, 6, { 'p/a': undefined })],
    [],
    0,
  ],
  [
    'a deletion undone',
    [write(1, 1, 2, both), write(2, 3, 4, { 'p/a': undefined })],
    [read(5, 6, { 'p/a': 'a1' })],
    [],
    1,
  ],
])('registers: %s', (_name, writes, reads, losses, errors) => {
  expect(checkRegisters({ writes, reads, losses })).toHaveLength(errors);
});

const cas = (
  expected: number | undefined,
  value: number,
  begin: number,
  end: number,
  outcome: CasWrite['outcome'] = 'done',
) => ({ key: 1, expected, value, begin, end, outcome }) satisfies CasWrite;
const sight = (value: number | undefined, begin: number, end: number): CasObservation => ({
  key: 1,
  value,
  begin,
  end,
});

test.each<[string, CasWrite[], CasObservation[], boolean]>([
  ['a chain', [cas(undefined, 1, 1, 2), cas(1, 2, 3, 4)], [sight(2, 5, 6)], true],
  ['two heirs', [cas(undefined, 1, 1, 2), cas(1, 2, 3, 4), cas(1, 3, 3, 4)], [], false],
  ['an old value', [cas(undefined, 1, 1, 2), cas(1, 2, 3, 4)], [sight(1, 5, 6)], false],
  ['an old value meanwhile', [cas(undefined, 1, 1, 2), cas(1, 2, 3, 6)], [sight(1, 4, 5)], true],
  ['lost', [cas(undefined, 1, 1, 2)], [sight(undefined, 3, 4)], false],
  ['unknown and never seen', [cas(undefined, 1, 1, 2, 'unknown')], [sight(undefined, 3, 4)], true],
  ['unknown, then built on', [cas(undefined, 1, 1, 2, 'unknown'), cas(1, 2, 3, 4)], [sight(undefined, 5, 6)], false],
  ['unknown and late', [cas(undefined, 1, 1, 2, 'unknown')], [sight(undefined, 3, 4), sight(1, 5, 6)], true],
  ['back and forth', [cas(undefined, 1, 1, 2, 'unknown')], [sight(1, 3, 4), sight(undefined, 5, 6)], false],
  ['seen before it was asked for', [cas(undefined, 1, 3, 4)], [sight(1, 1, 2)], false],
  ['refused, yet there', [cas(undefined, 1, 1, 2, 'refused')], [sight(1, 3, 4)], false],
  ['an order against the times', [cas(1, 2, 1, 2), cas(undefined, 1, 3, 4)], [], false],
])('conditional writes: %s', (_name, writes, observations, isFine) => {
  expect(checkCas(writes, observations).length === 0).toBe(isFine);
});
