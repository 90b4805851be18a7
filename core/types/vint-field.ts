/**
 * Vints inside values, which may come from anyone: unlike `core/vint.ts` nothing here throws, and no cursor is needed.
 */

/** Bytes of the vint at `at`, 1 to 9, or 0 when it is cut short by `end`. */
export function vintFieldSize(bytes: Uint8Array, at: number, end: number): number {
  if (at >= end) return 0;
  const size = Math.clz32(~bytes[at]! & 0xff) - 23;
  return at + size <= end ? size : 0;
}

/** The unsigned value of the whole vint at `at`; rounded above 2^53. */
export function vintFieldValue(bytes: Uint8Array, at: number): number {
  const extra = Math.clz32(~bytes[at]! & 0xff) - 24;
  let value = extra >= 7 ? 0 : bytes[at]! & (0x7f >> extra);
  for (let i = 1; i <= extra; i++) value = value * 256 + bytes[at + i]!;
  return value;
}
