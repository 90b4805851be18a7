import { unreachable } from '../../core/assert.ts';
import type {
  Assignment,
  BatchStatement,
  DeleteStatement,
  InsertStatement,
  Markers,
  Relation,
  SelectStatement,
  Statement,
  UpdateStatement,
  UsingOption,
} from './ast.ts';
import { printIdentifier } from './identifier.ts';
import { printOperand, printRelations } from './printer-relation.ts';
import { printOrdering, printSchemaStatement } from './printer-schema.ts';
import { printQualifiedName, printSelector, printTerm } from './printer-value.ts';

/**
 * The canonical text of a statement, without a semicolon: keywords in upper case, one blank between words, names quoted
 * where they must be. `parseStatement` of it gives an equal statement.
 */
export function printStatement(statement: Statement): string {
  switch (statement.kind) {
    case 'select':
      return printSelect(statement);
    case 'insert':
      return printInsert(statement);
    case 'update':
      return printUpdate(statement);
    case 'delete':
      return printDelete(statement);
    case 'batch':
      return printBatch(statement);
    case 'truncate':
      return `TRUNCATE TABLE ${printQualifiedName(statement.table)}${printUsing(statement.using, statement.markers)}`;
    case 'use':
      return `USE ${printIdentifier(statement.keyspace)}`;
    case 'create-keyspace':
    case 'alter-keyspace':
    case 'drop-keyspace':
    case 'create-table':
    case 'alter-table':
    case 'drop-table':
    case 'create-type':
    case 'alter-type':
    case 'drop-type':
      return printSchemaStatement(statement);
    default:
      return unreachable(statement);
  }
}

function printSelect(statement: SelectStatement): string {
  const { markers, perPartitionLimit, limit } = statement;
  const items = statement.items.map(({ selector, alias }) => {
    const printed = printSelector(selector, markers);
    return alias === undefined ? printed : `${printed} AS ${printIdentifier(alias)}`;
  });
  let text = `SELECT ${statement.distinct ? 'DISTINCT ' : ''}${items.length === 0 ? '*' : items.join(', ')}`;
  text += ` FROM ${printQualifiedName(statement.from)}`;
  if (statement.where.length > 0) text += printWhere(statement.where, markers);
  if (statement.groupBy.length > 0) text += ` GROUP BY ${statement.groupBy.map(printIdentifier).join(', ')}`;
  if (statement.orderBy.length > 0) text += ` ORDER BY ${statement.orderBy.map(printOrdering).join(', ')}`;
  if (perPartitionLimit !== undefined) text += ` PER PARTITION LIMIT ${printTerm(perPartitionLimit, markers)}`;
  if (limit !== undefined) text += ` LIMIT ${printTerm(limit, markers)}`;
  if (statement.allowFiltering) text += ' ALLOW FILTERING';
  if (statement.bypassCache) text += ' BYPASS CACHE';
  return text + printUsing(statement.using, markers);
}

function printInsert(statement: InsertStatement): string {
  const { markers } = statement;
  const columns = statement.columns.map(printIdentifier).join(', ');
  const values = statement.values.map((value) => printTerm(value, markers)).join(', ');
  const condition = statement.ifNotExists ? ' IF NOT EXISTS' : '';
  const using = printUsing(statement.using, markers);
  return `INSERT INTO ${printQualifiedName(statement.table)} (${columns}) VALUES (${values})${condition}${using}`;
}

function printUpdate(statement: UpdateStatement): string {
  const { markers } = statement;
  const table = printQualifiedName(statement.table) + printUsing(statement.using, markers);
  const assignments = statement.assignments
    .map((assignment) => printAssignment(assignment, markers, printIdentifier))
    .join(', ');
  return `UPDATE ${table} SET ${assignments}${printWhere(statement.where, markers)}${printConditions(statement)}`;
}

function printDelete(statement: DeleteStatement): string {
  const { markers } = statement;
  const targets = statement.targets.map((target) => printOperand(target, markers)).join(', ');
  const table = printQualifiedName(statement.table) + printUsing(statement.using, markers);
  const from = `DELETE ${targets === '' ? '' : `${targets} `}FROM ${table}`;
  return from + printWhere(statement.where, markers) + printConditions(statement);
}

function printBatch(statement: BatchStatement): string {
  const type = statement.type === 'logged' ? '' : `${statement.type.toUpperCase()} `;
  const body = statement.statements.map((inner) => `${printStatement(inner)}; `).join('');
  return `BEGIN ${type}BATCH${printUsing(statement.using, statement.markers)} ${body}APPLY BATCH`;
}

/** @param printName prints the names of columns and fields */
export function printAssignment(assignment: Assignment, markers: Markers, printName: (name: string) => string): string {
  const column = printName(assignment.column);
  const value = printTerm(assignment.value, markers);
  switch (assignment.kind) {
    case 'set':
      return `${column} = ${value}`;
    case 'add':
      return `${column} = ${column} + ${value}`;
    case 'subtract':
      return `${column} = ${column} - ${value}`;
    case 'prepend':
      return `${column} = ${value} + ${column}`;
    case 'set-element':
      return `${column}[${printTerm(assignment.key, markers)}] = ${value}`;
    case 'set-field':
      return `${column}.${printName(assignment.field)} = ${value}`;
    default:
      return unreachable(assignment);
  }
}

function printWhere(relations: readonly Relation[], markers: Markers): string {
  return ` WHERE ${printRelations(relations, markers)}`;
}

function printConditions({ ifExists, conditions, markers }: UpdateStatement | DeleteStatement): string {
  if (ifExists) return ' IF EXISTS';
  return conditions.length === 0 ? '' : ` IF ${printRelations(conditions, markers)}`;
}

function printUsing(options: readonly UsingOption[], markers: Markers): string {
  if (options.length === 0) return '';
  const printed = options.map(({ kind, value }) => `${kind.toUpperCase()} ${printTerm(value, markers)}`);
  return ` USING ${printed.join(' AND ')}`;
}
