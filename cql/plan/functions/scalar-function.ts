import type { CqlType } from '../../../core/types/cql-type.ts';
import type { ExecutionContext } from '../plan.ts';

/** One overload of a function of values. Pure but for what it takes from the context. */
export interface ScalarFunction {
  /** Lower case, without keyspace. All that are built live in keyspace `system`. */
  readonly name: string;
  readonly argumentTypes: readonly CqlType[];
  readonly returnType: CqlType;
  /** Equal arguments give equal results, whenever: calls of constants are made once, at prepare. */
  readonly isPure: boolean;
  /**
   * @param args a value of each argument's type; undefined is null
   * @returns a value of `returnType` that the caller may keep; undefined is null
   * @throws InvalidRequestError for arguments that it has no result for
   */
  call(args: readonly (Uint8Array | undefined)[], context: ExecutionContext): Uint8Array | undefined;
}

/** A function that gives null when any argument is null, as most do. */
export function nullSafe(
  name: string,
  argumentTypes: readonly CqlType[],
  returnType: CqlType,
  apply: (args: readonly Uint8Array[]) => Uint8Array | undefined,
): ScalarFunction {
  return {
    name,
    argumentTypes,
    returnType,
    isPure: true,
    call: (args) => (args.includes(undefined) ? undefined : apply(args as readonly Uint8Array[])),
  };
}
