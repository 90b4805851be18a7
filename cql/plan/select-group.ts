import { ByteWriter } from '../../core/bytes.ts';
import type { Aggregator } from './aggregates.ts';
import { SelectRow } from './select-row.ts';
import type { SelectShape } from './select-shape.ts';
import type { SelectorInput } from './selectors-node.ts';
import { prefixEnd } from './slices.ts';
import { ValueSlot } from './term.ts';

/** The group of rows that is being put together: its first row, which plain columns are taken from, and its aggregates. */
export class SelectGroup {
  readonly aggregators: readonly Aggregator[];
  /** The first row, with bytes of its own; nulls while there is none. */
  readonly firstRow: SelectRow;
  /** Position of the first row: bytes[0, length). */
  readonly position: ByteWriter = new ByteWriter(64);
  isOpen = false;
  readonly #shape: SelectShape;
  readonly #slot: ValueSlot = new ValueSlot();

  constructor(shape: SelectShape) {
    this.#shape = shape;
    this.aggregators = shape.selection.aggregates.map(({ called }) => called.create());
    this.firstRow = new SelectRow(shape.layout);
  }

  /** Before any row. */
  clear(): void {
    this.isOpen = false;
    this.position.clear();
    this.firstRow.loadNothing();
    for (const aggregator of this.aggregators) aggregator.reset();
  }

  /** True when a row at that position, of the same partition, belongs to another group than the open one. */
  isOther(bytes: Uint8Array, start: number, end: number): boolean {
    const { grouping, table } = this.#shape;
    if (grouping === undefined || grouping.clusteringCount === 0) return false;
    const { clusteringCount } = grouping;
    const own = this.position;
    const ownEnd = prefixEnd(own.bytes, 0, own.length, clusteringCount);
    const otherEnd = prefixEnd(bytes, start, end, clusteringCount);
    return table.comparator.compare(own.bytes, 0, ownEnd, 0, bytes, start, otherEnd, 0) !== 0;
  }

  /** Begins a group with a row, which is not added yet. */
  open(row: SelectRow, bytes: Uint8Array, positionStart: number, positionEnd: number): void {
    this.clear();
    this.isOpen = true;
    this.firstRow.copyFrom(row);
    this.position.raw(bytes, positionStart, positionEnd);
  }

  /** Adds the row of `input`. */
  add(input: SelectorInput): void {
    const { aggregates } = this.#shape.selection;
    const slot = this.#slot;
    for (let i = 0; i < aggregates.length; i++) {
      const { argument } = aggregates[i]!;
      if (argument === undefined) slot.setBytes(undefined);
      else argument.evaluate(input, slot);
      this.aggregators[i]!.add(slot);
    }
  }
}
