import type { ClusteringSlice } from '../../core/read/slice.ts';
import type { ClusteringComparator } from '../../core/schema/clustering-comparator.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { type KeyGroup, keySourceTuples } from './key-group.ts';
import type { KeyBound, KeyRestrictions } from './key-restrictions.ts';
import { combinations } from './modify-keys.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { normalizeSlices, type TupleBound, tupleSlices } from './slices.ts';

/** The ranges of rows that a DELETE names by the first clustering columns and bounds behind them. */
export class ClusteringRanges {
  readonly #comparator: ClusteringComparator;
  readonly #groups: readonly KeyGroup[];
  readonly #lower: KeyBound | undefined;
  readonly #upper: KeyBound | undefined;

  constructor(table: TableDescriptor, restrictions: KeyRestrictions) {
    this.#comparator = table.comparator;
    this.#groups = restrictions.clustering;
    this.#lower = restrictions.lower;
    this.#upper = restrictions.upper;
  }

  /** In table order, not overlapping. @throws InvalidRequestError for null and unset values, and for too many combinations of IN */
  bind(values: BoundValues, context: ExecutionContext): readonly ClusteringSlice[] {
    const lower = tupleBound(this.#lower, values, context);
    const upper = tupleBound(this.#upper, values, context);
    const slices = combinations(this.#groups, values, context, 'clustering').flatMap((prefix) =>
      tupleSlices(clusteringPrefix(prefix), prefix.length, lower, upper, this.#comparator),
    );
    return normalizeSlices(slices, this.#comparator);
  }
}

function tupleBound(
  bound: KeyBound | undefined,
  values: BoundValues,
  context: ExecutionContext,
): TupleBound | undefined {
  if (bound === undefined) return undefined;
  const { source, columns, isInclusive } = bound;
  return { values: keySourceTuples(source, columns, values, context)[0]!, isInclusive };
}
