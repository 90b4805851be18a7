import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AssertionError } from '../../core/assert.ts';
import { FileOperationError } from '../../core/errors.ts';
import { OpenMode } from '../../core/ports/files.ts';
import { SimTime } from './sim-clock.ts';
import { SimFiles } from './sim-files.ts';
import { SECTOR_BYTES } from './sim-inode.ts';
import { SimRandom } from './sim-random.ts';

const bytesOf = (length: number, value: number): Uint8Array => new Uint8Array(length).fill(value);

/** A disk with one durable file of `length` bytes of 1. */
function diskWith(length: number): SimFiles {
  const files = new SimFiles();
  files.makeDirectory('/d');
  files.syncDirectory('/');
  files.setContent('/d/a', bytesOf(length, 1));
  return files;
}

const errnoOf = (run: () => unknown): string => {
  try {
    run();
  } catch (error) {
    if (error instanceof FileOperationError) return error.errno;
    throw error;
  }
  return 'none';
};

describe('a power failure', () => {
  test('keeps what was synced and tears the rest by sectors, each old or new', () => {
    const seen = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const files = diskWith(2048);
      const file = files.open('/d/a', OpenMode.ReadWrite);
      files.writeSync(file, bytesOf(600, 2), 0, 600, 0);
      files.fdatasyncSync(file);
      files.writeSync(file, bytesOf(1500, 3), 0, 1500, 100);
      files.crash(new SimRandom(seed));
      const content = files.contentOf('/d/a');
      expect(content.length).toBe(2048);
      const pattern: number[] = [];
      for (let start = 0; start < 2048; start += SECTOR_BYTES) {
        const isNew = content[Math.max(start, 100)] === 3;
        pattern.push(Number(isNew));
        for (let i = start; i < start + SECTOR_BYTES; i++) {
          const old = i < 600 ? 2 : 1;
          expect(content[i]).toBe(isNew && i >= 100 && i < 1600 ? 3 : old);
        }
      }
      seen.add(pattern.join(''));
    }
    expect(seen.size, 'all combinations happen').toBe(16);
  });

  test('loses names that were not synced, or some of them', () => {
    const outcomes = new Set<string>();
    for (let seed = 0; seed < 200; seed++) {
      const files = diskWith(10);
      for (const name of ['b', 'c']) {
        const file = files.open(`/d/${name}`, OpenMode.CreateNew);
        files.writeSync(file, bytesOf(10, 7), 0, 10, 0);
        files.fdatasyncSync(file);
      }
      files.rename('/d/a', '/d/z');
      files.crash(new SimRandom(seed));
      outcomes.add(files.list('/d').join(' '));
    }
    expect([...outcomes].sort()).toEqual(['a', 'a b', 'a b c', 'a c', 'b c z', 'b z', 'c z', 'z']);
  });

  test('keeps names that were synced; a removed file stays removed', () => {
    for (let seed = 0; seed < 50; seed++) {
      const files = diskWith(10);
      files.close(files.open('/d/b', OpenMode.CreateNew));
      files.unlink('/d/a');
      files.syncDirectory('/d');
      files.unlink('/d/b');
      files.crash(new SimRandom(seed));
      expect(['', 'b']).toContain(files.list('/d').join(' '));
    }
  });

  test('in the middle of a sync keeps no promise; a completed one covers what was written before it began', () => {
    let kept = 0;
    for (let seed = 0; seed < 60; seed++) {
      const files = diskWith(1024);
      const random = new SimRandom(seed);
      const file = files.open('/d/a', OpenMode.ReadWrite);
      let done = false;
      files.writeSync(file, bytesOf(512, 2), 0, 512, 0);
      files.fdatasync(file, () => {
        done = true;
      });
      files.writeSync(file, bytesOf(512, 3), 0, 512, 512);
      expect(done, 'never before the call returns').toBe(false);
      if (seed % 2 === 0) files.step(random);
      expect(done).toBe(seed % 2 === 0);
      files.crash(random);
      const content = files.contentOf('/d/a');
      if (done) expect(content[0]).toBe(2);
      if (content[512] === 3) kept++;
      expect(files.queuedCount).toBe(0);
    }
    expect(kept, 'the later write may or may not be there').toBeGreaterThan(0);
    expect(kept).toBeLessThan(60);
  });

  test('a killed process leaves its page cache', () => {
    const files = diskWith(10);
    const file = files.open('/d/a', OpenMode.ReadWrite);
    files.writeSync(file, bytesOf(5, 9), 0, 5, 0);
    files.kill();
    expect([...files.contentOf('/d/a')]).toEqual([9, 9, 9, 9, 9, 1, 1, 1, 1, 1]);
    expect(() => files.sizeOf(file)).toThrow(AssertionError);
  });

  test('a size that was not synced may be the old one; truncated bytes may come back', () => {
    const sizes = new Set<number>();
    for (let seed = 0; seed < 50; seed++) {
      const files = diskWith(1000);
      const file = files.open('/d/a', OpenMode.ReadWrite);
      files.truncate(file, 100);
      expect(files.sizeOf(file)).toBe(100);
      files.crash(new SimRandom(seed));
      sizes.add(files.contentOf('/d/a').length);
    }
    expect([...sizes].sort((a, b) => a - b)).toEqual([100, 1000]);
  });
});

describe('faults', () => {
  test('come at the operation that the plan names; a write may be cut short', () => {
    const files = diskWith(10);
    const file = files.open('/d/a', OpenMode.ReadWrite);
    files.plan = (operation) => (operation === 'write' ? { errno: 'EIO', writtenBytes: 3 } : undefined);
    expect(errnoOf(() => files.writeSync(file, bytesOf(10, 5), 0, 10, 0))).toBe('EIO');
    expect([...files.contentOf('/d/a')]).toEqual([5, 5, 5, 1, 1, 1, 1, 1, 1, 1]);
    const failAt = files.operationCount + 2;
    files.plan = (_operation, _path, number) => (number === failAt ? { errno: 'EMFILE' } : undefined);
    expect(files.sizeOf(file)).toBe(10);
    expect(errnoOf(() => files.open('/d/a', OpenMode.Read))).toBe('EMFILE');
    expect(errnoOf(() => files.open('/d/a', OpenMode.Read))).toBe('none');
  });

  test('what a failed sync was for never reaches the disk, though a later sync succeeds', () => {
    const files = diskWith(1024);
    const file = files.open('/d/a', OpenMode.ReadWrite);
    files.writeSync(file, bytesOf(512, 2), 0, 512, 0);
    let fails = 1;
    files.plan = (operation) => (operation === 'fdatasync' && fails-- > 0 ? { errno: 'EIO' } : undefined);
    expect(errnoOf(() => files.fdatasyncSync(file))).toBe('EIO');
    files.fdatasyncSync(file);
    expect(files.contentOf('/d/a')[0]).toBe(2);
    files.crash(new SimRandom(1));
    expect(files.contentOf('/d/a')[0]).toBe(1);
  });

  test('a full disk takes what fits, and overwriting needs no space', () => {
    const files = diskWith(100);
    files.capacityBytes = 150;
    const file = files.open('/d/b', OpenMode.CreateNew);
    expect(files.freeBytes('/d')).toBe(50);
    expect(errnoOf(() => files.writeSync(file, bytesOf(80, 1), 0, 80, 0))).toBe('ENOSPC');
    expect(files.sizeOf(file)).toBe(50);
    expect(errnoOf(() => files.writeSync(file, bytesOf(50, 2), 0, 50, 0))).toBe('none');
    files.unlink('/d/a');
    expect(errnoOf(() => files.writeSync(file, bytesOf(80, 1), 0, 80, 0))).toBe('none');
  });

  test('errors of names are those of the operating system', () => {
    const files = diskWith(1);
    expect(errnoOf(() => files.open('/d/x', OpenMode.Read))).toBe('ENOENT');
    expect(errnoOf(() => files.open('/d/a', OpenMode.CreateNew))).toBe('EEXIST');
    expect(errnoOf(() => files.open('/x/a', OpenMode.CreateNew))).toBe('ENOENT');
    expect(errnoOf(() => files.open('/d', OpenMode.Read))).toBe('EISDIR');
    expect(errnoOf(() => files.rename('/d/x', '/d/y'))).toBe('ENOENT');
    expect(errnoOf(() => files.unlink('/d/x'))).toBe('ENOENT');
    expect(errnoOf(() => files.unlink('/d'))).toBe('EISDIR');
    expect(errnoOf(() => files.link('/d/a', '/d/a'))).toBe('EEXIST');
    expect(errnoOf(() => files.list('/x'))).toBe('ENOENT');
    expect(errnoOf(() => files.list('/d/a'))).toBe('ENOTDIR');
    expect(errnoOf(() => files.makeDirectory('/d/a/b'))).toBe('ENOTDIR');
    expect(errnoOf(() => files.removeDirectory('/d'))).toBe('ENOTEMPTY');
    files.unlink('/d/a');
    files.removeDirectory('/d');
    expect(files.list('/')).toEqual([]);
  });
});

test('links and renames of directories move what is below', () => {
  const files = diskWith(3);
  files.link('/d/a', '/d/b');
  files.unlink('/d/a');
  files.makeDirectory('/e');
  files.rename('/d', '/e/f');
  expect(files.list('/e/f')).toEqual(['b']);
  expect(files.contentOf('/e/f/b').length).toBe(3);
  expect(files.status('/d')).toBeUndefined();
  for (const directory of ['/', '/e', '/e/f']) files.syncDirectory(directory);
  files.crash(new SimRandom(1));
  expect(files.list('/e/f')).toEqual(['b']);
});

test('asynchronous operations complete in the order that the seed draws, and equal seeds give equal histories', () => {
  const run = (seed: number): { hash: number; order: string } => {
    const time = new SimTime();
    const random = new SimRandom(seed);
    const files = new SimFiles((operation) => time.after(random.next(), operation));
    files.makeDirectory('/d');
    const order: number[] = [];
    for (let i = 0; i < 6; i++) {
      const file = files.open(`/d/${i}`, OpenMode.ReadWrite);
      files.write(file, bytesOf(10, i), 0, 10, 0, (error, count) => {
        expect([error, count]).toEqual([undefined, 10]);
        const target = new Uint8Array(20);
        files.read(file, target, 0, 20, 2, (_error, read) => {
          expect([read, target[0]]).toEqual([8, i]);
          order.push(i);
        });
      });
    }
    files.syncDirectoryAsync('/d', (error) => expect(error).toBeUndefined());
    time.run(Infinity);
    return { hash: files.traceHash, order: order.join('') };
  };
  expect(run(5)).toEqual(run(5));
  expect(run(5).hash).not.toBe(run(6).hash);
  expect(new Set([1, 2, 3, 4, 5].map((seed) => run(seed).order)).size).toBeGreaterThan(1);
});

test('writes and reads agree with one array, whatever their ranges', () => {
  const step = fc.record({
    at: fc.nat(3000),
    length: fc.nat(1500),
    value: fc.integer({ min: 1, max: 255 }),
    cut: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
      const files = new SimFiles();
      const file = files.open('/a', OpenMode.CreateNew);
      let model: number[] = [];
      for (const { at, length, value, cut } of steps) {
        if (cut) {
          files.truncate(file, at);
          model = model.slice(0, at);
          while (model.length < at) model.push(0);
        } else if (length > 0) {
          files.writeSync(file, bytesOf(length, value), 0, length, at);
          while (model.length < at + length) model.push(0);
          model.fill(value, at, at + length);
        }
      }
      expect([...files.contentOf('/a')]).toEqual(model);
      files.fdatasyncSync(file);
      files.syncDirectory('/');
      files.crash(new SimRandom(1));
      expect([...files.contentOf('/a')]).toEqual(model);
    }),
  );
});
