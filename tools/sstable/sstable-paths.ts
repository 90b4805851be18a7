import { FileOperationError, UnsupportedFormatError } from '../../core/errors.ts';
import type { Files } from '../../core/ports/files.ts';
import { Component, joinPath, parseSSTableName, splitPath, sstablePrefix } from '../../sstable/format/names.ts';

/**
 * The Data.db paths of the SSTables that `path` names: any component of one, or a directory of many.
 * @throws FileOperationError ENOENT when nothing of that name is there; UnsupportedFormatError when it is no SSTable's
 */
export function sstablesAt(files: Files, path: string): string[] {
  const status = files.status(path);
  if (status === undefined) throw new FileOperationError('open', path, 'ENOENT');
  if (!status.isDirectory) return [dataPathOf(path)];
  const names = files.list(path).filter((name) => parseSSTableName(name)?.component === Component.Data);
  if (names.length === 0) throw new UnsupportedFormatError(path, 'no SSTable is in this directory');
  return names.map((name) => joinPath(path, name));
}

/** Path of Data.db of the SSTable that a component belongs to. @throws UnsupportedFormatError */
function dataPathOf(path: string): string {
  const { directory, name } = splitPath(path);
  const parsed = parseSSTableName(name);
  if (parsed === undefined) throw new UnsupportedFormatError(path, 'not the name of an SSTable component');
  const dataName = `${sstablePrefix(parsed)}-${Component.Data}`;
  return path.includes('/') ? joinPath(directory, dataName) : dataName;
}
