import { InvalidRequestError } from '../../core/errors.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import type { SchemaStatement, Statement, TruncateStatement, UseStatement } from '../language/ast.ts';
import { type BatchLimits, DEFAULT_BATCH_LIMITS } from './batch.ts';
import { MarkerTypes } from './bind-marker.ts';
import { findTable } from './find-table.ts';
import { planModification } from './modify.ts';
import {
  PlanKind,
  type PreparedShape,
  type SchemaPlan,
  type StatementPlan,
  type TruncatePlan,
  type UsePlan,
} from './plan.ts';
import { planSelect } from './select.ts';
import { UsingClause } from './using.ts';

/**
 * The plan of any statement.
 * @param schema that the plan is made for, the system keyspaces included
 * @param keyspaceInUse of the connection; undefined for none
 * @param batchLimits of a BATCH text; looked at whenever it is carried out, so they may change
 * @throws InvalidRequestError, NotSupportedYetError when the statement does not suit the schema
 */
export function planStatement(
  statement: Statement,
  schema: Schema,
  keyspaceInUse: string | undefined,
  batchLimits: BatchLimits = DEFAULT_BATCH_LIMITS,
): StatementPlan {
  switch (statement.kind) {
    case 'select':
      return planSelect(statement, schema, keyspaceInUse);
    case 'insert':
    case 'update':
    case 'delete':
    case 'batch':
      return planModification(statement, schema, keyspaceInUse, batchLimits);
    case 'use':
      return planUse(statement, schema);
    case 'truncate':
      return planTruncate(statement, schema, keyspaceInUse);
    default:
      return planSchemaChange(statement, keyspaceInUse);
  }
}

function planUse({ keyspace }: UseStatement, schema: Schema): UsePlan {
  if (!schema.keyspaces.has(keyspace)) throw new InvalidRequestError(`Keyspace '${keyspace}' does not exist`);
  return { ...plainShape(keyspace, ''), kind: PlanKind.Use };
}

function planTruncate(statement: TruncateStatement, schema: Schema, keyspaceInUse: string | undefined): TruncatePlan {
  const { keyspace, table } = findTable(schema, statement.table, keyspaceInUse);
  const markers = new MarkerTypes(statement.markers);
  new UsingClause(statement.using, 0, { markers, markerNames: statement.markers, keyspace, table });
  const shape = plainShape(table.keyspace, table.name);
  return { ...shape, markers: markers.all(), kind: PlanKind.Truncate, descriptor: table };
}

/** Schema changes are planned where they are made; what they name need not exist here. */
function planSchemaChange(statement: SchemaStatement, keyspaceInUse: string | undefined): SchemaPlan {
  const { keyspace, name } = namesOf(statement);
  return { ...plainShape(keyspace ?? keyspaceInUse ?? '', name), kind: PlanKind.Schema };
}

function namesOf(statement: SchemaStatement): { readonly keyspace: string | undefined; readonly name: string } {
  switch (statement.kind) {
    case 'create-table':
    case 'alter-table':
    case 'drop-table':
      return statement.table;
    case 'create-type':
    case 'alter-type':
    case 'drop-type':
      return { keyspace: statement.type.keyspace, name: '' };
    default:
      return { keyspace: statement.keyspace, name: '' };
  }
}

function plainShape(keyspace: string, table: string): PreparedShape {
  return {
    keyspace,
    table,
    markers: [],
    partitionKeyMarkers: [],
    resultColumns: undefined,
    isConditional: false,
    warnings: [],
  };
}
