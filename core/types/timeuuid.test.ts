import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxTimeUuid, minTimeUuid, timeUuid, timeUuidUnixMs, timeUuidUnixUs } from './timeuuid.ts';
import { timeuuidType, uuidText } from './uuid.ts';

const NODE = Uint8Array.of(1, 2, 3, 4, 5, 6);
const compare = (a: Uint8Array, b: Uint8Array): number => Math.sign(timeuuidType.compare(a, 0, 16, b, 0, 16));

test('known answers', () => {
  // The example of RFC 9562, appendix A.1: 2022-02-22 14:22:22 at UTC-5.
  const node = Uint8Array.of(0x9f, 0x6b, 0xde, 0xce, 0xd8, 0x46);
  expect(uuidText(timeUuid(1_645_557_742_000_000, 0, 0x33c8, node), 0)).toBe('c232ab00-9414-11ec-b3c8-9f6bdeced846');
  expect(uuidText(timeUuid(0, 0, 0, NODE), 0)).toBe('13814000-1dd2-11b2-8000-010203040506');
  expect(uuidText(minTimeUuid(0), 0)).toBe('13814000-1dd2-11b2-8080-808080808080');
  expect(uuidText(maxTimeUuid(0), 0)).toBe('1381670f-1dd2-11b2-7f7f-7f7f7f7f7f7f');
});

test('the time comes back, and every UUID of a millisecond lies between its bounds', () => {
  const us = fc.integer({ min: -9_000_000_000_000_000, max: Number.MAX_SAFE_INTEGER - 1_000_000 });
  fc.assert(
    fc.property(
      us,
      fc.nat(9),
      fc.nat(0x3fff),
      fc.uint8Array({ minLength: 6, maxLength: 6 }),
      (time, tick, clock, node) => {
        const id = timeUuid(time, tick, clock, node);
        const ms = Math.floor(time / 1000);
        expect(timeuuidType.validate(id, 0, 16)).toBeUndefined();
        expect(timeUuidUnixUs(id, 0)).toBe(time);
        expect(timeUuidUnixMs(id, 0)).toBe(ms);
        expect(id[8]! >> 6).toBe(2);
        expect(compare(minTimeUuid(ms), id)).toBeLessThanOrEqual(0);
        expect(compare(id, maxTimeUuid(ms))).toBeLessThanOrEqual(0);
        expect(compare(maxTimeUuid(ms), minTimeUuid(ms + 1))).toBe(-1);
        expect(compare(id, timeUuid(time + 1, 0, 0, NODE))).toBe(-1);
      },
    ),
  );
});

test('bounds of far times are exact, and beyond the clock of UUIDs they are its ends', () => {
  for (const ms of [103_072_857_660_683, 100_000_000_000_001, -12_219_292_800_000]) {
    expect(timeUuidUnixMs(minTimeUuid(ms), 0)).toBe(ms);
    expect(timeUuidUnixMs(maxTimeUuid(ms), 0)).toBe(ms);
  }
  expect(uuidText(minTimeUuid(-1e17), 0)).toBe('00000000-0000-1000-8080-808080808080');
  expect(uuidText(maxTimeUuid(9e15), 0)).toBe('ffffffff-ffff-1fff-7f7f-7f7f7f7f7f7f');
});
