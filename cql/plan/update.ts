import { InvalidRequestError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type * as ast from '../language/ast.ts';
import { columnConditions, existenceCondition, type StatementCondition } from './conditions.ts';
import { type KeyRestrictions, prepareKeyRestrictions } from './key-restrictions.ts';
import { Modification, RowEffect } from './modification.ts';
import { CellWriter } from './modify-cells.ts';
import { PartitionKeys } from './modify-keys.ts';
import { ClusteringRows } from './modify-rows.ts';
import { assignmentOperation, type ColumnOperation } from './operations.ts';
import type { TermScope } from './prepare-term.ts';
import { refuseTimestamp, UsingClause } from './using.ts';

/** @throws InvalidRequestError when the statement does not suit the table */
export function planUpdate(statement: ast.UpdateStatement, table: TableDescriptor, scope: TermScope): Modification {
  const isConditional = statement.ifExists || statement.conditions.length > 0;
  const using = new UsingClause(statement.using, table.options.defaultTimeToLive, scope);
  const operations: ColumnOperation[] = [];
  const changed = new Map<ColumnDescriptor, ColumnChanges>();
  for (const assignment of statement.assignments) {
    const operation = assignmentOperation(assignment, table, isConditional, scope);
    const { column } = operation;
    const changes = changed.get(column);
    if (changes === undefined) changed.set(column, new ColumnChanges(assignment, operation));
    else if (!changes.take(assignment, operation)) {
      throw new InvalidRequestError(`Multiple incompatible setting of column ${column.name}`);
    }
    operations.push(operation);
  }
  const restrictions = prepareKeyRestrictions(statement.where, table, scope);
  if (restrictions.lower !== undefined || restrictions.upper !== undefined) {
    throw new InvalidRequestError(
      'Slice restrictions are not supported on the clustering columns in UPDATE statements',
    );
  }
  const { clustering } = table;
  const statics = operations.filter(({ column }) => column.kind === ColumnKind.Static);
  const regulars = operations.filter(({ column }) => column.kind === ColumnKind.Regular);
  const namesRow = restrictions.clusteringCount === clustering.length;
  const condition = prepareConditions(
    statement,
    table,
    regulars.length === 0 && restrictions.clusteringCount === 0,
    scope,
  );
  checkRow(restrictions, table, regulars.length > 0, condition, 'UPDATE');
  if (condition !== undefined) checkConditional(restrictions, using);
  return new Modification({
    table,
    markers: scope.markers,
    using,
    keys: new PartitionKeys(table.partitionKey, restrictions.partition),
    statics: statics.length === 0 ? undefined : new CellWriter(statics),
    rows: namesRow ? new ClusteringRows(clustering, restrictions.clustering) : undefined,
    rowEffect: regulars.length > 0 ? RowEffect.Cells : RowEffect.None,
    regulars: regulars.length === 0 ? undefined : new CellWriter(regulars),
    ranges: undefined,
    deletesPartition: false,
    condition,
  });
}

/** The assignments of one column: it may be changed several times only element by element, each field of a user type once. */
class ColumnChanges {
  #isByElement: boolean;
  readonly #fields = new Set<string>();

  constructor(assignment: ast.Assignment, operation: ColumnOperation) {
    this.#isByElement = isByElement(assignment, operation);
    if (assignment.kind === 'set-field') this.#fields.add(assignment.field);
  }

  /** False when one more assignment may not stand beside the earlier ones. */
  take(assignment: ast.Assignment, operation: ColumnOperation): boolean {
    this.#isByElement &&= isByElement(assignment, operation);
    if (assignment.kind !== 'set-field') return this.#isByElement;
    const isNew = !this.#fields.has(assignment.field);
    this.#fields.add(assignment.field);
    return this.#isByElement && isNew;
  }
}

function isByElement({ kind }: ast.Assignment, operation: ColumnOperation): boolean {
  return operation.kind === 'elements' && kind !== 'set';
}

/**
 * The IF of an UPDATE or DELETE.
 * @param isOfStatics the statement names no row and concerns static columns only
 */
export function prepareConditions(
  statement: ast.UpdateStatement | ast.DeleteStatement,
  table: TableDescriptor,
  isOfStatics: boolean,
  scope: TermScope,
): StatementCondition | undefined {
  if (statement.ifExists) return existenceCondition(table, true, isOfStatics && table.clustering.length > 0);
  return statement.conditions.length === 0 ? undefined : columnConditions(statement.conditions, table, scope);
}

/**
 * Which clustering columns a statement on columns must name: all for regular columns, none for static ones.
 * @param changesRegulars it writes or deletes regular columns
 */
export function checkRow(
  { clustering: groups, clusteringCount }: KeyRestrictions,
  { clustering }: TableDescriptor,
  changesRegulars: boolean,
  condition: StatementCondition | undefined,
  statement: string,
): void {
  const missing: ColumnDescriptor | undefined = clustering[clusteringCount];
  const needsRow = changesRegulars || (condition?.needsRow ?? false) || groups.length > 0;
  if (!changesRegulars && condition === undefined && groups.length > 0) {
    throw new InvalidRequestError(
      `Invalid restrictions on clustering columns since the ${statement} statement modifies only static columns`,
    );
  }
  if (needsRow && missing !== undefined) {
    throw new InvalidRequestError(`Missing mandatory PRIMARY KEY part ${missing.name}`);
  }
}

/** A conditional statement is about one partition and one row, at the time it is decided. */
export function checkConditional({ partition, clustering }: KeyRestrictions, using: UsingClause): void {
  if (partition.some(({ isIn }) => isIn)) {
    throw new InvalidRequestError('IN on the partition key is not supported with conditional updates');
  }
  if (clustering.some(({ isIn }) => isIn)) {
    throw new InvalidRequestError('IN on the clustering key columns is not supported with conditional updates');
  }
  refuseTimestamp(using);
}
