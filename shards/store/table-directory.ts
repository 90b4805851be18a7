import { FileOperationError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';

/** `<data>/<keyspace>/<table>-<32 hex digits of the id>`: where Cassandra's and ScyllaDB's tools look too. */
export function tableDirectory(
  dataDirectory: string,
  table: Pick<TableDescriptor, 'keyspace' | 'name' | 'id'>,
): string {
  return `${dataDirectory}/${table.keyspace}/${table.name}-${table.id.replaceAll('-', '')}`;
}

/** The statement that offline tools read a table's schema from. */
const SCHEMA_FILE = 'schema.cql';

/** Removes the directory of a dropped table unless there is more in it than its schema; other threads may do the same. */
export function removeTableDirectory(files: Files, directory: string): void {
  if (files.status(directory) === undefined || files.list(directory).some((name) => name !== SCHEMA_FILE)) return;
  try {
    if (files.status(`${directory}/${SCHEMA_FILE}`) !== undefined) files.unlink(`${directory}/${SCHEMA_FILE}`);
    files.removeDirectory(directory);
  } catch (error) {
    const isOthers = error instanceof FileOperationError && ['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(error.errno);
    if (!isOthers) throw error;
  }
}
