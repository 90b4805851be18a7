import { writeI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { int64Hi, int64Lo } from '../../core/int64.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { bigintType } from '../../core/types/int.ts';
import { DecimalSum, FloatSum, IntegerSum, type Sum, VarintSum } from './aggregates-sum.ts';
import { copyOf, hasNoOrder } from './restrictions-values.ts';
import type { ValueSlot } from './term.ts';

/** Takes the values of one group of rows, one by one. Used for group after group. */
export interface Aggregator {
  reset(): void;
  /** One row's value; null is taken too, each decides what it means. Borrows the bytes. */
  add(value: ValueSlot): void;
  /** The result of what came since `reset`, in an array that may be used again later; undefined is null. @throws InvalidRequestError */
  result(): Uint8Array | undefined;
}

/** An aggregate of a statement, resolved for the type of its argument. */
export interface AggregateFunction {
  readonly returnType: CqlType;
  create(): Aggregator;
}

const NAMES: ReadonlySet<string> = new Set(['count', 'min', 'max', 'sum', 'avg']);

/** True when a call means an aggregate. @param name lower case */
export function isAggregateName(keyspace: string | undefined, name: string): boolean {
  return (keyspace === undefined || keyspace === 'system') && NAMES.has(name);
}

/** `count(*)` */
export const COUNT_ROWS: AggregateFunction = { returnType: bigintType, create: () => new Count(true) };

/**
 * The aggregate of a name for values of a type.
 * @throws InvalidRequestError when it takes no such values
 */
export function aggregateFunction(name: string, type: CqlType): AggregateFunction {
  switch (name) {
    case 'count':
      return { returnType: bigintType, create: () => new Count(false) };
    case 'min':
    case 'max':
      if (hasNoOrder(type)) throw doesNotFit(name, type);
      return { returnType: type, create: () => new Extreme(type, name === 'max') };
    default: {
      const makeSum = sumOf(type);
      if (makeSum === undefined) throw doesNotFit(name, type);
      const returnType = type.kind === TypeKind.Counter ? bigintType : type;
      return { returnType, create: () => new SumOrAverage(makeSum(), name === 'avg') };
    }
  }
}

function doesNotFit(name: string, type: CqlType): InvalidRequestError {
  return new InvalidRequestError(
    `Invalid call to function ${name}, none of its type signatures match (argument of type ${type.cqlName})`,
  );
}

function sumOf({ kind }: CqlType): (() => Sum) | undefined {
  switch (kind) {
    case TypeKind.Tinyint:
      return () => new IntegerSum(1);
    case TypeKind.Smallint:
      return () => new IntegerSum(2);
    case TypeKind.Int:
      return () => new IntegerSum(4);
    case TypeKind.Bigint:
    case TypeKind.Counter:
      return () => new IntegerSum(8);
    case TypeKind.Varint:
      return () => new VarintSum();
    case TypeKind.Decimal:
      return () => new DecimalSum();
    case TypeKind.Float:
      return () => new FloatSum(4);
    case TypeKind.Double:
      return () => new FloatSum(8);
    default:
      return undefined;
  }
}

/** `count(*)` and `count(c)`, which skips nulls. */
class Count implements Aggregator {
  readonly #countsNulls: boolean;
  readonly #bytes: Uint8Array = new Uint8Array(8);
  #count = 0;

  constructor(countsNulls: boolean) {
    this.#countsNulls = countsNulls;
  }

  reset(): void {
    this.#count = 0;
  }
  add(value: ValueSlot): void {
    if (this.#countsNulls || !value.isNull) this.#count++;
  }
  result(): Uint8Array {
    writeI32BE(this.#bytes, 0, int64Hi(this.#count));
    writeI32BE(this.#bytes, 4, int64Lo(this.#count));
    return this.#bytes;
  }
}

/** `min(c)` and `max(c)`: null over nothing but nulls. Of equal values the first stays. */
class Extreme implements Aggregator {
  readonly #type: CqlType;
  readonly #sign: number;
  #best: Uint8Array | undefined;

  constructor(type: CqlType, isGreatest: boolean) {
    this.#type = type;
    this.#sign = isGreatest ? 1 : -1;
  }

  reset(): void {
    this.#best = undefined;
  }
  add(value: ValueSlot): void {
    if (value.isNull) return;
    const best = this.#best;
    const isBetter =
      best === undefined ||
      this.#type.compare(value.bytes, value.start, value.end, best, 0, best.length) * this.#sign > 0;
    if (isBetter) this.#best = copyOf(value.bytes, value.start, value.end);
  }
  result(): Uint8Array | undefined {
    return this.#best;
  }
}

/** `sum(c)` and `avg(c)`: nulls and empty values are skipped; 0 over nothing. */
class SumOrAverage implements Aggregator {
  readonly #sum: Sum;
  readonly #isAverage: boolean;
  #count = 0;

  constructor(sum: Sum, isAverage: boolean) {
    this.#sum = sum;
    this.#isAverage = isAverage;
  }

  reset(): void {
    this.#sum.reset();
    this.#count = 0;
  }
  add(value: ValueSlot): void {
    if (value.length <= 0) return;
    this.#sum.add(value.bytes, value.start, value.end);
    this.#count++;
  }
  result(): Uint8Array {
    return this.#isAverage ? this.#sum.average(this.#count) : this.#sum.total();
  }
}
