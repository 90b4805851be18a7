import { InvalidRequestError } from '../../core/errors.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { frozen } from '../../core/types/frozen.ts';
import type { Markers } from '../language/ast.ts';
import type { BindMarker, BoundValues } from './plan.ts';

/**
 * Types and names of a statement's bind markers, found one by one while its terms are prepared. An anonymous marker is named
 * after what receives it, as drivers expect (cql-protocol §7.3). The statements of a BATCH text share one.
 */
export class MarkerTypes {
  readonly #names: Markers;
  readonly #markers: (BindMarker | undefined)[];

  constructor(names: Markers) {
    this.#names = names;
    this.#markers = names.map(() => undefined);
  }

  get count(): number {
    return this.#names.length;
  }

  /**
   * Gives marker `index` the type of what receives it.
   * @throws InvalidRequestError when a name stands for values of two types
   */
  note(index: number, receiver: string, type: CqlType): void {
    const before = this.#markers[index];
    if (before === undefined) {
      this.#markers[index] = { name: this.#names[index] ?? receiver, type };
    } else if (!isSameType(before.type, type)) {
      throw new InvalidRequestError(
        `Bind variable :${before.name} is used as a value of type ${before.type.cqlName} and of type ${type.cqlName}`,
      );
    }
  }

  /** All markers in their order, once every term was prepared. @throws InvalidRequestError for one that nothing receives */
  all(): readonly BindMarker[] {
    return this.#markers.map((marker, index) => {
      if (marker === undefined) throw new InvalidRequestError(`Cannot infer the type of bind variable ${index}`);
      return marker;
    });
  }
}

/** True for two types whose values have the same bytes and meaning: frozen or not makes no difference. */
export function isSameType(a: CqlType, b: CqlType): boolean {
  return a === b || frozen(a).className === frozen(b).className;
}

/** @throws InvalidRequestError unless the request brings as many values as the statement has markers */
export function checkValueCount(values: BoundValues, markerCount: number): void {
  if (values.count !== markerCount) {
    throw new InvalidRequestError(`Invalid amount of bind variables: expected ${markerCount} received ${values.count}`);
  }
}
