import type { Files } from '../../core/ports/files.ts';

/**
 * Makes a directory and its parents so that they outlive a power cut: each new name is synced in its parent. Blocking. Threads may
 * do this at once: nobody puts anything into a directory before its name is durable, so an empty one may not be yet.
 * @throws FileOperationError
 */
export function makeDurableDirectory(files: Files, directory: string): void {
  const isThere = files.status(directory) !== undefined;
  if (isThere && (directory === '/' || files.list(directory).length > 0)) return;
  const parent = parentOf(directory);
  makeDurableDirectory(files, parent);
  if (isThere) {
    files.syncDirectory(parent);
    return;
  }
  files.makeDirectory(directory);
  try {
    files.syncDirectory(parent);
  } catch (error) {
    files.removeDirectory(directory); // else the next call would take it for durable
    throw error;
  }
}

/** The directory that holds a name. */
export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/');
  return slash > 0 ? path.slice(0, slash) : '/';
}
