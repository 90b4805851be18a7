import { AlreadyExistsError, ConfigurationError, InvalidRequestError } from '../../core/errors.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { SCHEMA_CHANGE_FORMAT } from '../../core/schema/schema-change.ts';
import { keyspaceData } from '../../core/schema/schema-codec.ts';
import type { AlterKeyspaceStatement, CreateKeyspaceStatement, DropKeyspaceStatement } from '../language/ast.ts';
import { alteredKeyspaceOptions, newKeyspaceOptions } from './keyspace-options.ts';
import { NOTHING_TO_DO, type PlannedSchemaChange, plannedChange } from './planned-schema-change.ts';
import type { SchemaEnvironment } from './schema-environment.ts';
import { checkObjectName, refuseSystemKeyspace } from './schema-names.ts';

export function planCreateKeyspace(
  { keyspace: name, ifNotExists, properties }: CreateKeyspaceStatement,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  checkObjectName('keyspace', name);
  refuseSystemKeyspace(name);
  const warnings: string[] = [];
  const options = newKeyspaceOptions(name, properties, environment, warnings);
  if (schema.keyspaces.has(name)) {
    if (ifNotExists) return NOTHING_TO_DO;
    throw new AlreadyExistsError(name, '');
  }
  return plannedChange(
    {
      format: SCHEMA_CHANGE_FORMAT,
      kind: 'create-keyspace',
      schemaVersion: environment.newUuid(),
      keyspace: keyspaceData({ name, ...options }),
    },
    warnings,
  );
}

export function planAlterKeyspace(
  { keyspace: name, ifExists, properties }: AlterKeyspaceStatement,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  refuseSystemKeyspace(name);
  const keyspace = schema.keyspaces.get(name);
  if (keyspace === undefined) {
    if (ifExists) return NOTHING_TO_DO;
    throw new InvalidRequestError(`Unknown keyspace ${name.slice(0, 200)}`);
  }
  const warnings: string[] = [];
  const options = alteredKeyspaceOptions(keyspace, properties, environment, warnings);
  return plannedChange(
    {
      format: SCHEMA_CHANGE_FORMAT,
      kind: 'alter-keyspace',
      schemaVersion: environment.newUuid(),
      keyspace: keyspaceData({ name, ...options }),
    },
    warnings,
  );
}

export function planDropKeyspace(
  { keyspace, ifExists }: DropKeyspaceStatement,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  refuseSystemKeyspace(keyspace);
  if (!schema.keyspaces.has(keyspace)) {
    if (ifExists) return NOTHING_TO_DO;
    throw new ConfigurationError(`Cannot drop non existing keyspace '${keyspace.slice(0, 200)}'.`);
  }
  return plannedChange({
    format: SCHEMA_CHANGE_FORMAT,
    kind: 'drop-keyspace',
    schemaVersion: environment.newUuid(),
    keyspace,
  });
}
