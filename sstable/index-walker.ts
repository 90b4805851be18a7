import { equalBytes } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import type { BlockFile } from './block-file.ts';
import { type BlockSource, BlockWindow, More } from './block-window.ts';
import { IndexEntryReader } from './format/index-entry.ts';

/** What `next` found: an entry, that `window.load()` is needed first, or the end of the file. */
export const Walk = { Entry: 1, NeedsLoad: 2, End: 3 } as const;
export type Walk = (typeof Walk)[keyof typeof Walk];

/** Two vints of nine bytes, and the key's length. */
const MOST_HEAD_BYTES = 20;

/** Walks the entries of Index.db from any entry on. The key of the current one is window.bytes[entry.keyStart, keyEnd). */
export class IndexWalker {
  readonly window: BlockWindow;
  readonly entry: IndexEntryReader = new IndexEntryReader();
  /** Where the current entry begins, and its promoted index. */
  position = 0;
  promotedPosition = 0;
  readonly #dataBytes: number;
  #next = 0;

  /** @param index Index.db; @param dataBytes of Data.db before compression */
  constructor(index: BlockFile, dataBytes: number, source: BlockSource, firstReadBytes: number) {
    this.#dataBytes = dataBytes;
    this.window = new BlockWindow(index, source, firstReadBytes);
  }

  /** The next entry read is the one at this position. */
  seek(position: number): void {
    this.#next = position;
  }

  /** @throws CorruptFileError */
  next(): Walk {
    const { window, entry } = this;
    const index = window.file;
    if (this.#next >= index.sizeBytes) return Walk.End;
    window.seek(this.#next);
    while (!entry.read(window.bytes, window.pos, window.end, index.path, window.base)) {
      const more = window.more();
      if (more === More.NeedsLoad) return Walk.NeedsLoad;
      if (more === More.AtEnd) throw new CorruptFileError(index.path, this.#next, 'entry cut short');
    }
    this.position = this.#next;
    this.promotedPosition = window.base + entry.at;
    this.#next = this.promotedPosition + entry.promotedBytes;
    if (this.#next > index.sizeBytes) throw new CorruptFileError(index.path, this.position, 'promoted index cut short');
    if (entry.dataPosition >= this.#dataBytes) {
      throw new CorruptFileError(
        index.path,
        this.position,
        `data position ${entry.dataPosition} of ${this.#dataBytes}`,
      );
    }
    return Walk.Entry;
  }

  /**
   * Moves over entries of other keys, as far as they are in the window and have no promoted index: a point read's way past
   * most of what one summary entry stands for. `next` then reads the first that may be the one, or that needs a closer look.
   */
  skipOthers(key: Uint8Array, limit: number): void {
    const { window } = this;
    window.seek(this.#next);
    const { bytes, end, base } = window;
    const length = key.length;
    const last = length === 0 ? -1 : key[length - 1]!;
    const stop = Math.min(end - MOST_HEAD_BYTES, limit - base);
    let pos = window.pos;
    while (pos < stop) {
      const keyLength = (bytes[pos]! << 8) | bytes[pos + 1]!;
      let p = pos + 2 + keyLength;
      if (p + MOST_HEAD_BYTES > end) break;
      if (keyLength === length && (length === 0 || bytes[p - 1] === last)) {
        if (equalBytes(bytes, pos + 2, p, key, 0, length)) break;
      }
      const first = bytes[p]!;
      p += first < 0x80 ? 1 : Math.clz32(~first & 0xff) - 23;
      if (bytes[p] !== 0) break;
      pos = p + 1;
    }
    this.#next = base + pos;
  }

  close(): void {
    this.window.close();
  }
}
