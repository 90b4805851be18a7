import { expect, test } from 'vitest';
import { isoMicros, isoSeconds, spacedTime } from './time-text.ts';

test.each<[number, string]>([
  [0, '1970-01-01 00:00:00z'],
  [1_529_519_641, '2018-06-20 18:34:01z'],
  [-1, '1969-12-31 23:59:59z'],
  [-2_147_483_648, '1901-12-13 20:45:52z'],
  [4_294_967_295, '2106-02-07 06:28:15z'],
])('%d seconds', (seconds, expected) => {
  expect(spacedTime(seconds)).toBe(expected);
  expect(isoSeconds(seconds)).toBe(expected.replace(' ', 'T').replace('z', 'Z'));
});

test.each<[bigint, string]>([
  [0n, '1970-01-01T00:00:00Z'],
  [1_710_000_000_000_001n, '2024-03-09T16:00:00.000001Z'],
  [1_710_000_000_120_000n, '2024-03-09T16:00:00.120Z'],
  [-5n, '1969-12-31T23:59:59.999995Z'],
  [9_223_372_036_854_775_807n, '+294247-01-10T04:00:54.775807Z'],
  [-9_223_372_036_854_775_808n, '-290308-12-21T19:59:05.224192Z'],
])('%d microseconds', (micros, expected) => {
  expect(isoMicros(micros)).toBe(expected);
});
