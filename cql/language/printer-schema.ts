import { unreachable } from '../../core/assert.ts';
import type {
  ColumnDefinition,
  CreateTableStatement,
  DropColumnsChange,
  Ordering,
  Property,
  SchemaStatement,
  TableChange,
  TypeChange,
} from './ast.ts';
import { printIdentifier } from './identifier.ts';
import { printPropertyValue, printQualifiedName, printType } from './printer-value.ts';

/** Canonical text of a CREATE, ALTER or DROP. */
export function printSchemaStatement(statement: SchemaStatement): string {
  switch (statement.kind) {
    case 'create-keyspace': {
      const name = printIdentifier(statement.keyspace);
      return `CREATE KEYSPACE ${ifNotExists(statement)}${name}${printWith(statement.properties.map(printProperty))}`;
    }
    case 'alter-keyspace': {
      const name = printIdentifier(statement.keyspace);
      return `ALTER KEYSPACE ${ifExists(statement)}${name}${printWith(statement.properties.map(printProperty))}`;
    }
    case 'drop-keyspace':
      return `DROP KEYSPACE ${ifExists(statement)}${printIdentifier(statement.keyspace)}`;
    case 'create-table':
      return printCreateTable(statement);
    case 'alter-table':
      return `ALTER TABLE ${ifExists(statement)}${printQualifiedName(statement.table)} ${printTableChange(statement.change)}`;
    case 'drop-table':
      return `DROP TABLE ${ifExists(statement)}${printQualifiedName(statement.table)}`;
    case 'create-type': {
      const fields = statement.fields.map(({ name, type }) => `${printIdentifier(name)} ${printType(type)}`).join(', ');
      return `CREATE TYPE ${ifNotExists(statement)}${printQualifiedName(statement.type)} (${fields})`;
    }
    case 'alter-type':
      return `ALTER TYPE ${ifExists(statement)}${printQualifiedName(statement.type)} ${printTypeChange(statement.change)}`;
    case 'drop-type':
      return `DROP TYPE ${ifExists(statement)}${printQualifiedName(statement.type)}`;
    default:
      return unreachable(statement);
  }
}

/** `c` or `c DESC`. */
export function printOrdering({ column, descending }: Ordering): string {
  return descending ? `${printIdentifier(column)} DESC` : printIdentifier(column);
}

function printCreateTable(statement: CreateTableStatement): string {
  const partitionKey = statement.partitionKey.map(printIdentifier);
  const key = [
    partitionKey.length === 1 ? partitionKey[0]! : `(${partitionKey.join(', ')})`,
    ...statement.clustering.map(printIdentifier),
  ];
  const parts = [...statement.columns.map(printColumnDefinition), `PRIMARY KEY (${key.join(', ')})`];
  const options = statement.properties.map(printProperty);
  if (statement.clusteringOrder.length > 0) {
    const orderings = statement.clusteringOrder.map(({ column, descending }) => {
      return `${printIdentifier(column)} ${descending ? 'DESC' : 'ASC'}`;
    });
    options.unshift(`CLUSTERING ORDER BY (${orderings.join(', ')})`);
  }
  const name = printQualifiedName(statement.table);
  return `CREATE TABLE ${ifNotExists(statement)}${name} (${parts.join(', ')})${printWith(options)}`;
}

function printColumnDefinition({ name, type, isStatic }: ColumnDefinition): string {
  return `${printIdentifier(name)} ${printType(type)}${isStatic ? ' STATIC' : ''}`;
}

function printTableChange(change: TableChange): string {
  switch (change.kind) {
    case 'add': {
      const columns = change.columns.map(printColumnDefinition);
      const list = columns.length === 1 ? columns[0]! : `(${columns.join(', ')})`;
      return `ADD ${ifNotExists(change)}${list}`;
    }
    case 'drop':
      return printDropColumns(change);
    case 'with':
      return printWith(change.properties.map(printProperty)).trimStart();
    case 'rename':
    case 'retype':
      return printSharedChange(change);
    default:
      return unreachable(change);
  }
}

function printDropColumns(change: DropColumnsChange): string {
  const columns = change.columns.map(printIdentifier);
  const list = columns.length === 1 ? columns[0]! : `(${columns.join(', ')})`;
  const using = change.timestamp === undefined ? '' : ` USING TIMESTAMP ${change.timestamp.text}`;
  return `DROP ${ifExists(change)}${list}${using}`;
}

function printTypeChange(change: TypeChange): string {
  if (change.kind !== 'add') return printSharedChange(change);
  return `ADD ${ifNotExists(change)}${printIdentifier(change.field.name)} ${printType(change.field.type)}`;
}

/** What both a table and a type can undergo. */
function printSharedChange(change: Extract<TypeChange, { kind: 'rename' | 'retype' }>): string {
  if (change.kind === 'retype') return `ALTER ${printIdentifier(change.name)} TYPE ${printType(change.type)}`;
  const renamings = change.renamings.map(({ from, to }) => `${printIdentifier(from)} TO ${printIdentifier(to)}`);
  return `RENAME ${ifExists(change)}${renamings.join(' AND ')}`;
}

function printProperty({ name, value }: Property): string {
  return `${printIdentifier(name)} = ${printPropertyValue(value)}`;
}

function printWith(options: readonly string[]): string {
  return options.length === 0 ? '' : ` WITH ${options.join(' AND ')}`;
}

function ifNotExists(node: { readonly ifNotExists: boolean }): string {
  return node.ifNotExists ? 'IF NOT EXISTS ' : '';
}

function ifExists(node: { readonly ifExists: boolean }): string {
  return node.ifExists ? 'IF EXISTS ' : '';
}
