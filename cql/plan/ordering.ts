import { InvalidRequestError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { Ordering } from '../language/ast.ts';

/** The order of rows that a statement asks for. */
export interface RowOrder {
  /** Against the table's order. */
  readonly isReversed: boolean;
  /** Clustering values by which rows of several partitions are merged; 0 without ORDER BY. */
  readonly clusteringCount: number;
}

export const TABLE_ORDER: RowOrder = { isReversed: false, clusteringCount: 0 };

/**
 * Resolves ORDER BY: clustering columns from the first on, all in the table's order or all against it; columns that have one value
 * may be left out.
 * @param hasKeys the partition key is restricted by = or IN
 * @throws InvalidRequestError
 */
export function prepareOrdering(
  orderings: readonly Ordering[],
  table: TableDescriptor,
  hasKeys: boolean,
  fixedColumns: ReadonlySet<ColumnDescriptor>,
): RowOrder {
  if (orderings.length === 0) return TABLE_ORDER;
  if (!hasKeys) {
    throw new InvalidRequestError('ORDER BY is only supported when the partition key is restricted by an EQ or an IN.');
  }
  const { clustering } = table;
  let isReversed: boolean | undefined;
  let next = 0;
  for (const { column: name, descending } of orderings) {
    const column = table.column(name);
    if (column === undefined) throw new InvalidRequestError(`Unrecognized name ${name}`);
    if (column.kind !== ColumnKind.Clustering) {
      throw new InvalidRequestError(
        `Order by is currently only supported on the clustered columns of the PRIMARY KEY, got ${name}`,
      );
    }
    while (next < column.position && fixedColumns.has(clustering[next]!)) next++;
    if (next !== column.position) {
      throw new InvalidRequestError(
        'Order by currently only supports the ordering of columns following their declared order in the PRIMARY KEY',
      );
    }
    next++;
    const isAgainst = descending !== column.isReversed;
    if (isReversed !== undefined && isReversed !== isAgainst) {
      throw new InvalidRequestError(
        'Unsupported order by relation: all columns in the order of the table, or all reversed',
      );
    }
    isReversed = isAgainst;
  }
  return { isReversed: isReversed!, clusteringCount: next };
}
