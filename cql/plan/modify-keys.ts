import { ByteWriter } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { MAX_KEY_BYTES, PartitionKeyWriter } from '../../core/partition-key.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import { type KeyGroup, nullInCondition } from './key-group.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { NO_MARKER, type TypedTerm, type ValueSlot } from './term.ts';

/** Most partitions, and most rows or ranges of each, that the INs of one statement may name. */
export const MAX_KEY_COMBINATIONS = 100;

const NOTHING = new Uint8Array(0);

/** Evaluates the value of a key column. @throws InvalidRequestError for null, unset and wrong values */
export function evaluateKey(
  term: TypedTerm,
  column: ColumnDescriptor,
  values: BoundValues,
  context: ExecutionContext,
  into: ValueSlot,
): void {
  term.evaluate(values, context, into);
  if (into.isNull) throw nullInCondition(column.name);
  if (into.isUnset) throw new InvalidRequestError(`Invalid unset value for column ${column.name}`);
}

/** The partitions that a statement names: one by terms for all columns, or several by IN. */
export class PartitionKeys {
  readonly #columns: readonly ColumnDescriptor[];
  /** A term for each column, or undefined when some have alternatives. */
  readonly #terms: readonly TypedTerm[] | undefined;
  readonly #groups: readonly KeyGroup[];
  readonly #scratch: ByteWriter = new ByteWriter(64);
  readonly #writer: PartitionKeyWriter = new PartitionKeyWriter();

  /** The key that `bindOne` found: bytes[start, end). Valid until the next, and while the request's values are. */
  bytes: Uint8Array = NOTHING;
  start = 0;
  end = 0;

  /** @param groups one for each column of the partition key, in order */
  constructor(columns: readonly ColumnDescriptor[], groups: readonly KeyGroup[]) {
    this.#columns = columns;
    this.#groups = groups;
    const terms = groups.flatMap((group) => group.terms ?? []);
    this.#terms = terms.length === columns.length ? terms : undefined;
  }

  /** The statement names one partition. */
  get isOne(): boolean {
    return this.#terms !== undefined;
  }
  /** IN was written. */
  get hasIn(): boolean {
    return this.#groups.some((group) => group.isIn);
  }
  /** For each column the marker that gives it; empty when some column has none. */
  get markers(): readonly number[] {
    const markers = this.#terms?.map((term) => term.marker) ?? [];
    return markers.includes(NO_MARKER) ? [] : markers;
  }

  /** Finds the key of a statement that `isOne`. @param slot for evaluating; @throws InvalidRequestError for values that are no key */
  bindOne(values: BoundValues, context: ExecutionContext, slot: ValueSlot): void {
    const terms = this.#terms!;
    if (terms.length === 1) {
      evaluateKey(terms[0]!, this.#columns[0]!, values, context, slot);
      const { length, start } = slot;
      if (length === 0) throw new InvalidRequestError('Key may not be empty');
      if (length > MAX_KEY_BYTES) throw keyTooLong(length);
      this.bytes = slot.bytes;
      this.start = start;
      this.end = start + length;
      return;
    }
    const scratch = this.#scratch;
    const writer = this.#writer;
    scratch.clear();
    writer.begin(scratch, terms.length);
    for (let i = 0; i < terms.length; i++) {
      evaluateKey(terms[i]!, this.#columns[i]!, values, context, slot);
      writer.value(slot.bytes, slot.start, slot.end);
    }
    writer.end();
    this.bytes = scratch.bytes;
    this.start = 0;
    this.end = scratch.length;
  }

  /** Lets go of the request's bytes. */
  release(): void {
    this.bytes = NOTHING;
    this.start = 0;
    this.end = 0;
  }

  /** All keys, each once. @throws InvalidRequestError for values that are no keys, and for too many of them */
  bindAll(values: BoundValues, context: ExecutionContext): readonly Uint8Array[] {
    const tuples = combinations(this.#groups, values, context, 'partition');
    const keys = new Map<string, Uint8Array>();
    for (const tuple of tuples) {
      const scratch = this.#scratch;
      scratch.clear();
      this.#writer.begin(scratch, tuple.length);
      for (const value of tuple) this.#writer.value(value, 0, value.length);
      this.#writer.end();
      const key = scratch.toBytes();
      keys.set(Buffer.from(key).toString('latin1'), key);
    }
    return [...keys.values()];
  }
}

/**
 * Every way to take one tuple of each group, joined, in the order of the groups' values.
 * @throws InvalidRequestError when there are more than MAX_KEY_COMBINATIONS
 */
export function combinations(
  groups: readonly KeyGroup[],
  values: BoundValues,
  context: ExecutionContext,
  what: 'partition' | 'clustering',
): readonly (readonly Uint8Array[])[] {
  let all: readonly (readonly Uint8Array[])[] = [[]];
  for (const group of groups) {
    const tuples = group.expand(values, context);
    const product = all.length * tuples.length;
    if (product > MAX_KEY_COMBINATIONS) {
      throw new InvalidRequestError(
        `${what} key cartesian product size ${product} is greater than maximum ${MAX_KEY_COMBINATIONS}`,
      );
    }
    all = all.flatMap((before) => tuples.map((tuple) => [...before, ...tuple]));
  }
  return all;
}

function keyTooLong(length: number): InvalidRequestError {
  return new InvalidRequestError(`Key length of ${length} is longer than maximum of ${MAX_KEY_BYTES}`);
}
