import type { Random } from '../../core/ports/random.ts';

/** Disks write sectors whole or not at all; nothing larger is atomic. */
export const SECTOR_BYTES = 512;

/** A change of content that no completed sync covers. `bytes` undefined: the size alone was set, to `offset`. */
interface PendingWrite {
  readonly offset: number;
  readonly bytes: Uint8Array | undefined;
}

/** Content of one file twice: as processes see it (page cache) and as it would be after the power failed. */
export class SimInode {
  #cache: Uint8Array = new Uint8Array(0);
  #size = 0;
  #disk: Uint8Array = new Uint8Array(0);
  #diskSize = 0;
  #pending: PendingWrite[] = [];
  /** Writes that are no longer pending. */
  #settledCount = 0;

  get sizeBytes(): number {
    return this.#size;
  }

  /** Number of writes so far: what a sync begun now will cover. */
  get writeCount(): number {
    return this.#settledCount + this.#pending.length;
  }

  read(target: Uint8Array, offset: number, length: number, position: number): number {
    const count = Math.max(0, Math.min(length, this.#size - position));
    target.set(this.#cache.subarray(position, position + count), offset);
    return count;
  }

  write(source: Uint8Array, offset: number, length: number, position: number): void {
    if (length === 0) return;
    const bytes = source.slice(offset, offset + length);
    this.#cache = applied(this.#cache, position, bytes);
    this.#size = Math.max(this.#size, position + length);
    this.#pending.push({ offset: position, bytes });
  }

  truncate(sizeBytes: number): void {
    if (sizeBytes < this.#size) this.#cache.fill(0, sizeBytes, this.#size);
    this.#size = sizeBytes;
    this.#cache = grown(this.#cache, sizeBytes);
    this.#pending.push({ offset: sizeBytes, bytes: undefined });
  }

  /** The first `count` writes are on disk. */
  persist(count: number): void {
    for (const write of this.#settle(count)) this.#apply(write);
  }

  /** Those of the first `count` writes that are not on disk never will be, though the page cache shows them: a sync failed. */
  forget(count: number): void {
    this.#settle(count);
  }

  /**
   * The power fails. Every sector that pending writes touched has the content after some number of them, each sector for
   * itself; the size is that after some number of them too.
   */
  crash(random: Random): void {
    const sectors = new Set<number>();
    let size = this.#diskSize;
    const sizes = [size];
    for (const { offset, bytes } of this.#pending) {
      if (bytes === undefined) size = offset;
      else size = Math.max(size, offset + bytes.length);
      sizes.push(size);
      const end = bytes === undefined ? offset : offset + bytes.length;
      for (let s = Math.floor(offset / SECTOR_BYTES); s * SECTOR_BYTES < end; s++) sectors.add(s);
    }
    this.#disk = grown(this.#disk, Math.max(...sizes));
    for (const sector of [...sectors].sort((a, b) => a - b)) {
      const writes = Math.floor(random.next() * (this.#pending.length + 1));
      for (let i = 0; i < writes; i++) this.#applyToSector(this.#pending[i]!, sector * SECTOR_BYTES);
    }
    this.#diskSize = sizes[Math.floor(random.next() * sizes.length)]!;
    this.#disk.fill(0, this.#diskSize);
    this.#settle(this.writeCount);
    this.#cache = this.#disk.slice();
    this.#size = this.#diskSize;
  }

  /** Flips bits of one byte, on disk and in the page cache. */
  flip(position: number, mask: number): void {
    if (position < this.#cache.length) this.#cache[position]! ^= mask;
    if (position < this.#disk.length) this.#disk[position]! ^= mask;
  }

  #settle(count: number): PendingWrite[] {
    const settled = this.#pending.splice(0, Math.max(0, count - this.#settledCount));
    this.#settledCount += settled.length;
    return settled;
  }

  #apply(write: PendingWrite): void {
    if (write.bytes === undefined) {
      if (write.offset < this.#diskSize) this.#disk.fill(0, write.offset, this.#diskSize);
      this.#disk = grown(this.#disk, write.offset);
      this.#diskSize = write.offset;
    } else {
      this.#disk = applied(this.#disk, write.offset, write.bytes);
      this.#diskSize = Math.max(this.#diskSize, write.offset + write.bytes.length);
    }
  }

  #applyToSector(write: PendingWrite, start: number): void {
    if (write.bytes === undefined) return;
    const from = Math.max(start, write.offset);
    const to = Math.min(start + SECTOR_BYTES, write.offset + write.bytes.length);
    if (from < to) this.#disk.set(write.bytes.subarray(from - write.offset, to - write.offset), from);
  }
}

function grown(bytes: Uint8Array, size: number): Uint8Array {
  if (size <= bytes.length) return bytes;
  const larger = new Uint8Array(Math.max(size, bytes.length * 2));
  larger.set(bytes);
  return larger;
}

function applied(bytes: Uint8Array, position: number, source: Uint8Array): Uint8Array {
  const target = grown(bytes, position + source.length);
  target.set(source, position);
  return target;
}
