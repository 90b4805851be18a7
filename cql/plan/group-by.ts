import { InvalidRequestError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';

/** Rows belong to one group when they are of one partition and have the same first so many clustering values. */
export interface Grouping {
  readonly clusteringCount: number;
}

/**
 * Resolves GROUP BY: a prefix of the primary key with all of the partition key; columns that have one value may be left out.
 * @throws InvalidRequestError
 */
export function prepareGroupBy(
  names: readonly string[],
  table: TableDescriptor,
  fixedColumns: ReadonlySet<ColumnDescriptor>,
): Grouping | undefined {
  if (names.length === 0) return undefined;
  const { partitionKey, clustering } = table;
  const keys = [...partitionKey, ...clustering];
  let next = 0;
  for (const name of names) {
    const column = table.column(name);
    if (column === undefined) throw new InvalidRequestError(`Group by unknown column ${name}`);
    if (column.kind !== ColumnKind.PartitionKey && column.kind !== ColumnKind.Clustering) {
      throw new InvalidRequestError(`Group by non-primary-key column ${name}`);
    }
    while (next < keys.length && keys[next] !== column && fixedColumns.has(keys[next]!)) next++;
    if (keys[next] !== column) throw new InvalidRequestError(`Group by column ${name} is out of order`);
    next++;
  }
  while (next < partitionKey.length && fixedColumns.has(keys[next]!)) next++;
  if (next < partitionKey.length) throw new InvalidRequestError('GROUP BY must include the entire partition key');
  return { clusteringCount: next - partitionKey.length };
}
