import { ByteCursor, readI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { INT64_MIN_HI, INT64_MIN_LO, int64ToBigInt, int64ToNumber } from '../../core/int64.ts';
import { MAX_TTL_SECONDS } from '../../core/mutation/row-body.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { durationType } from '../../core/types/duration.ts';
import { bigintType, intType } from '../../core/types/int.ts';
import { Int64Halves, readVint64, unZigZag } from '../../core/vint.ts';
import type { UsingKind, UsingOption } from '../language/ast.ts';
import type { BoundValues } from './plan.ts';
import { prepareTerm, type TermScope } from './prepare-term.ts';
import { type TypedTerm, ValueSlot } from './term.ts';
import { isFarFuture, type WriteInput } from './write-input.ts';

const NANOS_PER_MS = 1_000_000;

/**
 * USING of a write: TTL in seconds, TIMESTAMP in microseconds, TIMEOUT. What is not written or unset has its default: the
 * table's TTL, the request's timestamp, the configured timeout.
 */
export class UsingClause {
  readonly #ttl: TypedTerm | undefined;
  readonly #timestamp: TypedTerm | undefined;
  readonly #timeout: TypedTerm | undefined;
  readonly #defaultTtl: number;

  /** @param defaultTtl of the table, in seconds; 0 is none */
  constructor(options: readonly UsingOption[], defaultTtl: number, scope: TermScope) {
    // In the order of the text, which numbers the markers.
    const terms = new Map<UsingKind, TypedTerm>();
    for (const option of options) terms.set(option.kind, prepareOption(option, scope));
    this.#ttl = terms.get('ttl');
    this.#timestamp = terms.get('timestamp');
    this.#timeout = terms.get('timeout');
    this.#defaultTtl = defaultTtl;
  }

  get hasTtl(): boolean {
    return this.#ttl !== undefined;
  }
  get hasTimestamp(): boolean {
    return this.#timestamp !== undefined;
  }
  get hasTimeout(): boolean {
    return this.#timeout !== undefined;
  }

  /** Puts timestamp and ttl into `input`, which was begun. @throws InvalidRequestError for values out of their bounds */
  apply(input: WriteInput): void {
    if (this.#timestamp !== undefined) this.#applyTimestamp(this.#timestamp, input);
    if (this.#ttl !== undefined) input.setTtl(this.#ttlSeconds(this.#ttl, input));
    else if (this.#defaultTtl !== 0) input.setTtl(this.#defaultTtl);
  }

  #applyTimestamp(term: TypedTerm, input: WriteInput): void {
    const { slot } = input;
    term.evaluate(input.values, input.context, slot);
    if (slot.isUnset) return;
    if (slot.isNull) throw new InvalidRequestError('Invalid null value of timestamp');
    if (slot.length !== 8) throw new InvalidRequestError('Invalid timestamp value');
    const hi = readI32BE(slot.bytes, slot.start);
    const lo = readI32BE(slot.bytes, slot.start + 4);
    if (hi === INT64_MIN_HI && lo === INT64_MIN_LO) {
      throw new InvalidRequestError(
        'Out of bound timestamp, must be in [-9223372036854775807, 9223372036854775807] (got -9223372036854775808)',
      );
    }
    if (isFarFuture(hi, lo, input.context.nowUs)) {
      throw new InvalidRequestError(
        `Cannot provide a timestamp more than 3 days into the future (got ${int64ToBigInt(hi, lo)}): make sure that it is in microseconds`,
      );
    }
    input.timestampHi = hi;
    input.timestampLo = lo;
  }

  #ttlSeconds(term: TypedTerm, input: WriteInput): number {
    const { slot } = input;
    term.evaluate(input.values, input.context, slot);
    if (slot.isUnset) return this.#defaultTtl;
    if (slot.isNull) throw new InvalidRequestError('Invalid null value of TTL');
    if (slot.length !== 4) throw new InvalidRequestError('Invalid TTL value');
    const seconds = readI32BE(slot.bytes, slot.start);
    if (seconds < 0) throw new InvalidRequestError(`A TTL must be greater or equal to 0, but was ${seconds}`);
    if (seconds > MAX_TTL_SECONDS) throw ttlTooLarge(String(seconds));
    return seconds;
  }

  /** USING TIMEOUT in milliseconds, or undefined. @throws InvalidRequestError for a duration that is none of milliseconds */
  timeoutMs(values: BoundValues): number | undefined {
    if (this.#timeout === undefined) return undefined;
    const slot = new ValueSlot();
    this.#timeout.evaluate(values, NO_CONTEXT, slot);
    if (slot.isUnset) return undefined;
    if (slot.isNull) throw new InvalidRequestError('Invalid null value of timeout');
    return durationMs(slot.bytes, slot.start, slot.end);
  }
}

/** @throws InvalidRequestError when a conditional statement has a timestamp */
export function refuseTimestamp(using: UsingClause): void {
  if (using.hasTimestamp) throw new InvalidRequestError('Cannot provide custom timestamp for conditional updates');
}

/** Markers and constants ask for nothing of the world. */
const NO_CONTEXT = {
  timestampHi: 0,
  timestampLo: 0,
  nowUs: 0,
  randomBytes: (): void => undefined,
  timeUuid: (): void => undefined,
};

const TYPES: Readonly<Record<UsingKind, CqlType>> = { ttl: intType, timestamp: bigintType, timeout: durationType };

function prepareOption({ kind, value }: UsingOption, scope: TermScope): TypedTerm {
  // So that a number beyond the type is refused as a TTL, not as an int.
  if (kind === 'ttl' && value.kind === 'literal' && value.type === 'integer') {
    const seconds = value.text.length > 20 ? undefined : BigInt(value.text);
    if (seconds === undefined || seconds > BigInt(MAX_TTL_SECONDS)) throw ttlTooLarge(value.text);
    if (seconds < 0n) throw new InvalidRequestError(`A TTL must be greater or equal to 0, but was ${value.text}`);
  }
  const term = prepareTerm(value, `[${kind}]`, TYPES[kind], scope);
  if (kind === 'timeout' && term.isConstant) {
    const slot = new ValueSlot();
    term.evaluate({ bytes: slot.bytes, starts: NO_POSITIONS, lengths: NO_POSITIONS, count: 0 }, NO_CONTEXT, slot);
    durationMs(slot.bytes, slot.start, slot.end);
  }
  return term;
}

const NO_POSITIONS = new Int32Array(0);

function ttlTooLarge(seconds: string): InvalidRequestError {
  return new InvalidRequestError(`ttl is too large. requested (${seconds}) maximum (${MAX_TTL_SECONDS})`);
}

/** Milliseconds of the duration bytes[start, end), which is a valid one. */
export function durationMs(bytes: Uint8Array, start: number, end: number): number {
  const cursor = new ByteCursor(bytes, 'duration', start, end);
  const part = new Int64Halves();
  for (const name of ['months', 'days']) {
    readVint64(cursor, part);
    if (part.hi !== 0 || part.lo !== 0) {
      throw new InvalidRequestError(`Timeout values cannot be expressed in ${name}`);
    }
  }
  readVint64(cursor, part);
  unZigZag(part);
  if (part.hi < 0) throw new InvalidRequestError('Timeout values must be non-negative');
  const nanos = int64ToBigInt(part.hi, part.lo);
  if (nanos % BigInt(NANOS_PER_MS) !== 0n) {
    throw new InvalidRequestError('Timeout values cannot have granularity finer than milliseconds');
  }
  return Math.floor(int64ToNumber(part.hi, part.lo) / NANOS_PER_MS);
}
