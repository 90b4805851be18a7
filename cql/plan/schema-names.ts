import { InvalidRequestError } from '../../core/errors.ts';
import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { QualifiedName } from '../language/ast.ts';

/** ScyllaDB's limit: with the id behind it a table's name is a directory's. */
const MAX_NAME_LENGTH = 192;

/** Keyspaces of the node itself, and those that tools and other releases take for such. */
const SYSTEM_KEYSPACES: ReadonlySet<string> = new Set([
  'system',
  'system_schema',
  'system_traces',
  'system_auth',
  'system_distributed',
  'system_distributed_everywhere',
  'system_virtual_schema',
  'system_views',
]);

/** @throws InvalidRequestError unless the name can be that of a keyspace, table or type */
export function checkObjectName(kind: 'keyspace' | 'table' | 'user type', name: string): void {
  if (!/^\w+$/.test(name)) {
    throw new InvalidRequestError(
      `"${name.slice(0, 200)}" is not a valid ${kind} name (must be alphanumeric character or underscore only: [a-zA-Z_0-9]+)`,
    );
  }
  if (name.length > MAX_NAME_LENGTH) {
    throw new InvalidRequestError(
      `"${name.slice(0, 200)}" is not a valid ${kind} name: it shouldn't be more than ${MAX_NAME_LENGTH} characters long`,
    );
  }
}

/** @throws InvalidRequestError for a keyspace that users do not change */
export function refuseSystemKeyspace(name: string): void {
  if (SYSTEM_KEYSPACES.has(name)) throw new InvalidRequestError(`${name} keyspace is not user-modifiable.`);
}

/** The keyspace that a name means. @throws InvalidRequestError when it names none and none is in use, or a system one */
export function keyspaceNameOf({ keyspace }: QualifiedName, keyspaceInUse: string | undefined): string {
  const name = keyspace ?? keyspaceInUse;
  if (name === undefined || name === '') {
    throw new InvalidRequestError(
      'No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename',
    );
  }
  refuseSystemKeyspace(name);
  return name;
}

/** @throws InvalidRequestError when there is no such keyspace */
export function keyspaceNamed(schema: Schema, name: string): KeyspaceDescriptor {
  const keyspace = schema.keyspaces.get(name);
  if (keyspace === undefined) throw new InvalidRequestError(`Keyspace '${name.slice(0, 200)}' does not exist`);
  return keyspace;
}

/** @throws InvalidRequestError when there is no such table */
export function tableNamed(schema: Schema, keyspace: string, name: string): TableDescriptor {
  const table = keyspaceNamed(schema, keyspace).tables.get(name);
  if (table === undefined) throw new InvalidRequestError(`unconfigured table ${name.slice(0, 200)}`);
  return table;
}
