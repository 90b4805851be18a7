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

  /** @param simpleFirst multi-cell columns come after the others, as in the file; else all by name */
  constructor(table: TableDescriptor, isStatic: boolean, simpleFirst: boolean) {
    const kind = isStatic ? ColumnKind.Static : ColumnKind.Regular;
    const { columns, droppedColumns, nextColumnId } = table.definition;
    const all = [...columns, ...droppedColumns].filter((column) => column.kind === kind);
    const rank = ({ type }: NamedColumn) => (simpleFirst && type.isMultiCell ? 1 : 0);
    this.ordered = all.sort((a, b) => rank(a) - rank(b) || Buffer.from(a.name).compare(Buffer.from(b.name)));
    this.#cellAt = new Int32Array(nextColumnId);
  }

  /** Finds the columns of the row that `row` has just opened. Returns how many there are. */
  find(row: RowReader): number {
    const at = this.#cellAt.fill(-1);
    let count = 0;
    while (row.next()) {
      if (at[row.columnId]! >= 0) continue;
      at[row.columnId] = row.cellStart;
      count++;
    }
    return count;
  }

  /** Moves `row` to the column's first cell or complex deletion; false when it has none. After `find`. */
  seek(row: RowReader, column: NamedColumn): boolean {
    const at = this.#cellAt[column.id]!;
    if (at < 0) return false;
    row.pos = at;
    return row.next();
  }
}
