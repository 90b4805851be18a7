import type { Files } from '../../core/ports/files.ts';
import { type Log, LogLevel } from '../../core/ports/log.ts';
import { listSSTables, removeSSTable } from '../../sstable/commit.ts';
import { parentOf } from './durable-directory.ts';
import type { StoreMetadata } from './store-metadata.ts';
import { removeTableDirectory, tableDirectory } from './table-directory.ts';

/**
 * Step 2 of a node's recovery (recovery.ts): removes staged and half-removed SSTables, and directories of tables that are no more. Names that the process before has
 * changed and not synced become durable: what follows takes them for that.
 * @throws FileOperationError
 */
export function clearLeftovers(files: Files, log: Log, dataDirectory: string, metadata: StoreMetadata): void {
  const known = new Set<string>();
  for (const { descriptor } of metadata.tables()) known.add(tableDirectory(dataDirectory, descriptor));
  if (files.status(dataDirectory) === undefined) return;
  files.syncDirectory(parentOf(dataDirectory));
  files.syncDirectory(dataDirectory);
  for (const keyspace of files.list(dataDirectory)) {
    const inKeyspace = `${dataDirectory}/${keyspace}`;
    if (!files.status(inKeyspace)?.isDirectory) continue;
    files.syncDirectory(inKeyspace);
    for (const name of files.list(inKeyspace)) {
      const directory = `${inKeyspace}/${name}`;
      if (!files.status(directory)?.isDirectory || !/-[0-9a-f]{32}$/.test(name)) continue;
      files.syncDirectory(directory);
      const { committed, unfinished } = listSSTables(files, directory);
      for (const prefix of unfinished) {
        log.write(LogLevel.Info, 'store', `removing what a crash left of ${directory}/${prefix}`);
        removeSSTable(files, directory, prefix);
      }
      if (known.has(directory)) continue;
      log.write(LogLevel.Info, 'store', `removing the dropped table in ${directory}`);
      for (const prefix of committed) removeSSTable(files, directory, prefix);
      removeTableDirectory(files, directory);
    }
  }
}
