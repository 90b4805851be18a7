import { unreachable } from '../../core/assert.ts';
import { NotSupportedYetError } from '../../core/errors.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { TypeKind } from '../../core/types/cql-type.ts';
import type { BatchStatement, ModificationStatement } from '../language/ast.ts';
import { Batch, type BatchLimits, DEFAULT_BATCH_LIMITS } from './batch.ts';
import { MarkerTypes } from './bind-marker.ts';
import { planDelete } from './delete.ts';
import { findTable } from './find-table.ts';
import { planInsert } from './insert.ts';
import type { Modification } from './modification.ts';
import type { BatchPlan, ModifyPlan } from './plan.ts';
import type { TermScope } from './prepare-term.ts';
import { planUpdate } from './update.ts';
import { UsingClause } from './using.ts';

/**
 * The plan of a statement that writes. Of a BATCH text `bind` takes one set of values, the request's, which all statements share.
 * @param keyspaceInUse of the connection
 * @param limits of batches; looked at whenever one is carried out
 * @throws InvalidRequestError when the statement does not suit the schema
 */
export function planModification(
  statement: ModificationStatement | BatchStatement,
  schema: Schema,
  keyspaceInUse: string | undefined,
  limits: BatchLimits = DEFAULT_BATCH_LIMITS,
): ModifyPlan | BatchPlan {
  const markers = new MarkerTypes(statement.markers);
  if (statement.kind === 'batch') return planBatchText(statement, markers, schema, keyspaceInUse, limits);
  const plan = planOne(statement, markers, schema, keyspaceInUse);
  markers.all(); // a statement with a marker that has no type is refused now
  return plan;
}

/**
 * The plan of a batch of the protocol.
 * @param statements made by `planModification`; `bind` takes one set of values for each
 * @throws InvalidRequestError when they do not go together
 */
export function planProtocolBatch(
  type: BatchStatement['type'],
  statements: readonly ModifyPlan[],
  limits: BatchLimits = DEFAULT_BATCH_LIMITS,
): BatchPlan {
  return new Batch({ type, statements, limits, using: undefined, markers: undefined });
}

function planBatchText(
  batch: BatchStatement,
  markers: MarkerTypes,
  schema: Schema,
  keyspaceInUse: string | undefined,
  limits: BatchLimits,
): BatchPlan {
  const scope: TermScope = { markers, markerNames: batch.markers, keyspace: { types: new Map() }, table: undefined };
  const using = new UsingClause(batch.using, 0, scope);
  const statements = batch.statements.map((statement) => planOne(statement, markers, schema, keyspaceInUse));
  markers.all();
  return new Batch({ type: batch.type, statements, limits, using, markers });
}

function planOne(
  statement: ModificationStatement,
  markers: MarkerTypes,
  schema: Schema,
  keyspaceInUse: string | undefined,
): Modification {
  const { keyspace, table } = findTable(schema, statement.table, keyspaceInUse);
  if (statement.kind !== 'insert' && table.definition.columns.some(({ type }) => type.kind === TypeKind.Counter)) {
    throw new NotSupportedYetError('counter columns are');
  }
  const scope: TermScope = { markers, markerNames: statement.markers, keyspace, table };
  switch (statement.kind) {
    case 'insert':
      return planInsert(statement, table, scope);
    case 'update':
      return planUpdate(statement, table, scope);
    case 'delete':
      return planDelete(statement, table, scope);
    default:
      return unreachable(statement);
  }
}
