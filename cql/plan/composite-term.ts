import { InvalidRequestError } from '../../core/errors.ts';
import { encodeList, encodeMap, encodeSet, encodeTuple, encodeVector } from '../../core/types/collection-codec.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { evaluateTerm, NO_MARKER, type TypedTerm, type ValueSlot } from './term.ts';

/**
 * A literal of a list, set, map, vector, tuple or UDT with terms inside that are not all constant. Of a map the parts are keys
 * and values in turn; of a tuple or UDT one for each field that is given, undefined for a field that is not.
 */
export class CompositeTerm implements TypedTerm {
  readonly type: CqlType;
  readonly marker: number = NO_MARKER;
  readonly isConstant: boolean;
  readonly #parts: readonly (TypedTerm | undefined)[];
  readonly #receiver: string;

  /** @param receiver named in messages */
  constructor(type: CqlType, parts: readonly (TypedTerm | undefined)[], receiver: string) {
    this.type = type;
    this.isConstant = parts.every((part) => part === undefined || part.isConstant);
    this.#parts = parts;
    this.#receiver = receiver;
  }

  evaluate(values: BoundValues, context: ExecutionContext, into: ValueSlot): void {
    const parts = this.#parts.map((part) =>
      part === undefined ? undefined : evaluateTerm(part, values, context, `an element of ${this.#receiver}`),
    );
    into.setBytes(this.#encode(parts));
  }

  #encode(parts: readonly (Uint8Array | undefined)[]): Uint8Array {
    const { type } = this;
    const element = type.parameters[0]!;
    switch (type.kind) {
      case TypeKind.Tuple:
      case TypeKind.Udt:
        return encodeTuple(parts);
      case TypeKind.Set:
        return encodeSet(element, this.#present(parts));
      case TypeKind.Map: {
        const present = this.#present(parts);
        return encodeMap(
          element,
          present.filter((_, i) => i % 2 === 0),
          present.filter((_, i) => i % 2 === 1),
        );
      }
      case TypeKind.Vector: {
        const present = this.#present(parts);
        for (const part of present) {
          if (element.fixedLength >= 0 && part.length !== element.fixedLength) {
            throw new InvalidRequestError(`empty values are not supported inside ${type.cqlName}`);
          }
        }
        return encodeVector(element, present);
      }
      default:
        return encodeList(this.#present(parts));
    }
  }

  #present(parts: readonly (Uint8Array | undefined)[]): readonly Uint8Array[] {
    if (parts.includes(undefined)) {
      throw new InvalidRequestError(
        `null is not supported inside collections (${this.#receiver} of type ${this.type.cqlName})`,
      );
    }
    return parts as readonly Uint8Array[];
  }
}
