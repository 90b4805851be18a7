import { FileOperationError } from '../core/errors.ts';
import { type Files, OpenMode } from '../core/ports/files.ts';
import { type Log, LogLevel } from '../core/ports/log.ts';
import type { KeyspaceDescriptor, Schema } from '../core/schema/keyspace.ts';
import { schemaCql, schemaCqlTitle } from '../core/schema/schema-cql.ts';
import type { TableDescriptor } from '../core/schema/table.ts';
import { tableDirectory } from '../shards/store/table-directory.ts';
import { replaceFile } from './replace-file.ts';

const FILE = 'schema.cql';

/**
 * The `schema.cql` in each table's directory: what offline tools know of the table. A copy for them; group 0 has the truth. So
 * a file that cannot be written is a warning, and the next start writes it.
 */
export class SchemaFiles {
  readonly #files: Files;
  readonly #log: Log;
  readonly #dataDirectory: string;

  constructor(files: Files, log: Log, dataDirectory: string) {
    this.#files = files;
    this.#log = log;
    this.#dataDirectory = dataDirectory;
  }

  /** Writes the files that are missing or of another version, as after a crash. */
  async restore(schema: Schema): Promise<void> {
    for (const keyspace of schema.keyspaces.values()) {
      for (const table of keyspace.tables.values()) {
        if (!this.#isCurrent(table)) await this.#write(keyspace, table);
      }
    }
  }

  /** Writes the files of the tables that differ between two schemas. Resolves to what went wrong, for the client. */
  async update(before: Schema, after: Schema): Promise<string[]> {
    const warnings: string[] = [];
    for (const keyspace of after.keyspaces.values()) {
      const old = before.keyspaces.get(keyspace.name);
      if (old === keyspace) continue;
      for (const table of keyspace.tables.values()) {
        if (old?.tables.get(table.name) === table) continue;
        const warning = await this.#write(keyspace, table);
        if (warning !== undefined) warnings.push(warning);
      }
    }
    return warnings;
  }

  /**
   * Removes the files of tables that are gone, and their directories when nothing else is in them: the shards delete their
   * own files. To be called when all shards know of it.
   */
  removeDropped(before: Schema, after: Schema): void {
    for (const keyspace of before.keyspaces.values()) {
      const remaining = after.keyspaces.get(keyspace.name);
      if (remaining === keyspace) continue;
      for (const table of keyspace.tables.values()) {
        if (remaining?.tables.get(table.name)?.id === table.id) continue;
        const directory = this.#directoryOf(table);
        this.#attempt(() => this.#files.unlink(`${directory}/${FILE}`));
        this.#attempt(() => this.#files.removeDirectory(directory));
      }
      if (remaining === undefined) {
        this.#attempt(() => this.#files.removeDirectory(`${this.#dataDirectory}/${keyspace.name}`));
      }
    }
  }

  #directoryOf(table: TableDescriptor): string {
    return tableDirectory(this.#dataDirectory, table);
  }

  /** Undefined: written. */
  async #write(keyspace: KeyspaceDescriptor, table: TableDescriptor): Promise<string | undefined> {
    const directory = this.#directoryOf(table);
    try {
      if (this.#files.status(directory) === undefined) {
        this.#files.makeDirectory(directory);
        this.#files.syncDirectory(`${this.#dataDirectory}/${keyspace.name}`);
        this.#files.syncDirectory(this.#dataDirectory);
      }
      await replaceFile(this.#files, `${directory}/${FILE}`, Buffer.from(schemaCql(keyspace, table), 'utf8'));
      return undefined;
    } catch (error) {
      if (!(error instanceof FileOperationError)) throw error;
      const warning = `cannot write ${FILE} of ${table.keyspace}.${table.name}: ${error.message}`;
      this.#log.write(LogLevel.Warn, 'schema', warning);
      return warning;
    }
  }

  /** True when the file there begins with the title of this version. */
  #isCurrent(table: TableDescriptor): boolean {
    const path = `${this.#directoryOf(table)}/${FILE}`;
    if (this.#files.status(path) === undefined) return false;
    const title = Buffer.from(`${schemaCqlTitle(table)}\n`, 'utf8');
    const found = Buffer.alloc(title.length);
    const file = this.#files.open(path, OpenMode.Read);
    try {
      return this.#files.readSync(file, found, 0, found.length, 0) === title.length && found.equals(title);
    } finally {
      this.#files.close(file);
    }
  }

  /** Files that are gone, or directories that are still in use, are no concern of whoever drops a table. */
  #attempt(remove: () => void): void {
    try {
      remove();
    } catch (error) {
      if (!(error instanceof FileOperationError)) throw error;
    }
  }
}
