import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { FileOperationError } from '../../core/errors.ts';
import { type FileDescriptor, OpenMode } from '../../core/ports/files.ts';
import { NodeFiles } from './node-files.ts';

const directory = mkdtempSync(join(tmpdir(), 'node-files-'));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

const files = new NodeFiles();
const at = (name: string): string => join(directory, name);

const errnoOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof FileOperationError) return error.errno;
    throw error;
  }
  return 'none';
};

function made(name: string, content: Uint8Array): FileDescriptor {
  const file = files.open(at(name), OpenMode.CreateNew);
  files.writeSync(file, content, 0, content.length, 0);
  return file;
}

describe('files on Node', () => {
  test('what is written is read back, blocking or not, from any offset', async () => {
    const content = Uint8Array.from({ length: 100_000 }, (_, i) => i * 7);
    const file = made('a', content);
    const target = new Uint8Array(20);
    expect(files.readSync(file, target, 5, 10, 50_000)).toBe(10);
    expect([...target.subarray(5, 15)]).toEqual([...content.subarray(50_000, 50_010)]);
    expect(files.readSync(file, target, 0, 20, 99_995), 'short only at the end').toBe(5);
    expect(files.readSync(file, target, 0, 20, 200_000)).toBe(0);
    expect(files.sizeOf(file)).toBe(100_000);

    await new Promise<void>((done) => {
      let isReturned = false;
      files.write(file, content, 10, 90, 100_000, (error, count) => {
        expect([error, count, isReturned]).toEqual([undefined, 90, true]);
        done();
      });
      isReturned = true;
    });
    await new Promise<void>((done) => {
      const tail = new Uint8Array(200);
      files.read(file, tail, 0, 200, 99_990, (error, count) => {
        expect([error, count]).toEqual([undefined, 100]);
        expect([...tail.subarray(10, 100)]).toEqual([...content.subarray(10, 100)]);
        done();
      });
    });
    files.truncate(file, 7);
    expect(files.status(at('a'))).toMatchObject({ sizeBytes: 7, isDirectory: false });
    files.close(file);
  });

  test('modes: kept, new only, read only', () => {
    files.close(made('b', Uint8Array.of(1)));
    expect(errnoOf(() => files.open(at('b'), OpenMode.CreateNew))).toBe('EEXIST');
    const kept = files.open(at('b'), OpenMode.ReadWrite);
    expect(files.sizeOf(kept)).toBe(1);
    files.close(kept);
    const readOnly = files.open(at('b'), OpenMode.Read);
    expect(errnoOf(() => files.writeSync(readOnly, Uint8Array.of(1), 0, 1, 0))).toBe('EBADF');
    files.close(readOnly);
    expect(errnoOf(() => files.open(at('absent'), OpenMode.Read))).toBe('ENOENT');
  });

  test('syncs call back, later', async () => {
    const file = made('c', Uint8Array.of(1));
    files.fdatasyncSync(file);
    files.syncDirectory(directory);
    let isReturned = false;
    const calls = [
      new Promise<void>((done) =>
        files.fdatasync(file, (error) => {
          expect([error, isReturned]).toEqual([undefined, true]);
          done();
        }),
      ),
      new Promise<void>((done) =>
        files.syncDirectoryAsync(directory, (error) => {
          expect([error, isReturned]).toEqual([undefined, true]);
          done();
        }),
      ),
      new Promise<void>((done) =>
        files.syncDirectoryAsync(at('absent'), (error) => {
          expect((error as FileOperationError).errno).toBe('ENOENT');
          done();
        }),
      ),
    ];
    isReturned = true;
    await Promise.all(calls);
    files.close(file);
  });

  test('names: made, listed, renamed over, linked, removed', () => {
    files.makeDirectory(at('d/e'));
    files.makeDirectory(at('d/e'));
    files.close(made('d/x', Uint8Array.of(1)));
    files.close(made('d/y', Uint8Array.of(1, 2)));
    expect(files.list(at('d'))).toEqual(['e', 'x', 'y']);
    files.rename(at('d/y'), at('d/x'));
    expect(files.status(at('d/x'))?.sizeBytes).toBe(2);
    files.link(at('d/x'), at('d/z'));
    files.unlink(at('d/x'));
    expect(files.list(at('d'))).toEqual(['e', 'z']);
    expect(files.status(at('d/e'))?.isDirectory).toBe(true);
    expect(errnoOf(() => files.removeDirectory(at('d')))).toBe('ENOTEMPTY');
    files.removeDirectory(at('d/e'));
    expect(files.status(at('d/e'))).toBeUndefined();
    expect(files.freeBytes(directory)).toBeGreaterThan(0);
  });

  test.each([
    ['list', () => files.list(at('absent'))],
    ['rename', () => files.rename(at('absent'), at('other'))],
    ['unlink', () => files.unlink(at('absent'))],
    ['syncDirectory', () => files.syncDirectory(at('absent'))],
    ['freeBytes', () => files.freeBytes(at('absent'))],
  ])('%s of what is absent is ENOENT and names the path', (operation, run) => {
    expect(errnoOf(run)).toBe('ENOENT');
    expect(run).toThrow(new RegExp(`${operation} .*absent: ENOENT`));
  });

  test('errors of asynchronous operations come to the callback', async () => {
    const file = files.open(at('b'), OpenMode.Read);
    await new Promise<void>((done) => {
      files.write(file, Uint8Array.of(1), 0, 1, 0, (error, count) => {
        expect([(error as FileOperationError).errno, count]).toEqual(['EBADF', 0]);
        done();
      });
    });
    files.close(file);
  });
});
