import { assert } from '../../core/assert.ts';
import { type ByteWriter, equalBytes } from '../../core/bytes.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import { ALL_TOKENS, Token, tokenOf } from '../../core/token.ts';
import { Head } from '../../sstable/format/row-decoder.ts';
import { IndexWalker, Walk } from '../../sstable/index-walker.ts';
import type { PartitionLocator } from '../../sstable/partition-index.ts';
import { PartitionStream } from '../../sstable/partition-stream.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { SSTableParts } from '../../sstable/sstable-parts.ts';
import type { SummaryIndex } from '../../sstable/summary-index.ts';
import type { FragmentStream } from './fragment-stream.ts';

/** Data that one read of a scan takes at first. */
const SCAN_READ_BYTES: number = 256 * 1024;

/** The partitions of one file in its order, as they are in the file, with their positions. */
export class FileFragments implements FragmentStream {
  readonly #stream: PartitionStream;
  readonly #dataBytes: number;
  readonly #positions: Float64Array;
  /** Places of the partitions to show, ascending; undefined: all. */
  readonly #wanted: readonly number[] | undefined;
  #next = 0;
  #inPartition = false;
  #mayBeStatic = false;

  /**
   * @param sstable opened blocking; @param wanted positions of partitions, undefined for all
   * @param capacity of the batches that will be filled
   */
  constructor(sstable: SSTable, wanted: readonly number[] | undefined, capacity: number) {
    this.#stream = new PartitionStream(sstable.parts, wanted === undefined ? SCAN_READ_BYTES : 0);
    this.#dataBytes = sstable.parts.data.sizeBytes;
    this.#wanted = wanted;
    this.#positions = new Float64Array(capacity);
    if (wanted === undefined) this.#stream.window.seek(0);
  }

  get progress(): number {
    return this.#stream.window.position / this.#dataBytes;
  }

  position(i: number): number {
    return this.#positions[i]!;
  }

  fill(batch: RowBatch): number {
    batch.clear();
    while (!batch.isFull()) {
      if (this.#inPartition) this.#unfiltered(batch);
      else if (!this.#startPartition(batch)) break;
    }
    return batch.count;
  }

  close(): void {
    this.#stream.close();
  }

  #startPartition(batch: RowBatch): boolean {
    const stream = this.#stream;
    if (this.#wanted === undefined) {
      if (stream.window.position >= this.#dataBytes) return false;
    } else {
      const position = this.#wanted[this.#next++];
      if (position === undefined) return false;
      stream.window.seek(position);
    }
    assert(stream.readHeader(), 'a blocking window needs no load');
    this.#positions[batch.count] = stream.start;
    stream.addStart(batch);
    this.#inPartition = true;
    this.#mayBeStatic = true;
    return true;
  }

  #unfiltered(batch: RowBatch): void {
    const stream = this.#stream;
    const { decoder } = stream;
    const head = stream.head();
    this.#positions[batch.count] = stream.window.position;
    switch (head) {
      case Head.StaticRow:
        if (!this.#mayBeStatic) stream.corrupt('a static row after the start of a partition');
        stream.addRow(FragmentKind.StaticRow, batch);
        break;
      case Head.Row:
        stream.addRow(FragmentKind.Row, batch);
        break;
      case Head.Marker: {
        const { position } = decoder;
        decoder.readMarker();
        stream.passMarker();
        const { openedHi, openedLo, openedTime } = decoder;
        batch.addRangeChange(decoder.weight, position.bytes, 0, position.length, openedHi, openedLo, openedTime);
        break;
      }
      default:
        assert(head === Head.End, 'a blocking window needs no load');
        stream.passEnd();
        batch.addPartitionEnd();
        this.#inPartition = false;
    }
    this.#mayBeStatic = false;
  }
}

/** The entries of Index.db in order: the walker stands at each in turn. Blocking. @throws CorruptFileError */
export function* indexEntries(parts: SSTableParts, index: SummaryIndex): Generator<IndexWalker, void, void> {
  const walker = new IndexWalker(index.file, parts.data.sizeBytes, parts.source, SCAN_READ_BYTES);
  try {
    for (;;) {
      const walk = walker.next();
      assert(walk !== Walk.NeedsLoad, 'a blocking window needs no load');
      if (walk === Walk.End) return;
      yield walker;
    }
  } finally {
    walker.close();
  }
}

/** The keys of all partitions in order, by the index: each is valid until the next. Blocking. @throws CorruptFileError */
export function* partitionKeys(parts: SSTableParts): Generator<ByteWriter, void, void> {
  const locator = parts.index.makeLocator(parts);
  const stream = new PartitionStream(parts, 0);
  try {
    locator.seekRange(ALL_TOKENS);
    for (;;) {
      const walk = locator.next();
      assert(walk !== Walk.NeedsLoad, 'a blocking window needs no load');
      if (walk === Walk.End) return;
      yield keyOf(locator, stream);
    }
  } finally {
    locator.close();
    stream.close();
  }
}

/** Where the partitions of these keys begin in the data, ascending; keys that the file does not have are left out. */
export function findPartitions(sstable: SSTable, keys: readonly Uint8Array[]): number[] {
  const { parts } = sstable;
  const locator = parts.index.makeLocator(parts);
  const stream = new PartitionStream(parts, 0);
  const positions: number[] = [];
  const token = new Token();
  try {
    for (const key of keys) {
      tokenOf(key, 0, key.length, token);
      locator.seekKey(token.hi, token.lo, key);
      const walk = locator.find();
      assert(walk !== Walk.NeedsLoad, 'a blocking window needs no load');
      if (walk === Walk.End) continue;
      const found = keyOf(locator, stream);
      if (equalBytes(found.bytes, 0, found.length, key, 0, key.length)) positions.push(locator.dataPosition);
    }
  } finally {
    locator.close();
    stream.close();
  }
  return [...new Set(positions)].sort((a, b) => a - b);
}

/** The key of the partition found: from the index, else from the data. */
function keyOf(locator: PartitionLocator, stream: PartitionStream): ByteWriter {
  if (locator.isKeyKnown) return locator.key;
  stream.window.seek(locator.dataPosition);
  assert(stream.readHeader(), 'a blocking window needs no load');
  return stream.key;
}
