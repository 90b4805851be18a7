import { CollectionReader } from '../../core/types/collection-reader.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { decodeUtf8 } from '../../core/types/text-form.ts';
import { LikePattern } from './filter-like.ts';
import { type OrderOperator, orderSatisfies } from './order-operator.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { copyOfTerm, type RowValue, type ValueChoice } from './restrictions-values.ts';
import type { SelectRow } from './select-row.ts';
import type { TypedTerm } from './term.ts';

/**
 * Relations that no slice or key can stand for: they are tried on each row that was read. A null in the row or in the statement
 * makes a relation false.
 */
export interface RowFilter {
  matches(row: SelectRow): boolean;
}

/** A filter before its values are known. */
export interface PreparedFilter {
  /** Undefined when no row can pass. Copies what it keeps. @throws InvalidRequestError */
  bind(values: BoundValues, context: ExecutionContext): RowFilter | undefined;
}

/** A column of the row. */
export interface FilteredColumn {
  readonly slot: number;
  readonly type: CqlType;
}

/** Order of the row's values of the columns to other values, as tuples; undefined when one of the row's is null. */
function compareTuple(
  row: SelectRow,
  columns: readonly FilteredColumn[],
  values: readonly Uint8Array[],
): number | undefined {
  let order = 0;
  for (let i = 0; i < values.length; i++) {
    const { slot, type } = columns[i]!;
    const length = row.lengths[slot]!;
    if (length < 0) return undefined;
    if (order !== 0) continue;
    const start = row.starts[slot]!;
    const value = values[i]!;
    order = type.compare(row.bytesOf(slot), start, start + length, value, 0, value.length);
  }
  return order;
}

/** `a > 1`, `(a, b) <= (1, 2)`. */
export class ComparisonFilter implements PreparedFilter {
  readonly #columns: readonly FilteredColumn[];
  readonly #operator: OrderOperator;
  readonly #value: RowValue;

  constructor(columns: readonly FilteredColumn[], operator: OrderOperator, value: RowValue) {
    this.#columns = columns;
    this.#operator = operator;
    this.#value = value;
  }

  bind(values: BoundValues, context: ExecutionContext): RowFilter | undefined {
    const columns = this.#columns;
    const operator = this.#operator;
    const bound = this.#value.bind(values, context);
    if (bound === undefined) return undefined;
    return {
      matches(row) {
        const order = compareTuple(row, columns, bound);
        return order !== undefined && orderSatisfies(order, operator);
      },
    };
  }
}

/** `a = 1`, `a IN (...)`, `(a, b) NOT IN ...`. */
export class ChoiceFilter implements PreparedFilter {
  readonly #columns: readonly FilteredColumn[];
  readonly #choice: ValueChoice;
  readonly #isNegated: boolean;

  constructor(columns: readonly FilteredColumn[], choice: ValueChoice, isNegated: boolean) {
    this.#columns = columns;
    this.#choice = choice;
    this.#isNegated = isNegated;
  }

  bind(values: BoundValues, context: ExecutionContext): RowFilter | undefined {
    const columns = this.#columns;
    const isNegated = this.#isNegated;
    const { rows, hasNull } = this.#choice.bind(values, context);
    if (isNegated ? hasNull : rows.length === 0) return undefined;
    return {
      matches(row) {
        for (let i = 0; i < columns.length; i++) if (row.lengths[columns[i]!.slot]! < 0) return false;
        for (let i = 0; i < rows.length; i++) if (compareTuple(row, columns, rows[i]!) === 0) return !isNegated;
        return isNegated;
      },
    };
  }
}

/** `c CONTAINS v` and `m CONTAINS KEY k`. */
export class ContainsFilter implements PreparedFilter {
  readonly #column: FilteredColumn;
  readonly #isKey: boolean;
  readonly #term: TypedTerm;
  readonly #receiver: string;

  constructor(column: FilteredColumn, isKey: boolean, term: TypedTerm, receiver: string) {
    this.#column = column;
    this.#isKey = isKey;
    this.#term = term;
    this.#receiver = receiver;
  }

  bind(values: BoundValues, context: ExecutionContext): RowFilter | undefined {
    const { slot, type } = this.#column;
    const wanted = copyOfTerm(this.#term, values, context, this.#receiver);
    if (wanted === undefined) return undefined;
    const isMap = type.kind === TypeKind.Map;
    const element = type.parameters[isMap && !this.#isKey ? 1 : 0]!;
    const skipsKeys = isMap && !this.#isKey;
    const skipsValues = isMap && this.#isKey;
    const reader = new CollectionReader();
    return {
      matches(row) {
        if (!openCollection(reader, row, slot, isMap)) return false;
        while (reader.next()) {
          if (skipsKeys && !reader.next()) return false;
          if (element.compare(reader.bytes, reader.start, reader.end, wanted, 0, wanted.length) === 0) return true;
          if (skipsValues && !reader.next()) return false;
        }
        return false;
      },
    };
  }
}

/** `m[k] > v`. */
export class ElementFilter implements PreparedFilter {
  readonly #column: FilteredColumn;
  readonly #key: TypedTerm;
  readonly #operator: OrderOperator;
  readonly #term: TypedTerm;
  readonly #receiver: string;

  constructor(column: FilteredColumn, key: TypedTerm, operator: OrderOperator, term: TypedTerm, receiver: string) {
    this.#column = column;
    this.#key = key;
    this.#operator = operator;
    this.#term = term;
    this.#receiver = receiver;
  }

  bind(values: BoundValues, context: ExecutionContext): RowFilter | undefined {
    const { slot, type } = this.#column;
    const [keyType, valueType] = type.parameters;
    const operator = this.#operator;
    const key = copyOfTerm(this.#key, values, context, this.#receiver);
    const wanted = copyOfTerm(this.#term, values, context, this.#receiver);
    if (key === undefined || wanted === undefined) return undefined;
    const reader = new CollectionReader();
    return {
      matches(row) {
        if (!openCollection(reader, row, slot, true)) return false;
        while (reader.next()) {
          const isKey = keyType!.compare(reader.bytes, reader.start, reader.end, key, 0, key.length) === 0;
          if (!reader.next()) return false;
          if (!isKey) continue;
          return orderSatisfies(
            valueType!.compare(reader.bytes, reader.start, reader.end, wanted, 0, wanted.length),
            operator,
          );
        }
        return false;
      },
    };
  }
}

/** `c LIKE 'a%'`. */
export class LikeFilter implements PreparedFilter {
  readonly #column: FilteredColumn;
  readonly #term: TypedTerm;
  readonly #receiver: string;

  constructor(column: FilteredColumn, term: TypedTerm, receiver: string) {
    this.#column = column;
    this.#term = term;
    this.#receiver = receiver;
  }

  bind(values: BoundValues, context: ExecutionContext): RowFilter | undefined {
    const { slot } = this.#column;
    const text = copyOfTerm(this.#term, values, context, this.#receiver);
    if (text === undefined) return undefined;
    const pattern = new LikePattern(decodeUtf8(text, 0, text.length));
    return {
      matches(row) {
        const length = row.lengths[slot]!;
        const start = row.starts[slot]!;
        return length >= 0 && pattern.matches(decodeUtf8(row.bytesOf(slot), start, start + length));
      },
    };
  }
}

/** Opens the collection in a slot; false for null. */
function openCollection(reader: CollectionReader, row: SelectRow, slot: number, isMap: boolean): boolean {
  const length = row.lengths[slot]!;
  if (length < 0) return false;
  const start = row.starts[slot]!;
  if (isMap) reader.openMap(row.bytesOf(slot), start, start + length);
  else reader.openList(row.bytesOf(slot), start, start + length);
  return true;
}

/** All of several filters; undefined when none can pass. @param prepared at least one */
export function bindFilters(
  prepared: readonly PreparedFilter[],
  values: BoundValues,
  context: ExecutionContext,
): RowFilter | undefined {
  const filters: RowFilter[] = [];
  for (const filter of prepared) {
    const bound = filter.bind(values, context);
    if (bound === undefined) return undefined;
    filters.push(bound);
  }
  if (filters.length === 1) return filters[0];
  return {
    matches(row) {
      for (let i = 0; i < filters.length; i++) if (!filters[i]!.matches(row)) return false;
      return true;
    },
  };
}
