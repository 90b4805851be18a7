import type { ByteWriter } from '../../core/bytes.ts';
import type { ClusteringComparator } from '../../core/schema/clustering-comparator.ts';
import type { RowOrder } from './ordering.ts';
import { prefixEnd } from './slices.ts';

/** Result rows of several partitions, each with its clustering position, to be put in one order in the end. */
export class RowMerge {
  readonly #order: RowOrder;
  readonly #comparator: ClusteringComparator;
  /** Where each row begins in the result, and the part of its position that it is ordered by. */
  readonly #starts: number[] = [];
  readonly #positions: Uint8Array[] = [];

  constructor(order: RowOrder, comparator: ClusteringComparator) {
    this.#order = order;
    this.#comparator = comparator;
  }

  /** A row begins at `rowStart` of the result. Its position bytes[start, end) is copied; an empty one comes first in table order. */
  add(rowStart: number, bytes: Uint8Array, start: number, end: number): void {
    this.#starts.push(rowStart);
    this.#positions.push(
      new Uint8Array(bytes.subarray(start, prefixEnd(bytes, start, end, this.#order.clusteringCount))),
    );
  }

  /** Appends the first `limit` rows of `rows` in order to `out`; returns how many there are. Equal rows stay in their order. */
  finish(rows: ByteWriter, limit: number, out: ByteWriter): number {
    const starts = this.#starts;
    const positions = this.#positions;
    const sign = this.#order.isReversed ? -1 : 1;
    const sorted = starts.map((_, i) => i);
    sorted.sort((i, j) => {
      const a = positions[i]!;
      const b = positions[j]!;
      return sign * this.#comparator.compare(a, 0, a.length, 0, b, 0, b.length, 0);
    });
    const count = Math.min(limit, sorted.length);
    for (let k = 0; k < count; k++) {
      const i = sorted[k]!;
      out.raw(rows.bytes, starts[i]!, starts[i + 1] ?? rows.length);
    }
    return count;
  }
}
