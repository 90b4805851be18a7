import { readI32BE } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../core/int64.ts';
import { NO_DELETION_TIME } from '../core/mutation/row-body.ts';
import type { BlockFile } from './block-file.ts';
import { BlockWindow, More } from './block-window.ts';
import { PromotedIndexReader } from './format/promoted-index.ts';
import type { RowBlockSearch } from './row-block-search.ts';
import { makeCodec, makeDeletionReader, type SSTableParts } from './sstable-parts.ts';

/** Where a question is that needs more than one block. */
const Ask = { Search: 0, Found: 1, Before: 2 } as const;
type Ask = (typeof Ask)[keyof typeof Ask];

/** Finds blocks in the promoted index of one partition without reading all of it. */
export class PromotedIndexSearch implements RowBlockSearch {
  readonly window: BlockWindow;
  /** The block that `readBlock` read last. */
  readonly block: PromotedIndexReader;
  hasBlock = false;
  start = 0;
  end = 0;
  openHi: number = INT64_MIN_HI;
  openLo: number = INT64_MIN_LO;
  openTime: number = NO_DELETION_TIME;
  endHi: number = INT64_MIN_HI;
  endLo: number = INT64_MIN_LO;
  endTime: number = NO_DELETION_TIME;
  /** The block that is the answer. */
  #found = 0;
  /** The block that `findBefore` found last; beyond the last one at first. */
  #lastFound: number = Number.MAX_SAFE_INTEGER;
  #ask: Ask = Ask.Search;
  readonly #parts: SSTableParts;
  #position = 0;
  #end = 0;
  #hasHead = false;
  #blocksStart = 0;
  #low = 0;
  #high = -1;
  /** File position of the block whose offset was read, -1 before. */
  #blockAt = -1;

  /** @param index Index.db */
  constructor(parts: SSTableParts, index: BlockFile) {
    this.#parts = parts;
    this.window = new BlockWindow(index, parts.source, 0);
    this.block = new PromotedIndexReader(makeCodec(parts), makeDeletionReader(parts));
  }

  /** Turns to a partition's promoted index. */
  open(position: number, bytes: number): void {
    this.#position = position;
    this.#end = position + bytes;
    this.#hasHead = false;
    this.#high = -1;
    this.#blockAt = -1;
    this.#lastFound = Number.MAX_SAFE_INTEGER;
    this.#ask = Ask.Search;
  }

  /** Once something was answered true. */
  get blockCount(): number {
    return this.block.blockCount;
  }

  findAfter(prefix: Uint8Array, weight: number): boolean {
    const { block } = this;
    if (this.#ask === Ask.Search) {
      if (!this.#search(prefix, weight, true)) return false;
      this.hasBlock = this.#found < block.blockCount;
      this.start = 0;
      this.#setOpen(INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
      if (!this.hasBlock || this.#found === 0) return true;
      this.#ask = Ask.Before;
    }
    // What is in force at the block's start is told by the block before, which ends where it begins.
    if (!this.readBlock(this.#found - 1)) return false;
    this.start = block.offset + block.width;
    this.#setOpen(block.openHi, block.openLo, block.openTime);
    this.#ask = Ask.Search;
    return true;
  }

  findBefore(prefix: Uint8Array, weight: number): boolean {
    const { block } = this;
    if (this.#ask === Ask.Search) {
      if (!this.#search(prefix, weight, false)) return false;
      this.#found = Math.min(this.#found, this.#lastFound) - 1;
      this.hasBlock = this.#found >= 0;
      if (!this.hasBlock) return true;
      this.#ask = Ask.Found;
    }
    if (this.#ask === Ask.Found) {
      if (!this.readBlock(this.#found)) return false;
      this.start = block.offset;
      this.end = block.offset + block.width;
      this.endHi = block.openHi;
      this.endLo = block.openLo;
      this.endTime = block.openTime;
      this.#setOpen(INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
      this.#ask = Ask.Before;
    }
    if (this.#found > 0) {
      if (!this.readBlock(this.#found - 1)) return false;
      this.#setOpen(block.openHi, block.openLo, block.openTime);
    }
    this.#lastFound = this.#found;
    this.#ask = Ask.Search;
    return true;
  }

  /** Reads block i into `block`. */
  readBlock(i: number): boolean {
    if (!this.#readHead()) return false;
    const { window, block } = this;
    const { path } = window.file;
    const table = this.#end - block.blockCount * 4;
    if (this.#blockAt < 0) {
      window.seek(table + i * 4);
      while (window.end - window.pos < 4) if (!this.#more()) return false;
      const at = this.#blocksStart + readI32BE(window.bytes, window.pos);
      if (at < this.#blocksStart || at >= table) throw new CorruptFileError(path, table + i * 4, 'block offset');
      this.#blockAt = at;
    }
    window.seek(this.#blockAt);
    while (!block.readBlock(window.bytes, window.pos, window.end, path, window.base)) if (!this.#more()) return false;
    if (window.base + block.at > table)
      throw new CorruptFileError(path, this.#blockAt, 'block beyond the promoted index');
    this.#blockAt = -1;
    return true;
  }

  close(): void {
    this.window.close();
  }

  /** Binary search for the first block that ends after (or begins at or after) a position. */
  #search(prefix: Uint8Array, weight: number, byLast: boolean): boolean {
    if (!this.#readHead()) return false;
    const { block } = this;
    const { comparator } = this.#parts;
    if (this.#high < 0) {
      this.#low = 0;
      this.#high = block.blockCount;
    }
    while (this.#low < this.#high) {
      const middle = (this.#low + this.#high) >>> 1;
      if (!this.readBlock(middle)) return false;
      const bound = byLast ? block.last : block.first;
      const boundWeight = byLast ? block.lastWeight : block.firstWeight;
      const order = comparator.compare(bound.bytes, 0, bound.length, boundWeight, prefix, 0, prefix.length, weight);
      if (byLast ? order > 0 : order >= 0) this.#high = middle;
      else this.#low = middle + 1;
    }
    this.#found = this.#low;
    this.#high = -1;
    return true;
  }

  #setOpen(hi: number, lo: number, time: number): void {
    this.openHi = hi;
    this.openLo = lo;
    this.openTime = time;
  }

  #readHead(): boolean {
    if (this.#hasHead) return true;
    const { window, block } = this;
    const { path } = window.file;
    window.seek(this.#position);
    while (!block.readHead(window.bytes, window.pos, window.end, path, window.base)) if (!this.#more()) return false;
    this.#blocksStart = window.base + block.at;
    if (block.blockCount === 0 || this.#end - this.#blocksStart < block.blockCount * 4) {
      throw new CorruptFileError(path, this.#position, `promoted index of ${block.blockCount} blocks`);
    }
    this.#hasHead = true;
    return true;
  }

  #more(): boolean {
    const more = this.window.more();
    if (more === More.AtEnd) {
      throw new CorruptFileError(this.window.file.path, this.#position, 'promoted index cut short');
    }
    return more === More.Added;
  }
}
