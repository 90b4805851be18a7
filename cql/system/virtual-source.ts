import { equalBytes } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { RowCursor } from '../../core/read/row-cursor.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { PartitionSlice, TokenRange } from '../../core/read/slice.ts';
import type { ClusteringComparator } from '../../core/schema/clustering-comparator.ts';
import { rangeContains } from '../../core/token.ts';
import type { EncodedRow } from './virtual-table.ts';

/** Rows of a virtual table as a source: a snapshot, sorted by (token, key, clustering). */
export class VirtualSource implements RowSource {
  readonly #rows: readonly EncodedRow[];
  readonly #comparator: ClusteringComparator;

  constructor(rows: readonly EncodedRow[], comparator: ClusteringComparator) {
    this.#rows = rows;
    this.#comparator = comparator;
  }

  openPartition(
    _tokenHi: number,
    _tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    slice: PartitionSlice,
  ): RowCursor | undefined {
    const rows = this.#rows.filter((row) => equalBytes(row.key, 0, row.key.length, key, keyStart, keyEnd));
    return rows.length === 0 ? undefined : new VirtualCursor(rows, this.#comparator, slice);
  }

  openScan(range: TokenRange, slice: PartitionSlice): RowCursor {
    const rows = this.#rows.filter(({ tokenHi, tokenLo, key }) =>
      rangeContains(range, tokenHi, tokenLo, key, 0, key.length),
    );
    return new VirtualCursor(rows, this.#comparator, slice);
  }
}

/** Delivers partitions with at least one row inside the slices. Virtual tables have no static rows and no deletions. */
class VirtualCursor implements RowCursor {
  #partitions: EncodedRow[][] = [];
  #partition = 0;
  /** -1: the start is next; up to the row count: the end is next. */
  #row = -1;

  constructor(rows: readonly EncodedRow[], comparator: ClusteringComparator, slice: PartitionSlice) {
    let previous: Uint8Array | undefined;
    for (const row of rows) {
      if (previous === undefined || Buffer.compare(previous, row.key) !== 0) this.#partitions.push([]);
      previous = row.key;
      if (slice.wantsRows && isInside(row.clustering, comparator, slice)) this.#partitions.at(-1)!.push(row);
      else if (!slice.wantsRows) this.#partitions.at(-1)!.push(row);
    }
    this.#partitions = this.#partitions.filter((partition) => partition.length > 0);
    if (slice.isReversed) for (const partition of this.#partitions) partition.reverse();
  }

  fill(batch: RowBatch): number {
    const before = batch.count;
    while (this.#partition < this.#partitions.length && !batch.isFull()) {
      const rows = this.#partitions[this.#partition]!;
      if (this.#row < 0) {
        const { tokenHi, tokenLo, key } = rows[0]!;
        batch.addPartitionStart(tokenHi, tokenLo, key, 0, key.length, INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
        this.#row = 0;
      } else if (this.#row < rows.length) {
        const { clustering, body } = rows[this.#row++]!;
        batch.beginFragment(FragmentKind.Row, 0, clustering, 0, clustering.length);
        batch.writer.raw(body);
        batch.endFragment();
      } else {
        batch.addPartitionEnd();
        this.#partition++;
        this.#row = -1;
      }
    }
    return batch.count - before;
  }

  load(): Promise<void> {
    return Promise.resolve();
  }

  skipPartition(): void {
    if (this.#row < 0) return; // its end was delivered, or nothing of the next one yet
    this.#partition++;
    this.#row = -1;
  }

  close(): void {
    this.#partition = this.#partitions.length;
  }
}

function isInside(clustering: Uint8Array, comparator: ClusteringComparator, slice: PartitionSlice): boolean {
  return slice.slices.some(
    ({ start, startWeight, end, endWeight }) =>
      comparator.compare(clustering, 0, clustering.length, 0, start, 0, start.length, startWeight) >= 0 &&
      comparator.compare(clustering, 0, clustering.length, 0, end, 0, end.length, endWeight) <= 0,
  );
}
