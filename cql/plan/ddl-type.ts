import { unreachable } from '../../core/assert.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import { SCHEMA_CHANGE_FORMAT } from '../../core/schema/schema-change.ts';
import { typeData, usesUserType } from '../../core/schema/schema-codec.ts';
import type { PairsData } from '../../core/schema/schema-data.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import type {
  AddFieldChange,
  AlterTypeStatement,
  CreateTypeStatement,
  DropTypeStatement,
  FieldDefinition,
  RenameChange,
} from '../language/ast.ts';
import { holdsDuration, resolveType } from './column-type.ts';
import { NOTHING_TO_DO, type PlannedSchemaChange, plannedChange } from './planned-schema-change.ts';
import type { SchemaEnvironment } from './schema-environment.ts';
import { checkObjectName, keyspaceNamed, keyspaceNameOf } from './schema-names.ts';

export function planCreateType(
  { type: name, ifNotExists, fields }: CreateTypeStatement,
  keyspaceInUse: string | undefined,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  const keyspaceName = keyspaceNameOf(name, keyspaceInUse);
  checkObjectName('user type', name.name);
  const keyspace = schema.keyspaces.get(keyspaceName);
  if (keyspace === undefined) {
    throw new InvalidRequestError(
      `Cannot create type ${name.name} in non-existent keyspace ${keyspaceName.slice(0, 200)}`,
    );
  }
  if (keyspace.types.has(name.name)) {
    if (ifNotExists) return NOTHING_TO_DO;
    throw new InvalidRequestError(`A user type of name ${keyspaceName}.${name.name} already exists`);
  }
  const names = new Set<string>();
  const planned = fields.map((field): readonly [string, string] => {
    if (names.has(field.name)) {
      throw new InvalidRequestError(`Duplicate field name ${field.name.slice(0, 200)} in type ${name.name}`);
    }
    names.add(field.name);
    return [field.name, fieldType(field, keyspace, environment).cqlName];
  });
  return plannedChange({
    format: SCHEMA_CHANGE_FORMAT,
    kind: 'create-type',
    schemaVersion: environment.newUuid(),
    type: { keyspace: keyspaceName, name: name.name, fields: planned },
  });
}

export function planAlterType(
  { type: name, ifExists, change }: AlterTypeStatement,
  keyspaceInUse: string | undefined,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  const keyspaceName = keyspaceNameOf(name, keyspaceInUse);
  const type = schema.keyspaces.get(keyspaceName)?.types.get(name.name);
  if (type === undefined) {
    if (ifExists) return NOTHING_TO_DO;
    throw unknownType(keyspaceNamed(schema, keyspaceName), name.name);
  }
  const keyspace = keyspaceNamed(schema, keyspaceName);
  let fields: PairsData | undefined;
  switch (change.kind) {
    case 'add':
      fields = addField(type, change, keyspace, environment);
      break;
    case 'rename':
      fields = renameFields(type, change);
      break;
    case 'retype':
      throw new InvalidRequestError(
        `Cannot change the type of field ${change.name.slice(0, 200)}: types of fields are fixed`,
      );
    default:
      unreachable(change);
  }
  if (fields === undefined) return NOTHING_TO_DO;
  return plannedChange({
    format: SCHEMA_CHANGE_FORMAT,
    kind: 'alter-type',
    schemaVersion: environment.newUuid(),
    type: { keyspace: keyspaceName, name: name.name, fields },
  });
}

export function planDropType(
  { type: name, ifExists }: DropTypeStatement,
  keyspaceInUse: string | undefined,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  const keyspaceName = keyspaceNameOf(name, keyspaceInUse);
  const type = schema.keyspaces.get(keyspaceName)?.types.get(name.name);
  if (type === undefined) {
    if (ifExists) return NOTHING_TO_DO;
    throw unknownType(keyspaceNamed(schema, keyspaceName), name.name);
  }
  const keyspace = keyspaceNamed(schema, keyspaceName);
  const user = userOf(keyspace, name.name);
  if (user !== undefined) {
    throw new InvalidRequestError(`Cannot drop user type ${keyspaceName}.${name.name} as it is still used by ${user}`);
  }
  return plannedChange({
    format: SCHEMA_CHANGE_FORMAT,
    kind: 'drop-type',
    schemaVersion: environment.newUuid(),
    keyspace: keyspaceName,
    type: name.name,
  });
}

function unknownType(keyspace: KeyspaceDescriptor, name: string): InvalidRequestError {
  return new InvalidRequestError(`No user type named ${keyspace.name}.${name.slice(0, 200)} exists.`);
}

/** What uses the type: 'table ks.t' or 'user type ks.u'; undefined for nothing. */
function userOf(keyspace: KeyspaceDescriptor, name: string): string | undefined {
  for (const type of keyspace.types.values()) {
    if (type.parameters.some((field) => usesUserType(field, keyspace.name, name))) {
      return `user type ${keyspace.name}.${type.udt!.name}`;
    }
  }
  for (const table of keyspace.tables.values()) {
    if (table.definition.columns.some((column) => usesUserType(column.type, keyspace.name, name))) {
      return `table ${keyspace.name}.${table.name}`;
    }
  }
  return undefined;
}

function fieldType(field: FieldDefinition, keyspace: KeyspaceDescriptor, environment: SchemaEnvironment): CqlType {
  if (field.name === '') throw new InvalidRequestError('The empty string is no name of a field');
  const { type } = resolveType(field.type, keyspace, environment.isRestoring);
  if (type.kind === TypeKind.Udt && type.isMultiCell) {
    throw new InvalidRequestError(
      `A user type cannot contain non-frozen user type fields: ${field.name.slice(0, 200)} ${type.cqlName}`,
    );
  }
  return type;
}

function addField(
  type: CqlType,
  { ifNotExists, field }: AddFieldChange,
  keyspace: KeyspaceDescriptor,
  environment: SchemaEnvironment,
): PairsData | undefined {
  const { name, fieldNames } = type.udt!;
  if (fieldNames.includes(field.name)) {
    if (ifNotExists) return undefined;
    throw new InvalidRequestError(
      `Cannot add new field ${field.name.slice(0, 200)} to type ${keyspace.name}.${name}: a field of the same name already exists`,
    );
  }
  const added = fieldType(field, keyspace, environment);
  if (usesUserType(added, keyspace.name, name)) {
    throw new InvalidRequestError(
      `Cannot add new field ${field.name.slice(0, 200)} of type ${added.cqlName} to type ${keyspace.name}.${name} as this would create a circular reference`,
    );
  }
  for (const table of keyspace.tables.values()) {
    for (const column of table.definition.columns) {
      if (usesUserType(column.type, keyspace.name, name)) checkGrowth(table.name, column.name, column, added, name);
    }
  }
  return [...typeData(type).fields, [field.name, added.cqlName]];
}

/** What a field may not do to a column that uses the type. */
function checkGrowth(
  table: string,
  columnName: string,
  column: { readonly kind: ColumnKind; readonly type: CqlType },
  added: CqlType,
  typeName: string,
): void {
  const where = `column ${columnName} of table ${table}`;
  if (column.kind === ColumnKind.PartitionKey) {
    // Equal values would have other bytes, and so another token, once they are written with the new field.
    throw new InvalidRequestError(
      `Cannot add new field to type ${typeName}: it is used in the partition key, by ${where}`,
    );
  }
  if (column.kind === ColumnKind.Clustering && holdsDuration(added)) {
    throw new InvalidRequestError(`Cannot add a field with a duration to type ${typeName}: it is used by ${where}`);
  }
  if (column.type.udt?.name === typeName && column.type.isMultiCell && added.isMultiCell) {
    throw new InvalidRequestError(
      `Non-frozen UDTs with nested non-frozen collections are not supported: type ${typeName} is used by ${where}`,
    );
  }
}

function renameFields(type: CqlType, { ifExists, renamings }: RenameChange): PairsData | undefined {
  const fields = typeData(type).fields.map(([name, text]) => [name, text] as [string, string]);
  let isChanged = false;
  for (const { from, to } of renamings) {
    const field = fields.find(([name]) => name === from);
    if (field === undefined) {
      if (ifExists) continue;
      throw new InvalidRequestError(`Unknown field ${from.slice(0, 200)} in type ${type.udt!.name}`);
    }
    if (to === '') throw new InvalidRequestError('The empty string is no name of a field');
    if (fields.some(([name]) => name === to)) {
      throw new InvalidRequestError(`Duplicate field name ${to.slice(0, 200)} in type ${type.udt!.name}`);
    }
    field[0] = to;
    isChanged = true;
  }
  return isChanged ? fields : undefined;
}
