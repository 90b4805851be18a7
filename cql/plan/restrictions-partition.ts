import { ByteWriter, compareBytes, copyBytes, readI32BE } from '../../core/bytes.ts';
import { InvalidRequestError } from '../../core/errors.ts';
import { compareInt64, INT64_MAX_HI, INT64_MAX_LO, INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { PartitionKeyWriter } from '../../core/partition-key.ts';
import type { PartitionRef } from '../../core/read/read-command.ts';
import type { TokenRange } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { ALL_TOKENS, Token, tokenOf } from '../../core/token.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { checkCombinations } from './restrictions-clustering.ts';
import { copyOfTerm, type ValueChoice } from './restrictions-values.ts';
import { type TypedTerm, ValueSlot } from './term.ts';

/** Which partitions a statement reads: those of given keys, or those of a range of tokens. */
export type PartitionRestriction =
  | {
      readonly kind: 'keys';
      /** One for each column of the partition key. */
      readonly choices: readonly ValueChoice[];
    }
  | { readonly kind: 'range'; readonly lower: TokenBound | undefined; readonly upper: TokenBound | undefined };

export interface TokenBound {
  readonly term: TypedTerm;
  readonly isInclusive: boolean;
}

const NOBODY: readonly PartitionRef[] = [];

/** A list of one partition that is used again for another: most statements read one. */
export class OnePartition implements PartitionRef {
  tokenHi = 0;
  tokenLo = 0;
  key: Uint8Array = new Uint8Array(0);
  readonly list: readonly PartitionRef[] = [this];

  /** Takes a copy of bytes[start, end). */
  setKey(bytes: Uint8Array, start: number, end: number): void {
    if (this.key.length !== end - start) this.key = new Uint8Array(end - start);
    copyBytes(bytes, start, end, this.key, 0);
  }
}

/** Makes partition keys of the values of one execution. */
export class PartitionKeyBinder {
  readonly #columnNames: readonly string[];
  readonly #types: readonly CqlType[];
  readonly #choices: readonly ValueChoice[];
  /** The terms when every column has one value. */
  readonly #plainTerms: readonly TypedTerm[] | undefined;
  readonly #slot: ValueSlot = new ValueSlot();
  readonly #token: Token = new Token();
  readonly #writer: PartitionKeyWriter = new PartitionKeyWriter();
  readonly #scratch: ByteWriter = new ByteWriter(64);

  constructor(choices: readonly ValueChoice[], table: TableDescriptor) {
    const terms = choices.map(({ term }) => term).filter((term) => term !== undefined);
    this.#columnNames = table.partitionKey.map(({ name }) => name);
    this.#types = table.partitionKey.map(({ type }) => type);
    this.#choices = choices;
    this.#plainTerms = terms.length === choices.length ? terms : undefined;
  }

  /**
   * The partitions in the order of the answer; none when nothing can match.
   * @param one becomes the only partition where the statement names one
   * @throws InvalidRequestError
   */
  bind(values: BoundValues, context: ExecutionContext, one: OnePartition): readonly PartitionRef[] {
    if (this.#plainTerms !== undefined) return this.#bindPlain(this.#plainTerms, values, context, one);
    let rows: readonly (readonly Uint8Array[])[] = [[]];
    for (const [i, choice] of this.#choices.entries()) {
      const chosen = sortedDistinct(choice.bind(values, context).rows, this.#types[i]!);
      checkCombinations('partition-key', rows.length * chosen.length);
      rows = rows.flatMap((row) => chosen.map((value) => [...row, value]));
    }
    return rows.map((row) => {
      this.#scratch.clear();
      this.#writer.begin(this.#scratch, row.length);
      for (const value of row) this.#writer.value(value, 0, value.length);
      this.#writer.end();
      return this.#ref(this.#scratch.toBytes());
    });
  }

  #bindPlain(
    terms: readonly TypedTerm[],
    values: BoundValues,
    context: ExecutionContext,
    one: OnePartition,
  ): readonly PartitionRef[] {
    const slot = this.#slot;
    const writer = this.#writer;
    const out = this.#scratch;
    let matches = true;
    out.clear();
    writer.begin(out, terms.length);
    for (let i = 0; i < terms.length; i++) {
      terms[i]!.evaluate(values, context, slot);
      if (slot.length < 0) {
        if (slot.isUnset) throw new InvalidRequestError(`Invalid unset value for column ${this.#columnNames[i]}`);
        matches = false;
      } else {
        writer.value(slot.bytes, slot.start, slot.end);
      }
    }
    if (!matches) return NOBODY;
    writer.end();
    const token = this.#token;
    tokenOf(out.bytes, 0, out.length, token);
    one.tokenHi = token.hi;
    one.tokenLo = token.lo;
    one.setKey(out.bytes, 0, out.length);
    return one.list;
  }

  #ref(key: Uint8Array): PartitionRef {
    const token = this.#token;
    tokenOf(key, 0, key.length, token);
    return { tokenHi: token.hi, tokenLo: token.lo, key };
  }
}

/** In the order of the type; equal bytes count once. */
function sortedDistinct(rows: readonly (readonly Uint8Array[])[], type: CqlType): readonly Uint8Array[] {
  const values = rows.map(([value]) => value!);
  const order = (a: Uint8Array, b: Uint8Array) =>
    type.compare(a, 0, a.length, b, 0, b.length) || compareBytes(a, 0, a.length, b, 0, b.length);
  return values.sort(order).filter((value, i) => i === 0 || order(values[i - 1]!, value) !== 0);
}

/** The range of tokens of one execution, or undefined when it is empty. @throws InvalidRequestError */
export function bindTokenRange(
  lower: TokenBound | undefined,
  upper: TokenBound | undefined,
  values: BoundValues,
  context: ExecutionContext,
): TokenRange | undefined {
  if (lower === undefined && upper === undefined) return ALL_TOKENS;
  const range = { ...ALL_TOKENS };
  if (lower !== undefined) {
    const token = copyOfTerm(lower.term, values, context, TOKEN_RECEIVER);
    if (token === undefined || token.length !== 8) return undefined;
    range.startHi = readI32BE(token, 0);
    range.startLo = readI32BE(token, 4);
    range.startInclusive = lower.isInclusive;
  }
  if (upper !== undefined) {
    const token = copyOfTerm(upper.term, values, context, TOKEN_RECEIVER);
    if (token === undefined || token.length !== 8) return undefined;
    range.endHi = readI32BE(token, 0);
    range.endLo = readI32BE(token, 4);
    range.endInclusive = upper.isInclusive;
    // Tools walk the ring in ranges (a, b] of which the last ends where the ring begins: the least token is its end too.
    if (upper !== lower && range.endHi === INT64_MIN_HI && range.endLo === INT64_MIN_LO) {
      range.endHi = INT64_MAX_HI;
      range.endLo = INT64_MAX_LO;
      range.endInclusive = true;
    }
  }
  const order = compareInt64(range.startHi, range.startLo, range.endHi, range.endLo);
  if (order > 0 || (order === 0 && !(range.startInclusive && range.endInclusive))) return undefined;
  return range;
}

const TOKEN_RECEIVER = 'partition key token';
