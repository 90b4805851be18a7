import { copyBytes } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { listType } from '../../core/types/collection.ts';
import { CollectionReader } from '../../core/types/collection-reader.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { tupleType } from '../../core/types/tuple.ts';
import type { MarkerTerm, Term } from '../language/ast.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { prepareTerm, type TermScope } from './prepare-term.ts';
import { NO_MARKER, type TypedTerm, ValueSlot } from './term.ts';

/**
 * What the right side of a relation gives for one or several columns. A null on the right side matches nothing, as in SQL; an
 * unset one is refused.
 */

/** Names a column or a tuple of columns as messages and markers do: `a`, `(a, b)`. */
export function receiverName(columns: readonly string[], isTuple: boolean): string {
  return isTuple ? `(${columns.join(', ')})` : columns[0]!;
}

/** The value of a term in an array of its own; undefined is null. @throws InvalidRequestError for an unset value */
export function copyOfTerm(
  term: TypedTerm,
  values: BoundValues,
  context: ExecutionContext,
  receiver: string,
): Uint8Array | undefined {
  const slot = new ValueSlot();
  term.evaluate(values, context, slot);
  if (slot.isUnset) throw new InvalidRequestError(`Invalid unset value for column ${receiver}`);
  return slot.isNull ? undefined : copyOf(slot.bytes, slot.start, slot.end);
}

/** A copy of bytes[start, end). `bytes.slice` would not do: of a Buffer, which requests come in, it is a view. */
export function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  const copy = new Uint8Array(end - start);
  copyBytes(bytes, start, end, copy, 0);
  return copy;
}

/** A term for one column, or for a tuple of columns, as a value per column. */
export class RowValue {
  readonly term: TypedTerm;
  readonly receiver: string;
  /** Columns; the term of more than one, or of `(a)`, is a tuple. */
  readonly arity: number;
  readonly #isTuple: boolean;

  constructor(term: TypedTerm, receiver: string, arity: number, isTuple: boolean) {
    this.term = term;
    this.receiver = receiver;
    this.arity = arity;
    this.#isTuple = isTuple;
  }

  /** Copies of the values, or undefined when one is null. @throws InvalidRequestError */
  bind(values: BoundValues, context: ExecutionContext): readonly Uint8Array[] | undefined {
    const value = copyOfTerm(this.term, values, context, this.receiver);
    if (value === undefined) return undefined;
    return this.#isTuple ? splitTuple(value, this.arity, this.receiver) : [value];
  }
}

/** The right side of `=`, `<` and so on. @param types of the columns */
export function prepareRowValue(
  term: Term,
  columns: readonly string[],
  types: readonly CqlType[],
  isTuple: boolean,
  scope: TermScope,
): RowValue {
  const receiver = receiverName(columns, isTuple);
  if (isTuple) checkTupleLength(term, columns.length);
  const typed = prepareTerm(term, receiver, isTuple ? tupleType(types) : types[0]!, scope);
  return new RowValue(typed, receiver, columns.length, isTuple);
}

/** Values that a relation allows: one tuple of values per element. */
export interface AllowedValues {
  readonly rows: readonly (readonly Uint8Array[])[];
  /** A null was among them: it matches nothing, and `NOT IN` nothing at all. */
  readonly hasNull: boolean;
}

/** The right side of `=`, IN or NOT IN. */
export interface ValueChoice {
  /** `=`: never more than one. */
  readonly isEquality: boolean;
  /** Marker that gives the value of an equality, NO_MARKER otherwise. */
  readonly marker: number;
  /** The term of an equality on one column, for those who need no copy. */
  readonly term: TypedTerm | undefined;
  /** Copies of the values. @throws InvalidRequestError */
  bind(values: BoundValues, context: ExecutionContext): AllowedValues;
}

class ListedValues implements ValueChoice {
  readonly isEquality: boolean;
  readonly marker: number;
  readonly term: TypedTerm | undefined;
  readonly #rows: readonly RowValue[];

  constructor(rows: readonly RowValue[], isEquality: boolean, isTuple: boolean) {
    this.#rows = rows;
    this.isEquality = isEquality;
    this.term = isEquality && !isTuple ? rows[0]!.term : undefined;
    this.marker = this.term?.marker ?? NO_MARKER;
  }

  bind(values: BoundValues, context: ExecutionContext): AllowedValues {
    const bound = this.#rows.map((row) => row.bind(values, context));
    const rows = bound.filter((row) => row !== undefined);
    return { rows, hasNull: rows.length < bound.length };
  }
}

/** `IN ?`: a list. */
class ListMarker implements ValueChoice {
  readonly isEquality: boolean = false;
  readonly marker: number = NO_MARKER;
  readonly term: TypedTerm | undefined = undefined;
  readonly #list: TypedTerm;
  readonly #receiver: string;
  readonly #arity: number;
  readonly #isTuple: boolean;

  constructor(list: TypedTerm, receiver: string, arity: number, isTuple: boolean) {
    this.#list = list;
    this.#receiver = receiver;
    this.#arity = arity;
    this.#isTuple = isTuple;
  }

  bind(values: BoundValues, context: ExecutionContext): AllowedValues {
    const list = copyOfTerm(this.#list, values, context, this.#receiver);
    if (list === undefined) {
      throw new InvalidRequestError(`Invalid null value in condition for column ${this.#receiver}`);
    }
    const rows: (readonly Uint8Array[])[] = [];
    const reader = new CollectionReader();
    let hasNull = false;
    reader.openList(list, 0, list.length);
    while (reader.next()) {
      const value = list.slice(reader.start, reader.end);
      const row = this.#isTuple ? splitTuple(value, this.#arity, this.#receiver) : [value];
      if (row === undefined) hasNull = true;
      else rows.push(row);
    }
    return { rows, hasNull };
  }
}

/** `= term`. */
export function equalityOf(value: RowValue, isTuple: boolean): ValueChoice {
  return new ListedValues([value], true, isTuple);
}

/** `IN (...)`. */
export function choiceOfItems(
  items: readonly Term[],
  columns: readonly string[],
  types: readonly CqlType[],
  isTuple: boolean,
  scope: TermScope,
): ValueChoice {
  const rows = items.map((item) => prepareRowValue(item, columns, types, isTuple, scope));
  return new ListedValues(rows, false, isTuple);
}

/** `IN ?`. */
export function choiceOfMarker(
  marker: MarkerTerm,
  columns: readonly string[],
  types: readonly CqlType[],
  isTuple: boolean,
  scope: TermScope,
): ValueChoice {
  const receiver = receiverName(columns, isTuple);
  const name = isTuple ? `IN${receiver}` : `IN(${receiver})`;
  const list = prepareTerm(marker, name, listType(isTuple ? tupleType(types) : types[0]!, false), scope);
  return new ListMarker(list, receiver, columns.length, isTuple);
}

function checkTupleLength(term: Term, arity: number): void {
  const inner = term.kind === 'hint' ? term.term : term;
  if (inner.kind === 'tuple' && inner.items.length !== arity) throw wrongTupleLength(arity, inner.items.length);
}

/** The fields of a tuple, or undefined when one is null. @throws InvalidRequestError when there are not `arity` of them */
function splitTuple(value: Uint8Array, arity: number, receiver: string): readonly Uint8Array[] | undefined {
  const reader = new CollectionReader();
  const fields: Uint8Array[] = [];
  let count = 0;
  reader.openTuple(value, 0, value.length, arity);
  for (; reader.next(); count++) if (!reader.isNull) fields.push(value.slice(reader.start, reader.end));
  if (reader.isDamaged) throw new InvalidRequestError(`Invalid tuple value for ${receiver}`);
  if (count !== arity) throw wrongTupleLength(arity, count);
  return fields.length === arity ? fields : undefined;
}

function wrongTupleLength(expected: number, got: number): InvalidRequestError {
  return new InvalidRequestError(`Expected ${expected} elements in value tuple, but got ${got}`);
}

/** True for types whose values have no order: they can be equal, not less or greater. */
export function hasNoOrder(type: CqlType): boolean {
  return type.kind === TypeKind.Duration || type.parameters.some(hasNoOrder);
}
