import { readI32BE, writeI32BE } from '../../core/bytes.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { CollectionReader } from '../../core/types/collection-reader.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { bigintType, intType } from '../../core/types/int.ts';
import type { Aggregator } from './aggregates.ts';
import type { ScalarFunction } from './functions/scalar-function.ts';
import type { ExecutionContext } from './plan.ts';
import { copyOf } from './restrictions-values.ts';
import type { SelectRow } from './select-row.ts';
import { ValueSlot } from './term.ts';

/** What selectors see while one row, or one group of rows, is made. */
export interface SelectorInput {
  row: SelectRow;
  readonly nowSeconds: number;
  readonly context: ExecutionContext;
  /** Values of the terms in the SELECT list; undefined is null. */
  readonly terms: readonly (Uint8Array | undefined)[];
  readonly aggregates: readonly Aggregator[];
}

/**
 * A value of the SELECT list, or a part of one. Selectors belong to the plan and have room for one value: what `evaluate` gives
 * is borrowed until the next call.
 */
export interface ValueSelector {
  readonly type: CqlType;
  evaluate(input: SelectorInput, into: ValueSlot): void;
}

/** A column. */
export class ColumnValue implements ValueSelector {
  readonly type: CqlType;
  readonly slot: number;

  constructor(slot: number, type: CqlType) {
    this.slot = slot;
    this.type = type;
  }

  evaluate({ row }: SelectorInput, into: ValueSlot): void {
    row.read(this.slot, into);
  }
}

/** `u.f` */
export class FieldValue implements ValueSelector {
  readonly type: CqlType;
  readonly #of: ValueSelector;
  readonly #index: number;
  readonly #slot: ValueSlot = new ValueSlot();
  readonly #reader: CollectionReader = new CollectionReader();

  constructor(of: ValueSelector, index: number) {
    this.#of = of;
    this.#index = index;
    this.type = of.type.parameters[index]!;
  }

  evaluate(input: SelectorInput, into: ValueSlot): void {
    const slot = this.#slot;
    const reader = this.#reader;
    this.#of.evaluate(input, slot);
    into.setBytes(undefined);
    if (slot.isNull) return;
    reader.openTuple(slot.bytes, slot.start, slot.end, this.#of.type.parameters.length);
    for (let i = 0; reader.next(); i++) {
      if (i < this.#index) continue;
      if (!reader.isNull) into.set(reader.bytes, reader.start, reader.end - reader.start);
      return;
    }
  }
}

/** `m[k]`: the value of a key; `s[x]`: the element if it is there; `l[i]`: the element at an index from 0. */
export class ElementValue implements ValueSelector {
  readonly type: CqlType;
  readonly #of: ValueSelector;
  readonly #key: number;
  readonly #slot: ValueSlot = new ValueSlot();
  readonly #reader: CollectionReader = new CollectionReader();

  /** @param key index of the key among the terms of the SELECT list */
  constructor(of: ValueSelector, key: number) {
    const { kind, parameters } = of.type;
    this.#of = of;
    this.#key = key;
    this.type = parameters[kind === TypeKind.Map ? 1 : 0]!;
  }

  evaluate(input: SelectorInput, into: ValueSlot): void {
    const slot = this.#slot;
    const key = input.terms[this.#key];
    this.#of.evaluate(input, slot);
    into.setBytes(undefined);
    if (slot.isNull || key === undefined) return;
    const { kind, parameters } = this.#of.type;
    if (kind === TypeKind.List) {
      this.#elementAt(key.length === 4 ? readI32BE(key, 0) : -1, into);
    } else if (kind === TypeKind.Map) {
      this.#valueOf(parameters[0]!, key, into);
    } else {
      this.#elementEqual(parameters[0]!, key, into);
    }
  }

  #elementAt(index: number, into: ValueSlot): void {
    const reader = this.#reader;
    const { bytes, start, end } = this.#slot;
    reader.openList(bytes, start, end);
    for (let i = 0; i <= index && reader.next(); i++) {
      if (i === index) into.set(bytes, reader.start, reader.end - reader.start);
    }
  }

  #valueOf(keyType: CqlType, key: Uint8Array, into: ValueSlot): void {
    const reader = this.#reader;
    const { bytes, start, end } = this.#slot;
    reader.openMap(bytes, start, end);
    while (reader.next()) {
      const isWanted = keyType.compare(bytes, reader.start, reader.end, key, 0, key.length) === 0;
      if (!reader.next()) return;
      if (!isWanted) continue;
      into.set(bytes, reader.start, reader.end - reader.start);
      return;
    }
  }

  #elementEqual(type: CqlType, element: Uint8Array, into: ValueSlot): void {
    const reader = this.#reader;
    const { bytes, start, end } = this.#slot;
    reader.openList(bytes, start, end);
    while (reader.next()) {
      if (type.compare(bytes, reader.start, reader.end, element, 0, element.length) !== 0) continue;
      into.set(bytes, reader.start, reader.end - reader.start);
      return;
    }
  }
}

/** `writetime(c)`: microseconds. */
export class WritetimeValue implements ValueSelector {
  readonly type: CqlType = bigintType;
  readonly #probe: number;
  readonly #bytes: Uint8Array = new Uint8Array(8);

  constructor(probe: number) {
    this.#probe = probe;
  }

  evaluate({ row }: SelectorInput, into: ValueSlot): void {
    const cell = row.probed[this.#probe]!;
    into.setBytes(undefined);
    if (!cell.isFound) return;
    writeI32BE(this.#bytes, 0, cell.timestampHi);
    writeI32BE(this.#bytes, 4, cell.timestampLo);
    into.setBytes(this.#bytes);
  }
}

/** `ttl(c)`: seconds left. */
export class TtlValue implements ValueSelector {
  readonly type: CqlType = intType;
  readonly #probe: number;
  readonly #bytes: Uint8Array = new Uint8Array(4);

  constructor(probe: number) {
    this.#probe = probe;
  }

  evaluate({ row, nowSeconds }: SelectorInput, into: ValueSlot): void {
    const cell = row.probed[this.#probe]!;
    into.setBytes(undefined);
    if (!cell.isFound || cell.ttl === 0) return;
    writeI32BE(this.#bytes, 0, cell.expiry - nowSeconds);
    into.setBytes(this.#bytes);
  }
}

/** `token(pk, ...)` of the row's own partition. */
export class TokenValue implements ValueSelector {
  readonly type: CqlType = bigintType;
  readonly #token: Token = new Token();
  readonly #bytes: Uint8Array = new Uint8Array(8);
  readonly #anyKeySlot: number;

  /** @param anyKeySlot slot of a column of the partition key: null in groups without rows */
  constructor(anyKeySlot: number) {
    this.#anyKeySlot = anyKeySlot;
  }

  evaluate({ row }: SelectorInput, into: ValueSlot): void {
    into.setBytes(undefined);
    if (row.lengths[this.#anyKeySlot]! < 0) return;
    tokenOf(row.key.bytes, 0, row.key.length, this.#token);
    writeI32BE(this.#bytes, 0, this.#token.hi);
    writeI32BE(this.#bytes, 4, this.#token.lo);
    into.setBytes(this.#bytes);
  }
}

/** A call of a scalar function, or a cast. */
export class CallValue implements ValueSelector {
  readonly type: CqlType;
  readonly #called: ScalarFunction;
  readonly #args: readonly ValueSelector[];
  readonly #slot: ValueSlot = new ValueSlot();

  constructor(called: ScalarFunction, args: readonly ValueSelector[]) {
    this.type = called.returnType;
    this.#called = called;
    this.#args = args;
  }

  evaluate(input: SelectorInput, into: ValueSlot): void {
    const slot = this.#slot;
    const args = this.#args.map((arg) => {
      arg.evaluate(input, slot);
      return slot.isNull ? undefined : copyOf(slot.bytes, slot.start, slot.end);
    });
    into.setBytes(this.#called.call(args, input.context));
  }
}

/** A constant or marker of the SELECT list. */
export class TermValue implements ValueSelector {
  readonly type: CqlType;
  readonly #index: number;

  constructor(index: number, type: CqlType) {
    this.#index = index;
    this.type = type;
  }

  evaluate({ terms }: SelectorInput, into: ValueSlot): void {
    into.setBytes(terms[this.#index]);
  }
}

/** `(type)x`: the same bytes as another type. */
export class HintedValue implements ValueSelector {
  readonly type: CqlType;
  readonly #of: ValueSelector;

  constructor(of: ValueSelector, type: CqlType) {
    this.#of = of;
    this.type = type;
  }

  evaluate(input: SelectorInput, into: ValueSlot): void {
    this.#of.evaluate(input, into);
  }
}

/** An aggregate over the rows of a group. */
export class AggregateValue implements ValueSelector {
  readonly type: CqlType;
  readonly #index: number;

  /** @param index among the aggregates of the statement */
  constructor(index: number, type: CqlType) {
    this.#index = index;
    this.type = type;
  }

  evaluate({ aggregates }: SelectorInput, into: ValueSlot): void {
    into.setBytes(aggregates[this.#index]!.result());
  }
}
