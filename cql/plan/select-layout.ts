import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';

/** Where the bytes of a slot's value lie while a row is looked at. */
export const SlotSource = {
  /** In the partition key. */
  Key: 0,
  /** In the clustering prefix or the body of the row. */
  Row: 1,
  /** In the body of the static row. */
  Static: 2,
  /** Put together from several cells of the row. */
  RowAssembled: 3,
  /** Put together from several cells of the static row. */
  StaticAssembled: 4,
} as const;
export type SlotSource = (typeof SlotSource)[keyof typeof SlotSource];
export const SLOT_SOURCE_COUNT = 5;

/** How the value of a column comes from its cells. */
export const CellForm = { Simple: 0, List: 1, Set: 2, Map: 3, Udt: 4, Counter: 5 } as const;
export type CellForm = (typeof CellForm)[keyof typeof CellForm];

/** A cell whose timestamp and expiry the statement asks for. */
export interface CellProbe {
  readonly columnId: number;
  readonly isStatic: boolean;
  /** An element of a multi-cell column, whose path is known when the statement is bound. */
  readonly isElement: boolean;
  /** Order of paths; undefined compares bytes. */
  readonly pathType: CqlType | undefined;
}

/** In place of a slot. */
export const NO_SLOT = -1;

/**
 * Which columns of a table a SELECT looks at, each with a slot for its value in a `SelectRow`. It grows while the statement is
 * planned and stays as it is afterwards.
 */
export class SelectLayout {
  readonly table: TableDescriptor;
  readonly columns: ColumnDescriptor[] = [];
  readonly sources: SlotSource[] = [];
  readonly forms: CellForm[] = [];
  /** Slot by column id; NO_SLOT for columns that nobody asks for. */
  readonly slotOfColumn: Int32Array;
  /** Slot of each column of the partition key, up to the last that is wanted. */
  readonly keySlots: number[] = [];
  /** The same for clustering columns. */
  readonly clusteringSlots: number[] = [];
  readonly regularSlots: number[] = [];
  readonly staticSlots: number[] = [];
  readonly probes: CellProbe[] = [];
  /** The greatest id of a static or regular column that is asked for: cells after it need no look. */
  lastColumnId = -1;

  constructor(table: TableDescriptor) {
    this.table = table;
    this.slotOfColumn = new Int32Array(table.definition.nextColumnId).fill(NO_SLOT);
  }

  get slotCount(): number {
    return this.columns.length;
  }

  get needsStatics(): boolean {
    return this.staticSlots.length > 0 || this.probes.some(({ isStatic }) => isStatic);
  }

  /** The slot of a column of the table. */
  need(column: ColumnDescriptor): number {
    const before = this.slotOfColumn[column.id]!;
    if (before !== NO_SLOT) return before;
    const slot = this.columns.length;
    const form = formOf(column);
    this.columns.push(column);
    this.forms.push(form);
    this.slotOfColumn[column.id] = slot;
    switch (column.kind) {
      case ColumnKind.PartitionKey:
        this.sources.push(SlotSource.Key);
        place(this.keySlots, column.position, slot);
        break;
      case ColumnKind.Clustering:
        this.sources.push(SlotSource.Row);
        place(this.clusteringSlots, column.position, slot);
        break;
      case ColumnKind.Static:
        this.#noteCells(column.id);
        this.sources.push(form === CellForm.Simple ? SlotSource.Static : SlotSource.StaticAssembled);
        this.staticSlots.push(slot);
        break;
      default:
        this.#noteCells(column.id);
        this.sources.push(form === CellForm.Simple ? SlotSource.Row : SlotSource.RowAssembled);
        this.regularSlots.push(slot);
    }
    return slot;
  }

  /** The index of a new probe of a static or regular column. */
  needProbe(column: ColumnDescriptor, isElement: boolean): number {
    const { type } = column;
    this.#noteCells(column.id);
    const hasTypedPath = type.kind === TypeKind.Map || type.kind === TypeKind.Set;
    this.probes.push({
      columnId: column.id,
      isStatic: column.kind === ColumnKind.Static,
      isElement,
      pathType: isElement && hasTypedPath ? type.parameters[0] : undefined,
    });
    return this.probes.length - 1;
  }

  #noteCells(columnId: number): void {
    this.lastColumnId = Math.max(this.lastColumnId, columnId);
  }
}

function formOf({ type }: ColumnDescriptor): CellForm {
  if (type.kind === TypeKind.Counter) return CellForm.Counter;
  if (!type.isMultiCell) return CellForm.Simple;
  switch (type.kind) {
    case TypeKind.List:
      return CellForm.List;
    case TypeKind.Set:
      return CellForm.Set;
    case TypeKind.Map:
      return CellForm.Map;
    default:
      return CellForm.Udt;
  }
}

function place(slots: number[], position: number, slot: number): void {
  while (slots.length <= position) slots.push(NO_SLOT);
  slots[position] = slot;
}
