import { unreachable } from '../../core/assert.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { applySchemaChange } from '../../core/schema/schema-change.ts';
import type { SchemaStatement } from '../language/ast.ts';
import { planAlterTable } from './ddl-alter-table.ts';
import { planCreateTable, planDropTable } from './ddl-create-table.ts';
import { planAlterKeyspace, planCreateKeyspace, planDropKeyspace } from './ddl-keyspace.ts';
import { planAlterType, planCreateType, planDropType } from './ddl-type.ts';
import type { PlannedSchemaChange } from './planned-schema-change.ts';
import type { SchemaEnvironment } from './schema-environment.ts';

/**
 * Decides what a CREATE, ALTER or DROP changes. Pure: the same statement, schema and environment give the same change,
 * which then applies to that schema without an error.
 * @param keyspaceInUse of the connection; undefined or '' for none
 * @param schema the users' keyspaces, at the version that the change will be made for
 * @throws SyntaxException, InvalidRequestError, ConfigurationError, AlreadyExistsError, NotSupportedYetError as the language
 * document says (A3, A4, A7)
 */
export function planSchemaStatement(
  statement: SchemaStatement,
  keyspaceInUse: string | undefined,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  const planned = planStatement(statement, keyspaceInUse, schema, environment);
  // What only shows in the result, like a type that grows too large, is an error of the statement.
  if (planned.change !== undefined) applySchemaChange(schema, planned.change);
  return planned;
}

function planStatement(
  statement: SchemaStatement,
  keyspaceInUse: string | undefined,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  switch (statement.kind) {
    case 'create-keyspace':
      return planCreateKeyspace(statement, schema, environment);
    case 'alter-keyspace':
      return planAlterKeyspace(statement, schema, environment);
    case 'drop-keyspace':
      return planDropKeyspace(statement, schema, environment);
    case 'create-table':
      return planCreateTable(statement, keyspaceInUse, schema, environment);
    case 'alter-table':
      return planAlterTable(statement, keyspaceInUse, schema, environment);
    case 'drop-table':
      return planDropTable(statement, keyspaceInUse, schema, environment);
    case 'create-type':
      return planCreateType(statement, keyspaceInUse, schema, environment);
    case 'alter-type':
      return planAlterType(statement, keyspaceInUse, schema, environment);
    case 'drop-type':
      return planDropType(statement, keyspaceInUse, schema, environment);
    default:
      return unreachable(statement);
  }
}
