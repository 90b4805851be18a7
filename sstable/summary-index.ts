import { ByteWriter, equalBytes } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import type { TokenRange } from '../core/read/slice.ts';
import { isBeforeRange, Token, tokenOf } from '../core/token.ts';
import type { BlockFile } from './block-file.ts';
import type { BlockWindow } from './block-window.ts';
import type { SummaryEntries } from './format/summary.ts';
import { IndexWalker, Walk } from './index-walker.ts';
import type { PartitionIndex, PartitionLocator } from './partition-index.ts';
import { PromotedIndexSearch } from './promoted-index-search.ts';
import type { SSTableParts } from './sstable-parts.ts';

/** Index.db and its sample in memory. */
export class SummaryIndex implements PartitionIndex {
  /** Index.db. */
  readonly file: BlockFile;
  readonly summary: SummaryEntries;

  constructor(file: BlockFile, summary: SummaryEntries) {
    this.file = file;
    this.summary = summary;
  }

  get files(): readonly BlockFile[] {
    return [this.file];
  }

  makeLocator(parts: SSTableParts): SummaryLocator {
    return new SummaryLocator(parts, this);
  }
}

/** Finds entries of Index.db from the summary's nearest on. Under another partitioner than Murmur3: from the first on. */
export class SummaryLocator implements PartitionLocator {
  dataPosition = 0;
  nextDataPosition: number = Number.POSITIVE_INFINITY;
  readonly isKeyKnown = true;
  readonly #parts: SSTableParts;
  readonly #index: SummaryIndex;
  readonly #walker: IndexWalker;
  /** The key that is looked for. */
  #wanted: Uint8Array = NO_KEY;
  #summaryAt = 0;
  #indexEnd = 0;
  #isFirst = true;
  /** Until an entry is found that does not lie before it. */
  #range: TokenRange | undefined;
  readonly #token: Token = new Token();
  /** The entry found last: the walker's window may move. */
  readonly key: ByteWriter = new ByteWriter(64);
  #promotedPosition = 0;
  #promotedBytes = 0;
  #search: PromotedIndexSearch | undefined;

  constructor(parts: SSTableParts, index: SummaryIndex) {
    this.#parts = parts;
    this.#index = index;
    this.#walker = new IndexWalker(index.file, parts.data.sizeBytes, parts.source, 0);
  }

  get pending(): BlockWindow {
    return this.#walker.window;
  }

  seekKey(tokenHi: number, tokenLo: number, key: Uint8Array): void {
    const { summary, file } = this.#index;
    this.#wanted = key;
    this.#isFirst = true;
    this.#summaryAt = -1;
    this.#indexEnd = file.sizeBytes;
    this.#walker.seek(0);
    if (!this.#parts.hasTokens) return;
    const at = summary.floor(tokenHi, tokenLo, key, 0, key.length);
    this.#summaryAt = at;
    if (at < 0) this.#indexEnd = 0;
    else this.#walker.seek(summary.position(at));
    if (at + 1 < summary.count) this.#indexEnd = at < 0 ? 0 : summary.position(at + 1);
  }

  find(): Walk {
    const walker = this.#walker;
    const { window, entry } = walker;
    const key = this.#wanted;
    if (this.#indexEnd === 0) return Walk.End;
    for (;;) {
      const walk = walker.next();
      if (walk === Walk.NeedsLoad) return walk;
      if (walk === Walk.End || walker.position >= this.#indexEnd) return Walk.End;
      if (this.#isFirst && this.#summaryAt >= 0) this.#checkSummary();
      this.#isFirst = false;
      if (equalBytes(window.bytes, entry.keyStart, entry.keyEnd, key, 0, key.length)) break;
      walker.skipOthers(key, this.#indexEnd);
    }
    this.#take();
    // The next entry, if it is at hand, tells where reading ahead may stop.
    if (walker.next() === Walk.Entry) this.nextDataPosition = entry.dataPosition;
    return Walk.Entry;
  }

  seekRange(range: TokenRange): void {
    const { summary } = this.#index;
    const key = range.startKey ?? NO_KEY;
    const { hasTokens } = this.#parts;
    const at = hasTokens ? summary.floor(range.startHi, range.startLo, key, 0, key.length) : -1;
    this.#range = hasTokens ? range : undefined;
    this.#walker.seek(at < 0 ? 0 : summary.position(at));
  }

  next(): Walk {
    const walker = this.#walker;
    for (;;) {
      const walk = walker.next();
      if (walk !== Walk.Entry) return walk;
      if (this.#range === undefined || !this.#isBefore(this.#range)) break;
    }
    this.#range = undefined;
    this.#take();
    return Walk.Entry;
  }

  agrees(_tokenHi: number, _tokenLo: number, key: Uint8Array, length: number): boolean {
    return equalBytes(this.key.bytes, 0, this.key.length, key, 0, length);
  }

  rowBlocks(): PromotedIndexSearch | undefined {
    if (this.#promotedBytes === 0) return undefined;
    this.#search ??= new PromotedIndexSearch(this.#parts, this.#index.file);
    this.#search.open(this.#promotedPosition, this.#promotedBytes);
    return this.#search;
  }

  close(): void {
    this.#walker.close();
    this.#search?.close();
    this.#wanted = NO_KEY;
    this.#range = undefined;
  }

  #take(): void {
    const { entry, window, promotedPosition } = this.#walker;
    this.dataPosition = entry.dataPosition;
    this.nextDataPosition = Number.POSITIVE_INFINITY;
    this.#promotedPosition = promotedPosition;
    this.#promotedBytes = entry.promotedBytes;
    this.key.clear();
    this.key.raw(window.bytes, entry.keyStart, entry.keyEnd);
  }

  #isBefore(range: TokenRange): boolean {
    const { window, entry } = this.#walker;
    const { keyStart, keyEnd } = entry;
    tokenOf(window.bytes, keyStart, keyEnd, this.#token);
    const { hi, lo } = this.#token;
    return isBeforeRange(range, hi, lo, window.bytes, keyStart, keyEnd);
  }

  /** The entry that the summary leads to has the key that it names. */
  #checkSummary(): void {
    const { entry, window, position } = this.#walker;
    const { summary, file } = this.#index;
    const start = summary.keyStart(this.#summaryAt);
    const end = summary.keyEnd(this.#summaryAt);
    if (!equalBytes(window.bytes, entry.keyStart, entry.keyEnd, summary.keys.bytes, start, end)) {
      throw new CorruptFileError(file.path, position, 'not the key that the summary has');
    }
  }
}

const NO_KEY = new Uint8Array(0);
