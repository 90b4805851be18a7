import type { ByteWriter } from '../bytes.ts';
import type { RowBatchPool } from './batch-pool.ts';
import { CursorReader } from './cursor-reader.ts';
import { FragmentKind, RowBatch } from './row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from './row-cursor.ts';

/**
 * What decides fragment by fragment what of a stream goes on. The filter keeps the deletions in force; the cursor below
 * keeps the stream in shape: a partition of which nothing goes on leaves no trace.
 */
export interface FragmentFilter {
  /** A partition begins with fragment i. True when its start goes on even if nothing else does; then `deletion*` goes with it. */
  startPartition(batch: RowBatch, i: number): boolean;
  readonly deletionHi: number;
  readonly deletionLo: number;
  readonly deletionTime: number;
  /** Appends what is left of static row i; false, and nothing appended, when nothing is. */
  staticRow(batch: RowBatch, i: number, out: ByteWriter): boolean;
  /** The same for row i. */
  row(batch: RowBatch, i: number, out: ByteWriter): boolean;
  /** Takes range change i. True when what goes on changes; then `range*` is in force there. */
  changeRange(batch: RowBatch, i: number): boolean;
  readonly rangeHi: number;
  readonly rangeLo: number;
  readonly rangeTime: number;
  /** True while no deletion is in force: only then may `keepsRow` be asked. Without it, every fragment goes through the filter. */
  readonly isClear?: boolean;
  /** True when row i, static or not, goes on as it is. Changes nothing. */
  keepsRow?(batch: RowBatch, i: number): boolean;
  /** Called when the cursor over this filter is closed: the filter may be used again. */
  release?(): void;
}

/**
 * Batches of input that one fill goes through without finding anything before it gives the caller a chance to yield, by
 * NEEDS_LOAD: thousands of tombstones must not hold the event loop.
 */
const BATCHES_PER_FILL = 8;

/** A cursor over what a filter lets pass. Owns its input. */
export class FilterCursor implements RowCursor {
  readonly #reader: CursorReader;
  readonly #filter: FragmentFilter;
  /** The current partition's start has gone on. */
  #isStarted = false;
  readonly #pool: RowBatchPool;
  readonly #key: ByteWriter;
  #tokenHi = 0;
  #tokenLo = 0;
  /** A partition's start and its first fragment, when the caller's batch has room for one of them only. */
  #spill: RowBatch | undefined;
  #spilled = 0;
  #isClosed = false;
  /** Batches go on whole, in place, for as long as all of them is kept. Most reads meet nothing else. */
  #isWhole: boolean;

  constructor(input: RowCursor, filter: FragmentFilter, pool: RowBatchPool) {
    this.#reader = new CursorReader(input, pool);
    this.#filter = filter;
    this.#pool = pool;
    this.#key = pool.takeBytes();
    this.#spill = undefined;
    this.#isWhole = filter.keepsRow !== undefined;
  }

  fill(out: RowBatch): number {
    const before = out.count;
    const reader = this.#reader;
    if (this.#isWhole && before === 0) {
      const added = reader.fillBatch(out);
      if (added <= 0 || this.#passesWhole(out)) return added;
      this.#isWhole = false;
      reader.takeBack(out);
    }
    let batches = 0;
    while (!out.isFull()) {
      if (this.#spill !== undefined && this.#spilled < this.#spill.count) {
        this.#spilled += out.addRun(this.#spill, this.#spilled, this.#spill.count);
        continue;
      }
      if (reader.index === reader.batch.count && (out.count > before || batches++ === BATCHES_PER_FILL)) {
        // What is found is delivered before more is read; while nothing is found, the caller may yield.
        return out.count > before ? out.count - before : NEEDS_LOAD;
      }
      if (!reader.ready()) break;
      if (this.#isStarted || out.capacity - out.count > 1) {
        this.#pass(out);
      } else if (out.count > before) {
        break;
      } else {
        this.#spill ??= new RowBatch(2, 256);
        this.#spill.clear();
        this.#spilled = 0;
        this.#pass(this.#spill);
      }
    }
    if (out.count > before) return out.count - before;
    return reader.needsLoad ? NEEDS_LOAD : 0;
  }

  async load(): Promise<void> {
    await this.#reader.load();
  }

  skipPartition(): void {
    if (!this.#isStarted) return; // nothing of a partition after the one delivered last has gone on
    this.#reader.skipPartition();
    this.#isStarted = false;
    this.#spill?.clear();
    this.#spilled = 0;
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#reader.close();
    this.#pool.giveBytes(this.#key);
    this.#filter.release?.();
  }

  /** True when all of the batch goes on as it is; false, and nothing is changed, when that is not sure. */
  #passesWhole(batch: RowBatch): boolean {
    const filter = this.#filter;
    if (!filter.isClear) return false;
    let isStarted = this.#isStarted;
    for (let i = 0; i < batch.count; i++) {
      switch (batch.kind[i]) {
        case FragmentKind.PartitionStart:
          // The row after it decides whether it goes on.
          isStarted = batch.bodyEnd[i] === batch.bodyStart[i] && i + 1 < batch.count;
          if (!isStarted) return false;
          break;
        case FragmentKind.StaticRow:
        case FragmentKind.Row:
          if (!isStarted || !filter.keepsRow!(batch, i)) return false;
          break;
        case FragmentKind.PartitionEnd:
          if (!isStarted || batch.kind[i - 1] === FragmentKind.PartitionStart) return false;
          isStarted = false;
          break;
        default:
          return false;
      }
    }
    this.#isStarted = isStarted;
    return true;
  }

  /** Takes the current fragment of the input; appends at most two fragments. */
  #pass(out: RowBatch): void {
    const filter = this.#filter;
    const { batch, index: i } = this.#reader;
    switch (batch.kind[i]) {
      case FragmentKind.PartitionStart:
        this.#key.clear();
        this.#key.raw(batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
        this.#tokenHi = batch.tokenHi[i]!;
        this.#tokenLo = batch.tokenLo[i]!;
        this.#isStarted = false;
        if (filter.startPartition(batch, i)) this.#start(out);
        break;
      case FragmentKind.StaticRow:
      case FragmentKind.Row:
        this.#passRow(out, batch, i);
        break;
      case FragmentKind.RangeChange:
        if (filter.changeRange(batch, i)) {
          if (!this.#isStarted) this.#start(out);
          const { rangeHi, rangeLo, rangeTime } = filter;
          const start = batch.positionStart[i]!;
          const end = batch.positionEnd[i]!;
          out.addRangeChange(batch.weight[i]!, batch.bytes, start, end, rangeHi, rangeLo, rangeTime);
        }
        break;
      default: // PartitionEnd
        if (this.#isStarted) out.addPartitionEnd();
        this.#isStarted = false;
    }
    this.#reader.index++;
  }

  #passRow(out: RowBatch, batch: RowBatch, i: number): void {
    const wasStarted = this.#isStarted;
    const count = out.count;
    const length = out.writer.length;
    if (!wasStarted) this.#start(out); // taken back if nothing is left of the row
    const kind = batch.kind[i] as FragmentKind;
    out.beginFragment(kind, 0, batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
    const left =
      kind === FragmentKind.Row ? this.#filter.row(batch, i, out.writer) : this.#filter.staticRow(batch, i, out.writer);
    if (left) {
      out.endFragment();
    } else {
      out.count = count;
      out.writer.length = length;
      this.#isStarted = wasStarted;
    }
  }

  #start(out: RowBatch): void {
    const { deletionHi, deletionLo, deletionTime } = this.#filter;
    const key = this.#key;
    out.addPartitionStart(this.#tokenHi, this.#tokenLo, key.bytes, 0, key.length, deletionHi, deletionLo, deletionTime);
    this.#isStarted = true;
  }
}
