/**
 * Files as a database needs them. `shards/host/node-files.ts` implements this on Node, `test/sim/sim-files.ts` with the
 * faults of reality: bytes that were not synced vanish or tear, names that were not synced too.
 *
 * Rules that every implementation keeps:
 * - a descriptor is used only by the thread that opened it (settled question 5);
 * - `fdatasync` covers every write of that descriptor that had returned or called back before it was called;
 * - a new, renamed or removed name is durable only after `syncDirectory` of its directory;
 * - callbacks never run before the call returns;
 * - every failure is a FileOperationError with `errno` (ENOSPC, EIO, ENOENT, EACCES ...); nothing is retried.
 */

/** An open file. A small integer without meaning outside its port. */
export type FileDescriptor = number;

export const OpenMode = {
  /** Read only; the file must be there. */
  Read: 0,
  /** Read and write; made if absent, kept if there. */
  ReadWrite: 1,
  /** Read and write; must not be there yet (EEXIST). */
  CreateNew: 2,
} as const;
export type OpenMode = (typeof OpenMode)[keyof typeof OpenMode];

export interface FileStatus {
  readonly sizeBytes: number;
  readonly isDirectory: boolean;
  /** Last change of the content, milliseconds since 1970. */
  readonly modifiedMs: number;
}

/** `error` undefined means success. `count` is the bytes read or written; a short read is the end of the file. */
export type IoCallback = (error: Error | undefined, count: number) => void;
export type SyncCallback = (error: Error | undefined) => void;

export interface Files {
  open(path: string, mode: OpenMode): FileDescriptor;
  close(file: FileDescriptor): void;

  /** Reads up to `length` bytes of the file from `position` into target[offset...]; the port borrows `target` until the callback. */
  read(
    file: FileDescriptor,
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: IoCallback,
  ): void;
  /** The same, blocking: for start-up, tools and pool threads; never on a request. Returns the bytes read. */
  readSync(file: FileDescriptor, target: Uint8Array, offset: number, length: number, position: number): number;
  /** Writes all of source[offset, offset + length) at `position`, or calls back with the error; borrows `source` until then. */
  write(
    file: FileDescriptor,
    source: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: IoCallback,
  ): void;
  /** The same, into the page cache, before it returns (a few microseconds): the log's way. Throws when not all was written. */
  writeSync(file: FileDescriptor, source: Uint8Array, offset: number, length: number, position: number): void;

  fdatasync(file: FileDescriptor, done: SyncCallback): void;
  fdatasyncSync(file: FileDescriptor): void;
  /** Makes the names in `directory` durable. Blocking. */
  syncDirectory(directory: string): void;
  /** The same without holding the thread: for names that change while requests are served. */
  syncDirectoryAsync(directory: string, done: SyncCallback): void;

  sizeOf(file: FileDescriptor): number;
  truncate(file: FileDescriptor, sizeBytes: number): void;

  /** Undefined when nothing of that name is there. */
  status(path: string): FileStatus | undefined;
  /** Names in `directory`, sorted, without '.' and '..'. @throws FileOperationError ENOENT when it is absent */
  list(directory: string): string[];
  /** Makes `directory` and its parents; fine when it is there. */
  makeDirectory(directory: string): void;
  /** Replaces `to` atomically if it is there. */
  rename(from: string, to: string): void;
  /** A second name for the same file. */
  link(existing: string, added: string): void;
  unlink(path: string): void;
  removeDirectory(directory: string): void;
  /** Bytes that can still be written in the file system that holds `path`. */
  freeBytes(path: string): number;
}
