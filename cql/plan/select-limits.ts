import { readI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { intType } from '../../core/types/int.ts';
import type { NumberTerm, SelectStatement } from '../language/ast.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { prepareTerm, type TermScope } from './prepare-term.ts';
import { type TypedTerm, ValueSlot } from './term.ts';

/** In place of a number of rows, where there is no limit. */
export const UNLIMITED = -1;

/** LIMIT and PER PARTITION LIMIT of a SELECT. */
export class SelectLimits {
  readonly #limit: TypedTerm | undefined;
  readonly #perPartition: TypedTerm | undefined;
  readonly #slot: ValueSlot = new ValueSlot();

  /** @throws InvalidRequestError for a limit that can never be one */
  constructor({ limit, perPartitionLimit }: SelectStatement, scope: TermScope) {
    this.#perPartition = prepareLimit(perPartitionLimit, 'PER PARTITION LIMIT', '[per_partition_limit]', scope);
    this.#limit = prepareLimit(limit, 'LIMIT', '[limit]', scope);
  }

  /** Rows in all, or UNLIMITED. @throws InvalidRequestError */
  rows(values: BoundValues, context: ExecutionContext): number {
    return this.#limit === undefined ? UNLIMITED : this.#evaluate(this.#limit, 'LIMIT', values, context);
  }

  /** Rows of each partition, or UNLIMITED. @throws InvalidRequestError */
  perPartition(values: BoundValues, context: ExecutionContext): number {
    if (this.#perPartition === undefined) return UNLIMITED;
    return this.#evaluate(this.#perPartition, 'PER PARTITION LIMIT', values, context);
  }

  #evaluate(term: TypedTerm, name: string, values: BoundValues, context: ExecutionContext): number {
    const slot = this.#slot;
    term.evaluate(values, context, slot);
    if (slot.isUnset) return UNLIMITED;
    if (slot.length !== 4) throw new InvalidRequestError(`Invalid null value of ${name}`);
    const limit = readI32BE(slot.bytes, slot.start);
    if (limit <= 0) throw notPositive(name);
    return limit;
  }
}

/** The lesser of two limits. */
export function tighter(a: number, b: number): number {
  if (a === UNLIMITED) return b;
  return b === UNLIMITED ? a : Math.min(a, b);
}

function prepareLimit(
  limit: NumberTerm | undefined,
  name: string,
  marker: string,
  scope: TermScope,
): TypedTerm | undefined {
  if (limit === undefined) return undefined;
  if (limit.kind === 'literal' && /^(-|0+$)/.test(limit.text)) throw notPositive(name);
  return prepareTerm(limit, marker, intType, scope);
}

function notPositive(name: string): InvalidRequestError {
  return new InvalidRequestError(`${name} must be strictly positive`);
}
