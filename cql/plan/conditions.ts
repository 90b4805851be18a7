import { readI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { listType } from '../../core/types/collection.ts';
import { elementCount } from '../../core/types/collection-codec.ts';
import { CollectionReader } from '../../core/types/collection-reader.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { intType } from '../../core/types/int.ts';
import { decodeUtf8 } from '../../core/types/text-form.ts';
import type * as ast from '../language/ast.ts';
import { LikePattern } from './filter-like.ts';
import { fieldIndex, fieldType } from './operations.ts';
import { orderSatisfies } from './order-operator.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { prepareTerm, type TermScope } from './prepare-term.ts';
import type { PriorRow } from './prior-row.ts';
import { evaluateTerm, type TypedTerm } from './term.ts';

/** The IF of a statement. Null rules differ from WHERE: `c = null` holds where there is no value, `!= null` where there is one. */
export interface StatementCondition {
  /** The columns tested, in table order; all of the table for IF [NOT] EXISTS. They are what the answer shows. */
  readonly columns: readonly ColumnDescriptor[];
  /** It tests existence, or a column that is not static: the row must be named. */
  readonly needsRow: boolean;
  /** @throws InvalidRequestError for values that cannot be compared */
  holds(prior: PriorRow, values: BoundValues, context: ExecutionContext): boolean;
}

/** All columns as `SELECT *` orders them. */
export function allColumns(table: TableDescriptor): readonly ColumnDescriptor[] {
  return [...table.partitionKey, ...table.clustering, ...table.statics, ...table.regulars];
}

/**
 * IF EXISTS and IF NOT EXISTS.
 * @param isOfStatics the statement names no row but the partition's static one
 */
export function existenceCondition(table: TableDescriptor, wanted: boolean, isOfStatics: boolean): StatementCondition {
  return {
    columns: allColumns(table),
    needsRow: !isOfStatics,
    holds: (prior) => (isOfStatics ? prior.hasStaticRow : prior.hasRow) === wanted,
  };
}

/** `IF a = 1 AND m['k'] IN (2, 3)`. @throws InvalidRequestError for what cannot be tested */
export function columnConditions(
  relations: readonly ast.Relation[],
  table: TableDescriptor,
  scope: TermScope,
): StatementCondition {
  const conditions = relations.map((relation) => prepareCondition(relation, table, scope));
  const tested = new Set(conditions.map(({ column }) => column));
  return {
    columns: allColumns(table).filter((column) => tested.has(column)),
    needsRow: conditions.some(({ column }) => column.kind === ColumnKind.Regular),
    holds: (prior, values, context) => conditions.every((condition) => condition.holds(prior, values, context)),
  };
}

interface ColumnCondition {
  readonly column: ColumnDescriptor;
  holds(prior: PriorRow, values: BoundValues, context: ExecutionContext): boolean;
}

/** What a condition looks at: a column, an element or a field. */
interface Subject {
  readonly name: string;
  readonly type: CqlType;
  /** Undefined is null. */
  value(prior: PriorRow, values: BoundValues, context: ExecutionContext): Uint8Array | undefined;
}

type Value = Uint8Array | undefined;

function prepareCondition(relation: ast.Relation, table: TableDescriptor, scope: TermScope): ColumnCondition {
  const { left } = relation;
  if (left.kind === 'tuple' || left.kind === 'token') throw new InvalidRequestError('IF tests single columns only');
  if (relation.kind === 'is-not-null') throw new InvalidRequestError(`IS NOT NULL is not supported in IF`);
  const column = table.column(left.column);
  if (column === undefined) throw new InvalidRequestError(`Unknown identifier ${left.column}`);
  if (column.kind === ColumnKind.PartitionKey || column.kind === ColumnKind.Clustering) {
    throw new InvalidRequestError(`PRIMARY KEY column '${column.name}' cannot have IF conditions`);
  }
  const subject = prepareSubject(left, column, scope);
  // A multi-cell column without elements and an empty collection are the same.
  const emptyIsNull = left.kind === 'column' && column.type.isMultiCell && column.type.kind !== TypeKind.Udt;
  const normal = (value: Value): Value =>
    value !== undefined && emptyIsNull && elementCount(value, 0, value.length) === 0 ? undefined : value;
  const test = prepareTest(relation, subject, normal, scope);
  return {
    column,
    holds: (prior, values, context) => test(subject.value(prior, values, context), values, context),
  };
}

type Test = (value: Value, values: BoundValues, context: ExecutionContext) => boolean;

function prepareTest(
  relation: Exclude<ast.Relation, ast.NotNullRelation>,
  subject: Subject,
  normal: (value: Value) => Value,
  scope: TermScope,
): Test {
  const { name, type } = subject;
  if (relation.kind === 'in-marker') {
    const list = prepareTerm(relation.marker, `IN(${name})`, listType(type, false), scope);
    return (value, values, context) => {
      const given = evaluateTerm(list, values, context, `IN(${name})`);
      if (given === undefined) throw new InvalidRequestError(`Invalid null list in IN condition on ${name}`);
      return listElements(given).some((item) => isEqual(type, value, normal(item))) !== relation.negated;
    };
  }
  if (relation.kind === 'in') {
    const items = relation.items.map((item) => prepareTerm(item, name, type, scope));
    return (value, values, context) => {
      const isIn = items.some((item) => isEqual(type, value, normal(evaluateTerm(item, values, context, name))));
      return isIn !== relation.negated;
    };
  }
  const { operator } = relation;
  switch (operator) {
    case '=':
    case '!=': {
      const term = prepareTerm(relation.right, name, type, scope);
      return (value, values, context) =>
        isEqual(type, value, normal(evaluateTerm(term, values, context, name))) === (operator === '=');
    }
    case 'LIKE':
      return prepareLike(relation.right, subject, scope);
    case 'CONTAINS':
    case 'CONTAINS KEY':
      throw new InvalidRequestError(`${operator} is not supported in IF`);
    default: {
      if (type.kind === TypeKind.Duration) {
        throw new InvalidRequestError(`Slice conditions ( ${operator} ) are not supported on durations`);
      }
      const term = prepareTerm(relation.right, name, type, scope);
      return (value, values, context) => {
        const given = normal(evaluateTerm(term, values, context, name));
        if (value === undefined || given === undefined) return false;
        return orderSatisfies(type.compare(value, 0, value.length, given, 0, given.length), operator);
      };
    }
  }
}

function prepareLike(right: ast.Term, { name, type }: Subject, scope: TermScope): Test {
  if (type.kind !== TypeKind.Text && type.kind !== TypeKind.Ascii) {
    throw new InvalidRequestError(`LIKE is allowed only on string types, which ${name} is not`);
  }
  const term = prepareTerm(right, name, type, scope);
  return (value, values, context) => {
    const pattern = evaluateTerm(term, values, context, name);
    if (value === undefined || pattern === undefined) return false;
    return new LikePattern(decodeUtf8(pattern, 0, pattern.length)).matches(decodeUtf8(value, 0, value.length));
  };
}

/** Null equals null alone. */
function isEqual(type: CqlType, a: Value, b: Value): boolean {
  if (a === undefined || b === undefined) return a === b;
  return type.compare(a, 0, a.length, b, 0, b.length) === 0;
}

function listElements(list: Uint8Array): readonly Value[] {
  const reader = new CollectionReader();
  reader.openList(list, 0, list.length);
  const elements: Value[] = [];
  while (reader.next()) elements.push(reader.isNull ? undefined : list.subarray(reader.start, reader.end));
  return elements;
}

function prepareSubject(
  operand: Exclude<ast.Operand, ast.TupleOperand | ast.TokenOperand>,
  column: ColumnDescriptor,
  scope: TermScope,
): Subject {
  const { name, type } = column;
  switch (operand.kind) {
    case 'column':
      return { name, type, value: (prior) => prior.value(column) };
    case 'field': {
      if (type.kind !== TypeKind.Udt)
        throw new InvalidRequestError(`Cannot use field ${operand.field} of non-UDT column ${name}`);
      const field = fieldIndex(column, operand.field);
      return {
        name: `${name}.${operand.field}`,
        type: fieldType(type, field),
        value: (prior) => tupleField(prior.value(column), field, type.parameters.length),
      };
    }
    default:
      return elementSubject(operand, column, scope);
  }
}

function elementSubject(operand: ast.ElementOperand, column: ColumnDescriptor, scope: TermScope): Subject {
  const { name, type } = column;
  if (type.kind === TypeKind.List) {
    const index = prepareTerm(operand.key, `idx(${name})`, intType, scope);
    return {
      name: `value(${name})`,
      type: type.parameters[0]!,
      value(prior, values, context) {
        const bytes = keyOf(index, values, context, `index of list ${name}`);
        const place = bytes.length === 4 ? readI32BE(bytes, 0) : -1;
        if (place < 0) throw new InvalidRequestError(`Invalid negative list index ${place}`);
        const list = prior.value(column);
        return list === undefined ? undefined : listElements(list)[place];
      },
    };
  }
  if (type.kind === TypeKind.Map) {
    const key = prepareTerm(operand.key, `key(${name})`, type.parameters[0]!, scope);
    return {
      name: `value(${name})`,
      type: type.parameters[1]!,
      value: (prior, values, context) =>
        mapValue(type, prior.value(column), keyOf(key, values, context, `key of map ${name}`)),
    };
  }
  throw new InvalidRequestError(`Column ${name} of type ${type.cqlName} has no elements that could be tested`);
}

function keyOf(term: TypedTerm, values: BoundValues, context: ExecutionContext, what: string): Uint8Array {
  const key = evaluateTerm(term, values, context, what);
  if (key === undefined) throw new InvalidRequestError(`Invalid null value for ${what}`);
  return key;
}

function mapValue(type: CqlType, map: Value, key: Uint8Array): Value {
  if (map === undefined) return undefined;
  const keyType = type.parameters[0]!;
  const reader = new CollectionReader();
  reader.openMap(map, 0, map.length);
  while (reader.next()) {
    const isFound = keyType.compare(map, reader.start, reader.end, key, 0, key.length) === 0;
    reader.next();
    if (isFound) return map.subarray(reader.start, reader.end);
  }
  return undefined;
}

function tupleField(tuple: Value, field: number, fieldCount: number): Value {
  if (tuple === undefined) return undefined;
  const reader = new CollectionReader();
  reader.openTuple(tuple, 0, tuple.length, fieldCount);
  for (let i = 0; reader.next(); i++) {
    if (i === field) return reader.isNull ? undefined : tuple.subarray(reader.start, reader.end);
  }
  return undefined;
}
