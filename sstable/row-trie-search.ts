import { ByteWriter, compareBytes } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../core/int64.ts';
import { NO_DELETION_TIME } from '../core/mutation/row-body.ts';
import type { BlockFile } from './block-file.ts';
import type { BlockWindow } from './block-window.ts';
import { appendComparablePosition, type ComparableColumn } from './format/byte-comparable.ts';
import { RowTriePayload, rowPayloadLength } from './format/row-trie.ts';
import { Walk } from './index-walker.ts';
import type { RowBlockSearch } from './row-block-search.ts';
import type { SSTableParts } from './sstable-parts.ts';
import { TrieCursor } from './trie-cursor.ts';

/** Where a question is that needs more than one step. */
const Ask = { Encode: 0, Lower: 1, First: 2, Next: 3 } as const;
type Ask = (typeof Ask)[keyof typeof Ask];

/** Finds row blocks in the row trie of one partition. */
export class RowTrieSearch implements RowBlockSearch {
  hasBlock = false;
  start = 0;
  end: number = Number.POSITIVE_INFINITY;
  openHi: number = INT64_MIN_HI;
  openLo: number = INT64_MIN_LO;
  openTime: number = NO_DELETION_TIME;
  endHi: number = INT64_MIN_HI;
  endLo: number = INT64_MIN_LO;
  endTime: number = NO_DELETION_TIME;
  readonly #cursor: TrieCursor;
  readonly #payload: RowTriePayload;
  readonly #columns: readonly ComparableColumn[];
  readonly #sought: ByteWriter = new ByteWriter(64);
  /** The separator of the block that `findBefore` found last. */
  readonly #last: ByteWriter = new ByteWriter(64);
  #hasLast = false;
  #ask: Ask = Ask.Encode;

  /** @param rows Rows.db */
  constructor(parts: SSTableParts, rows: BlockFile, columns: readonly ComparableColumn[]) {
    this.#cursor = new TrieCursor(rows, parts.source, rowPayloadLength);
    this.#payload = new RowTriePayload(parts.version, parts.raw);
    this.#columns = columns;
  }

  get window(): BlockWindow {
    return this.#cursor.window;
  }

  /** Turns to a partition's row trie. @throws CorruptFileError */
  open(root: number): void {
    this.#cursor.open(root);
    this.#hasLast = false;
    this.#ask = Ask.Encode;
  }

  findAfter(prefix: Uint8Array, weight: number): boolean {
    const cursor = this.#cursor;
    if (this.#ask === Ask.Encode) {
      this.#sought.clear();
      appendComparablePosition(this.#sought, this.#columns, prefix, prefix.length, weight, true);
      this.#ask = Ask.Lower;
    }
    if (this.#ask === Ask.Lower) {
      const walk = cursor.seekLower(this.#sought.bytes, this.#sought.length);
      if (walk === Walk.NeedsLoad) return false;
      this.#ask = walk === Walk.Entry ? Ask.Next : Ask.First;
    }
    if (this.#ask === Ask.First && this.#next() === Walk.NeedsLoad) return false;
    this.#readStart();
    this.hasBlock = true;
    this.#ask = Ask.Encode;
    return true;
  }

  findBefore(prefix: Uint8Array, weight: number): boolean {
    const cursor = this.#cursor;
    const sought = this.#sought;
    if (this.#ask === Ask.Encode) {
      sought.clear();
      appendComparablePosition(sought, this.#columns, prefix, prefix.length, weight, false);
      const last = this.#last;
      if (this.#hasLast && compareBytes(last.bytes, 0, last.length, sought.bytes, 0, sought.length) < 0) {
        sought.clear();
        sought.raw(last.bytes, 0, last.length);
      }
      this.#ask = Ask.Lower;
    }
    if (this.#ask === Ask.Lower) {
      const walk = cursor.seekLower(sought.bytes, sought.length);
      if (walk === Walk.NeedsLoad) return false;
      this.hasBlock = walk === Walk.Entry;
      if (!this.hasBlock) {
        this.#ask = Ask.Encode;
        return true;
      }
      this.#readStart();
      this.#last.clear();
      this.#last.raw(cursor.path.bytes, 0, cursor.path.length);
      this.#hasLast = true;
      this.#ask = Ask.Next;
    }
    const walk = this.#next();
    if (walk === Walk.NeedsLoad) return false;
    this.#readEnd(walk === Walk.Entry);
    this.#ask = Ask.Encode;
    return true;
  }

  close(): void {
    this.#cursor.close();
  }

  #next(): Walk {
    const walk = this.#cursor.next();
    if (walk === Walk.End && this.#ask === Ask.First) {
      throw new CorruptFileError(this.window.file.path, this.#cursor.position, 'a row trie without entries');
    }
    return walk;
  }

  #readStart(): void {
    const payload = this.#payload;
    this.#readPayload();
    this.start = payload.offset;
    this.openHi = payload.openHi;
    this.openLo = payload.openLo;
    this.openTime = payload.openTime;
  }

  /** The block ends where the next one begins. */
  #readEnd(hasNext: boolean): void {
    const payload = this.#payload;
    this.end = Number.POSITIVE_INFINITY;
    this.endHi = INT64_MIN_HI;
    this.endLo = INT64_MIN_LO;
    this.endTime = NO_DELETION_TIME;
    if (!hasNext) return;
    this.#readPayload();
    if (payload.offset <= this.start) {
      const why = `a row block at ${payload.offset} after the one at ${this.start}`;
      throw new CorruptFileError(this.window.file.path, this.#cursor.position, why);
    }
    this.end = payload.offset;
    this.endHi = payload.openHi;
    this.endLo = payload.openLo;
    this.endTime = payload.openTime;
  }

  #readPayload(): void {
    const { window, node } = this.#cursor;
    this.#payload.read(node.payloadBits, window.bytes, node.payloadAt, window.file.path, window.base);
  }
}
