/** A bug in this program: a claim that must hold did not. Ends the process (exit code 70), see `core/ports/exit.ts`. */
export class AssertionError extends Error {
  override readonly name = 'AssertionError';
}

/**
 * Claims something that only a bug can make false. On in production.
 * Wrong input from a peer, a disk or a client is never an assertion: throw a TesseraError.
 */
export function assert(condition: unknown, claim: string): asserts condition {
  if (!condition) throw new AssertionError(claim);
}

/** Ends a `switch` over a closed set: does not compile while a case is missing. */
export function unreachable(value: never): never {
  throw new AssertionError(`unreachable: ${String(value)}`);
}
