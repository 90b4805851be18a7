import { InvalidRequestError, NotSupportedYetError } from '../../../core/errors.ts';
import type { TableDescriptor } from '../../../core/schema/table.ts';
import type { CqlType } from '../../../core/types/cql-type.ts';
import { Fit } from '../fit.ts';
import { BLOB_FUNCTIONS } from './blob-functions.ts';
import type { ScalarFunction } from './scalar-function.ts';
import { TIME_FUNCTIONS } from './time-functions.ts';
import { tokenFunction } from './token-function.ts';
import { UUID_FUNCTIONS } from './uuid-functions.ts';

/** The keyspace of every built-in function; it need not be written. */
export const FUNCTION_KEYSPACE = 'system';

const BY_NAME: ReadonlyMap<string, readonly ScalarFunction[]> = Map.groupBy(
  [...UUID_FUNCTIONS, ...TIME_FUNCTIONS, ...BLOB_FUNCTIONS],
  ({ name }) => name,
);

/** Functions that the language has and Tessera does not yet. */
const NOT_BUILT: ReadonlySet<string> = new Set(['tojson', 'fromjson', 'to_json', 'from_json']);

/** Something that a function may be called with: a term, a column, another call. */
export interface Argument {
  /** How well its values suit a parameter of the type. */
  fit(type: CqlType): Fit;
}

/** True when a name without keyspace, or of the system keyspace, is that of a scalar function. */
export function isScalarFunction(keyspace: string | undefined, name: string): boolean {
  if (keyspace !== undefined && keyspace !== FUNCTION_KEYSPACE) return false;
  return BY_NAME.has(name) || name === 'token' || NOT_BUILT.has(name);
}

/**
 * The overload that a call means: one whose parameters are exactly the arguments' types, else the only one that takes them.
 * @param name lower case
 * @param table of the statement, for `token`
 * @throws InvalidRequestError when no function, or no single overload, fits
 */
export function resolveFunction(
  keyspace: string | undefined,
  name: string,
  args: readonly Argument[],
  table: TableDescriptor | undefined,
): ScalarFunction {
  const shown = keyspace === undefined ? name : `${keyspace}.${name}`;
  const overloads = isScalarFunction(keyspace, name) ? overloadsOf(name, table) : [];
  if (overloads.length === 0) throw new InvalidRequestError(`Unknown function ${shown} called`);
  const fits = overloads.map((overload) => fitOfCall(overload, args));
  const exact = overloads.filter((_, i) => fits[i] === Fit.Exact);
  const fitting = exact.length > 0 ? exact : overloads.filter((_, i) => fits[i] === Fit.Weak);
  if (fitting.length === 1) return fitting[0]!;
  if (fitting.length === 0) {
    throw new InvalidRequestError(
      `Invalid call to function ${shown}, none of its type signatures match (known type signatures: ${signatures(overloads)})`,
    );
  }
  throw new InvalidRequestError(
    `Ambiguous call to function ${shown} (can be matched by following signatures: ${signatures(fitting)}): use type casts to disambiguate`,
  );
}

function overloadsOf(name: string, table: TableDescriptor | undefined): readonly ScalarFunction[] {
  if (NOT_BUILT.has(name)) throw new NotSupportedYetError(`function ${name} is`);
  if (name === 'token') return table === undefined ? [] : [tokenFunction(table)];
  return BY_NAME.get(name) ?? [];
}

function fitOfCall({ argumentTypes }: ScalarFunction, args: readonly Argument[]): Fit {
  if (argumentTypes.length !== args.length) return Fit.None;
  let least: Fit = Fit.Exact;
  for (const [i, type] of argumentTypes.entries()) {
    const fit = args[i]!.fit(type);
    if (fit < least) least = fit;
  }
  return least;
}

function signatures(functions: readonly ScalarFunction[]): string {
  return functions
    .map(({ name, argumentTypes, returnType }) => {
      const parameters = argumentTypes.map((type) => type.cqlName).join(', ');
      return `${FUNCTION_KEYSPACE}.${name} : (${parameters}) -> ${returnType.cqlName}`;
    })
    .join(', ');
}
