import { NotSupportedYetError } from '../../core/errors.ts';
import type { ParserState } from './parser-state.ts';

interface Unsupported {
  /** First words of the statement, lower case. */
  readonly words: readonly string[];
  /** What the refusal calls it. */
  readonly name: string;
}

/** Statements that CQL has and Tessera has not; the first entry that fits is taken. */
const UNSUPPORTED: readonly Unsupported[] = [
  ...objects(
    'create',
    'index',
    'custom index',
    'materialized view',
    'function',
    'aggregate',
    'trigger',
    'role',
    'user',
  ),
  ...objects('alter', 'materialized view', 'role', 'user'),
  ...objects('drop', 'index', 'materialized view', 'function', 'aggregate', 'trigger', 'role', 'user', 'identity'),
  ...['create', 'alter', 'drop', 'attach', 'detach'].flatMap((verb) => [
    ...objects(verb, 'service level'),
    named(`${verb} service_level`, `${verb.toUpperCase()} SERVICE LEVEL`),
  ]),
  named('create or replace function', 'CREATE FUNCTION'),
  named('create or replace aggregate', 'CREATE AGGREGATE'),
  ...objects('list', 'roles', 'users', 'superusers'),
  ...['service', 'service_level', 'service_levels', 'all service', 'all service_levels', 'effective'].map((words) =>
    named(`list ${words}`, 'LIST SERVICE LEVELS'),
  ),
  named('list', 'LIST PERMISSIONS'),
  named('grant', 'GRANT'),
  named('revoke', 'REVOKE'),
  ...objects('add', 'identity'),
  ...objects('prune', 'materialized view'),
  ...objects('comment', 'on'),
  ...objects('security', 'label'),
];

function objects(verb: string, ...names: readonly string[]): Unsupported[] {
  return names.map((name) => named(`${verb} ${name}`, `${verb} ${name}`.toUpperCase()));
}

function named(words: string, name: string): Unsupported {
  return { words: words.split(' '), name };
}

/**
 * Refuses a statement that is known and not built, by its first words; what follows them is not looked at.
 * @throws NotSupportedYetError
 */
export function refuseUnsupported(state: ParserState): void {
  const found = UNSUPPORTED.find(({ words }) => state.areWords(words));
  if (found !== undefined) throw new NotSupportedYetError(`${found.name} is`);
}
