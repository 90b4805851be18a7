import { InvalidRequestError, NotSupportedYetError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { setType } from '../../core/types/collection.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { frozen } from '../../core/types/frozen.ts';
import { intType } from '../../core/types/int.ts';
import type * as ast from '../language/ast.ts';
import { printAssignment } from '../language/printer.ts';
import { isAddable } from './add-number.ts';
import {
  addOperation,
  DELETE_COLUMN,
  deleteFieldOperation,
  deleteItemOperation,
  deleteKeyOperation,
  type ElementOperation,
  overwriteOperation,
  prependOperation,
  putOperation,
  setFieldOperation,
  setItemOperation,
  subtractItemsOperation,
  subtractKeysOperation,
} from './element-operations.ts';
import { prepareTerm, type TermScope } from './prepare-term.ts';
import { ConstantTerm, type TypedTerm } from './term.ts';

/** A change of one static or regular column, prepared once. */
export type ColumnOperation =
  /** The one cell of a frozen or simple column gets a value; null is its deletion. */
  | { readonly kind: 'cell'; readonly column: ColumnDescriptor; readonly term: TypedTerm }
  /** `c = c + n` or `c = c - n` of a number, which must be read first. */
  | {
      readonly kind: 'number';
      readonly column: ColumnDescriptor;
      readonly term: TypedTerm;
      readonly isSubtraction: boolean;
    }
  /** Something with elements of a multi-cell column. */
  | { readonly kind: 'elements'; readonly column: ColumnDescriptor; readonly operation: ElementOperation };

/** True for an operation on what was there before. */
export function operationNeedsRead(operation: ColumnOperation): boolean {
  return operation.kind === 'number' || (operation.kind === 'elements' && operation.operation.needsRead);
}

/** A column that may be written. @throws InvalidRequestError when the table has none of that name */
export function writtenColumn(table: TableDescriptor, name: string): ColumnDescriptor {
  const column = table.column(name);
  if (column === undefined) throw new InvalidRequestError(`Unknown identifier ${name}`);
  if (column.type.kind === TypeKind.Counter) throw new NotSupportedYetError('counter columns are');
  return column;
}

/** `c = v`, and what INSERT does to each column. */
export function setOperation(column: ColumnDescriptor, value: ast.Term, scope: TermScope): ColumnOperation {
  const term = prepareTerm(value, column.name, column.type, scope);
  return column.type.isMultiCell
    ? { kind: 'elements', column, operation: overwriteOperation(column, term) }
    : { kind: 'cell', column, term };
}

/**
 * One part of SET.
 * @param isConditional the statement has IF, so that numbers can be read and added to
 * @throws InvalidRequestError when the column's type has no such operation
 */
export function assignmentOperation(
  assignment: ast.Assignment,
  table: TableDescriptor,
  isConditional: boolean,
  scope: TermScope,
): ColumnOperation {
  const column = writtenColumn(table, assignment.column);
  if (column.kind === ColumnKind.PartitionKey || column.kind === ColumnKind.Clustering) {
    throw new InvalidRequestError(`PRIMARY KEY part ${column.name} found in SET part`);
  }
  switch (assignment.kind) {
    case 'set':
      return setOperation(column, assignment.value, scope);
    case 'set-element':
      return setElement(assignment, column, scope);
    case 'set-field':
      return setField(assignment, column, scope);
    default:
      return arithmetic(assignment, column, isConditional, scope);
  }
}

/** `c + v`, `c - v`, `v + c`. */
function arithmetic(
  assignment: Exclude<ast.Assignment, { kind: 'set-element' } | { kind: 'set-field' }>,
  column: ColumnDescriptor,
  isConditional: boolean,
  scope: TermScope,
): ColumnOperation {
  const { type, name } = column;
  const { kind, value } = assignment;
  const prepared = (as: CqlType): TypedTerm => prepareTerm(value, name, as, scope);
  if (isAddable(type) && isConditional) {
    return { kind: 'number', column, term: prepared(type), isSubtraction: kind === 'subtract' };
  }
  if (!isCollection(type) || (kind === 'prepend' && type.kind !== TypeKind.List)) {
    const wanted = kind === 'prepend' && isCollection(type) ? 'list' : isCollection(type) ? 'collection' : 'counter';
    throw invalidOperation(assignment, scope, `non ${wanted} column ${name}`);
  }
  if (!type.isMultiCell) throw invalidOperation(assignment, scope, `frozen collection column ${name}`);
  return { kind: 'elements', column, operation: collectionOperation(kind, column, prepared) };
}

function collectionOperation(
  kind: ast.Assignment['kind'],
  column: ColumnDescriptor,
  prepared: (as: CqlType) => TypedTerm,
): ElementOperation {
  const { type } = column;
  if (kind === 'add') return addOperation(column, prepared(type));
  if (kind === 'prepend') return prependOperation(column, prepared(type));
  if (type.kind === TypeKind.List) return subtractItemsOperation(column, prepared(type));
  // Of a map keys are taken away, not entries.
  return subtractKeysOperation(prepared(type.kind === TypeKind.Map ? setType(type.parameters[0]!) : type));
}

/** `m[k] = v`, `l[i] = v`. */
function setElement(
  assignment: Extract<ast.Assignment, { kind: 'set-element' }>,
  column: ColumnDescriptor,
  scope: TermScope,
): ColumnOperation {
  const { type, name } = column;
  if (type.kind !== TypeKind.Map && type.kind !== TypeKind.List) {
    const what = type.kind === TypeKind.Set ? 'set' : 'non collection';
    throw invalidOperation(assignment, scope, `${what} column ${name}`);
  }
  if (!type.isMultiCell) throw invalidOperation(assignment, scope, `frozen collection column ${name}`);
  if (type.kind === TypeKind.List) {
    const index = prepareTerm(assignment.key, `idx(${name})`, intType, scope);
    const value = prepareTerm(assignment.value, `value(${name})`, type.parameters[0]!, scope);
    return { kind: 'elements', column, operation: setItemOperation(column, index, value) };
  }
  const key = prepareTerm(assignment.key, `key(${name})`, type.parameters[0]!, scope);
  const value = prepareTerm(assignment.value, `value(${name})`, type.parameters[1]!, scope);
  return { kind: 'elements', column, operation: putOperation(column, key, value) };
}

/** `u.f = v`. */
function setField(
  assignment: Extract<ast.Assignment, { kind: 'set-field' }>,
  column: ColumnDescriptor,
  scope: TermScope,
): ColumnOperation {
  const { type, name } = column;
  if (type.kind !== TypeKind.Udt) throw invalidOperation(assignment, scope, `non-UDT column ${name}`);
  if (!type.isMultiCell) throw invalidOperation(assignment, scope, `frozen UDT column ${name}`);
  const field = fieldIndex(column, assignment.field);
  const value = prepareTerm(assignment.value, `${name}.${assignment.field}`, fieldType(type, field), scope);
  return { kind: 'elements', column, operation: setFieldOperation(field, value) };
}

/**
 * One target of DELETE: a column, an element or a field.
 * @throws InvalidRequestError when there is no such thing
 */
export function deletionOperation(target: ast.DeleteTarget, table: TableDescriptor, scope: TermScope): ColumnOperation {
  const column = writtenColumn(table, target.column);
  const { type, name } = column;
  if (column.kind === ColumnKind.PartitionKey || column.kind === ColumnKind.Clustering) {
    throw new InvalidRequestError(`Invalid identifier ${name} for deletion (should not be a PRIMARY KEY part)`);
  }
  switch (target.kind) {
    case 'column':
      return type.isMultiCell
        ? { kind: 'elements', column, operation: DELETE_COLUMN }
        : { kind: 'cell', column, term: new ConstantTerm(type, undefined) };
    case 'field': {
      if (type.kind !== TypeKind.Udt)
        throw new InvalidRequestError(`Invalid deletion operation for non-UDT column ${name}`);
      if (!type.isMultiCell) throw new InvalidRequestError(`Invalid deletion operation for frozen UDT column ${name}`);
      return { kind: 'elements', column, operation: deleteFieldOperation(fieldIndex(column, target.field)) };
    }
    default:
      return { kind: 'elements', column, operation: deleteElement(target, column, scope) };
  }
}

function deleteElement(target: ast.ElementOperand, column: ColumnDescriptor, scope: TermScope): ElementOperation {
  const { type, name } = column;
  if (!isCollection(type)) {
    throw new InvalidRequestError(`Invalid deletion operation for non collection column ${name}`);
  }
  if (!type.isMultiCell) {
    throw new InvalidRequestError(`Invalid deletion operation for frozen collection column ${name}`);
  }
  if (type.kind === TypeKind.List) {
    return deleteItemOperation(column, prepareTerm(target.key, `idx(${name})`, intType, scope));
  }
  const receiver = type.kind === TypeKind.Set ? `value(${name})` : `key(${name})`;
  return deleteKeyOperation(column, prepareTerm(target.key, receiver, type.parameters[0]!, scope));
}

/** Index of a field of a UDT column. @throws InvalidRequestError when the type has none of that name */
export function fieldIndex({ name, type }: ColumnDescriptor, field: string): number {
  const index = type.udt!.fieldNames.indexOf(field);
  if (index < 0) throw new InvalidRequestError(`UDT column ${name} does not have a field named ${field}`);
  return index;
}

/** What a field of a UDT holds: fields are one cell each. */
export function fieldType(type: CqlType, index: number): CqlType {
  return frozen(type.parameters[index]!);
}

function isCollection({ kind }: CqlType): boolean {
  return kind === TypeKind.List || kind === TypeKind.Set || kind === TypeKind.Map;
}

function invalidOperation(assignment: ast.Assignment, { markerNames }: TermScope, why: string): InvalidRequestError {
  const shown = printAssignment(assignment, markerNames, (name) => name);
  return new InvalidRequestError(`Invalid operation (${shown}) for ${why}`);
}
