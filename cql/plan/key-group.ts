import { InvalidRequestError } from '../../core/errors.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { CollectionReader } from '../../core/types/collection-reader.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { evaluateTerm, type TypedTerm } from './term.ts';

/** Where the values of adjacent key columns come from. */
export type KeySource =
  /** A term for each column. */
  | { readonly kind: 'columns'; readonly terms: readonly TypedTerm[] }
  /** One term of a tuple type for all of them. */
  | { readonly kind: 'tuple'; readonly term: TypedTerm }
  /** A list of values of the one column: `c IN ?`. */
  | { readonly kind: 'list'; readonly term: TypedTerm }
  /** A list of tuples: `(c, d) IN ?`. */
  | { readonly kind: 'tuple-list'; readonly term: TypedTerm };

/** What `=` or IN say of adjacent key columns: any of some tuples of values. */
export class KeyGroup {
  readonly columns: readonly ColumnDescriptor[];
  /** Written with IN, however many values it has. */
  readonly isIn: boolean;
  readonly #sources: readonly KeySource[];

  constructor(columns: readonly ColumnDescriptor[], isIn: boolean, sources: readonly KeySource[]) {
    this.columns = columns;
    this.isIn = isIn;
    this.#sources = sources;
  }

  /** A term for each column, where `=` gives just that. */
  get terms(): readonly TypedTerm[] | undefined {
    const [source] = this.#sources;
    return !this.isIn && source?.kind === 'columns' ? source.terms : undefined;
  }

  /** All tuples, one value for each column. @throws InvalidRequestError for null and unset values */
  expand(values: BoundValues, context: ExecutionContext): readonly (readonly Uint8Array[])[] {
    return this.#sources.flatMap((source) => keySourceTuples(source, this.columns, values, context));
  }
}

/** The tuples that a source stands for. @throws InvalidRequestError for null and unset values */
export function keySourceTuples(
  source: KeySource,
  columns: readonly ColumnDescriptor[],
  values: BoundValues,
  context: ExecutionContext,
): readonly (readonly Uint8Array[])[] {
  if (source.kind === 'columns') {
    return [source.terms.map((term, i) => keyValue(term, columns[i]!.name, values, context))];
  }
  const shown = columns.map(({ name }) => name).join(', ');
  const value = keyValue(source.term, shown, values, context);
  if (source.kind === 'tuple') return [splitTuple(value, columns)];
  const tuples: (readonly Uint8Array[])[] = [];
  const reader = new CollectionReader();
  reader.openList(value, 0, value.length);
  while (reader.next()) {
    if (reader.isNull) throw nullInCondition(shown);
    const element = value.subarray(reader.start, reader.end);
    tuples.push(source.kind === 'list' ? [element] : splitTuple(element, columns));
  }
  return tuples;
}

function keyValue(term: TypedTerm, shown: string, values: BoundValues, context: ExecutionContext): Uint8Array {
  const value = evaluateTerm(term, values, context, `column ${shown}`);
  if (value === undefined) throw nullInCondition(shown);
  return value;
}

function splitTuple(value: Uint8Array, columns: readonly ColumnDescriptor[]): readonly Uint8Array[] {
  const reader = new CollectionReader();
  reader.openTuple(value, 0, value.length, columns.length);
  return columns.map(({ name }) => {
    if (!reader.next() || reader.isNull) throw nullInCondition(name);
    return value.subarray(reader.start, reader.end);
  });
}

/** The error for a key column that is compared with null. */
export function nullInCondition(column: string): InvalidRequestError {
  return new InvalidRequestError(`Invalid null value in condition for column ${column}`);
}
