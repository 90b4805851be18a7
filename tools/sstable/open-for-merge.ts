import type { Files } from '../../core/ports/files.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { SSTable } from '../../sstable/reader.ts';
import { type SchemaChoice, tableFor, tableOfHeaders } from './table-schema.ts';

/**
 * Opens SSTables of one table to be read as one, blocking: by the chosen schema, else by all of their headers together.
 * @param opened takes them, also those that were opened before a failure: the caller closes them
 * @throws as SSTable.open
 */
export async function openForMerge(
  files: Files,
  dataPaths: readonly string[],
  choice: SchemaChoice,
  opened: SSTable[],
): Promise<TableDescriptor> {
  let table = tableFor(files, dataPaths[0]!, choice);
  if (table === undefined) {
    const headers = [];
    for (const path of dataPaths) {
      const sstable = await SSTable.open(files, path, { isBlocking: true });
      headers.push(sstable.statistics.header);
      sstable.close();
    }
    table = tableOfHeaders(headers, dataPaths[0]!);
  }
  for (const path of dataPaths) opened.push(await SSTable.open(files, path, { isBlocking: true, table }));
  return table;
}
