import * as fs from 'node:fs';
import { FileOperationError } from '../../core/errors.ts';
import type { FileDescriptor, FileStatus, Files, IoCallback, OpenMode, SyncCallback } from '../../core/ports/files.ts';

const FLAGS: readonly number[] = [
  fs.constants.O_RDONLY,
  fs.constants.O_RDWR | fs.constants.O_CREAT,
  fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_EXCL,
];
/** Readable by the owner's group, as other databases' files are; never by others. */
const FILE_PERMISSIONS = 0o640;
const DIRECTORY_PERMISSIONS = 0o750;

/** Files on the operating system. Asynchronous operations run in libuv's pool, which all threads of the process share. */
export class NodeFiles implements Files {
  /** For messages. */
  readonly #paths: Map<FileDescriptor, string> = new Map();

  open(path: string, mode: OpenMode): FileDescriptor {
    const file = attempt('open', path, () => fs.openSync(path, FLAGS[mode]!, FILE_PERMISSIONS));
    this.#paths.set(file, path);
    return file;
  }

  close(file: FileDescriptor): void {
    const path = this.#pathOf(file);
    this.#paths.delete(file);
    attempt('close', path, () => fs.closeSync(file));
  }

  read(
    file: FileDescriptor,
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: IoCallback,
  ): void {
    this.#readFrom(file, target, offset, length, position, 0, done);
  }

  /** Reads on after a short read until `length` bytes are there or the file ends. */
  #readFrom(
    file: FileDescriptor,
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
    before: number,
    done: IoCallback,
  ): void {
    fs.read(file, target, offset, length, position, (error, count) => {
      if (error !== null) done(failure('read', this.#pathOf(file), error), before);
      else if (count === 0 || count === length) done(undefined, before + count);
      else this.#readFrom(file, target, offset + count, length - count, position + count, before + count, done);
    });
  }

  readSync(file: FileDescriptor, target: Uint8Array, offset: number, length: number, position: number): number {
    let total = 0;
    try {
      while (total < length) {
        const count = fs.readSync(file, target, offset + total, length - total, position + total);
        if (count === 0) break;
        total += count;
      }
    } catch (error) {
      throw failure('read', this.#pathOf(file), error);
    }
    return total;
  }

  write(
    file: FileDescriptor,
    source: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: IoCallback,
  ): void {
    this.#writeFrom(file, source, offset, length, position, 0, done);
  }

  #writeFrom(
    file: FileDescriptor,
    source: Uint8Array,
    offset: number,
    length: number,
    position: number,
    before: number,
    done: IoCallback,
  ): void {
    fs.write(file, source, offset, length, position, (error, count) => {
      if (error !== null) done(failure('write', this.#pathOf(file), error), before);
      else if (count === length) done(undefined, before + count);
      else if (count === 0) done(new FileOperationError('write', this.#pathOf(file), 'ENOSPC'), before);
      else this.#writeFrom(file, source, offset + count, length - count, position + count, before + count, done);
    });
  }

  writeSync(file: FileDescriptor, source: Uint8Array, offset: number, length: number, position: number): void {
    let total = 0;
    try {
      while (total < length) {
        const count = fs.writeSync(file, source, offset + total, length - total, position + total);
        if (count === 0) throw new FileOperationError('write', this.#pathOf(file), 'ENOSPC');
        total += count;
      }
    } catch (error) {
      throw failure('write', this.#pathOf(file), error);
    }
  }

  fdatasync(file: FileDescriptor, done: SyncCallback): void {
    fs.fdatasync(file, (error) => done(error === null ? undefined : failure('fdatasync', this.#pathOf(file), error)));
  }

  fdatasyncSync(file: FileDescriptor): void {
    attempt('fdatasync', this.#pathOf(file), () => fs.fdatasyncSync(file));
  }

  syncDirectory(directory: string): void {
    attempt('syncDirectory', directory, () => {
      const file = fs.openSync(directory, fs.constants.O_RDONLY);
      try {
        fs.fsyncSync(file);
      } finally {
        fs.closeSync(file);
      }
    });
  }

  syncDirectoryAsync(directory: string, done: SyncCallback): void {
    fs.open(directory, fs.constants.O_RDONLY, (openError, file) => {
      if (openError !== null) {
        done(failure('syncDirectory', directory, openError));
        return;
      }
      fs.fsync(file, (syncError) => {
        fs.close(file, (closeError) => {
          const error = syncError ?? closeError;
          done(error == null ? undefined : failure('syncDirectory', directory, error));
        });
      });
    });
  }

  sizeOf(file: FileDescriptor): number {
    return attempt('sizeOf', this.#pathOf(file), () => fs.fstatSync(file).size);
  }

  truncate(file: FileDescriptor, sizeBytes: number): void {
    attempt('truncate', this.#pathOf(file), () => fs.ftruncateSync(file, sizeBytes));
  }

  status(path: string): FileStatus | undefined {
    const status = attempt('status', path, () => fs.statSync(path, { throwIfNoEntry: false }));
    if (status === undefined) return undefined;
    return { sizeBytes: status.size, isDirectory: status.isDirectory(), modifiedMs: status.mtimeMs };
  }

  list(directory: string): string[] {
    return attempt('list', directory, () => fs.readdirSync(directory)).sort();
  }

  makeDirectory(directory: string): void {
    attempt('makeDirectory', directory, () =>
      fs.mkdirSync(directory, { recursive: true, mode: DIRECTORY_PERMISSIONS }),
    );
  }

  rename(from: string, to: string): void {
    attempt('rename', from, () => fs.renameSync(from, to));
  }

  link(existing: string, added: string): void {
    attempt('link', existing, () => fs.linkSync(existing, added));
  }

  unlink(path: string): void {
    attempt('unlink', path, () => fs.unlinkSync(path));
  }

  removeDirectory(directory: string): void {
    attempt('removeDirectory', directory, () => fs.rmdirSync(directory));
  }

  freeBytes(path: string): number {
    return attempt('freeBytes', path, () => {
      const status = fs.statfsSync(path);
      return status.bavail * status.bsize;
    });
  }

  #pathOf(file: FileDescriptor): string {
    return this.#paths.get(file) ?? `descriptor ${file}`;
  }
}

function attempt<Result>(operation: string, path: string, run: () => Result): Result {
  try {
    return run();
  } catch (error) {
    throw failure(operation, path, error);
  }
}

function failure(operation: string, path: string, error: unknown): FileOperationError {
  if (error instanceof FileOperationError) return error;
  const errno = (error as NodeJS.ErrnoException).code ?? 'EUNKNOWN';
  return new FileOperationError(operation, path, errno, { cause: error });
}
