import { assert } from '../../core/assert.ts';
import { ByteWriter } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import type { BlockFile } from '../../sstable/block-file.ts';
import type { PartitionStream } from '../../sstable/partition-stream.ts';
import { PromotedIndexSearch } from '../../sstable/promoted-index-search.ts';
import type { SSTableParts } from '../../sstable/sstable-parts.ts';
import type { BlockFollower } from './index-follower.ts';
import type { ValidationReport } from './validation-report.ts';

/**
 * Follows the blocks of one partition's promoted index while its rows pass: blocks begin and end where rows do, lie one
 * after the other, and name their first and last position and the deletion open at their end.
 */
export class PromotedIndexCheck implements BlockFollower {
  readonly #parts: SSTableParts;
  readonly #report: ValidationReport;
  readonly #search: PromotedIndexSearch;
  readonly #last: ByteWriter = new ByteWriter(64);
  #lastWeight = 0;
  #position = 0;
  #partitionStart = 0;
  /** The block that the rows at hand belong to; -1 before the first. */
  #block = -1;
  #isFollowing = false;

  /** @param index Index.db */
  constructor(parts: SSTableParts, index: BlockFile, report: ValidationReport) {
    this.#parts = parts;
    this.#report = report;
    this.#search = new PromotedIndexSearch(parts, index);
  }

  /** Turns to the partition that begins at `partitionStart`. @param bytes of its promoted index, 0 for none */
  begin(position: number, bytes: number, partitionStart: number): void {
    this.#isFollowing = bytes > 0;
    this.#position = position;
    this.#partitionStart = partitionStart;
    this.#block = -1;
    if (bytes > 0) this.#search.open(position, bytes);
  }

  /** A row or marker that begins at `start`, which `stream` has looked at and not passed. @throws CorruptFileError */
  unfiltered(stream: PartitionStream, start: number): void {
    if (!this.#isFollowing) return;
    const { block } = this.#search;
    const { position, weight } = stream.decoder;
    const offset = start - this.#partitionStart;
    if (this.#block < 0 || offset >= block.offset + block.width) {
      if (this.#block >= 0) this.#endBlock(stream, offset === block.offset + block.width);
      if (!this.#isFollowing) return;
      if (!this.#readNext()) {
        this.#wrong(`a row at byte ${start} of the data is in none of its blocks`);
        return;
      }
      if (block.offset !== offset)
        this.#wrong(`block ${this.#block} begins at ${block.offset}, its first row at ${offset}`);
      else if (this.#block === 0 && block.headerBytes !== offset) {
        this.#wrong(`a header of ${block.headerBytes} bytes is named, there are ${offset}`);
      }
      if (this.#isOther(position, weight, block.first, block.firstWeight)) {
        this.#wrong(`block ${this.#block} does not begin with the position that it names`);
      }
    }
    this.#last.clear();
    this.#last.raw(position.bytes, 0, position.length);
    this.#lastWeight = weight;
  }

  /** The partition's end, at `end`. @throws CorruptFileError */
  end(stream: PartitionStream, end: number): void {
    if (!this.#isFollowing) return;
    const { block } = this.#search;
    if (this.#block < 0) {
      this.#wrong('a promoted index of a partition without rows');
      return;
    }
    const offset = end - this.#partitionStart;
    // The last block may or may not count the end of the partition.
    this.#endBlock(stream, offset === block.offset + block.width || offset + 1 === block.offset + block.width);
    if (this.#isFollowing && this.#block + 1 !== block.blockCount)
      this.#wrong(`only ${this.#block + 1} of its blocks have rows`);
    this.#isFollowing = false;
  }

  close(): void {
    this.#search.close();
  }

  #readNext(): boolean {
    this.#block++;
    if (this.#block > 0 && this.#block >= this.#search.blockCount) return false;
    assert(this.#search.readBlock(this.#block), 'a blocking window needs no load');
    return true;
  }

  /** Before the stream passes what follows the block. */
  #endBlock({ openHi, openLo }: PartitionStream, endsThere: boolean): void {
    const { block } = this.#search;
    if (!endsThere) this.#wrong(`block ${this.#block} does not end where a row does`);
    else if (this.#isOther(this.#last, this.#lastWeight, block.last, block.lastWeight)) {
      this.#wrong(`block ${this.#block} does not end with the position that it names`);
    } else if (openHi !== block.openHi || openLo !== block.openLo) {
      const isOpen = openHi !== INT64_MIN_HI || openLo !== INT64_MIN_LO;
      this.#wrong(`block ${this.#block} ends with ${isOpen ? 'an' : 'no'} open deletion, and names another`);
    }
  }

  #isOther(a: ByteWriter, aWeight: number, b: ByteWriter, bWeight: number): boolean {
    const { comparator } = this.#parts;
    return comparator.compare(a.bytes, 0, a.length, aWeight, b.bytes, 0, b.length, bWeight) !== 0;
  }

  /** One error a partition: what follows from it says nothing new. */
  #wrong(why: string): void {
    this.#isFollowing = false;
    this.#report.error(this.#search.window.file.path, this.#position, `promoted index: ${why}`);
  }
}
