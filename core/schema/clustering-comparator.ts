import { readU16BE } from '../bytes.ts';
import type { CqlType } from '../types/cql-type.ts';

/**
 * A clustering position is a prefix of the clustering values and a weight.
 *
 *   prefix   for each value: u16 BE length | bytes      (a clustering value has at most 65535 bytes)
 *   weight   -1 before everything that begins with the prefix, 0 the row itself, +1 after everything that begins with it
 *
 * A row has weight 0 and all values; in foreign files of COMPACT STORAGE tables trailing values may be null, which is
 * written as a shorter prefix. A bound on an empty prefix is open: weight -1 before all rows, +1 after all rows.
 * @see spec/sstable.md §5.4, ScyllaDB `position_in_partition`
 */
export class ClusteringComparator {
  readonly types: readonly CqlType[];
  readonly isReversed: readonly boolean[];

  constructor(types: readonly CqlType[], isReversed: readonly boolean[]) {
    this.types = types;
    this.isReversed = isReversed;
  }

  /** Order of two positions: < 0, 0 or > 0. */
  compare(
    a: Uint8Array,
    aStart: number,
    aEnd: number,
    aWeight: number,
    b: Uint8Array,
    bStart: number,
    bEnd: number,
    bWeight: number,
  ): number {
    let i = aStart;
    let j = bStart;
    let k = 0;
    while (i < aEnd && j < bEnd) {
      const aValue = i + 2;
      const bValue = j + 2;
      i = aValue + readU16BE(a, i);
      j = bValue + readU16BE(b, j);
      const order = this.types[k]!.compare(a, aValue, i, b, bValue, j);
      if (order !== 0) return this.isReversed[k]! ? -order : order;
      k++;
    }
    if (i < aEnd) return bWeight !== 0 ? -bWeight : 1; // b is the shorter prefix: its weight says on which side of a it lies
    if (j < bEnd) return aWeight !== 0 ? aWeight : -1;
    return aWeight - bWeight;
  }

  /** The first 32 bits of the order of the first value, unsigned; 0 for an empty prefix. See CqlType.prefix. */
  prefix(bytes: Uint8Array, start: number, end: number): number {
    if (start >= end || this.types.length === 0) return 0;
    const value = this.types[0]!.prefix(bytes, start + 2, start + 2 + readU16BE(bytes, start));
    return this.isReversed[0]! ? ~value >>> 0 : value;
  }
}
