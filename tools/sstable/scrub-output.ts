import { assert } from '../../core/assert.ts';
import { ByteWriter } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { comparePartition } from '../../core/token.ts';
import type { SSTableWriter } from '../../sstable/writer.ts';

/**
 * One SSTable that a scrub writes: knows what fits behind what it has. A range change is held back until what follows it is known, so that
 * a range whose end is lost can be ended where its last row is: it then deletes nothing that the lost end would not have.
 */
export class ScrubOutput {
  readonly writer: SSTableWriter;
  readonly #table: TableDescriptor;
  readonly #batch: RowBatch = new RowBatch(1);
  readonly #key: ByteWriter = new ByteWriter(64);
  #tokenHi = 0;
  #tokenLo = 0;
  #hasKey = false;
  inPartition = false;
  /** The position written or held last. */
  readonly #last: ByteWriter = new ByteWriter(64);
  #lastWeight = 0;
  #hasLast = false;
  /** The deletion in force after what was written. */
  #isOpen = false;
  #isHolding = false;
  #heldHi: number = INT64_MIN_HI;
  #heldLo: number = INT64_MIN_LO;
  #heldTime = 0;

  constructor(writer: SSTableWriter, table: TableDescriptor) {
    this.writer = writer;
    this.#table = table;
  }

  /** Whether fragment i, a PartitionStart, comes after every partition that is here. */
  fitsPartition(batch: RowBatch, i: number): boolean {
    if (!this.#hasKey) return true;
    const key = this.#key;
    const start = batch.positionStart[i]!;
    const end = batch.positionEnd[i]!;
    return (
      comparePartition(
        this.#tokenHi,
        this.#tokenLo,
        key.bytes,
        0,
        key.length,
        batch.tokenHi[i]!,
        batch.tokenLo[i]!,
        batch.bytes,
        start,
        end,
      ) < 0
    );
  }

  startPartition(batch: RowBatch): void {
    assert(!this.inPartition && batch.count === 1, 'a partition at a time');
    const key = this.#key;
    key.clear();
    key.raw(batch.bytes, batch.positionStart[0]!, batch.positionEnd[0]!);
    this.#tokenHi = batch.tokenHi[0]!;
    this.#tokenLo = batch.tokenLo[0]!;
    this.#hasKey = true;
    this.inPartition = true;
    this.#hasLast = false;
    this.#isOpen = false;
    this.#isHolding = false;
    this.writer.append(batch);
  }

  staticRow(batch: RowBatch): void {
    this.writer.append(batch);
  }

  /** Whether a position comes after everything that is here of the partition. */
  fits(bytes: Uint8Array, start: number, end: number, weight: number): boolean {
    if (!this.#hasLast) return true;
    const last = this.#last;
    const { comparator } = this.#table;
    return comparator.compare(last.bytes, 0, last.length, this.#lastWeight, bytes, start, end, weight) < 0;
  }

  /** A row, which fits. */
  row(batch: RowBatch): void {
    this.#release();
    this.#note(batch.bytes, batch.positionStart[0]!, batch.positionEnd[0]!, 0);
    this.writer.append(batch);
  }

  /** From a position that fits on, another deletion or none, (-2^63), is in force. */
  change(bytes: Uint8Array, start: number, end: number, weight: number, hi: number, lo: number, time: number): void {
    this.#release();
    this.#note(bytes, start, end, weight);
    this.#isHolding = true;
    this.#heldHi = hi;
    this.#heldLo = lo;
    this.#heldTime = time;
  }

  /** What follows is lost: no range may go on into it. */
  breakRange(): void {
    if (this.#isHolding) {
      if (this.#isOpen) {
        this.#heldHi = INT64_MIN_HI;
        this.#heldLo = INT64_MIN_LO;
        this.#release();
      }
      this.#isHolding = false;
    } else if (this.#isOpen) {
      // The last thing was a row: a change would be held.
      this.change(this.#last.bytes.slice(0, this.#last.length), 0, this.#last.length, 1, INT64_MIN_HI, INT64_MIN_LO, 0);
      this.#release();
    }
  }

  endPartition(): void {
    assert(this.inPartition, 'a partition ends once');
    if (this.#isHolding && (this.#heldHi !== INT64_MIN_HI || this.#heldLo !== INT64_MIN_LO)) this.breakRange();
    this.#release();
    this.breakRange();
    this.inPartition = false;
    this.#batch.clear();
    this.#batch.addPartitionEnd();
    this.writer.append(this.#batch);
  }

  #note(bytes: Uint8Array, start: number, end: number, weight: number): void {
    this.#hasLast = true;
    this.#last.clear();
    this.#last.raw(bytes, start, end);
    this.#lastWeight = weight;
  }

  /** Writes the change that was held back, which stands at the last position. */
  #release(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    const batch = this.#batch;
    batch.clear();
    batch.addRangeChange(
      this.#lastWeight,
      this.#last.bytes,
      0,
      this.#last.length,
      this.#heldHi,
      this.#heldLo,
      this.#heldTime,
    );
    this.#isOpen = this.#heldHi !== INT64_MIN_HI || this.#heldLo !== INT64_MIN_LO;
    this.writer.append(batch);
  }
}
