import type { ByteCursor, ByteWriter } from '../../core/bytes.ts';
import { CorruptFileError } from '../../core/errors.ts';
import { readI32, readSafeI64, writeSafeI64 } from './fields.ts';

/**
 * Histogram with buckets that grow by a fifth, as Statistics.db keeps sizes and cell counts of partitions.
 *
 *   i32  entries, one more than offsets
 *   per entry: i64 offset | i64 count
 *
 * Offsets are 1 and then round(1.2 x the last), at least one more. Entry i counts values in (offset[i-1], offset[i]], the
 * last one those above; in the file entry i carries offset[max(0, i-1)].
 * @see Cassandra `EstimatedHistogram`
 */
export class EstimatedHistogram {
  readonly offsets: Float64Array;
  readonly counts: Float64Array;

  constructor(offsets: Float64Array, counts: Float64Array = new Float64Array(offsets.length + 1)) {
    this.offsets = offsets;
    this.counts = counts;
  }

  add(value: number): void {
    const { offsets } = this;
    let low = 0;
    let high = offsets.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (offsets[middle]! < value) low = middle + 1;
      else high = middle;
    }
    this.counts[low]! += 1;
  }
}

/** Offsets of partition sizes and of cell counts in files that Tessera writes. */
export const PARTITION_SIZE_OFFSETS = 150;
export const CELL_COUNT_OFFSETS = 118;

export function makeHistogram(offsetCount: number): EstimatedHistogram {
  const offsets = new Float64Array(offsetCount);
  let last = 0;
  for (let i = 0; i < offsetCount; i++) {
    last = Math.max(last + 1, Math.round(last * 1.2));
    offsets[i] = last;
  }
  return new EstimatedHistogram(offsets);
}

export function encodeHistogram(histogram: EstimatedHistogram, out: ByteWriter): void {
  const { offsets, counts } = histogram;
  out.i32BE(counts.length);
  for (let i = 0; i < counts.length; i++) {
    writeSafeI64(out, offsets[Math.max(0, i - 1)]!);
    writeSafeI64(out, counts[i]!);
  }
}

/** @throws CorruptFileError */
export function decodeHistogram(cursor: ByteCursor): EstimatedHistogram {
  const at = cursor.pos;
  const entries = readI32(cursor);
  if (entries <= 0 || entries * 16 > cursor.end - cursor.pos) {
    throw new CorruptFileError(cursor.path, cursor.base + at, `histogram of ${entries} entries`);
  }
  const offsets = new Float64Array(Math.max(1, entries - 1));
  const counts = new Float64Array(entries);
  for (let i = 0; i < entries; i++) {
    offsets[Math.max(0, i - 1)] = readSafeI64(cursor);
    counts[i] = readSafeI64(cursor);
  }
  return new EstimatedHistogram(offsets, counts);
}
