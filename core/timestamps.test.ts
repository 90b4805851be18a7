import { describe, expect, test } from 'vitest';
import { bigIntHi, bigIntLo, INT64_MAX_HI, INT64_MAX_LO, int64ToBigInt } from './int64.ts';
import { TimestampSource } from './timestamps.ts';

function sourceOver(times: number[]) {
  return new TimestampSource({ nowUs: () => (times.length > 1 ? times.shift()! : times[0]!), monotonicMs: () => 0 });
}
function next(source: TimestampSource): bigint {
  source.next();
  return int64ToBigInt(source.hi, source.lo);
}

describe('TimestampSource', () => {
  test('follows the clock while it goes on, and counts on while it stands or goes back', () => {
    const base = 1_700_000_000_000_000;
    const source = sourceOver([base, base, base - 5_000_000, base + 1, base + 10]);
    const given = [1, 2, 3, 4, 5, 6].map(() => Number(next(source)) - base);
    expect(given).toEqual([0, 1, 2, 3, 10, 11]);
  });

  test('carries into the high half', () => {
    const source = sourceOver([0]);
    source.advancePast(bigIntHi(2n ** 32n - 2n), bigIntLo(2n ** 32n - 2n));
    expect([next(source), next(source), next(source)]).toEqual([2n ** 32n - 1n, 2n ** 32n, 2n ** 32n + 1n]);
  });

  test('stays behind nothing that it was shown, and ignores what is past', () => {
    const source = sourceOver([1000]);
    expect(next(source)).toBe(1000n);
    source.advancePast(0, 5000);
    source.advancePast(0, 7);
    source.advancePast(-1, -1);
    expect(next(source)).toBe(5001n);
  });

  test('does not run over the greatest int64', () => {
    const source = sourceOver([1000]);
    source.advancePast(INT64_MAX_HI, INT64_MAX_LO);
    expect(next(source)).toBe(1000n);
  });
});
