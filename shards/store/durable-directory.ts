import type { Files } from '../../core/ports/files.ts';

/** Makes a directory and its parents so that they outlive a power cut: each new name is synced in its parent. Blocking. */
export function makeDurableDirectory(files: Files, directory: string): void {
  if (files.status(directory) !== undefined) return;
  const slash = directory.lastIndexOf('/');
  const parent = slash > 0 ? directory.slice(0, slash) : '/';
  makeDurableDirectory(files, parent);
  files.makeDirectory(directory);
  files.syncDirectory(parent);
}
