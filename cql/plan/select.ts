import type { Schema } from '../../core/schema/keyspace.ts';
import { uuidBytes } from '../../core/uuid-bytes.ts';
import type { SelectStatement } from '../language/ast.ts';
import { MarkerTypes } from './bind-marker.ts';
import { findTable } from './find-table.ts';
import { prepareGroupBy } from './group-by.ts';
import { prepareOrdering } from './ordering.ts';
import { Pager, statementDigest } from './paging.ts';
import type { SelectPlan } from './plan.ts';
import type { TermScope } from './prepare-term.ts';
import { analyzeWhere } from './restrictions.ts';
import { SelectLayout } from './select-layout.ts';
import { SelectLimits } from './select-limits.ts';
import { PlannedSelect } from './select-plan.ts';
import { checkDistinct, checkPerPartitionLimit } from './select-rules.ts';
import type { SelectShape } from './select-shape.ts';
import { prepareSelection, type Selection } from './selectors.ts';
import { ColumnValue } from './selectors-node.ts';
import { UsingClause } from './using.ts';

/**
 * Plans a SELECT.
 * @param keyspaceInUse of the connection
 * @throws InvalidRequestError for what the schema or the rules of the language do not allow
 */
export function planSelect(statement: SelectStatement, schema: Schema, keyspaceInUse: string | undefined): SelectPlan {
  const { keyspace, table } = findTable(schema, statement.from, keyspaceInUse);
  const markers = new MarkerTypes(statement.markers);
  const scope: TermScope = { markers, markerNames: statement.markers, keyspace, table };
  const layout = new SelectLayout(table);
  const selection = prepareSelection(statement.items, table, layout, scope);
  const aliases = new Set(statement.items.flatMap(({ alias }) => (alias === undefined ? [] : [alias])));
  const restrictions = analyzeWhere(statement.where, table, aliases, statement.allowFiltering, layout, scope);
  const { fixedColumns, partition, restrictsClustering } = restrictions;
  const grouping = prepareGroupBy(statement.groupBy, table, fixedColumns);
  const order = prepareOrdering(statement.orderBy, table, partition.kind === 'keys', fixedColumns);
  const isAggregate = selection.aggregates.length > 0 || grouping !== undefined;
  if (statement.distinct) checkDistinct(table, selection.named, restrictions, grouping);
  if (statement.perPartitionLimit !== undefined) {
    checkPerPartitionLimit(statement.distinct, isAggregate && grouping === undefined);
  }
  const limits = new SelectLimits(statement, scope);
  const using = new UsingClause(statement.using, 0, scope);
  const shape: SelectShape = {
    table,
    layout,
    selection,
    plainSlots: isAggregate ? undefined : plainSlots(selection),
    isAggregate,
    grouping,
    isDistinct: statement.distinct,
    order,
    showsLoneStatics: !restrictsClustering,
    pager: new Pager(table, uuidBytes(table.id), statementDigest(statement, table), order.isReversed),
  };
  return new PlannedSelect(shape, restrictions, limits, using, markers.all());
}

/** The slots of the result's columns, or undefined when one is more than a column. */
function plainSlots({ columns }: Selection): Int32Array | undefined {
  const slots = columns.map(({ value }) => (value instanceof ColumnValue ? value.slot : -1));
  return slots.includes(-1) ? undefined : Int32Array.from(slots);
}
