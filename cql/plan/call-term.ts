import { InvalidRequestError } from '../../core/errors.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import type { ScalarFunction } from './functions/scalar-function.ts';
import type { BoundValues, ExecutionContext } from './plan.ts';
import { NO_MARKER, type TypedTerm, ValueSlot } from './term.ts';

/** A call of a function: `now()`, `blobAsInt(?)`. */
export class CallTerm implements TypedTerm {
  readonly type: CqlType;
  readonly marker: number = NO_MARKER;
  readonly isConstant: boolean;
  readonly #called: ScalarFunction;
  readonly #args: readonly TypedTerm[];

  /** @param args one for each parameter, of its type */
  constructor(called: ScalarFunction, args: readonly TypedTerm[]) {
    this.type = called.returnType;
    this.isConstant = called.isPure && args.every((arg) => arg.isConstant);
    this.#called = called;
    this.#args = args;
  }

  evaluate(values: BoundValues, context: ExecutionContext, into: ValueSlot): void {
    const args = this.#args.map((arg) => {
      const slot = new ValueSlot();
      arg.evaluate(values, context, slot);
      if (slot.isUnset)
        throw new InvalidRequestError(`Invalid unset value for argument in call to function ${this.#called.name}`);
      // A copy in its own array: a function looks at whole arrays.
      return slot.isNull ? undefined : new Uint8Array(slot.bytes.subarray(slot.start, slot.end));
    });
    into.setBytes(this.#called.call(args, context));
  }
}
