import { InvalidRequestError } from '../../core/errors.ts';
import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { QualifiedName } from '../language/ast.ts';

/** A table with the keyspace that it is in. */
export interface FoundTable {
  readonly keyspace: KeyspaceDescriptor;
  readonly table: TableDescriptor;
}

/**
 * The table that a statement names.
 * @param keyspaceInUse of the connection
 * @throws InvalidRequestError when there is none, or no keyspace was named
 */
export function findTable(schema: Schema, name: QualifiedName, keyspaceInUse: string | undefined): FoundTable {
  const keyspaceName = name.keyspace ?? keyspaceInUse;
  if (keyspaceName === undefined || keyspaceName === '') {
    throw new InvalidRequestError(
      'No keyspace has been specified. USE a keyspace, or explicitly specify keyspace.tablename',
    );
  }
  const keyspace = schema.keyspaces.get(keyspaceName);
  if (keyspace === undefined) throw new InvalidRequestError(`Keyspace '${keyspaceName}' does not exist`);
  const table = keyspace.tables.get(name.name);
  if (table === undefined) throw new InvalidRequestError(`unconfigured table ${name.name}`);
  return { keyspace, table };
}
