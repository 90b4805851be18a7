import { readU16LE } from '../../core/bytes.ts';
import type { RowReader } from '../../core/mutation/row-body.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { CqlType } from '../../core/types/cql-type.ts';

export interface NamedColumn {
  readonly id: number;
  readonly name: string;
  readonly type: CqlType;
}

/**
 * The static or the regular columns of a table, dropped ones too, in the order in which a dump shows them; row bodies have
 * them in the order of their ids.
 */
export class RowColumns {
  readonly ordered: readonly NamedColumn[];
  /** By column id: where its first cell begins, -1 when the row has none. */
  readonly #cellAt: Int32Array;
  /** The order is that of the ids, so that a row is read but once. */
  readonly #isInOrder: boolean;

  /** @param simpleFirst multi-cell columns come after the others, as in the file; else all by name */
  constructor(table: TableDescriptor, isStatic: boolean, simpleFirst: boolean) {
    const kind = isStatic ? ColumnKind.Static : ColumnKind.Regular;
    const { columns, droppedColumns, nextColumnId } = table.definition;
    const all = [...columns, ...droppedColumns].filter((column) => column.kind === kind);
    const rank = ({ type }: NamedColumn) => (simpleFirst && type.isMultiCell ? 1 : 0);
    this.ordered = all.sort((a, b) => rank(a) - rank(b) || Buffer.from(a.name).compare(Buffer.from(b.name)));
    this.#cellAt = new Int32Array(nextColumnId);
    this.#isInOrder = this.ordered.every(({ id }, i) => i === 0 || this.ordered[i - 1]!.id < id);
  }

  /** Finds the columns of the row that `row` has just opened. False when it has none. */
  find(row: RowReader): boolean {
    if (this.#isInOrder) return row.pos < row.end;
    const at = this.#cellAt.fill(-1);
    let hasCells = false;
    while (row.next()) {
      hasCells = true;
      if (at[row.columnId]! < 0) at[row.columnId] = row.cellStart;
    }
    return hasCells;
  }

  /**
   * Moves `row` to the column's first cell or complex deletion; false when it has none. After `find`, for the columns in their order;
   * what was read beyond the cells of the column before is put back first.
   */
  seek(row: RowReader, column: NamedColumn): boolean {
    if (this.#isInOrder) {
      while (row.pos < row.end) {
        const id = readU16LE(row.bytes, row.pos);
        if (id > column.id) return false;
        row.next();
        if (id === column.id) return true;
      }
      return false;
    }
    const at = this.#cellAt[column.id]!;
    if (at < 0) return false;
    row.pos = at;
    return row.next();
  }
}
