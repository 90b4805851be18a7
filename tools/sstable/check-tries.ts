import { assert } from '../../core/assert.ts';
import { ByteWriter, compareBytes } from '../../core/bytes.ts';
import { TesseraError } from '../../core/errors.ts';
import { ALL_TOKENS } from '../../core/token.ts';
import type { BlockFile } from '../../sstable/block-file.ts';
import { appendComparablePosition } from '../../sstable/format/byte-comparable.ts';
import { RowTriePayload, rowPayloadLength } from '../../sstable/format/row-trie.ts';
import { Walk } from '../../sstable/index-walker.ts';
import type { PartitionStream } from '../../sstable/partition-stream.ts';
import type { SSTable } from '../../sstable/reader.ts';
import { TrieCursor } from '../../sstable/trie-cursor.ts';
import type { TrieIndex, TrieLocator } from '../../sstable/trie-index.ts';
import type { BlockFollower, IndexFollower } from './index-follower.ts';
import type { ValidationReport } from './validation-report.ts';

/** Follows the tries of Partitions.db and Rows.db while the partitions of Data.db pass. */
export class TrieCheck implements IndexFollower {
  readonly blocks: RowTrieCheck;
  readonly #sstable: SSTable;
  readonly #index: TrieIndex;
  readonly #report: ValidationReport;
  readonly #locator: TrieLocator;
  #partitionCount = 0;
  #isFollowing = true;

  constructor(sstable: SSTable, index: TrieIndex, report: ValidationReport) {
    this.#sstable = sstable;
    this.#index = index;
    this.#report = report;
    this.blocks = new RowTrieCheck(sstable, index, report);
    this.#locator = index.makeLocator(sstable.parts);
    this.#locator.seekRange(ALL_TOKENS);
  }

  partition(stream: PartitionStream): void {
    this.#partitionCount++;
    this.blocks.begin(-1, stream.start);
    if (!this.#isFollowing) return;
    const locator = this.#locator;
    if (!this.#next()) {
      if (this.#isFollowing) this.#wrong('no entry for the partitions that follow in the data');
      return;
    }
    const { key, token } = stream;
    if (!locator.agrees(token.hi, token.lo, key.bytes, key.length)) {
      this.#wrong(`the entry has another key than the partition at byte ${stream.start} of the data`);
    } else if (locator.dataPosition !== stream.start) {
      this.#wrong(`the entry leads to byte ${locator.dataPosition}, its partition is at ${stream.start}`);
    } else if (locator.rowsPosition >= 0) {
      this.blocks.begin(locator.entry.root, stream.start);
    }
  }

  end(firstKey: Uint8Array, lastKey: Uint8Array): void {
    if (this.#isFollowing && this.#next()) this.#wrong('an entry without a partition');
    const { path, sizeBytes } = this.#index.partitions;
    const { firstKey: namedFirst, lastKey: namedLast } = this.#sstable;
    if (Buffer.compare(namedFirst, firstKey) !== 0)
      this.#report.error(path, sizeBytes, 'another first key than the data has');
    if (Buffer.compare(namedLast, lastKey) !== 0)
      this.#report.error(path, sizeBytes, 'another last key than the data has');
    if (this.#index.partitionCount !== this.#partitionCount) {
      const why = `counts ${this.#index.partitionCount} partitions, the data has ${this.#partitionCount}`;
      this.#report.error(path, sizeBytes, why);
    }
  }

  close(): void {
    this.#locator.close();
    this.blocks.close();
  }

  #next(): boolean {
    try {
      const walk = this.#locator.next();
      assert(walk !== Walk.NeedsLoad, 'a blocking window needs no load');
      return walk === Walk.Entry;
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      this.#isFollowing = false;
      this.#report.failure(error);
      return false;
    }
  }

  /** The entries that follow are not compared: they would all be wrong. */
  #wrong(why: string): void {
    this.#isFollowing = false;
    this.#report.error(this.#index.partitions.path, this.#locator.position, why);
  }
}

/**
 * Follows the row trie of one partition: blocks begin where rows do, the separator of each lies between the rows before and
 * after it, and the deletion that it names is open there.
 */
export class RowTrieCheck implements BlockFollower {
  readonly #index: TrieIndex;
  readonly #report: ValidationReport;
  readonly #rows: BlockFile | undefined;
  readonly #cursor: TrieCursor | undefined;
  readonly #payload: RowTriePayload;
  readonly #encoded: ByteWriter = new ByteWriter(64);
  /** The least that the position passed last can be encoded as; empty before the first. */
  readonly #last: ByteWriter = new ByteWriter(64);
  #partitionStart = 0;
  /** The cursor is at a block that was not passed. */
  #isFollowing = false;

  constructor(sstable: SSTable, index: TrieIndex, report: ValidationReport) {
    this.#index = index;
    this.#report = report;
    this.#rows = index.rows;
    this.#payload = new RowTriePayload(sstable.version, true);
    if (index.rows !== undefined) this.#cursor = new TrieCursor(index.rows, sstable.parts.source, rowPayloadLength);
  }

  /** Turns to the partition that begins at `partitionStart`. @param root of its row trie, -1 for none */
  begin(root: number, partitionStart: number): void {
    this.#partitionStart = partitionStart;
    this.#last.clear();
    this.#isFollowing = root >= 0;
    if (root < 0) return;
    this.#attempt((cursor) => {
      cursor.open(root);
      this.#advance(cursor);
    });
  }

  unfiltered(stream: PartitionStream, start: number): void {
    if (!this.#isFollowing) return;
    const { position, weight } = stream.decoder;
    const prefix = position.bytes.subarray(0, position.length);
    const offset = start - this.#partitionStart;
    const columns = this.#index.clustering;
    this.#attempt((cursor) => {
      if (this.#payload.offset < offset) {
        this.#wrong(`a block begins at ${this.#payload.offset}, where no row does`);
        return;
      }
      if (this.#payload.offset === offset) {
        this.#encoded.clear();
        appendComparablePosition(this.#encoded, columns, prefix, prefix.length, weight, false);
        this.#checkBlock(cursor, stream, offset);
        if (this.#isFollowing) this.#advance(cursor);
      }
      this.#last.clear();
      appendComparablePosition(this.#last, columns, prefix, prefix.length, weight, true);
    });
  }

  end(_stream: PartitionStream, end: number): void {
    if (!this.#isFollowing) return;
    // One separator after the last row leads to the end of the partition.
    this.#attempt((cursor) => {
      if (this.#payload.offset === end - this.#partitionStart) this.#advance(cursor);
      if (this.#isFollowing) this.#wrong(`a block begins at ${this.#payload.offset}, where no row does`);
    });
    this.#isFollowing = false;
  }

  close(): void {
    this.#cursor?.close();
  }

  #checkBlock(cursor: TrieCursor, { openHi, openLo }: PartitionStream, offset: number): void {
    const { path } = cursor;
    const { bytes, length } = this.#encoded;
    if (compareBytes(path.bytes, 0, path.length, bytes, 0, length) > 0) {
      this.#wrong(`the separator of the block at ${offset} lies after its first row`);
    } else if (
      this.#last.length > 0 &&
      compareBytes(path.bytes, 0, path.length, this.#last.bytes, 0, this.#last.length) <= 0
    ) {
      this.#wrong(`the separator of the block at ${offset} lies before the row that precedes it`);
    } else if (openHi !== this.#payload.openHi || openLo !== this.#payload.openLo) {
      this.#wrong(`the block at ${offset} begins with another open deletion than it names`);
    }
  }

  #advance(cursor: TrieCursor): void {
    const walk = cursor.next();
    assert(walk !== Walk.NeedsLoad, 'a blocking window needs no load');
    this.#isFollowing = walk === Walk.Entry;
    const { window, node } = cursor;
    if (this.#isFollowing) {
      this.#payload.read(node.payloadBits, window.bytes, node.payloadAt, window.file.path, window.base);
    }
  }

  #attempt(step: (cursor: TrieCursor) => void): void {
    try {
      step(this.#cursor!);
    } catch (error) {
      if (!(error instanceof TesseraError)) throw error;
      this.#isFollowing = false;
      this.#report.failure(error);
    }
  }

  /** One error a partition: what follows from it says nothing new. */
  #wrong(why: string): void {
    this.#isFollowing = false;
    this.#report.error(this.#rows!.path, this.#cursor!.position, `row index: ${why}`);
  }
}
