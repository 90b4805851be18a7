import { FileOperationError } from '../core/errors.ts';
import type { Files } from '../core/ports/files.ts';
import { Component, joinPath, parseSSTableName, sstablePrefix, TOC_STAGED } from './format/names.ts';

/**
 * How SSTables come and go. An SSTable is there when its TOC.txt is: a writer stages all components and TOC.txt.tmp,
 * synced; commit renames the TOC. Removal renames it back first, so that a crash leaves either all or what start-up
 * clears away. Sets of SSTables change together by a record in the commit log between stage and commit (settled
 * question 27); both steps may be done again after a crash. Blocking.
 * @see spec/sstable.md §2.4
 */

/** Makes staged SSTables of one directory visible, and durable. Those that are committed already are left as they are. */
export function commitSSTables(files: Files, directory: string, prefixes: readonly string[]): void {
  for (const prefix of prefixes) {
    const staged = joinPath(directory, `${prefix}-${TOC_STAGED}`);
    const committed = joinPath(directory, `${prefix}-${Component.Toc}`);
    if (files.status(staged) !== undefined) files.rename(staged, committed);
    else if (files.status(committed) === undefined) throw new FileOperationError('rename', staged, 'ENOENT');
  }
  files.syncDirectory(directory);
}

/** Removes an SSTable, committed or staged or half removed, all its components. Nothing there is fine. */
export function removeSSTable(files: Files, directory: string, prefix: string): void {
  const staged = joinPath(directory, `${prefix}-${TOC_STAGED}`);
  const committed = joinPath(directory, `${prefix}-${Component.Toc}`);
  if (files.status(committed) !== undefined) {
    files.rename(committed, staged);
    files.syncDirectory(directory); // before any component goes: a TOC.txt must never name one that is missing
  }
  for (const name of files.list(directory)) {
    if (!name.startsWith(`${prefix}-`)) continue;
    const path = joinPath(directory, name);
    if (path !== staged && files.status(path)?.isDirectory === false) files.unlink(path);
  }
  if (files.status(staged) !== undefined) files.unlink(staged);
  files.syncDirectory(directory);
}

/** Prefixes of the SSTables in a directory: those with a TOC.txt, and those without (staged or being removed). */
export interface SSTableListing {
  readonly committed: readonly string[];
  readonly unfinished: readonly string[];
}

export function listSSTables(files: Files, directory: string): SSTableListing {
  const committed = new Set<string>();
  const all = new Set<string>();
  for (const file of files.list(directory)) {
    const name = parseSSTableName(file);
    if (name === undefined) continue;
    const prefix = sstablePrefix(name);
    all.add(prefix);
    if (name.component === Component.Toc) committed.add(prefix);
  }
  return { committed: [...committed], unfinished: [...all].filter((prefix) => !committed.has(prefix)) };
}
