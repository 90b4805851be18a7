import { RowReader } from '../../core/mutation/row-body.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import { columnValue, type StoredElement, storedElements } from './column-value.ts';

/** What was there before a statement that reads before it writes: one row and its partition's static row, live cells only. */
export class PriorRow {
  /** Copies; undefined where there is no live row. */
  readonly #row: Uint8Array | undefined;
  readonly #staticRow: Uint8Array | undefined;
  readonly #reader: RowReader = new RowReader();
  /** By column: a statement may look at a long collection once for each of many elements. */
  readonly #values: Map<ColumnDescriptor, Uint8Array | undefined> = new Map();
  readonly #elements: Map<ColumnDescriptor, readonly StoredElement[]> = new Map();

  /** @param row row bodies that stay as they are */
  constructor(row: Uint8Array | undefined, staticRow: Uint8Array | undefined) {
    this.#row = row;
    this.#staticRow = staticRow;
  }

  get hasRow(): boolean {
    return this.#row !== undefined;
  }
  get hasStaticRow(): boolean {
    return this.#staticRow !== undefined;
  }

  /** Value of a static or regular column as the protocol has it; undefined is null. */
  value(column: ColumnDescriptor): Uint8Array | undefined {
    if (this.#values.has(column)) return this.#values.get(column);
    const value = this.#open(column) ? columnValue(this.#reader, column) : undefined;
    this.#values.set(column, value);
    return value;
  }

  /** Elements of a multi-cell static or regular column. */
  elements(column: ColumnDescriptor): readonly StoredElement[] {
    let elements = this.#elements.get(column);
    if (elements === undefined) {
      elements = this.#open(column) ? storedElements(this.#reader, column) : [];
      this.#elements.set(column, elements);
    }
    return elements;
  }

  #open(column: ColumnDescriptor): boolean {
    const body = column.kind === ColumnKind.Static ? this.#staticRow : this.#row;
    if (body === undefined) return false;
    this.#reader.open(body, 0, body.length);
    return true;
  }
}

/** What was read of one partition, by row. */
export interface Priors {
  /** The static row, without any other. */
  readonly staticRow: PriorRow;
  /** The row at position[0, end), with the static row. */
  row(position: Uint8Array, end: number): PriorRow;
}
