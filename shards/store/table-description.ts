import type { ColumnId, TableId } from '../../core/ids.ts';
import type { ColumnDescriptor, DroppedColumn } from '../../core/schema/column.ts';
import { type TableDefinition, TableDescriptor, type TableOptions } from '../../core/schema/table.ts';
import { parseClassName } from '../../core/types/parse-class-name.ts';

/** A column with its type as a Cassandra class name, which says everything about user types without a look-up. */
type PlainColumn<Column> = Omit<Column, 'type'> & { readonly typeClass: string };

/** A table as plain data, for jobs of the pool thread. */
export interface TableDescription {
  readonly id: TableId;
  readonly keyspace: string;
  readonly name: string;
  readonly version: number;
  readonly columns: readonly PlainColumn<ColumnDescriptor>[];
  readonly droppedColumns: readonly PlainColumn<DroppedColumn>[];
  readonly nextColumnId: number;
  readonly options: TableOptions;
}

export function describeTable(table: TableDescriptor): TableDescription {
  const { columns, droppedColumns, ...rest } = table.definition;
  return {
    ...rest,
    columns: columns.map(({ type, ...column }) => ({ ...column, typeClass: type.className })),
    droppedColumns: droppedColumns.map(({ type, ...column }) => ({ ...column, typeClass: type.className })),
  };
}

export function tableOf(description: TableDescription): TableDescriptor {
  const typed = <Column extends { readonly id: ColumnId }>({
    typeClass,
    ...column
  }: Column & { typeClass: string }) => ({
    ...column,
    type: parseClassName(typeClass),
  });
  const definition: TableDefinition = {
    ...description,
    columns: description.columns.map((column) => typed(column) as ColumnDescriptor),
    droppedColumns: description.droppedColumns.map((column) => typed(column) as DroppedColumn),
  };
  return new TableDescriptor(definition);
}
