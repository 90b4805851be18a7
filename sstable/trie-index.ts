import { ByteWriter, equalBytes } from '../core/bytes.ts';
import { CorruptFileError, UnsupportedFormatError } from '../core/errors.ts';
import { Murmur3Hash, murmur3 } from '../core/murmur3.ts';
import type { TokenRange } from '../core/read/slice.ts';
import type { BlockFile } from './block-file.ts';
import { BlockWindow, More } from './block-window.ts';
import {
  appendComparableBytes,
  appendComparableToken,
  appendComparableValue,
  type ComparableColumn,
  TERMINATOR,
} from './format/byte-comparable.ts';
import { partitionPayloadLength, payloadHash, payloadPosition, RowsEntryReader } from './format/partition-trie.ts';
import { Walk } from './index-walker.ts';
import type { PartitionIndex, PartitionLocator } from './partition-index.ts';
import { RowTrieSearch } from './row-trie-search.ts';
import type { SSTableParts } from './sstable-parts.ts';
import { TrieCursor } from './trie-cursor.ts';

/** How the partitions of a file are ordered, as far as the keys of its trie can be made. */
export const TrieOrder = { Murmur3: 1, Bytes: 2, Other: 3 } as const;
export type TrieOrder = (typeof TrieOrder)[keyof typeof TrieOrder];

/** Partitions.db and Rows.db. */
export class TrieIndex implements PartitionIndex {
  readonly partitions: BlockFile;
  /** Undefined when it is empty: no partition has row blocks. */
  readonly rows: BlockFile | undefined;
  readonly files: readonly BlockFile[];
  readonly root: number;
  /** As Partitions.db has it. */
  readonly partitionCount: number;
  readonly order: TrieOrder;
  /** Of the partition key, when its columns are encoded one by one; undefined: as one byte string. */
  readonly keyColumns: readonly ComparableColumn[] | undefined;
  readonly clustering: readonly ComparableColumn[];

  constructor(
    partitions: BlockFile,
    rows: BlockFile | undefined,
    root: number,
    partitionCount: number,
    order: TrieOrder,
    keyColumns: readonly ComparableColumn[] | undefined,
    clustering: readonly ComparableColumn[],
  ) {
    this.partitions = partitions;
    this.rows = rows;
    this.files = rows === undefined ? [partitions] : [partitions, rows];
    this.root = root;
    this.partitionCount = partitionCount;
    this.order = order;
    this.keyColumns = keyColumns;
    this.clustering = clustering;
  }

  makeLocator(parts: SSTableParts): TrieLocator {
    return new TrieLocator(parts, this);
  }
}

/** Finds partitions in the trie of Partitions.db, whose keys are prefixes: what is found must be compared with the data. */
export class TrieLocator implements PartitionLocator {
  dataPosition = 0;
  readonly nextDataPosition: number = Number.POSITIVE_INFINITY;
  isKeyKnown = false;
  /** Of the partition found last: its place in Rows.db, -1 when it has none. */
  rowsPosition = -1;
  readonly entry: RowsEntryReader = new RowsEntryReader();
  readonly #parts: SSTableParts;
  readonly #index: TrieIndex;
  readonly #cursor: TrieCursor;
  readonly #rowsWindow: BlockWindow | undefined;
  #isInRows = false;
  #wanted: Uint8Array = NO_KEY;
  /** What was sought, and what a key is compared with. */
  readonly #sought: ByteWriter = new ByteWriter(64);
  readonly #encoded: ByteWriter = new ByteWriter(64);
  #isSeeking = false;
  /** The key in Rows.db of what was found. */
  readonly key: ByteWriter = new ByteWriter(64);
  readonly #hash: Murmur3Hash = new Murmur3Hash();
  #hashByte = -1;
  /** Entries lie in the order of the data, so that no trie, however made, is walked without end. */
  #lastPosition = -1;
  #search: RowTrieSearch | undefined;

  constructor(parts: SSTableParts, index: TrieIndex) {
    this.#parts = parts;
    this.#index = index;
    this.#cursor = new TrieCursor(index.partitions, parts.source, partitionPayloadLength);
    if (index.rows !== undefined) this.#rowsWindow = new BlockWindow(index.rows, parts.source, 0);
  }

  get pending(): BlockWindow {
    return this.#isInRows ? this.#rowsWindow! : this.#cursor.window;
  }

  /** File position in Partitions.db of the entry found last. */
  get position(): number {
    return this.#cursor.position;
  }

  seekKey(tokenHi: number, tokenLo: number, key: Uint8Array): void {
    if (this.#index.order === TrieOrder.Other) {
      throw new UnsupportedFormatError(this.#index.partitions.path, 'no look-ups of keys under its partitioner');
    }
    this.#reset();
    this.#wanted = key;
    this.#sought.clear();
    this.#isSeeking = this.#encode(this.#sought, tokenHi, tokenLo, key, key.length);
  }

  find(): Walk {
    const cursor = this.#cursor;
    const sought = this.#sought;
    if (!this.#isInRows) {
      const walk = cursor.find(sought.bytes, sought.length);
      if (walk === Walk.NeedsLoad) return walk;
      if (walk === Walk.End) {
        if (!this.#isSeeking && cursor.path.length === sought.length) {
          throw new UnsupportedFormatError(
            this.#index.partitions.path,
            'two keys of one token, of a type that is not compared',
          );
        }
        return walk;
      }
      const key = this.#wanted;
      if (this.#hasOtherHash(key, key.length)) return Walk.End;
    }
    if (!this.#take()) return Walk.NeedsLoad;
    const key = this.#wanted;
    const isOther = this.isKeyKnown && !equalBytes(this.key.bytes, 0, this.key.length, key, 0, key.length);
    return isOther ? Walk.End : Walk.Entry;
  }

  seekRange({ startHi, startLo, startKey }: TokenRange): void {
    this.#reset();
    this.#isSeeking = this.#parts.hasTokens;
    if (!this.#isSeeking) return;
    this.#sought.clear();
    if (startKey === undefined) appendComparableToken(this.#sought, startHi, startLo);
    else this.#encode(this.#sought, startHi, startLo, startKey, startKey.length);
  }

  next(): Walk {
    const cursor = this.#cursor;
    if (!this.#isInRows) {
      if (this.#isSeeking) {
        const walk = cursor.seekLower(this.#sought.bytes, this.#sought.length);
        if (walk === Walk.NeedsLoad) return walk;
        this.#isSeeking = false;
        // The last entry below may stand for a key that is not: whoever reads the key sees.
        if (walk === Walk.Entry) return this.#takeNext();
      }
      const walk = cursor.next();
      if (walk !== Walk.Entry) return walk;
    }
    return this.#takeNext();
  }

  agrees(tokenHi: number, tokenLo: number, key: Uint8Array, length: number): boolean {
    if (this.isKeyKnown && !equalBytes(this.key.bytes, 0, this.key.length, key, 0, length)) return false;
    const { path } = this.#cursor;
    if (this.#index.order !== TrieOrder.Other) {
      this.#encoded.clear();
      this.#encode(this.#encoded, tokenHi, tokenLo, key, length);
      const shared = Math.min(path.length, this.#encoded.length);
      if (!equalBytes(path.bytes, 0, shared, this.#encoded.bytes, 0, shared)) return false;
    }
    return !this.#hasOtherHash(key, length, this.#hashByte);
  }

  rowBlocks(): RowTrieSearch | undefined {
    const { rows, clustering } = this.#index;
    if (this.rowsPosition < 0 || rows === undefined || clustering.length === 0) return undefined;
    this.#search ??= new RowTrieSearch(this.#parts, rows, clustering);
    this.#search.open(this.entry.root);
    return this.#search;
  }

  close(): void {
    this.#cursor.close();
    this.#rowsWindow?.close();
    this.#search?.close();
    this.#wanted = NO_KEY;
  }

  #reset(): void {
    this.#cursor.open(this.#index.root);
    this.#isInRows = false;
    this.#lastPosition = -1;
  }

  /** The trie key of a partition; false when only a part of it can be made. */
  #encode(out: ByteWriter, tokenHi: number, tokenLo: number, key: Uint8Array, length: number): boolean {
    const { order, keyColumns } = this.#index;
    if (order === TrieOrder.Murmur3) appendComparableToken(out, tokenHi, tokenLo);
    else appendComparableBytes(out, key, 0, length);
    if (keyColumns === undefined) {
      appendComparableBytes(out, key, 0, length);
    } else {
      for (let i = 0, pos = 0; i < keyColumns.length; i++) {
        const isOnly = keyColumns.length === 1;
        if (!isOnly && pos + 2 > length) return false;
        const start = isOnly ? 0 : pos + 2;
        const end = isOnly ? length : start + ((key[pos]! << 8) | key[pos + 1]!);
        if (end > length || !appendComparableValue(out, keyColumns[i]!, key, start, end)) return false;
        pos = end + 1;
      }
    }
    out.u8(TERMINATOR);
    return true;
  }

  #hasOtherHash(key: Uint8Array, length: number, hashByte: number = this.#payloadHash()): boolean {
    if (hashByte < 0) return false;
    murmur3(key, 0, length, this.#hash);
    return (this.#hash.h2Lo & 0xff) !== hashByte;
  }

  #payloadHash(): number {
    const { node, window } = this.#cursor;
    return payloadHash(node.payloadBits, window.bytes, node.payloadAt);
  }

  #takeNext(): Walk {
    if (!this.#take()) return Walk.NeedsLoad;
    if (this.dataPosition <= this.#lastPosition) {
      throw this.#corrupt(`data position ${this.dataPosition} after ${this.#lastPosition}`);
    }
    this.#lastPosition = this.dataPosition;
    return Walk.Entry;
  }

  /** Takes over what the cursor found. False: Rows.db needs a load. */
  #take(): boolean {
    const window = this.#rowsWindow;
    if (!this.#isInRows) {
      const { node, window } = this.#cursor;
      const position = payloadPosition(node.payloadBits, window.bytes, node.payloadAt);
      this.#hashByte = this.#payloadHash();
      this.isKeyKnown = position >= 0;
      this.rowsPosition = position >= 0 ? position : -1;
      this.dataPosition = -1 - position;
    }
    if (this.rowsPosition >= 0) {
      if (window === undefined || this.rowsPosition >= window.file.sizeBytes) {
        throw this.#corrupt(`leads to byte ${this.rowsPosition} of ${window?.file.sizeBytes ?? 0} in Rows.db`);
      }
      this.#isInRows = true;
      const { path } = window.file;
      const { entry } = this;
      window.seek(this.rowsPosition);
      while (!entry.read(window.bytes, window.pos, window.end, path, window.base)) {
        const more = window.more();
        if (more === More.NeedsLoad) return false;
        if (more === More.AtEnd) throw new CorruptFileError(path, this.rowsPosition, 'entry cut short');
      }
      this.dataPosition = entry.dataPosition;
      this.key.clear();
      this.key.raw(window.bytes, entry.keyStart, entry.keyEnd);
      this.#isInRows = false;
    }
    const { sizeBytes } = this.#parts.data;
    if (this.dataPosition >= sizeBytes) throw this.#corrupt(`data position ${this.dataPosition} of ${sizeBytes}`);
    return true;
  }

  #corrupt(why: string): CorruptFileError {
    return new CorruptFileError(this.#index.partitions.path, this.position, why);
  }
}

const NO_KEY = new Uint8Array(0);
