import { ByteWriter } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { comparePartition } from '../../core/token.ts';

/**
 * Follows fragments that are about to be written and says what is wrong with their order, which the writer takes for granted:
 * files of others and texts of users may have any.
 */
export class FragmentOrder {
  readonly #table: TableDescriptor;
  readonly #key: ByteWriter = new ByteWriter(64);
  #tokenHi = 0;
  #tokenLo = 0;
  #hasKey = false;
  #inPartition = false;
  readonly #last: ByteWriter = new ByteWriter(64);
  #lastWeight = 0;
  #hasLast = false;
  #isRangeOpen = false;
  #mayBeStatic = false;

  constructor(table: TableDescriptor) {
    this.#table = table;
  }

  /** Why fragment i may not come here; undefined when it may, and it then counts as the last one. */
  check(batch: RowBatch, i: number): string | undefined {
    const kind = batch.kind[i];
    if (kind === FragmentKind.PartitionStart) return this.#startPartition(batch, i);
    if (!this.#inPartition) return 'outside of a partition';
    if (kind === FragmentKind.PartitionEnd) {
      if (this.#isRangeOpen) return 'a range is open at the end of a partition';
      this.#inPartition = false;
      return undefined;
    }
    if (kind === FragmentKind.StaticRow) {
      if (!this.#mayBeStatic) return 'a static row after the start of a partition';
      if (this.#table.statics.length === 0) return 'a static row in a table without static columns';
      this.#mayBeStatic = false;
      return undefined;
    }
    return this.#clustered(batch, i, kind === FragmentKind.RangeChange);
  }

  #startPartition(batch: RowBatch, i: number): string | undefined {
    if (this.#inPartition) return 'a partition inside another';
    const key = this.#key;
    const hi = batch.tokenHi[i]!;
    const lo = batch.tokenLo[i]!;
    const start = batch.positionStart[i]!;
    const end = batch.positionEnd[i]!;
    if (this.#hasKey) {
      const order = comparePartition(
        this.#tokenHi,
        this.#tokenLo,
        key.bytes,
        0,
        key.length,
        hi,
        lo,
        batch.bytes,
        start,
        end,
      );
      if (order >= 0) return order === 0 ? 'the same partition twice' : 'partitions out of order';
    }
    this.#hasKey = true;
    key.clear();
    key.raw(batch.bytes, start, end);
    this.#tokenHi = hi;
    this.#tokenLo = lo;
    this.#inPartition = true;
    this.#mayBeStatic = true;
    this.#hasLast = false;
    this.#isRangeOpen = false;
    return undefined;
  }

  #clustered(batch: RowBatch, i: number, isRangeChange: boolean): string | undefined {
    const last = this.#last;
    const start = batch.positionStart[i]!;
    const end = batch.positionEnd[i]!;
    const weight = batch.weight[i]!;
    if (this.#hasLast) {
      const { comparator } = this.#table;
      const order = comparator.compare(last.bytes, 0, last.length, this.#lastWeight, batch.bytes, start, end, weight);
      if (order >= 0) return order === 0 ? 'the same clustering position twice' : 'rows out of order';
    }
    this.#mayBeStatic = false;
    this.#hasLast = true;
    last.clear();
    last.raw(batch.bytes, start, end);
    this.#lastWeight = weight;
    if (isRangeChange) {
      this.#isRangeOpen = batch.deletionHi(i) !== INT64_MIN_HI || batch.deletionLo(i) !== INT64_MIN_LO;
    }
    return undefined;
  }
}
