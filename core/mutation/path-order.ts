import { compareBytes } from '../bytes.ts';
import type { TableDescriptor } from '../schema/table.ts';
import { type CqlType, TypeKind } from '../types/cql-type.ts';
import { timeuuidType } from '../types/uuid.ts';

/**
 * The order of cell paths within each multi-cell column of one table, dropped columns included: sets by their element, maps
 * by their key, lists by timeuuid. Fields of UDTs (i16 BE, never negative) are in byte order, and so are paths of columns that
 * this version of the table does not know.
 */
export class PathOrder {
  readonly #types: (CqlType | undefined)[];

  constructor(table: TableDescriptor) {
    const { columns, droppedColumns, nextColumnId } = table.definition;
    this.#types = new Array(nextColumnId).fill(undefined);
    for (const column of droppedColumns) this.#set(column.id, column.type);
    for (const column of columns) this.#set(column.id, column.type);
  }

  /** < 0, 0 or > 0; a total order over any bytes. */
  compare(
    columnId: number,
    a: Uint8Array,
    aStart: number,
    aEnd: number,
    b: Uint8Array,
    bStart: number,
    bEnd: number,
  ): number {
    const type = this.#types[columnId];
    if (type === undefined) return compareBytes(a, aStart, aEnd, b, bStart, bEnd);
    return type.compare(a, aStart, aEnd, b, bStart, bEnd);
  }

  #set(id: number, type: CqlType): void {
    if (!type.isMultiCell) return;
    if (type.kind === TypeKind.List) this.#types[id] = timeuuidType;
    else if (type.kind === TypeKind.Set || type.kind === TypeKind.Map) this.#types[id] = type.parameters[0];
  }
}
