import { NO_ROOM, PAGE_BYTES, type SlabPool, type SlabViews } from './slab-pool.ts';

/** Pieces below this size are forgotten until the flush. */
const MIN_BLOCK = 16;
/** Four size classes per power of two, from 16 bytes to 2 GiB. */
const CLASS_COUNT = 27 * 4;

/**
 * The memory of one memtable, aligned to 4 bytes, in pages of the shard's pool, given back as a whole.
 *
 * - What stays until the flush (`allocate`) is cut off the current page, exactly as long as asked for.
 * - What may be replaced (`allocateBlock`: versions of rows, tables that grow) is rounded up to a size class, by less than a quarter;
 *   when it is freed it waits in a list for the next block of its class: its first word is then the next free one. Blocks are
 *   never split, so that overwriting for ever cannot grind them down.
 * - What is longer than a page has a run of pages of its own.
 *
 * Who must not fail half-way asks first: `canAllocate` for pieces of up to a page, `reserve` for larger ones.
 */
export class Arena {
  readonly views: SlabViews;
  readonly #pool: SlabPool;
  /** The unused part of the current page. */
  #position = 0;
  #end = 0;
  /** Every run this arena owns, as pairs (offset, pages). */
  #runs: Int32Array = new Int32Array(16);
  #runCount = 0;
  #pageCount = 0;
  /** Runs set aside for large blocks, as triples (offset, pages, bytes). */
  readonly #reserved: number[] = [];
  #freeBytes = 0;
  /** First free block of each class, 0 for none. Made when first needed. */
  #freeHeads: Int32Array = NO_INTS;

  constructor(pool: SlabPool) {
    this.#pool = pool;
    this.views = pool.views;
  }

  /** Pages held, times their size. */
  get allocatedBytes(): number {
    return this.#pageCount * PAGE_BYTES;
  }
  /** Bytes in free blocks and in the rest of the current page. */
  get unusedBytes(): number {
    return this.#freeBytes + this.#end - this.#position;
  }

  /** True when pieces of up to a page each, `bytes` in all, are certain to be had. */
  canAllocate(bytes: number): boolean {
    // Two successive pages hold more than one page's worth, else the piece that opened the second would fit in the first.
    return this.#pool.freePages * PAGE_BYTES >= 2 * bytes + PAGE_BYTES;
  }

  /** Sets memory aside for one piece of exactly `size` bytes if it is larger than a page. False when there is none. */
  reserve(size: number): boolean {
    const bytes = (size + 3) & ~3;
    if (bytes <= PAGE_BYTES) return true;
    const pages = Math.ceil(bytes / PAGE_BYTES);
    const offset = this.#pool.allocateRun(pages);
    if (offset === NO_ROOM) return false;
    this.#reserved.push(offset, pages, bytes);
    return true;
  }

  /** Gives back what was reserved and not allocated since. */
  dropReserved(): void {
    const reserved = this.#reserved;
    if (reserved.length === 0) return;
    for (let i = 0; i < reserved.length; i += 3) this.#pool.freeRun(reserved[i]!, reserved[i + 1]!);
    reserved.length = 0;
  }

  /** @returns the offset of `size` bytes with undefined content, which stay until the release; or NO_ROOM */
  allocate(size: number): number {
    const bytes = (size + 3) & ~3;
    const at = this.#position;
    if (bytes <= this.#end - at) {
      this.#position = at + bytes;
      return at;
    }
    return bytes > PAGE_BYTES ? this.#allocateRun(bytes) : this.#allocateInNewPage(bytes);
  }

  /** @returns the offset of a block of blockBytes(size) with undefined content, which may be freed; or NO_ROOM */
  allocateBlock(size: number): number {
    const heads = this.#freeHeads;
    if (heads.length > 0) {
      const sizeClass = classAbove(size);
      const at = heads[sizeClass]!;
      if (at !== NO_ROOM) {
        heads[sizeClass] = this.views.i32[at >> 2]!;
        this.#freeBytes -= bytesOf(sizeClass);
        return at;
      }
    }
    return this.allocate(blockBytes(size));
  }

  /** Takes back a block. `size` as it was asked for, or any other of the same class. */
  freeBlock(offset: number, size: number): void {
    this.#addFree(offset, classAbove(size));
  }

  /** Takes the unused end of a piece for blocks. */
  freePiece(offset: number, size: number): void {
    if (size >= MIN_BLOCK) this.#addFree(offset, classBelow(size));
  }

  /** Returns every page to the pool. Nothing of this arena may be read afterwards. */
  release(): void {
    this.dropReserved();
    const runs = this.#runs;
    const count = this.#runCount;
    this.#runs = NO_INTS;
    this.#runCount = 0;
    this.#pageCount = 0;
    this.#position = 0;
    this.#end = 0;
    this.#freeBytes = 0;
    this.#freeHeads = NO_INTS;
    for (let i = 0; i < count; i++) this.#pool.freeRun(runs[2 * i]!, runs[2 * i + 1]!);
    if (count > 0) this.#pool.onPagesFreed();
  }

  #allocateInNewPage(bytes: number): number {
    const page = this.#pool.allocateRun(1);
    if (page === NO_ROOM) return NO_ROOM;
    this.#own(page, 1);
    if (PAGE_BYTES - bytes >= this.#end - this.#position) {
      this.freePiece(this.#position, this.#end - this.#position);
      this.#position = page + bytes;
      this.#end = page + PAGE_BYTES;
    } else {
      this.freePiece(page + bytes, PAGE_BYTES - bytes); // more is left in the old page
    }
    return page;
  }

  #allocateRun(bytes: number): number {
    let pages = Math.ceil(bytes / PAGE_BYTES);
    let offset = NO_ROOM;
    const reserved = this.#reserved;
    for (let i = 0; i < reserved.length; i += 3) {
      if (reserved[i + 2] !== bytes) continue;
      offset = reserved[i]!;
      pages = reserved[i + 1]!;
      reserved.splice(i, 3);
      break;
    }
    if (offset === NO_ROOM) offset = this.#pool.allocateRun(pages);
    if (offset === NO_ROOM) return NO_ROOM;
    this.#own(offset, pages);
    this.freePiece(offset + bytes, pages * PAGE_BYTES - bytes);
    return offset;
  }

  #own(offset: number, pages: number): void {
    if (2 * this.#runCount === this.#runs.length) {
      const larger = new Int32Array(this.#runs.length * 2);
      larger.set(this.#runs);
      this.#runs = larger;
    }
    this.#runs[2 * this.#runCount] = offset;
    this.#runs[2 * this.#runCount + 1] = pages;
    this.#runCount++;
    this.#pageCount += pages;
  }

  #addFree(offset: number, sizeClass: number): void {
    if (this.#freeHeads.length === 0) this.#freeHeads = new Int32Array(CLASS_COUNT);
    this.views.i32[offset >> 2] = this.#freeHeads[sizeClass]!;
    this.#freeHeads[sizeClass] = offset;
    this.#freeBytes += bytesOf(sizeClass);
  }
}

/** What a block of `size` bytes takes. */
export function blockBytes(size: number): number {
  return bytesOf(classAbove(size));
}

/** The largest class not above `size`, which is at least MIN_BLOCK. */
function classBelow(size: number): number {
  const power = 31 - Math.clz32(size);
  return ((power - 4) << 2) | ((size >>> (power - 2)) & 3);
}

/** The smallest class not below `size`. */
function classAbove(size: number): number {
  return size <= MIN_BLOCK ? 0 : classBelow(size - 1) + 1;
}

/** Size of the blocks of a class: 16, 20, 24, 28, 32, 40, 48, 56, 64, 80 ... */
function bytesOf(sizeClass: number): number {
  return (4 + (sizeClass & 3)) << ((sizeClass >>> 2) + 2);
}

const NO_INTS = new Int32Array(0);
