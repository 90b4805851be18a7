import { ByteWriter, readU16BE } from '../core/bytes.ts';
import { CorruptFileError } from '../core/errors.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../core/int64.ts';
import { NO_DELETION_TIME } from '../core/mutation/row-body.ts';
import { FragmentKind, type RowBatch } from '../core/read/row-batch.ts';
import { Token, tokenOf } from '../core/token.ts';
import { BlockWindow, More } from './block-window.ts';
import type { DeletionTimeReader } from './format/deletion-time.ts';
import { Head, type RowDecoder } from './format/row-decoder.ts';
import { makeDeletionReader, makeRowDecoder, type SSTableParts } from './sstable-parts.ts';

/**
 * The unfiltereds of Data.db, one after the other, with the state that reading them in order needs: the header of the
 * partition at hand and the range deletion in force. What the forward and the reverse reader have in common.
 */
export class PartitionStream {
  readonly parts: SSTableParts;
  readonly window: BlockWindow;
  readonly decoder: RowDecoder;
  readonly key: ByteWriter = new ByteWriter(256);
  readonly token: Token = new Token();
  deletionHi: number = INT64_MIN_HI;
  deletionLo: number = INT64_MIN_LO;
  deletionTime: number = NO_DELETION_TIME;
  /** Where the partition begins in the data. */
  start = 0;
  /** The range deletion after the last marker that was passed, (-2^63) for none. */
  openHi: number = INT64_MIN_HI;
  openLo: number = INT64_MIN_LO;
  openTime: number = NO_DELETION_TIME;
  readonly #deletion: DeletionTimeReader;
  /** The position passed last, when order is checked. */
  readonly #last: ByteWriter = new ByteWriter(64);
  #lastWeight = 0;
  #hasLast = false;

  constructor(parts: SSTableParts, firstReadBytes: number) {
    this.parts = parts;
    this.window = new BlockWindow(parts.data, parts.source, firstReadBytes);
    this.decoder = makeRowDecoder(parts);
    this.#deletion = makeDeletionReader(parts);
  }

  get isOpen(): boolean {
    return this.openHi !== INT64_MIN_HI || this.openLo !== INT64_MIN_LO;
  }

  /**
   * Reads the partition header at the window's position and moves past it.
   * @returns false when `window.load()` is needed first
   * @throws CorruptFileError
   */
  readHeader(): boolean {
    const { window, parts } = this;
    const { path } = parts.data;
    for (;;) {
      const { bytes, pos, end } = window;
      if (end - pos >= 2) {
        const keyEnd = pos + 2 + readU16BE(bytes, pos);
        if (keyEnd <= end && this.#deletion.read(bytes, keyEnd, end, path, window.base)) {
          this.start = window.position;
          this.key.clear();
          this.key.raw(bytes, pos + 2, keyEnd);
          window.pos = this.#deletion.at;
          break;
        }
      }
      if (!this.more('partition header cut short')) return false;
    }
    this.deletionHi = this.#deletion.hi;
    this.deletionLo = this.#deletion.lo;
    this.deletionTime = this.#deletion.time;
    this.setOpen(INT64_MIN_HI, INT64_MIN_LO, NO_DELETION_TIME);
    this.#hasLast = false;
    if (parts.hasTokens) tokenOf(this.key.bytes, 0, this.key.length, this.token);
    return true;
  }

  addStart(batch: RowBatch): void {
    const { key, token } = this;
    const { deletionHi, deletionLo, deletionTime } = this;
    batch.addPartitionStart(token.hi, token.lo, key.bytes, 0, key.length, deletionHi, deletionLo, deletionTime);
  }

  /** Looks at the next unfiltered, all of which is there then; NeedsMore: `window.load()` is needed first. */
  head(): Head {
    const { window, decoder } = this;
    for (;;) {
      const head = decoder.readHead(window.bytes, window.pos, window.end, window.base);
      if (head !== Head.NeedsMore) return head;
      // A row over many blocks is looked at again when enough of them are there, not after each.
      const needed = decoder.neededBytes;
      do {
        if (!this.more('partition without an end')) return Head.NeedsMore;
      } while (window.end - window.pos < needed);
    }
  }

  /** Moves past the unfiltered that `head` looked at. @throws CorruptFileError when it lies before the one passed last */
  pass(): void {
    if (this.parts.checksOrder) this.#checkOrder();
    this.window.pos = this.decoder.unfilteredEnd;
  }

  /** Appends the row that `head` looked at, unless nothing is in it; moves past it. */
  addRow(kind: FragmentKind, batch: RowBatch): void {
    const { decoder } = this;
    const { position } = decoder;
    batch.beginFragment(kind, 0, position.bytes, 0, position.length);
    if (decoder.readRow(batch.writer)) batch.endFragment();
    else batch.dropFragment();
    this.pass();
  }

  /** Moves past the static row if one stands here, and appends it if it is wanted. False: `window.load()` is needed first. */
  passStatics(isWanted: boolean, batch: RowBatch): boolean {
    const head = this.head();
    if (head === Head.NeedsMore) return false;
    if (head === Head.StaticRow) {
      if (isWanted) this.addRow(FragmentKind.StaticRow, batch);
      else this.pass();
    }
    return true;
  }

  #checkOrder(): void {
    const { position, weight, isClustered } = this.decoder;
    if (!isClustered) return;
    const last = this.#last;
    const { comparator } = this.parts;
    if (
      this.#hasLast &&
      comparator.compare(last.bytes, 0, last.length, this.#lastWeight, position.bytes, 0, position.length, weight) >= 0
    ) {
      this.corrupt('rows out of order');
    }
    this.#hasLast = true;
    last.clear();
    last.raw(position.bytes, 0, position.length);
    this.#lastWeight = weight;
  }

  /** Forgets what was passed last, before the window is moved elsewhere in the partition. */
  jump(): void {
    this.#hasLast = false;
  }

  /** Takes over the marker that `head` looked at and `readMarker` decoded; moves past it. @throws CorruptFileError */
  passMarker(): void {
    const { decoder } = this;
    const closes = decoder.closedHi !== INT64_MIN_HI || decoder.closedLo !== INT64_MIN_LO;
    if (closes !== this.isOpen)
      this.corrupt(closes ? 'a range ends that never began' : 'a range begins inside another');
    if (
      closes &&
      (decoder.closedHi !== this.openHi || decoder.closedLo !== this.openLo || decoder.closedTime !== this.openTime)
    ) {
      this.corrupt('a range ends with another deletion than it began with');
    }
    this.setOpen(decoder.openedHi, decoder.openedLo, decoder.openedTime);
    this.pass();
  }

  setOpen(hi: number, lo: number, time: number): void {
    this.openHi = hi;
    this.openLo = lo;
    this.openTime = time;
  }

  /** The end of the partition stands here: no range may be open. @throws CorruptFileError */
  passEnd(): void {
    if (this.isOpen) this.corrupt('a range is open at the end of a partition');
    this.pass();
  }

  /** False: `window.load()` is needed first. @throws CorruptFileError at the end of the file */
  more(why: string): boolean {
    const more = this.window.more();
    if (more === More.AtEnd) this.corrupt(why);
    return more === More.Added;
  }

  corrupt(why: string): never {
    throw new CorruptFileError(this.parts.data.path, this.window.position, `uncompressed data: ${why}`);
  }

  close(): void {
    this.window.close();
  }
}
