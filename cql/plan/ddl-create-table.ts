import { AlreadyExistsError, ConfigurationError, InvalidRequestError } from '../../core/errors.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import { SCHEMA_CHANGE_FORMAT } from '../../core/schema/schema-change.ts';
import { optionsData } from '../../core/schema/schema-codec.ts';
import type { ColumnData } from '../../core/schema/schema-data.ts';
import { isUuidText, NIL_UUID } from '../../core/uuid-bytes.ts';
import type { ColumnDefinition, CreateTableStatement, DropTableStatement, Property } from '../language/ast.ts';
import { checkColumnType, checkKeyType, resolveType, withPositions } from './column-type.ts';
import { NOTHING_TO_DO, type PlannedSchemaChange, plannedChange } from './planned-schema-change.ts';
import { badValue } from './property-reader.ts';
import type { SchemaEnvironment } from './schema-environment.ts';
import { checkObjectName, keyspaceNameOf, tableNamed } from './schema-names.ts';
import { tableOptionsWith } from './table-options.ts';

/** Column ids are 16 bits and never given twice in a table. */
export const MAX_COLUMN_IDS = 65_536;

export function planCreateTable(
  statement: CreateTableStatement,
  keyspaceInUse: string | undefined,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  const { name } = statement.table;
  const keyspaceName = keyspaceNameOf(statement.table, keyspaceInUse);
  checkObjectName('table', name);
  const keyspace = schema.keyspaces.get(keyspaceName);
  if (keyspace === undefined) {
    throw new ConfigurationError(
      `Cannot add table '${name}' to non-existent keyspace '${keyspaceName.slice(0, 200)}'.`,
    );
  }
  const columns = planColumns(statement, keyspace, environment);
  const warnings: string[] = [];
  const idProperty = statement.properties.find((property) => property.name === 'id');
  const others = statement.properties.filter((property) => property !== idProperty);
  const options = tableOptionsWith(DEFAULT_TABLE_OPTIONS, others, warnings);
  const id = idProperty === undefined ? environment.newUuid() : givenId(idProperty);
  if (keyspace.tables.has(name)) {
    if (statement.ifNotExists) return NOTHING_TO_DO;
    throw new AlreadyExistsError(keyspaceName, name);
  }
  refuseTakenId(schema, id);
  return plannedChange(
    {
      format: SCHEMA_CHANGE_FORMAT,
      kind: 'create-table',
      schemaVersion: environment.newUuid(),
      table: {
        id,
        keyspace: keyspaceName,
        name,
        version: 1,
        columns,
        droppedColumns: [],
        nextColumnId: columns.length,
        options: optionsData(options),
      },
    },
    warnings,
  );
}

export function planDropTable(
  { table: name, ifExists }: DropTableStatement,
  keyspaceInUse: string | undefined,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  const keyspace = keyspaceNameOf(name, keyspaceInUse);
  if (ifExists && !schema.keyspaces.get(keyspace)?.tables.has(name.name)) return NOTHING_TO_DO;
  const table = tableNamed(schema, keyspace, name.name);
  return plannedChange({
    format: SCHEMA_CHANGE_FORMAT,
    kind: 'drop-table',
    schemaVersion: environment.newUuid(),
    keyspace,
    table: table.name,
    id: table.id,
  });
}

function planColumns(
  statement: CreateTableStatement,
  keyspace: KeyspaceDescriptor,
  environment: SchemaEnvironment,
): ColumnData[] {
  const definitions = new Map<string, ColumnDefinition>();
  for (const definition of statement.columns) {
    checkColumnName(definition.name);
    if (definitions.has(definition.name)) {
      throw new InvalidRequestError(`Multiple definition of identifier ${definition.name.slice(0, 200)}`);
    }
    definitions.set(definition.name, definition);
  }
  if (definitions.size > MAX_COLUMN_IDS) throw new InvalidRequestError(`More than ${MAX_COLUMN_IDS} columns`);
  const kinds = keyColumns(statement, definitions);
  const reversed = clusteringOrder(statement);
  return withPositions(
    [...definitions.values()].map(({ name, type: node, isStatic }, id): ColumnData => {
      const { type, text } = resolveType(node, keyspace, environment.isRestoring);
      const key = kinds.get(name);
      if (key !== undefined) checkKeyType(name, type);
      checkColumnType(name, type);
      const kind = key?.kind ?? (isStatic ? ColumnKind.Static : ColumnKind.Regular);
      return { id, name, kind, position: key?.position ?? 0, type: text, isReversed: reversed.get(name) ?? false };
    }),
  );
}

/** @throws InvalidRequestError for the empty name */
export function checkColumnName(name: string): void {
  if (name === '') throw new InvalidRequestError('The empty string is no name of a column');
}

interface KeyPlace {
  readonly kind: ColumnKind;
  readonly position: number;
}

function keyColumns(
  { partitionKey, clustering }: CreateTableStatement,
  definitions: ReadonlyMap<string, ColumnDefinition>,
): Map<string, KeyPlace> {
  const places = new Map<string, KeyPlace>();
  const take = (names: readonly string[], kind: ColumnKind) => {
    for (const [position, name] of names.entries()) {
      const definition = definitions.get(name);
      if (definition === undefined) {
        throw new InvalidRequestError(`Unknown definition ${name.slice(0, 200)} referenced in PRIMARY KEY`);
      }
      if (definition.isStatic) throw new InvalidRequestError(`Static column ${name} cannot be part of the PRIMARY KEY`);
      if (places.has(name)) throw new InvalidRequestError(`Column ${name} comes twice in the PRIMARY KEY`);
      places.set(name, { kind, position });
    }
  };
  take(partitionKey, ColumnKind.PartitionKey);
  take(clustering, ColumnKind.Clustering);
  const lonely = clustering.length === 0 && [...definitions.values()].find((definition) => definition.isStatic);
  if (lonely) refuseStatic();
  return places;
}

/** @throws InvalidRequestError always */
export function refuseStatic(): never {
  throw new InvalidRequestError(
    'Static columns are only useful (and thus allowed) if the table has at least one clustering column',
  );
}

/** Which clustering columns are DESC. A CLUSTERING ORDER may name the first few only, in their order. */
function clusteringOrder({ clustering, clusteringOrder: orderings }: CreateTableStatement): Map<string, boolean> {
  const reversed = new Map<string, boolean>();
  for (const [i, { column, descending }] of orderings.entries()) {
    if (!clustering.includes(column)) {
      throw new InvalidRequestError('Only clustering key columns can be defined in CLUSTERING ORDER directive');
    }
    if (column !== clustering[i]) {
      throw new InvalidRequestError(
        'The order of columns in the CLUSTERING ORDER directive must be the one of the clustering key ' +
          `(Missing CLUSTERING ORDER for column ${clustering[i]} before ${column})`,
      );
    }
    reversed.set(column, descending);
  }
  return reversed;
}

function givenId({ name, value }: Property): string {
  const text = value.kind === 'literal' ? value.text.toLowerCase() : '';
  if (!isUuidText(text)) throw badValue(name, value, 'a UUID');
  if (text === NIL_UUID) throw new ConfigurationError('Invalid table id');
  return text;
}

function refuseTakenId(schema: Schema, id: string): void {
  for (const keyspace of schema.keyspaces.values()) {
    for (const table of keyspace.tables.values()) {
      if (table.id === id)
        throw new InvalidRequestError(`Table ${table.keyspace}.${table.name} has the id ${id} already`);
    }
  }
}
