import { ByteWriter } from '../../core/bytes.ts';
import { appendClusteringValue, clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import type { KeyGroup } from './key-group.ts';
import { combinations, evaluateKey } from './modify-keys.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import type { TypedTerm, ValueSlot } from './term.ts';

/** The rows of a partition that a statement names by all their clustering columns. */
export class ClusteringRows {
  readonly #columns: readonly ColumnDescriptor[];
  readonly #terms: readonly TypedTerm[] | undefined;
  readonly #groups: readonly KeyGroup[];
  readonly #scratch: ByteWriter = new ByteWriter(64);

  /** @param groups cover all clustering columns of the table, in order */
  constructor(columns: readonly ColumnDescriptor[], groups: readonly KeyGroup[]) {
    this.#columns = columns;
    this.#groups = groups;
    const terms = groups.flatMap((group) => group.terms ?? []);
    this.#terms = terms.length === columns.length ? terms : undefined;
  }

  /** The statement names one row. */
  get isOne(): boolean {
    return this.#terms !== undefined;
  }
  /** IN was written. */
  get hasIn(): boolean {
    return this.#groups.some((group) => group.isIn);
  }

  /** The position of the one row; borrowed until the next. @param slot for evaluating; @throws InvalidRequestError for values that are no key */
  bindOne(values: BoundValues, context: ExecutionContext, slot: ValueSlot): ByteWriter {
    const terms = this.#terms!;
    const scratch = this.#scratch;
    scratch.clear();
    for (let i = 0; i < terms.length; i++) {
      evaluateKey(terms[i]!, this.#columns[i]!, values, context, slot);
      appendClusteringValue(scratch, slot.bytes, slot.start, slot.end);
    }
    return scratch;
  }

  /** The positions of all rows, each once. @throws InvalidRequestError as `bindOne`, and for too many rows */
  bindAll(values: BoundValues, context: ExecutionContext): readonly Uint8Array[] {
    const rows = new Map<string, Uint8Array>();
    for (const tuple of combinations(this.#groups, values, context, 'clustering')) {
      const position = clusteringPrefix(tuple);
      rows.set(Buffer.from(position).toString('latin1'), position);
    }
    return [...rows.values()];
  }
}
