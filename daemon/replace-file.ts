import { type Files, OpenMode } from '../core/ports/files.ts';

/**
 * Replaces a small file as one: a crash leaves the old content or the new, and the new is durable when the promise resolves.
 * The name with `.tmp` behind it is used on the way; its remains are overwritten the next time.
 * @throws FileOperationError: the old file is still there, unless syncing its directory failed
 */
export async function replaceFile(files: Files, path: string, bytes: Uint8Array): Promise<void> {
  const staged = `${path}.tmp`;
  const file = files.open(staged, OpenMode.ReadWrite);
  try {
    files.truncate(file, 0);
    await write(files, file, bytes);
    await sync((done) => files.fdatasync(file, done));
  } finally {
    files.close(file);
  }
  files.rename(staged, path);
  await sync((done) => files.syncDirectoryAsync(path.slice(0, path.lastIndexOf('/')), done));
}

function write(files: Files, file: number, bytes: Uint8Array): Promise<void> {
  return sync((done) => files.write(file, bytes, 0, bytes.length, 0, (error) => done(error)));
}

function sync(start: (done: (error: Error | undefined) => void) => void): Promise<void> {
  return new Promise((resolve, reject) => start((error) => (error === undefined ? resolve() : reject(error))));
}
