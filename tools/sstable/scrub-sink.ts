import { RowBatch } from '../../core/read/row-batch.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { SSTableWriter } from '../../sstable/writer.ts';
import { startedKey } from './copy-partitions.ts';
import type { LossReport } from './loss-report.ts';
import { ScrubOutput } from './scrub-output.ts';

/** SSTables that a segregating scrub writes at most: what fits in none of them is lost. */
const MOST_OUTPUTS = 32;

/**
 * Takes what a scrub could read, in whatever order it came. What is out of order goes to the first of several SSTables in which it is in
 * order, or is lost where only one is to be written.
 */
export class ScrubSink {
  readonly #table: TableDescriptor;
  readonly #makeWriter: () => SSTableWriter;
  readonly #mostOutputs: number;
  readonly #report: LossReport;
  readonly #path: string;
  readonly outputs: ScrubOutput[] = [];
  /** Where the partition at hand goes; undefined: nowhere. */
  #main: ScrubOutput | undefined;
  /** The start of the partition at hand without its deletion, for the outputs that take single rows of it. */
  readonly #start: RowBatch = new RowBatch(1);
  #keyText = '';

  /** @param segregates several SSTables may be written */
  constructor(
    path: string,
    table: TableDescriptor,
    segregates: boolean,
    makeWriter: () => SSTableWriter,
    report: LossReport,
  ) {
    this.#path = path;
    this.#table = table;
    this.#makeWriter = makeWriter;
    this.#mostOutputs = segregates ? MOST_OUTPUTS : 1;
    this.#report = report;
  }

  /** Text of the key of the partition at hand. */
  get keyText(): string {
    return this.#keyText;
  }

  /** A PartitionStart, alone in its batch, that begins at `position`. */
  startPartition(batch: RowBatch, position: number): void {
    this.#keyText = startedKey(batch, 0, this.#table);
    const start = this.#start;
    start.clear();
    const end = batch.positionEnd[0]!;
    start.addPartitionStart(
      batch.tokenHi[0]!,
      batch.tokenLo[0]!,
      batch.bytes,
      batch.positionStart[0]!,
      end,
      ...NO_DELETION,
    );
    this.#main = this.#find((output) => !output.inPartition && output.fitsPartition(batch, 0));
    if (this.#main === undefined) {
      this.#report.lost(this.#path, position, 'partitions out of order', `partition ${this.#keyText}`);
    }
    this.#main?.startPartition(batch);
  }

  staticRow(batch: RowBatch): void {
    this.#main?.staticRow(batch);
  }

  /** A row, alone in its batch. */
  row(batch: RowBatch, position: number): void {
    const main = this.#main;
    if (main === undefined) return;
    const start = batch.positionStart[0]!;
    const end = batch.positionEnd[0]!;
    if (main.fits(batch.bytes, start, end, 0)) {
      main.row(batch);
      return;
    }
    const other = this.#find((output) =>
      output.inPartition ? output.fits(batch.bytes, start, end, 0) : output.fitsPartition(this.#start, 0),
    );
    if (other === undefined) {
      this.#report.lost(this.#path, position, 'rows out of order', `a row of partition ${this.#keyText}`);
      return;
    }
    if (!other.inPartition) other.startPartition(this.#start);
    other.row(batch);
  }

  /** From a position on another deletion, or none, is in force. @param at where it stands in the data */
  change(bytes: Uint8Array, length: number, weight: number, hi: number, lo: number, time: number, at: number): void {
    const main = this.#main;
    if (main === undefined) return;
    if (main.fits(bytes, 0, length, weight)) {
      main.change(bytes, 0, length, weight, hi, lo, time);
      return;
    }
    this.#report.lost(
      this.#path,
      at,
      'a range tombstone out of order',
      `a range tombstone of partition ${this.#keyText}`,
    );
    main.breakRange();
  }

  /** Something of the partition at hand is lost. */
  breakRange(): void {
    this.#main?.breakRange();
  }

  endPartition(): void {
    for (const output of this.outputs) if (output.inPartition) output.endPartition();
    this.#main = undefined;
  }

  #find(fits: (output: ScrubOutput) => boolean): ScrubOutput | undefined {
    for (const output of this.outputs) if (fits(output)) return output;
    if (this.outputs.length >= this.#mostOutputs) return undefined;
    const output = new ScrubOutput(this.#makeWriter(), this.#table);
    this.outputs.push(output);
    return output;
  }
}

const NO_DELETION: readonly [number, number, number] = [-0x8000_0000, 0, 0];
