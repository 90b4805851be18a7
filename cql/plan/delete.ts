import { InvalidRequestError } from '../../core/errors.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type * as ast from '../language/ast.ts';
import type { StatementCondition } from './conditions.ts';
import { type KeyRestrictions, prepareKeyRestrictions } from './key-restrictions.ts';
import { Modification, RowEffect } from './modification.ts';
import { CellWriter } from './modify-cells.ts';
import { PartitionKeys } from './modify-keys.ts';
import { ClusteringRanges } from './modify-ranges.ts';
import { ClusteringRows } from './modify-rows.ts';
import { deletionOperation } from './operations.ts';
import type { TermScope } from './prepare-term.ts';
import { checkConditional, checkRow, prepareConditions } from './update.ts';
import { UsingClause } from './using.ts';

/** @throws InvalidRequestError when the statement does not suit the table */
export function planDelete(statement: ast.DeleteStatement, table: TableDescriptor, scope: TermScope): Modification {
  const operations = statement.targets.map((target) => deletionOperation(target, table, scope));
  const using = new UsingClause(statement.using, 0, scope);
  const restrictions = prepareKeyRestrictions(statement.where, table, scope);
  const { clustering } = table;
  const hasBound = restrictions.lower !== undefined || restrictions.upper !== undefined;
  const namesRow = restrictions.clusteringCount === clustering.length;
  const statics = operations.filter(({ column }) => column.kind === ColumnKind.Static);
  const regulars = operations.filter(({ column }) => column.kind === ColumnKind.Regular);
  const isOfColumns = operations.length > 0;
  if (isOfColumns && (hasBound || (regulars.length > 0 && !namesRow && restrictions.clusteringCount > 0))) {
    throw new InvalidRequestError('Range deletions are not supported for specific columns');
  }
  const isOfStatics = isOfColumns && regulars.length === 0 && restrictions.clusteringCount === 0;
  const condition = prepareConditions(statement, table, isOfStatics, scope);
  if (isOfColumns) checkRow(restrictions, table, regulars.length > 0, condition, 'DELETE');
  else if (condition !== undefined && !namesRow) checkWholeRows(restrictions, table, condition);
  if (condition !== undefined) checkConditional(restrictions, using);
  const deletesPartition = !isOfColumns && !hasBound && restrictions.clusteringCount === 0;
  const deletesRange = !isOfColumns && !deletesPartition && !namesRow;
  return new Modification({
    table,
    markers: scope.markers,
    using,
    keys: new PartitionKeys(table.partitionKey, restrictions.partition),
    statics: statics.length === 0 ? undefined : new CellWriter(statics),
    rows: namesRow ? new ClusteringRows(clustering, restrictions.clustering) : undefined,
    rowEffect: isOfColumns ? (regulars.length > 0 ? RowEffect.Cells : RowEffect.None) : RowEffect.Delete,
    regulars: regulars.length === 0 ? undefined : new CellWriter(regulars),
    ranges: deletesRange ? new ClusteringRanges(table, restrictions) : undefined,
    deletesPartition,
    condition,
  });
}

/** Several rows can be deleted under conditions on static columns alone. */
function checkWholeRows(
  { clusteringCount }: KeyRestrictions,
  { clustering }: TableDescriptor,
  condition: StatementCondition,
): void {
  if (!condition.needsRow) return;
  throw new InvalidRequestError(
    `DELETE statements must restrict all PRIMARY KEY columns with equality relations in order to use IF conditions on rows, but column '${clustering[clusteringCount]!.name}' is not restricted`,
  );
}
