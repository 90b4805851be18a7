import { InvalidRequestError } from '../../core/errors.ts';
import { canonicalValue, needsCanonicalForm } from '../../core/types/canonical-value.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { type BoundValues, type ExecutionContext, NULL_VALUE, UNSET_VALUE } from './plan.ts';

/** In place of a marker's index: the term is none. */
export const NO_MARKER = -1;

const NOTHING = new Uint8Array(0);

/**
 * Where a term puts its value: bytes[start, start + length), or a length of NULL_VALUE or UNSET_VALUE. Made once per user
 * and used again. The bytes are borrowed: of the request for a marker, of the plan for a constant.
 */
export class ValueSlot {
  bytes: Uint8Array = NOTHING;
  start = 0;
  length: number = NULL_VALUE;

  get end(): number {
    return this.start + this.length;
  }
  get isNull(): boolean {
    return this.length === NULL_VALUE;
  }
  get isUnset(): boolean {
    return this.length === UNSET_VALUE;
  }

  set(bytes: Uint8Array, start: number, length: number): void {
    this.bytes = bytes;
    this.start = start;
    this.length = length;
  }

  /** All of an array; undefined is null. */
  setBytes(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) this.set(NOTHING, 0, NULL_VALUE);
    else this.set(bytes, 0, bytes.length);
  }
}

/**
 * A term of a statement with the type of the place that it stands in. Prepared once (`prepare-term.ts`), evaluated at each
 * execution.
 */
export interface TypedTerm {
  /** Every value is one of this type: checked, its sets and maps sorted. */
  readonly type: CqlType;
  /** Index of the marker if the term is a marker and nothing else, NO_MARKER otherwise. */
  readonly marker: number;
  /** The value never differs: no marker in it, and no function that is not pure. */
  readonly isConstant: boolean;
  /** @throws InvalidRequestError for a value that is none of the type, or unset inside of an expression */
  evaluate(values: BoundValues, context: ExecutionContext, into: ValueSlot): void;
}

/** A value known when the statement is planned. */
export class ConstantTerm implements TypedTerm {
  readonly type: CqlType;
  readonly marker: number = NO_MARKER;
  readonly isConstant: boolean = true;
  /** Undefined is null. */
  readonly value: Uint8Array | undefined;

  constructor(type: CqlType, value: Uint8Array | undefined) {
    this.type = type;
    this.value = value;
  }

  evaluate(_values: BoundValues, _context: ExecutionContext, into: ValueSlot): void {
    into.setBytes(this.value);
  }
}

/** A bind marker. */
export class MarkerValue implements TypedTerm {
  readonly type: CqlType;
  readonly marker: number;
  readonly isConstant: boolean = false;
  readonly #receiver: string;
  readonly #needsCanonicalForm: boolean;

  /** @param receiver named in messages */
  constructor(type: CqlType, marker: number, receiver: string) {
    this.type = type;
    this.marker = marker;
    this.#receiver = receiver;
    this.#needsCanonicalForm = needsCanonicalForm(type);
  }

  evaluate(values: BoundValues, _context: ExecutionContext, into: ValueSlot): void {
    const { marker } = this;
    const length = values.lengths[marker]!;
    const start = values.starts[marker]!;
    into.set(values.bytes, start, length);
    if (length < 0) return;
    checkValue(this.type, this.#receiver, values.bytes, start, start + length);
    if (this.#needsCanonicalForm) into.setBytes(canonicalValue(this.type, values.bytes, start, start + length));
  }
}

/** @throws InvalidRequestError when the bytes are no value of the type */
export function checkValue(type: CqlType, receiver: string, bytes: Uint8Array, start: number, end: number): void {
  const wrong = type.validate(bytes, start, end);
  if (wrong !== undefined) {
    throw new InvalidRequestError(`Exception while binding column ${receiver} of type ${type.cqlName}: ${wrong}`);
  }
}

/**
 * The value in an array that stays valid while values and plan do; undefined is null.
 * @throws InvalidRequestError as `evaluate`, and for an unset value, naming `receiver`
 */
export function evaluateTerm(
  term: TypedTerm,
  values: BoundValues,
  context: ExecutionContext,
  receiver: string,
): Uint8Array | undefined {
  const slot = new ValueSlot();
  term.evaluate(values, context, slot);
  if (slot.isUnset) throw new InvalidRequestError(`Invalid unset value for ${receiver}`);
  if (slot.isNull) return undefined;
  return slot.start === 0 && slot.length === slot.bytes.length
    ? slot.bytes
    : slot.bytes.subarray(slot.start, slot.start + slot.length);
}

/** Values of a statement without markers, for evaluating constants. */
export const NO_VALUES: BoundValues = {
  bytes: NOTHING,
  starts: new Int32Array(0),
  lengths: new Int32Array(0),
  count: 0,
};
