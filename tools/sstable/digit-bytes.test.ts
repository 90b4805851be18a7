import fc from 'fast-check';
import { expect, test } from 'vitest';
import { bigIntHi, bigIntLo } from '../../core/int64.ts';
import { writeHex, writeI32, writeI64, writePadded, writeSafe, writeU32, writeUuidText } from './digit-bytes.ts';

function text(write: (target: Uint8Array, at: number) => number): string {
  const target = new Uint8Array(64).fill(0x2a);
  const end = write(target, 3);
  expect(target[2]).toBe(0x2a);
  expect(target[end]).toBe(0x2a);
  return Buffer.from(target.subarray(3, end)).toString('latin1');
}

/** Powers of ten and of two, and what lies beside them. */
const EDGES: readonly bigint[] = [
  ...Array.from({ length: 20 }, (_, i) => 10n ** BigInt(i)),
  ...Array.from({ length: 64 }, (_, i) => 2n ** BigInt(i)),
].flatMap((edge) => [edge - 1n, edge, edge + 1n, -edge, -edge - 1n, 1n - edge]);
const edges = (least: bigint, most: bigint) => EDGES.filter((edge) => edge >= least && edge <= most);

test('edges of every width', () => {
  for (const edge of edges(0n, 0xffff_ffffn)) expect(text((t, at) => writeU32(t, at, Number(edge)))).toBe(`${edge}`);
  for (const edge of edges(-(2n ** 31n), 2n ** 31n - 1n)) {
    expect(text((t, at) => writeI32(t, at, Number(edge)))).toBe(`${edge}`);
  }
  for (const edge of edges(0n, 2n ** 53n - 1n)) expect(text((t, at) => writeSafe(t, at, Number(edge)))).toBe(`${edge}`);
  for (const edge of edges(-(2n ** 63n), 2n ** 63n - 1n)) {
    expect(text((t, at) => writeI64(t, at, bigIntHi(edge), bigIntLo(edge)))).toBe(`${edge}`);
  }
});

test('any int64', () => {
  fc.assert(
    fc.property(fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (value) => {
      expect(text((t, at) => writeI64(t, at, bigIntHi(value), bigIntLo(value)))).toBe(value.toString());
    }),
    { numRuns: 1000 },
  );
});

test.each([1, 2, 3, 6, 9])('%d digits', (width) => {
  for (const value of [0, 1, 7, 10, 99, 123, 999, 123_456, 999_999, 987_654_321]) {
    if (value < 10 ** width) {
      expect(text((t, at) => writePadded(t, at, value, width))).toBe(String(value).padStart(width, '0'));
    }
  }
});

test('hex and UUIDs', () => {
  const bytes = Uint8Array.from({ length: 18 }, (_, i) => i * 15);
  const hex = Buffer.from(bytes).toString('hex');
  expect(text((t, at) => writeHex(t, at, bytes, 1, 18))).toBe(hex.slice(2));
  const dashed = hex.slice(2, 34).replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
  expect(text((t, at) => writeUuidText(t, at, bytes, 1))).toBe(dashed);
});
