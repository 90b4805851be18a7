import { assert } from '../../core/assert.ts';
import { equalBytes } from '../../core/bytes.ts';
import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { Head } from '../../sstable/format/row-decoder.ts';
import { IndexWalker, Walk } from '../../sstable/index-walker.ts';
import { PartitionStream } from '../../sstable/partition-stream.ts';
import type { SSTable } from '../../sstable/reader.ts';
import type { SSTableParts } from '../../sstable/sstable-parts.ts';
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

/** The entries of Index.db in order, from the one at `from` on: the walker stands at each in turn. Blocking. @throws CorruptFileError */
export function* indexEntries(parts: SSTableParts, from: number): Generator<IndexWalker, void, void> {
  const walker = new IndexWalker(parts, SCAN_READ_BYTES);
  try {
    walker.seek(from);
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

/** Where the partitions of these keys begin in the data, ascending; keys that the file does not have are left out. */
export function findPartitions(sstable: SSTable, keys: readonly Uint8Array[]): number[] {
  const { parts } = sstable;
  const positions: number[] = [];
  const token = new Token();
  for (const key of keys) {
    tokenOf(key, 0, key.length, token);
    const at = parts.hasTokens ? parts.summary.floor(token.hi, token.lo, key, 0, key.length) : 0;
    if (at < 0) continue;
    const end = parts.hasTokens && at + 1 < parts.summary.count ? parts.summary.position(at + 1) : Infinity;
    const from = parts.hasTokens && parts.summary.count > 0 ? parts.summary.position(at) : 0;
    for (const { window, entry, position } of indexEntries(parts, from)) {
      if (position >= end) break;
      if (!equalBytes(window.bytes, entry.keyStart, entry.keyEnd, key, 0, key.length)) continue;
      positions.push(entry.dataPosition);
      break;
    }
  }
  return [...new Set(positions)].sort((a, b) => a - b);
}
