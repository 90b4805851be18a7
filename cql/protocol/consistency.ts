import { InvalidRequestError, ProtocolError } from '../../core/errors.ts';

/** Consistency levels by their code on the wire (native protocol v4 §3). */
export const Consistency = {
  Any: 0,
  One: 1,
  Two: 2,
  Three: 3,
  Quorum: 4,
  All: 5,
  LocalQuorum: 6,
  EachQuorum: 7,
  Serial: 8,
  LocalSerial: 9,
  LocalOne: 10,
} as const;
export type Consistency = (typeof Consistency)[keyof typeof Consistency];

const NAMES: readonly string[] = [
  'ANY',
  'ONE',
  'TWO',
  'THREE',
  'QUORUM',
  'ALL',
  'LOCAL_QUORUM',
  'EACH_QUORUM',
  'SERIAL',
  'LOCAL_SERIAL',
  'LOCAL_ONE',
];

/** The level as CQL and error messages spell it. */
export function consistencyName(level: Consistency): string {
  return NAMES[level]!;
}

/**
 * The level of a code.
 * @throws ProtocolError for a code that the protocol does not know
 */
export function consistencyOf(code: number): Consistency {
  if (code > Consistency.LocalOne || code < 0)
    throw new ProtocolError(`Unknown code ${code} for a consistency level`, { code });
  return code as Consistency;
}

/**
 * The level of a code that a request gives as its serial consistency.
 * @throws ProtocolError for an unknown code
 * @throws InvalidRequestError for a level that is not a serial one: a mistake of the application, the connection lives on
 */
export function serialConsistencyOf(code: number): Consistency {
  const level = consistencyOf(code);
  if (level !== Consistency.Serial && level !== Consistency.LocalSerial) {
    throw new InvalidRequestError(`Serial consistency must be SERIAL or LOCAL_SERIAL, not ${consistencyName(level)}`);
  }
  return level;
}
