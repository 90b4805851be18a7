import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { FileOperationError, TesseraError, UnsupportedFormatError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { readSchemaScript } from '../../cql/plan/schema-script.ts';
import { joinPath, splitPath } from '../../sstable/format/names.ts';
import type { HeaderColumn, SerializationHeader } from '../../sstable/format/serialization-header.ts';
import type { OpenOptions } from '../../sstable/loader.ts';
import { SSTable } from '../../sstable/reader.ts';
import { tableOfHeader } from '../../sstable/schema-header.ts';

/** Where a tool takes the schema of SSTables from. */
export interface SchemaChoice {
  /** A file of CREATE statements; undefined: schema.cql beside the SSTable, if there. */
  readonly file: string | undefined;
  /** The SSTable's own header, whatever is beside it. */
  readonly isFromHeader: boolean;
  /** Told when a schema.cql that was found cannot be used, and the header is used instead. */
  readonly onUnusable: (why: string) => void;
}

/**
 * Opens an SSTable with the schema that was chosen. A schema.cql found beside it that does not fit is passed over with a
 * note; one that was asked for must fit.
 * @throws as SSTable.open; also what is wrong with a schema file that was asked for
 */
export async function openWithSchema(
  files: Files,
  dataPath: string,
  choice: SchemaChoice,
  options: OpenOptions,
): Promise<SSTable> {
  const table = tableFor(files, dataPath, choice);
  if (table === undefined) return SSTable.open(files, dataPath, options);
  try {
    return await SSTable.open(files, dataPath, { ...options, table });
  } catch (error) {
    if (choice.file !== undefined || !(error instanceof UnsupportedFormatError)) throw error;
    const sstable = await SSTable.open(files, dataPath, options);
    choice.onUnusable(`${error.message}; going by the SSTable's own header instead`);
    return sstable;
  }
}

/** The table that a schema file describes for this SSTable; undefined when the header is to be used. */
export function tableFor(files: Files, dataPath: string, choice: SchemaChoice): TableDescriptor | undefined {
  if (choice.isFromHeader) return undefined;
  const { directory } = splitPath(dataPath);
  const path = choice.file ?? joinPath(directory, 'schema.cql');
  if (choice.file === undefined && files.status(path) === undefined) return undefined;
  try {
    return pickTable(readSchemaScript(readText(path), randomUUID), directory, path);
  } catch (error) {
    if (choice.file !== undefined || !(error instanceof TesseraError)) throw error;
    choice.onUnusable(`${path}: ${error.message}; going by the SSTable's own header instead`);
    return undefined;
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new FileOperationError('read', path, (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN', { cause: error });
  }
}

/** The only table, or the one that the directory is named after, `<table>-<id>`. */
function pickTable(schema: Schema, directory: string, path: string): TableDescriptor {
  const tables = [...schema.keyspaces.values()].flatMap((keyspace) => [...keyspace.tables.values()]);
  if (tables.length === 1) return tables[0]!;
  const named = /(?:^|\/)(\w+)-[0-9a-f]{32}(?:\/|$)/.exec(directory)?.[1];
  const matching = tables.filter(({ name }) => name === named);
  if (matching.length === 1) return matching[0]!;
  throw new UnsupportedFormatError(path, `describes ${tables.length} tables, and none is known to be the SSTable's`);
}

/** A table with the columns of all headers, for reading their files together. */
export function tableOfHeaders(headers: readonly SerializationHeader[], path: string): TableDescriptor {
  const [first] = headers;
  return tableOfHeader(
    {
      ...first!,
      statics: union(headers.map((header) => header.statics)),
      regulars: union(headers.map((header) => header.regulars)),
    },
    path,
  );
}

function union(lists: readonly (readonly HeaderColumn[])[]): HeaderColumn[] {
  const byName = new Map<string, HeaderColumn>();
  for (const column of lists.flat()) if (!byName.has(column.name)) byName.set(column.name, column);
  return [...byName.values()].sort((a, b) => Buffer.from(a.name).compare(Buffer.from(b.name)));
}
