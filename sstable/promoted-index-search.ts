import { readI32BE } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { BlockWindow, More } from './block-window.ts';
import { PromotedIndexReader } from './format/promoted-index.ts';
import { makeCodec, makeDeletionReader, type SSTableParts } from './sstable-parts.ts';

/**
 * Finds blocks in the promoted index of one partition without reading all of it. Each question answers false when
 * `window.load()` is needed first, and is then asked again with the same arguments: it goes on where it was.
 */
export class PromotedIndexSearch {
  readonly window: BlockWindow;
  /** The block that `readBlock` read last. */
  readonly block: PromotedIndexReader;
  /** Answer of `findAfter` and `findBefore`. */
  found = 0;
  readonly #parts: SSTableParts;
  #position = 0;
  #end = 0;
  #hasHead = false;
  #blocksStart = 0;
  #low = 0;
  #high = -1;
  /** File position of the block whose offset was read, -1 before. */
  #blockAt = -1;

  constructor(parts: SSTableParts) {
    this.#parts = parts;
    this.window = new BlockWindow(parts.index, parts.source, 0);
    this.block = new PromotedIndexReader(makeCodec(parts), makeDeletionReader(parts));
  }

  /** Turns to a partition's promoted index. */
  open(position: number, bytes: number): void {
    this.#position = position;
    this.#end = position + bytes;
    this.#hasHead = false;
    this.#high = -1;
    this.#blockAt = -1;
  }

  /** Once something was answered true. */
  get blockCount(): number {
    return this.block.blockCount;
  }

  /** `found` = the first block with anything after a position; the number of blocks when there is none. */
  findAfter(prefix: Uint8Array, weight: number): boolean {
    return this.#search(prefix, weight, true);
  }

  /** `found` = the last block with anything before a position; -1 when there is none. */
  findBefore(prefix: Uint8Array, weight: number): boolean {
    if (!this.#search(prefix, weight, false)) return false;
    this.found--;
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
    this.found = this.#low;
    this.#high = -1;
    return true;
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
