import { assert } from '../../core/assert.ts';

/** Unit in which memtables take memory from the pool. */
export const PAGE_BYTES: number = 16 * 1024;
/** Slabs are ranges of the pool by which other threads speak of it. */
export const SLAB_BYTES: number = 1024 * 1024;
/** Offsets are int32. */
export const MAX_POOL_BYTES: number = 2 ** 31 - SLAB_BYTES;
/** What an allocation answers when there is no room. Offset 0 belongs to nobody, so that 0 can also mean "none" in links. */
export const NO_ROOM = 0;

/** The views through which one thread reads and writes a pool's memory. Each thread makes its own, once. */
export class SlabViews {
  readonly memory: SharedArrayBuffer;
  readonly u8: Uint8Array;
  /** `i32[offset >> 2]`; records are aligned to 4. Host byte order: this memory never leaves the process. */
  readonly i32: Int32Array;

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.u8 = new Uint8Array(memory);
    this.i32 = new Int32Array(memory);
  }
}

/**
 * The memory of one shard's memtables: one SharedArrayBuffer of fixed size, given out in pages and contiguous runs of
 * pages, lowest free ones first, so that little of it becomes resident while little is used (the operating system commits it
 * when it is touched).
 *
 * The books are kept by the shard's thread and are not in shared memory. The pool thread is handed `views.memory` once and
 * learns from a `MemtableHandle` where to read (settled questions 3 and 4). Page 0 is never given out.
 */
export class SlabPool {
  readonly views: SlabViews;
  /** Pages that can be given out. */
  readonly pageCount: number;
  /** Called after a memtable has given back its pages: writers that were refused may try again. */
  onPagesFreed: () => void = nothing;
  #freePages: number;
  /** One bit per page, 1 = free. */
  readonly #free: Int32Array;
  /** No word before this one has a free page. */
  #firstWord = 0;

  /** @param sizeBytes the dirty limit plus one page; rounded down to whole pages */
  constructor(sizeBytes: number) {
    const pages = Math.floor(sizeBytes / PAGE_BYTES);
    assert(pages >= 2 && sizeBytes <= MAX_POOL_BYTES, 'slab pool has between two pages and 2 GiB');
    this.views = new SlabViews(new SharedArrayBuffer(pages * PAGE_BYTES));
    this.pageCount = pages - 1;
    this.#freePages = pages - 1;
    this.#free = new Int32Array((pages + 31) >>> 5);
    for (let page = 1; page < pages; page++) this.#free[page >>> 5]! |= 1 << (page & 31);
  }

  get freePages(): number {
    return this.#freePages;
  }
  get usedPages(): number {
    return this.pageCount - this.#freePages;
  }
  get usedBytes(): number {
    return this.usedPages * PAGE_BYTES;
  }

  /**
   * Takes `pages` adjacent pages: the first place where they fit.
   * @returns their byte offset, or NO_ROOM. What they hold is undefined.
   */
  allocateRun(pages: number): number {
    if (pages > this.#freePages) return NO_ROOM;
    const first = pages === 1 ? this.#lowestFree() : this.#lowestRun(pages);
    if (first === NO_ROOM) return NO_ROOM;
    for (let page = first; page < first + pages; page++) this.#free[page >>> 5]! &= ~(1 << (page & 31));
    this.#freePages -= pages;
    return first * PAGE_BYTES;
  }

  /** Gives pages back. The caller must not touch them any more, nor may any other thread. */
  freeRun(offset: number, pages: number): void {
    const first = offset / PAGE_BYTES;
    for (let page = first; page < first + pages; page++) {
      assert((this.#free[page >>> 5]! & (1 << (page & 31))) === 0, 'a page comes back once');
      this.#free[page >>> 5]! |= 1 << (page & 31);
    }
    this.#freePages += pages;
    if (first >>> 5 < this.#firstWord) this.#firstWord = first >>> 5;
  }

  #lowestFree(): number {
    const free = this.#free;
    for (let word = this.#firstWord; word < free.length; word++) {
      const bits = free[word]!;
      if (bits === 0) continue;
      this.#firstWord = word;
      return (word << 5) + 31 - Math.clz32(bits & -bits);
    }
    return NO_ROOM;
  }

  #lowestRun(pages: number): number {
    const free = this.#free;
    let length = 0;
    for (let page = this.#firstWord << 5; page <= this.pageCount; page++) {
      const bits = free[page >>> 5]!;
      if (bits === 0) {
        length = 0;
        page |= 31; // none free in this word
      } else if ((bits & (1 << (page & 31))) === 0) {
        length = 0;
      } else if (++length === pages) {
        return page - pages + 1;
      }
    }
    return NO_ROOM;
  }
}

function nothing(): void {}
