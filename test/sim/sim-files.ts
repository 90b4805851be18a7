import { assert } from '../../core/assert.ts';
import { crc32 } from '../../core/crc32.ts';
import { FileOperationError } from '../../core/errors.ts';
import {
  type FileDescriptor,
  type FileStatus,
  type Files,
  type IoCallback,
  OpenMode,
  type SyncCallback,
} from '../../core/ports/files.ts';
import type { Random } from '../../core/ports/random.ts';
import { SimInode } from './sim-inode.ts';

/** What befalls one operation. A write may get some of its bytes into the file before it fails. */
export interface Fault {
  readonly errno: string;
  readonly writtenBytes?: number;
}

/** Asked before every operation, which is the `number`-th, from 1. Undefined: it goes well. */
export type FaultPlan = (operation: string, path: string, number: number) => Fault | undefined;

/** A name that others stand under; it has no content of its own. */
class Directory {
  readonly isDirectory = true;
}
const isDirectory = (node: Directory | SimInode): node is Directory => !(node instanceof SimInode);

/** One name taken away and one given; '' for none. */
interface Move {
  readonly node: Directory | SimInode;
  readonly removed: string;
  readonly added: string;
}

/** A change of names, whole or not at all, that no `syncDirectory` covers. */
interface PendingName {
  /** Directories in which it has not been made durable yet. */
  readonly waiting: Set<string>;
  /** One, or for a directory that is renamed also those of everything below. */
  readonly moves: readonly Move[];
}

interface OpenFile {
  readonly path: string;
  readonly inode: SimInode;
  readonly isWritable: boolean;
}

const parentOf = (path: string): string => path.slice(0, path.lastIndexOf('/')) || '/';

/**
 * Files in memory, with the faults of reality. Paths are absolute.
 *
 * - `crash` is a power failure: of what no completed sync covers, each 512-byte sector has one of the contents it was given
 *   or the last synced one; names that were not synced are lost, or some of them are; descriptors are gone.
 * - `kill` is the death of the process: the page cache stays.
 * - Asynchronous operations wait in a queue; `step` completes one, chosen by the random source of the test, and calls back.
 *   Their effect comes at that moment. A test that never steps has a disk that hangs.
 * - `plan` makes operations fail; `capacityBytes` makes the disk full. After a failed fdatasync the bytes it was for are
 *   never written, though reads show them and later syncs succeed.
 * - `traceHash` sums up every operation with its arguments: equal for equal histories.
 */
export class SimFiles implements Files {
  plan: FaultPlan | undefined = undefined;
  /** Sum of file sizes that the disk takes. */
  capacityBytes: number = Number.POSITIVE_INFINITY;
  /** Told of every operation, for tests that assert an order. */
  onOperation: ((operation: string, path: string) => void) | undefined = undefined;
  operationCount = 0;
  traceHash = 0;

  /** The names as processes see them, and as they would be after the power failed: path to file or directory. */
  #names = new Map<string, SimInode | Directory>([['/', new Directory()]]);
  #durableNames: Map<string, SimInode | Directory> = new Map(this.#names);
  #pendingNames: PendingName[] = [];
  #open = new Map<FileDescriptor, OpenFile>();
  #nextDescriptor = 3;
  #queue: (() => void)[] = [];
  /** Counts lives of the process: operations of an earlier one never complete. */
  #life = 0;
  readonly #encoder: TextEncoder = new TextEncoder();
  readonly #schedule: ((operation: () => void) => void) | undefined;

  /** @param schedule runs each asynchronous operation at its time, in a turn of its own; without it they wait for `step` */
  constructor(schedule?: (operation: () => void) => void) {
    this.#schedule = schedule;
  }

  /** Asynchronous operations under way. */
  get queuedCount(): number {
    return this.#queue.length;
  }

  /** Open descriptors: a test that ends with some has found a leak. */
  get openCount(): number {
    return this.#open.size;
  }

  /** Completes one queued operation, any of them. False when there is none. */
  step(random: Random): boolean {
    if (this.#queue.length === 0) return false;
    const [operation] = this.#queue.splice(Math.floor(random.next() * this.#queue.length), 1);
    operation!();
    return true;
  }

  /** The process dies: descriptors and operations under way are gone, the page cache stays. */
  kill(): void {
    this.#open.clear();
    this.#queue = [];
    this.#life++;
  }

  /** The power fails. Call with the same seed for the same outcome. */
  crash(random: Random): void {
    this.kill();
    this.#crashNames(random);
    for (const node of new Set(this.#names.values())) if (node instanceof SimInode) node.crash(random);
  }

  /** Flips bits of one byte of a file, on disk and in the page cache. */
  flip(path: string, position: number, mask: number): void {
    this.#inodeAt(path).flip(position, mask);
  }

  /** A copy of a file's content. */
  contentOf(path: string): Uint8Array {
    const inode = this.#inodeAt(path);
    const bytes = new Uint8Array(inode.sizeBytes);
    inode.read(bytes, 0, bytes.length, 0);
    return bytes;
  }

  /** Makes or replaces a file's content, durable at once: what a test finds on the disk. */
  setContent(path: string, bytes: Uint8Array): void {
    const inode = new SimInode();
    inode.write(bytes, 0, bytes.length, 0);
    inode.persist(inode.writeCount);
    this.#names.set(path, inode);
    this.#durableNames.set(path, inode);
  }

  open(path: string, mode: OpenMode): FileDescriptor {
    this.#begin('open', path, mode);
    let node = this.#names.get(path);
    if (node === undefined) {
      if (mode === OpenMode.Read) throw new FileOperationError('open', path, 'ENOENT');
      this.#needDirectory('open', path);
      node = new SimInode();
      this.#changeNames(node, '', path);
    } else if (mode === OpenMode.CreateNew) {
      throw new FileOperationError('open', path, 'EEXIST');
    } else if (isDirectory(node)) {
      throw new FileOperationError('open', path, 'EISDIR');
    }
    const file = this.#nextDescriptor++;
    this.#open.set(file, { path, inode: node as SimInode, isWritable: mode !== OpenMode.Read });
    return file;
  }

  close(file: FileDescriptor): void {
    const { path } = this.#opened(file);
    this.#open.delete(file);
    this.#begin('close', path);
  }

  read(
    file: FileDescriptor,
    target: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: IoCallback,
  ): void {
    const { path } = this.#opened(file);
    this.#later(() => {
      const error = this.#attempt('read', path, position, length);
      if (error !== undefined) done(error, 0);
      else done(undefined, this.#opened(file).inode.read(target, offset, length, position));
    });
  }

  readSync(file: FileDescriptor, target: Uint8Array, offset: number, length: number, position: number): number {
    const { path, inode } = this.#opened(file);
    this.#begin('read', path, position, length);
    return inode.read(target, offset, length, position);
  }

  write(
    file: FileDescriptor,
    source: Uint8Array,
    offset: number,
    length: number,
    position: number,
    done: IoCallback,
  ): void {
    this.#opened(file);
    this.#later(() => {
      let failure: Error | undefined;
      try {
        this.writeSync(file, source, offset, length, position);
      } catch (error) {
        if (!(error instanceof FileOperationError)) throw error;
        failure = error;
      }
      done(failure, failure === undefined ? length : 0);
    });
  }

  writeSync(file: FileDescriptor, source: Uint8Array, offset: number, length: number, position: number): void {
    const { path, inode, isWritable } = this.#opened(file);
    assert(isWritable, 'files opened for reading are not written');
    assert(offset >= 0 && offset + length <= source.length, 'writes lie inside their buffer');
    let fault = this.#faultOf('write', path, position, length);
    const room = this.capacityBytes === Infinity ? Infinity : this.capacityBytes - this.#usedBytes() + inode.sizeBytes;
    if (fault === undefined && position + length > Math.max(room, inode.sizeBytes)) {
      fault = { errno: 'ENOSPC', writtenBytes: Math.max(0, Math.max(room, inode.sizeBytes) - position) };
    }
    inode.write(source, offset, fault === undefined ? length : Math.min(length, fault.writtenBytes ?? 0), position);
    if (fault !== undefined) throw new FileOperationError('write', path, fault.errno);
  }

  fdatasync(file: FileDescriptor, done: SyncCallback): void {
    const { path, inode } = this.#opened(file);
    const covered = inode.writeCount;
    this.#trace('fdatasync begins', path, covered);
    this.#later(() => done(this.#syncInode(path, inode, covered)));
  }

  fdatasyncSync(file: FileDescriptor): void {
    const { path, inode } = this.#opened(file);
    const error = this.#syncInode(path, inode, inode.writeCount);
    if (error !== undefined) throw error;
  }

  syncDirectory(directory: string): void {
    this.#begin('syncDirectory', directory);
    this.#persistNames(directory, this.#pendingNames.length);
  }

  syncDirectoryAsync(directory: string, done: SyncCallback): void {
    const covered = new Set(this.#pendingNames);
    this.#later(() => {
      const error = this.#attempt('syncDirectory', directory);
      if (error === undefined) {
        let count = 0;
        while (count < this.#pendingNames.length && covered.has(this.#pendingNames[count]!)) count++;
        this.#persistNames(directory, count);
      }
      done(error);
    });
  }

  sizeOf(file: FileDescriptor): number {
    const { path, inode } = this.#opened(file);
    this.#begin('sizeOf', path);
    return inode.sizeBytes;
  }

  truncate(file: FileDescriptor, sizeBytes: number): void {
    const { path, inode } = this.#opened(file);
    this.#begin('truncate', path, sizeBytes);
    inode.truncate(sizeBytes);
  }

  status(path: string): FileStatus | undefined {
    this.#begin('status', path);
    const node = this.#names.get(path);
    if (node === undefined) return undefined;
    return { sizeBytes: isDirectory(node) ? 0 : node.sizeBytes, isDirectory: isDirectory(node), modifiedMs: 0 };
  }

  list(directory: string): string[] {
    this.#begin('list', directory);
    const node = this.#names.get(directory);
    if (node === undefined) throw new FileOperationError('list', directory, 'ENOENT');
    if (!isDirectory(node)) throw new FileOperationError('list', directory, 'ENOTDIR');
    const names: string[] = [];
    for (const path of this.#names.keys()) {
      if (path !== '/' && parentOf(path) === directory) names.push(path.slice(path.lastIndexOf('/') + 1));
    }
    return names.sort();
  }

  makeDirectory(directory: string): void {
    this.#begin('makeDirectory', directory);
    const parts = directory.split('/').slice(1);
    for (let i = 1; i <= parts.length; i++) {
      const path = `/${parts.slice(0, i).join('/')}`;
      const node = this.#names.get(path);
      if (node === undefined) this.#changeNames(new Directory(), '', path);
      else if (!isDirectory(node)) throw new FileOperationError('makeDirectory', directory, 'ENOTDIR');
    }
  }

  rename(from: string, to: string): void {
    this.#begin('rename', from, to);
    const node = this.#names.get(from);
    if (node === undefined) throw new FileOperationError('rename', from, 'ENOENT');
    this.#needDirectory('rename', to);
    if (isDirectory(node)) this.#renameDirectory(node, from, to);
    else this.#changeNames(node, from, to);
  }

  /** What is below moves along. Its names count as synced: file systems commit changes of names in order. */
  #renameDirectory(node: Directory, from: string, to: string): void {
    const below = [...this.#names].filter(([path]) => path.startsWith(`${from}/`));
    for (const [path, child] of [...below, [from, node] as const]) {
      if (isDirectory(child)) this.#persistNames(path, this.#pendingNames.length);
    }
    const moves = below.map(([path, child]) => ({ node: child, removed: path, added: to + path.slice(from.length) }));
    this.#change([{ node, removed: from, added: to }, ...moves]);
  }

  link(existing: string, added: string): void {
    this.#begin('link', existing, added);
    const inode = this.#inodeAt(existing);
    if (this.#names.has(added)) throw new FileOperationError('link', added, 'EEXIST');
    this.#needDirectory('link', added);
    this.#changeNames(inode, '', added);
  }

  unlink(path: string): void {
    this.#begin('unlink', path);
    const node = this.#names.get(path);
    if (node === undefined) throw new FileOperationError('unlink', path, 'ENOENT');
    if (isDirectory(node)) throw new FileOperationError('unlink', path, 'EISDIR');
    this.#changeNames(node, path, '');
  }

  removeDirectory(directory: string): void {
    this.#begin('removeDirectory', directory);
    const node = this.#names.get(directory);
    if (node === undefined) throw new FileOperationError('removeDirectory', directory, 'ENOENT');
    if ([...this.#names.keys()].some((path) => path !== '/' && parentOf(path) === directory)) {
      throw new FileOperationError('removeDirectory', directory, 'ENOTEMPTY');
    }
    this.#changeNames(node, directory, '');
  }

  freeBytes(path: string): number {
    this.#begin('freeBytes', path);
    return Math.max(0, this.capacityBytes - this.#usedBytes());
  }

  #opened(file: FileDescriptor): OpenFile {
    const open = this.#open.get(file);
    assert(open !== undefined, 'only open descriptors are used');
    return open;
  }

  #inodeAt(path: string): SimInode {
    const node = this.#names.get(path);
    if (!(node instanceof SimInode)) throw new FileOperationError('open', path, 'ENOENT');
    return node;
  }

  #needDirectory(operation: string, path: string): void {
    const parent = this.#names.get(parentOf(path));
    if (parent === undefined || !isDirectory(parent)) throw new FileOperationError(operation, path, 'ENOENT');
  }

  #usedBytes(): number {
    let used = 0;
    for (const node of new Set(this.#names.values())) if (node instanceof SimInode) used += node.sizeBytes;
    return used;
  }

  #later(operation: () => void): void {
    const life = this.#life;
    if (this.#schedule === undefined) this.#queue.push(operation);
    else this.#schedule(() => life === this.#life && operation());
  }

  #trace(operation: string, path: string, a: number | string = '', b: number | string = ''): void {
    const text = this.#encoder.encode(`${operation} ${path} ${a} ${b}`);
    this.traceHash = crc32(text, 0, text.length, this.traceHash);
    this.onOperation?.(operation, path);
  }

  #faultOf(operation: string, path: string, a: number | string = '', b: number | string = ''): Fault | undefined {
    this.#trace(operation, path, a, b);
    return this.plan?.(operation, path, ++this.operationCount);
  }

  #attempt(operation: string, path: string, a: number | string = '', b: number | string = ''): Error | undefined {
    const fault = this.#faultOf(operation, path, a, b);
    return fault && new FileOperationError(operation, path, fault.errno);
  }

  #begin(operation: string, path: string, a: number | string = '', b: number | string = ''): void {
    const error = this.#attempt(operation, path, a, b);
    if (error !== undefined) throw error;
  }

  #syncInode(path: string, inode: SimInode, covered: number): Error | undefined {
    const error = this.#attempt('fdatasync', path, covered);
    if (error === undefined) inode.persist(covered);
    else inode.forget(covered);
    return error;
  }

  #changeNames(node: Directory | SimInode, removed: string, added: string): void {
    this.#change([{ node, removed, added }]);
  }

  /** The first move is the one whose directories must be synced. */
  #change(moves: readonly Move[]): void {
    for (const { node, removed, added } of moves) {
      if (removed !== '') this.#names.delete(removed);
      if (added !== '') this.#names.set(added, node);
    }
    const waiting = new Set<string>();
    const { removed, added } = moves[0]!;
    if (removed !== '') waiting.add(parentOf(removed));
    if (added !== '') waiting.add(parentOf(added));
    this.#pendingNames.push({ waiting, moves });
  }

  #persistNames(directory: string, count: number): void {
    const left: PendingName[] = [];
    this.#pendingNames.forEach((change, i) => {
      if (i < count) change.waiting.delete(directory);
      if (change.waiting.size === 0) this.#makeDurable(change);
      else left.push(change);
    });
    this.#pendingNames = left;
  }

  #makeDurable({ moves }: PendingName): void {
    for (const { node, removed, added } of moves) {
      if (removed !== '' && this.#durableNames.get(removed) === node) this.#durableNames.delete(removed);
      if (added !== '') this.#durableNames.set(added, node);
    }
  }

  /** Keeps none, the first few, or any of the changes that were not synced; one that rests on a lost one is lost too. */
  #crashNames(random: Random): void {
    const style = Math.floor(random.next() * 3);
    const first = Math.floor(random.next() * (this.#pendingNames.length + 1));
    const lost = new Set<unknown>();
    this.#pendingNames.forEach((change, i) => {
      const isKept = style === 1 ? i < first : style === 2 && random.next() < 0.5;
      const parts = change.moves.flatMap(({ node, removed, added }) => [node, removed, added]);
      const rests = parts.some((part) => lost.has(part));
      if (isKept && !rests) this.#makeDurable(change);
      else for (const part of parts) if (part !== '') lost.add(part);
    });
    this.#pendingNames = [];
    this.#names = new Map();
    for (const [path, node] of [...this.#durableNames].sort(([a], [b]) => a.length - b.length)) {
      if (path === '/' || this.#names.has(parentOf(path))) this.#names.set(path, node);
    }
    this.#durableNames = new Map(this.#names);
  }
}
