import { ByteWriter } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { ALL_ROWS, type ClusteringSlice } from '../../core/read/slice.ts';
import type { ClusteringComparator } from '../../core/schema/clustering-comparator.ts';
import { appendClusteringValue } from '../../core/schema/clustering-prefix.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { isLowerBound, isUpperBound, type KeyCondition, startOf } from './restrictions-condition.ts';
import type { RowValue, ValueChoice } from './restrictions-values.ts';
import { extendPrefix, normalizeSlices, prefixSlice, type TupleBound, tupleSlices } from './slices.ts';
import { type TypedTerm, ValueSlot } from './term.ts';

/** Combinations of values of IN that one statement may ask for, of partition keys and of clustering columns each (ScyllaDB's limit). */
export const MAX_COMBINATIONS = 100;

/** What one or several adjacent clustering columns may be: values, or a range. Only the last step is a range. */
export interface ClusteringStep {
  /** Index of its first clustering column. */
  readonly first: number;
  readonly arity: number;
  readonly choice: ValueChoice | undefined;
  readonly lower: StepBound | undefined;
  readonly upper: StepBound | undefined;
}

export interface StepBound {
  readonly value: RowValue;
  readonly isInclusive: boolean;
}

export interface CombinedClustering {
  readonly steps: readonly ClusteringStep[];
  /** Conditions that no slice can stand for, with what to say of them where filtering is not allowed. */
  readonly unused: readonly { readonly condition: KeyCondition; readonly why: string }[];
}

/** Joins the conditions on clustering columns to steps from the first column on, as far as they go. */
export function combineClustering(
  conditions: readonly KeyCondition[],
  columns: readonly ColumnDescriptor[],
): CombinedClustering {
  const steps: ClusteringStep[] = [];
  const used = new Set<KeyCondition>();
  let next = 0;
  let range: ColumnDescriptor | undefined;
  while (next < columns.length && range === undefined) {
    const here = conditions.filter((condition) => startOf(condition.columns) === next);
    const first = here[0];
    if (first === undefined) break;
    for (const condition of here) used.add(condition);
    const { choice } = first;
    const arity = Math.max(...here.map((condition) => condition.columns.length));
    const bound = (condition: KeyCondition | undefined): StepBound | undefined =>
      condition && { value: condition.value!, isInclusive: condition.operator.length === 2 };
    steps.push({
      first: next,
      arity,
      choice,
      lower: choice === undefined ? bound(here.find(isLowerBound)) : undefined,
      upper: choice === undefined ? bound(here.find(isUpperBound)) : undefined,
    });
    if (choice === undefined) range = columns[next];
    else next += arity;
  }
  const unused = conditions
    .filter((condition) => !used.has(condition))
    .map((condition) => ({ condition, why: whyUnused(condition, columns[next], range) }));
  return { steps, unused };
}

function whyUnused(
  condition: KeyCondition,
  unrestricted: ColumnDescriptor | undefined,
  range: ColumnDescriptor | undefined,
): string {
  const { name } = condition.columns[0]!;
  if (range !== undefined) {
    return `Clustering column "${name}" cannot be restricted (preceding column "${range.name}" is restricted by a non-EQ relation)`;
  }
  return `PRIMARY KEY column "${name}" cannot be restricted as preceding column "${unrestricted?.name}" is not restricted`;
}

const NO_PREFIX = new Uint8Array(0);
const EVERYTHING: readonly ClusteringSlice[] = [ALL_ROWS];
const NOTHING: readonly ClusteringSlice[] = [];

/** Makes slices of the steps with the values of one execution. */
export class ClusteringBinder {
  readonly #steps: readonly ClusteringStep[];
  readonly #comparator: ClusteringComparator;
  /** The terms when every step is one value of one column: the slice is one prefix. */
  readonly #plainTerms: readonly TypedTerm[] | undefined;
  readonly #plainNames: readonly string[];
  readonly #scratch: ByteWriter = new ByteWriter(64);
  readonly #slot: ValueSlot = new ValueSlot();

  constructor(
    steps: readonly ClusteringStep[],
    comparator: ClusteringComparator,
    columns: readonly ColumnDescriptor[],
  ) {
    const terms = steps.map(({ choice }) => choice?.term).filter((term) => term !== undefined);
    this.#steps = steps;
    this.#comparator = comparator;
    this.#plainTerms = terms.length === steps.length ? terms : undefined;
    this.#plainNames = steps.map(({ first }) => columns[first]!.name);
  }

  /** The slices in normal form; none when nothing can match. @throws InvalidRequestError */
  bind(values: BoundValues, context: ExecutionContext): readonly ClusteringSlice[] {
    if (this.#steps.length === 0) return EVERYTHING;
    if (this.#plainTerms !== undefined) return this.#bindPlain(this.#plainTerms, values, context);
    let prefixes: readonly Uint8Array[] = [NO_PREFIX];
    for (const step of this.#steps) {
      const { choice, first } = step;
      if (choice === undefined) {
        const lower = bindBound(step.lower, values, context);
        const upper = bindBound(step.upper, values, context);
        if (lower === null || upper === null) return NOTHING;
        const slices = prefixes.flatMap((prefix) => tupleSlices(prefix, first, lower, upper, this.#comparator));
        return normalizeSlices(slices, this.#comparator);
      }
      const { rows } = choice.bind(values, context);
      const chosen = choice.isEquality ? rows : this.#distinct(rows, first);
      checkCombinations('clustering-key', prefixes.length * chosen.length);
      prefixes = prefixes.flatMap((prefix) => chosen.map((row) => extendPrefix(prefix, row)));
    }
    return normalizeSlices(prefixes.map(prefixSlice), this.#comparator);
  }

  #bindPlain(terms: readonly TypedTerm[], values: BoundValues, context: ExecutionContext): readonly ClusteringSlice[] {
    const out = this.#scratch;
    const slot = this.#slot;
    out.clear();
    let matches = true;
    for (let i = 0; i < terms.length; i++) {
      terms[i]!.evaluate(values, context, slot);
      if (slot.isUnset) throw new InvalidRequestError(`Invalid unset value for column ${this.#plainNames[i]}`);
      if (slot.isNull) matches = false;
      else appendClusteringValue(out, slot.bytes, slot.start, slot.end);
    }
    return matches ? [prefixSlice(out.toBytes())] : NOTHING;
  }

  #distinct(rows: readonly (readonly Uint8Array[])[], first: number): readonly (readonly Uint8Array[])[] {
    const { types } = this.#comparator;
    const isSame = (a: readonly Uint8Array[], b: readonly Uint8Array[]) =>
      a.every((value, i) => types[first + i]!.compare(value, 0, value.length, b[i]!, 0, b[i]!.length) === 0);
    const distinct: (readonly Uint8Array[])[] = [];
    for (const row of rows) {
      if (distinct.some((other) => isSame(row, other))) continue;
      distinct.push(row);
      checkCombinations('clustering-key', distinct.length);
    }
    return distinct;
  }
}

/** @throws InvalidRequestError when values of IN make more combinations than are allowed */
export function checkCombinations(what: 'clustering-key' | 'partition-key', count: number): void {
  if (count > MAX_COMBINATIONS) {
    throw new InvalidRequestError(
      `${what} cartesian product size ${count} is greater than maximum ${MAX_COMBINATIONS}`,
    );
  }
}

/** Undefined without a bound, null when its value is null: then nothing matches. */
function bindBound(
  bound: StepBound | undefined,
  values: BoundValues,
  context: ExecutionContext,
): TupleBound | undefined | null {
  if (bound === undefined) return undefined;
  const row = bound.value.bind(values, context);
  return row === undefined ? null : { values: row, isInclusive: bound.isInclusive };
}
