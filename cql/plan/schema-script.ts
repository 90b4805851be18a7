import { SyntaxException } from '../../core/errors.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { applySchemaChange, EMPTY_SCHEMA, SCHEMA_CHANGE_FORMAT } from '../../core/schema/schema-change.ts';
import { NIL_UUID } from '../../core/uuid-bytes.ts';
import type { Statement } from '../language/ast.ts';
import { Lexer, TokenKind } from '../language/lexer.ts';
import { parseStatement } from '../language/parser.ts';
import { planSchemaStatement } from './ddl.ts';
import type { SchemaEnvironment } from './schema-environment.ts';

/** Reads `schema.cql` (`core/schema/schema-cql.ts`), for tools that have a table's directory and nothing else. */

/** Where the statements of a script begin and end; the semicolons are left out, and what holds no token too. */
export function splitScript(text: string): string[] {
  const lexer = new Lexer(text);
  const statements: string[] = [];
  let start = -1;
  for (;;) {
    const token = lexer.next();
    const isEnd = token.kind === TokenKind.End;
    if (isEnd || (token.kind === TokenKind.Symbol && token.text === ';')) {
      if (start >= 0) statements.push(text.slice(start, token.start));
      if (isEnd) return statements;
      start = -1;
    } else if (start < 0) {
      start = token.start;
    }
  }
}

/**
 * The schema that a script makes out of nothing: keyspaces are made as they are named, CREATE TABLE, CREATE TYPE and ALTER TABLE
 * carried out, also those of files written by ScyllaDB and Cassandra.
 * @param newUuid for tables without an id
 * @throws SyntaxException when a statement is no schema statement; otherwise as `planSchemaStatement`
 */
export function readSchemaScript(text: string, newUuid: () => string): Schema {
  const environment: SchemaEnvironment = { dataCenters: new Map(), newUuid, nowUs: 0, isRestoring: true };
  let schema = EMPTY_SCHEMA;
  let inUse = '';
  for (const part of splitScript(text)) {
    const statement = parseStatement(part);
    if (statement.kind === 'use') inUse = statement.keyspace;
    const keyspace = keyspaceOf(statement, inUse);
    if (keyspace === undefined) continue;
    if (!schema.keyspaces.has(keyspace)) schema = withKeyspace(schema, keyspace);
    const { change } = planSchemaStatement(
      statement as Parameters<typeof planSchemaStatement>[0],
      inUse,
      schema,
      environment,
    );
    if (change !== undefined) schema = applySchemaChange(schema, change);
  }
  return schema;
}

/** The keyspace that a statement of a script works in; undefined for statements about keyspaces, which are passed over. */
function keyspaceOf(statement: Statement, inUse: string): string | undefined {
  switch (statement.kind) {
    case 'create-table':
    case 'alter-table':
    case 'drop-table':
      return statement.table.keyspace ?? inUse;
    case 'create-type':
    case 'alter-type':
    case 'drop-type':
      return statement.type.keyspace ?? inUse;
    case 'create-keyspace':
    case 'alter-keyspace':
    case 'drop-keyspace':
    case 'use':
      return undefined;
    default:
      throw new SyntaxException(1, 0, `a schema script holds no ${statement.kind} statements`);
  }
}

function withKeyspace(schema: Schema, name: string): Schema {
  return applySchemaChange(schema, {
    format: SCHEMA_CHANGE_FORMAT,
    kind: 'create-keyspace',
    schemaVersion: NIL_UUID,
    keyspace: { name, replication: [], durableWrites: true, consistency: 'eventual', tablets: [] },
  });
}
