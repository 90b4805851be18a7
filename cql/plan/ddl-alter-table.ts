import { unreachable } from '../../core/assert.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { ColumnKind } from '../../core/schema/column.ts';
import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import { SCHEMA_CHANGE_FORMAT } from '../../core/schema/schema-change.ts';
import { optionsData, selfContainedTypeText, tableData } from '../../core/schema/schema-codec.ts';
import type { ColumnData, DroppedColumnData, TableData } from '../../core/schema/schema-data.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { isOrderCompatible, isValueCompatible } from '../../core/schema/type-compatibility.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import type {
  AddColumnsChange,
  AlterTableStatement,
  ColumnDefinition,
  DropColumnsChange,
  LiteralTerm,
  RenameChange,
  RetypeChange,
} from '../language/ast.ts';
import { checkColumnType, checkKeyType, resolveType, withPositions } from './column-type.ts';
import { checkColumnName, MAX_COLUMN_IDS, refuseStatic } from './ddl-create-table.ts';
import { NOTHING_TO_DO, type PlannedSchemaChange, plannedChange } from './planned-schema-change.ts';
import type { SchemaEnvironment } from './schema-environment.ts';
import { keyspaceNamed, keyspaceNameOf, tableNamed } from './schema-names.ts';
import { tableOptionsWith } from './table-options.ts';

/** The table before the change, with what its types are resolved by. */
interface Subject {
  readonly table: TableDescriptor;
  readonly data: TableData;
  readonly keyspace: KeyspaceDescriptor;
  readonly environment: SchemaEnvironment;
}

export function planAlterTable(
  { table: name, ifExists, change }: AlterTableStatement,
  keyspaceInUse: string | undefined,
  schema: Schema,
  environment: SchemaEnvironment,
): PlannedSchemaChange {
  const keyspaceName = keyspaceNameOf(name, keyspaceInUse);
  if (ifExists && !schema.keyspaces.get(keyspaceName)?.tables.has(name.name)) return NOTHING_TO_DO;
  const table = tableNamed(schema, keyspaceName, name.name);
  const keyspace = keyspaceNamed(schema, keyspaceName);
  const subject: Subject = { table, data: dataBefore(table, environment), keyspace, environment };
  const warnings: string[] = [];
  let changed: Partial<TableData> | undefined;
  switch (change.kind) {
    case 'add':
      changed = addColumns(subject, change);
      break;
    case 'drop':
      changed = dropColumns(subject, change);
      break;
    case 'rename':
      changed = renameColumns(subject, change);
      break;
    case 'retype':
      changed = retypeColumn(subject, change);
      break;
    case 'with': {
      if (change.properties.some((property) => property.name === 'id')) {
        throw new InvalidRequestError('Cannot alter the id of a table');
      }
      changed = { options: optionsData(tableOptionsWith(table.options, change.properties, warnings)) };
      break;
    }
    default:
      unreachable(change);
  }
  if (changed === undefined) return NOTHING_TO_DO;
  return plannedChange(
    {
      format: SCHEMA_CHANGE_FORMAT,
      kind: 'alter-table',
      schemaVersion: environment.newUuid(),
      table: { ...subject.data, ...changed, version: table.version + 1 },
    },
    warnings,
  );
}

/** While a script is read back, a column may have a user type that is gone, until the script drops it. */
function dataBefore(table: TableDescriptor, environment: SchemaEnvironment): TableData {
  const data = tableData(table.definition);
  if (environment.isRestoring !== true) return data;
  const columns = table.definition.columns.map((column) => ({ ...column, type: selfContainedTypeText(column.type) }));
  return { ...data, columns };
}

function addColumns(subject: Subject, change: AddColumnsChange): Partial<TableData> | undefined {
  const { table, data } = subject;
  const names = new Set(data.columns.map((column) => column.name));
  const added: ColumnData[] = [];
  for (const definition of change.columns) {
    if (names.has(definition.name)) {
      if (change.ifNotExists) continue;
      throw new InvalidRequestError(
        `Invalid column name ${definition.name.slice(0, 200)} because it conflicts with an existing column`,
      );
    }
    names.add(definition.name);
    added.push(addedColumn(subject, definition, table.definition.nextColumnId + added.length));
  }
  if (added.length === 0) return undefined;
  return {
    columns: withPositions([...data.columns, ...added]),
    nextColumnId: data.nextColumnId + added.length,
  };
}

function addedColumn(subject: Subject, definition: ColumnDefinition, id: number): ColumnData {
  const { table, keyspace, environment } = subject;
  const { name, isStatic } = definition;
  checkColumnName(name);
  if (id >= MAX_COLUMN_IDS)
    throw new InvalidRequestError(`The table has had ${MAX_COLUMN_IDS} columns: no more can be added`);
  if (isStatic && table.clustering.length === 0) refuseStatic();
  const { type, text } = resolveType(definition.type, keyspace, environment.isRestoring);
  checkColumnType(name, type);
  const kind = isStatic ? ColumnKind.Static : ColumnKind.Regular;
  for (const dropped of table.definition.droppedColumns) {
    if (dropped.name === name && environment.isRestoring !== true)
      checkReturn(name, dropped.kind, dropped.type, kind, type);
  }
  return { id, name, kind, position: 0, type: text, isReversed: false };
}

/** Old files may still hold cells of a dropped column of this name: they must be readable, to be recognized as dead. */
function checkReturn(name: string, kindBefore: ColumnKind, before: CqlType, kind: ColumnKind, type: CqlType): void {
  if (kindBefore !== kind) {
    throw new InvalidRequestError(
      `Cannot re-add previously dropped column ${name}: one of them is static, the other is not`,
    );
  }
  const isCollection = before.isMultiCell && before.kind !== TypeKind.Udt;
  if (isCollection && type.isMultiCell && before.className !== type.className) {
    throw new InvalidRequestError(
      `Cannot add a collection with the name ${name} because a collection with the same name ` +
        `and a different type (${before.cqlName}) has already been used in the past`,
    );
  }
  if (!isValueCompatible(before, type)) {
    throw new InvalidRequestError(
      `Cannot re-add previously dropped column ${name} of type ${type.cqlName}, incompatible with previous type ${before.cqlName}`,
    );
  }
}

function dropColumns(subject: Subject, change: DropColumnsChange): Partial<TableData> | undefined {
  const { table, data, environment } = subject;
  const droppedAtUs = change.timestamp === undefined ? environment.nowUs : timestampOf(change.timestamp);
  const dropped = new Map<number, DroppedColumnData>();
  for (const name of change.columns) {
    const column = table.column(name);
    if (column === undefined || dropped.has(column.id)) {
      if (change.ifExists && column === undefined) continue;
      const why = column === undefined ? `was not found in table ${table.keyspace}.${table.name}` : 'comes twice';
      throw new InvalidRequestError(`Column ${name.slice(0, 200)} ${why}`);
    }
    const { id, kind, type } = column;
    if (kind === ColumnKind.PartitionKey || kind === ColumnKind.Clustering) {
      throw new InvalidRequestError(`Cannot drop PRIMARY KEY part ${name}`);
    }
    dropped.set(id, { id, name, kind, type: selfContainedTypeText(type), droppedAtUs });
  }
  if (dropped.size === 0) return undefined;
  return {
    columns: withPositions(data.columns.filter((column) => !dropped.has(column.id))),
    droppedColumns: [...data.droppedColumns, ...dropped.values()],
  };
}

function timestampOf({ text }: LiteralTerm): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new InvalidRequestError(`Timestamp ${text.slice(0, 40)} is out of range`);
  return value;
}

function renameColumns({ table, data }: Subject, change: RenameChange): Partial<TableData> | undefined {
  const names = new Map(data.columns.map((column) => [column.id, column.name]));
  const ids = new Map(data.columns.map((column) => [column.name, column.id]));
  let isChanged = false;
  for (const { from, to } of change.renamings) {
    const id = ids.get(from);
    const column = id === undefined ? undefined : table.columnById(id);
    if (id === undefined || column === undefined) {
      if (change.ifExists) continue;
      throw new InvalidRequestError(
        `Cannot rename unknown column ${from.slice(0, 200)} in table ${table.keyspace}.${table.name}`,
      );
    }
    if (column.kind !== ColumnKind.PartitionKey && column.kind !== ColumnKind.Clustering) {
      throw new InvalidRequestError(`Cannot rename non PRIMARY KEY part ${from}`);
    }
    checkColumnName(to);
    if (ids.has(to)) {
      throw new InvalidRequestError(
        `Cannot rename column ${from} to ${to.slice(0, 200)} in table ${table.keyspace}.${table.name}; another column of that name already exist`,
      );
    }
    ids.delete(from);
    ids.set(to, id);
    names.set(id, to);
    isChanged = true;
  }
  if (!isChanged) return undefined;
  return { columns: data.columns.map((column) => ({ ...column, name: names.get(column.id)! })) };
}

function retypeColumn({ table, data, keyspace }: Subject, change: RetypeChange): Partial<TableData> {
  const column = table.column(change.name);
  if (column === undefined) {
    throw new InvalidRequestError(
      `Column ${change.name.slice(0, 200)} was not found in table ${table.keyspace}.${table.name}`,
    );
  }
  const { type, text } = resolveType(change.type, keyspace);
  checkColumnType(column.name, type);
  const isKey = column.kind === ColumnKind.PartitionKey || column.kind === ColumnKind.Clustering;
  if (isKey) checkKeyType(column.name, type);
  const isCompatible = column.kind === ColumnKind.Clustering ? isOrderCompatible : isValueCompatible;
  if (!isCompatible(column.type, type)) {
    throw new InvalidRequestError(
      `Cannot change ${column.name} from type ${column.type.cqlName} to type ${type.cqlName}: types are incompatible.`,
    );
  }
  return { columns: data.columns.map((each) => (each.id === column.id ? { ...each, type: text } : each)) };
}
