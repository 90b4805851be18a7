import { InvalidRequestError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { Grouping } from './group-by.ts';
import type { Restrictions } from './restrictions.ts';

/**
 * What SELECT DISTINCT may ask for: all of the partition key, static columns, nothing of rows.
 * @param named the columns of the SELECT list
 * @throws InvalidRequestError
 */
export function checkDistinct(
  { partitionKey }: TableDescriptor,
  named: ReadonlySet<ColumnDescriptor>,
  restrictions: Restrictions,
  grouping: Grouping | undefined,
): void {
  for (const { kind, name } of named) {
    if (kind !== ColumnKind.PartitionKey && kind !== ColumnKind.Static) {
      throw new InvalidRequestError(
        `SELECT DISTINCT queries must only request partition key columns and/or static columns (not ${name})`,
      );
    }
  }
  for (const column of partitionKey) {
    if (!named.has(column)) {
      throw new InvalidRequestError(
        `SELECT DISTINCT queries must request all the partition key columns (missing ${column.name})`,
      );
    }
  }
  if (restrictions.restrictsClustering || restrictions.restrictsRegulars) {
    throw new InvalidRequestError(
      'SELECT DISTINCT with WHERE clause only supports restriction by partition key and/or static columns.',
    );
  }
  if (grouping !== undefined && grouping.clusteringCount > 0) {
    throw new InvalidRequestError('Grouping on clustering columns is not allowed for SELECT DISTINCT queries');
  }
}

/** @throws InvalidRequestError where PER PARTITION LIMIT says nothing */
export function checkPerPartitionLimit(isDistinct: boolean, isOneGroup: boolean): void {
  if (isDistinct) throw new InvalidRequestError('PER PARTITION LIMIT is not allowed with SELECT DISTINCT queries');
  if (isOneGroup) throw new InvalidRequestError('PER PARTITION LIMIT is not allowed with aggregate queries.');
}
