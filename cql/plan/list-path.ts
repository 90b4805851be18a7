import { readI32BE, writeI32BE, writeU16BE } from '../../core/bytes.ts';
import { int64ToBigInt } from '../../core/int64.ts';
import { uuidTimeHi } from '../../core/types/uuid.ts';
import type { ExecutionContext } from './plan.ts';

/**
 * Paths of list elements: timeuuids, so that what is appended later comes later. What is prepended gets the time of the write
 * mirrored at 2010-01-01, so that what is prepended later comes earlier, and before all that is appended.
 * @see Cassandra `Lists.Prepender`
 */

/** 2010-01-01 in 100 ns steps since 1582-10-15: all clocks are later. */
const MIRROR_TICKS: bigint = 0x01b2_1dd2_1381_4000n + 1_262_304_000_000n * 10_000n;

/** A path behind all that this shard gave before. */
export function appendPath(context: ExecutionContext): Uint8Array {
  const path = new Uint8Array(16);
  context.timeUuid(path, 0);
  return path;
}

/** A path in front of all that this shard gave before. */
export function prependPath(context: ExecutionContext): Uint8Array {
  const path = appendPath(context);
  const ticks = int64ToBigInt(uuidTimeHi(path, 0), readI32BE(path, 0));
  const mirrored = 2n * MIRROR_TICKS - ticks;
  writeI32BE(path, 0, Number(mirrored & 0xffff_ffffn));
  writeU16BE(path, 4, Number((mirrored >> 32n) & 0xffffn));
  writeU16BE(path, 6, Number(mirrored >> 48n) | 0x1000);
  return path;
}

/** The index of a UDT field as a path. */
export function fieldPath(index: number): Uint8Array {
  const path = new Uint8Array(2);
  writeU16BE(path, 0, index);
  return path;
}
