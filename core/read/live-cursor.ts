import type { ByteWriter } from '../bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../int64.ts';
import { isShadowed } from '../mutation/reconcile.ts';
import {
  CellFlag,
  EXPIRED_LIVENESS_TTL,
  NO_DELETION_TIME,
  RowBodyWriter,
  RowFlag,
  RowReader,
} from '../mutation/row-body.ts';
import type { TableDescriptor } from '../schema/table.ts';
import type { RowBatchPool } from './batch-pool.ts';
import { FilterCursor, type FragmentFilter } from './filter-cursor.ts';
import type { RowBatch } from './row-batch.ts';
import type { RowCursor } from './row-cursor.ts';

const DEAD_CELL: number = CellFlag.Deleted | CellFlag.ComplexDeletion;
const ROW_TOMBSTONE: number = RowFlag.Deletion | RowFlag.ShadowableDeletion;

/** What of a row lives. */
const Judgement = { Dead: 0, Partial: 1, Whole: 2 } as const;
type Judgement = (typeof Judgement)[keyof typeof Judgement];

/**
 * What a SELECT may see of a merged stream at one time: partitions, static rows and rows that live, with their live cells
 * only. Deletions are applied and gone, expired data is gone, columns that the table does not have (dropped ones) are gone.
 * A row delivered has RowFlag.Liveness exactly if its row marker is live; else it lives by its cells.
 */
export class LiveFilter implements FragmentFilter {
  readonly deletionHi: number = INT64_MIN_HI;
  readonly deletionLo: number = INT64_MIN_LO;
  readonly deletionTime: number = NO_DELETION_TIME;
  readonly rangeHi: number = INT64_MIN_HI;
  readonly rangeLo: number = INT64_MIN_LO;
  readonly rangeTime: number = NO_DELETION_TIME;
  /** Tombstones met so far, of every kind, expired cells too: for limits, warnings and metrics. */
  tombstones = 0;

  #nowSeconds: number;
  readonly #home: LiveFilter[] | undefined;
  /** 1 for the columns of the table. */
  readonly #isColumn: Uint8Array;
  readonly #reader: RowReader = new RowReader();
  readonly #writer: RowBodyWriter = new RowBodyWriter();
  #partitionHi: number = INT64_MIN_HI;
  #partitionLo: number = INT64_MIN_LO;
  /** The newer one of the partition's and the range's deletion. */
  #coverHi: number = INT64_MIN_HI;
  #coverLo: number = INT64_MIN_LO;
  /** Newest deletion over the cells of the current row, and over those of the current multi-cell column. */
  #rowHi: number = INT64_MIN_HI;
  #rowLo: number = INT64_MIN_LO;
  /** The row marker of the current row lives. */
  #hasLiveness = false;
  #complexColumn = -1;
  #complexHi: number = INT64_MIN_HI;
  #complexLo: number = INT64_MIN_LO;

  /** @param home where the filter goes when its cursor is closed, to be used again by `restart` */
  constructor(table: TableDescriptor, nowSeconds: number, home?: LiveFilter[]) {
    this.#nowSeconds = nowSeconds;
    this.#home = home;
    this.#isColumn = new Uint8Array(table.definition.nextColumnId);
    for (const column of table.definition.columns) this.#isColumn[column.id] = 1;
  }

  /** Begins another read of the same table. */
  restart(nowSeconds: number): void {
    this.#nowSeconds = nowSeconds;
    this.tombstones = 0;
    this.#partitionHi = INT64_MIN_HI;
    this.#partitionLo = INT64_MIN_LO;
    this.#coverHi = INT64_MIN_HI;
    this.#coverLo = INT64_MIN_LO;
  }

  release(): void {
    this.#home?.push(this);
  }

  startPartition(batch: RowBatch, i: number): boolean {
    this.#partitionHi = batch.deletionHi(i);
    this.#partitionLo = batch.deletionLo(i);
    this.#coverHi = this.#partitionHi;
    this.#coverLo = this.#partitionLo;
    if (batch.bodyEnd[i]! > batch.bodyStart[i]!) this.tombstones++;
    return false;
  }

  changeRange(batch: RowBatch, i: number): boolean {
    const hi = batch.deletionHi(i);
    const lo = batch.deletionLo(i);
    const isWeaker = isShadowed(hi, lo, this.#partitionHi, this.#partitionLo);
    this.#coverHi = isWeaker ? this.#partitionHi : hi;
    this.#coverLo = isWeaker ? this.#partitionLo : lo;
    if (batch.bodyEnd[i]! > batch.bodyStart[i]!) this.tombstones++;
    return false;
  }

  get isClear(): boolean {
    return this.#coverHi === INT64_MIN_HI && this.#coverLo === INT64_MIN_LO;
  }

  keepsRow(batch: RowBatch, i: number): boolean {
    const { tombstones } = this;
    if (this.#judge(batch, i, INT64_MIN_HI, INT64_MIN_LO) === Judgement.Whole) return true;
    this.tombstones = tombstones; // it is judged again
    return false;
  }

  staticRow(batch: RowBatch, i: number, out: ByteWriter): boolean {
    return this.#row(batch, i, this.#partitionHi, this.#partitionLo, out);
  }

  row(batch: RowBatch, i: number, out: ByteWriter): boolean {
    return this.#row(batch, i, this.#coverHi, this.#coverLo, out);
  }

  #row(batch: RowBatch, i: number, coverHi: number, coverLo: number, out: ByteWriter): boolean {
    const judgement = this.#judge(batch, i, coverHi, coverLo);
    if (judgement === Judgement.Dead) return false;
    const reader = this.#reader;
    if (judgement === Judgement.Whole) {
      out.raw(batch.bytes, batch.bodyStart[i]!, reader.end);
      return true;
    }
    const writer = this.#writer;
    writer.begin(out);
    if (this.#hasLiveness) {
      writer.liveness(reader.livenessHi, reader.livenessLo, reader.livenessTtl, reader.livenessExpiry);
    }
    const { tombstones } = this; // counted once
    reader.rewind();
    this.#complexColumn = -1;
    while (reader.next()) if (this.#isLiveCell()) writer.copy(reader);
    this.tombstones = tombstones;
    return true;
  }

  /** Reads row i to its end; what lives of it under a deletion of the partition or of a range. Sets `#hasLiveness`. */
  #judge(batch: RowBatch, i: number, coverHi: number, coverLo: number): Judgement {
    const reader = this.#reader;
    reader.open(batch.bytes, batch.bodyStart[i]!, batch.bodyEnd[i]!);
    const { rowFlags, livenessHi, livenessLo } = reader;
    this.#rowHi = coverHi;
    this.#rowLo = coverLo;
    if ((rowFlags & ROW_TOMBSTONE) !== 0) this.#applyRowTombstones();
    this.#complexColumn = -1;

    const { livenessTtl } = reader;
    const isExpired =
      livenessTtl !== 0 && (livenessTtl === EXPIRED_LIVENESS_TTL || reader.livenessExpiry <= this.#nowSeconds);
    const hasLiveness =
      (rowFlags & RowFlag.Liveness) !== 0 &&
      !isExpired &&
      !isShadowed(livenessHi, livenessLo, this.#rowHi, this.#rowLo);
    let isWhole = hasLiveness ? (rowFlags & ROW_TOMBSTONE) === 0 : rowFlags === 0;
    let lives = hasLiveness;
    while (reader.next()) {
      if (this.#isLiveCell()) lives = true;
      else isWhole = false;
    }
    this.#hasLiveness = hasLiveness;
    if (!lives) return Judgement.Dead;
    return isWhole ? Judgement.Whole : Judgement.Partial;
  }

  #applyRowTombstones(): void {
    const reader = this.#reader;
    this.tombstones++;
    if (!isShadowed(reader.deletionHi, reader.deletionLo, this.#rowHi, this.#rowLo)) {
      this.#rowHi = reader.deletionHi;
      this.#rowLo = reader.deletionLo;
    }
    // A shadowable deletion is void once the row marker is newer than it.
    const { shadowableHi, shadowableLo } = reader;
    if (
      isShadowed(reader.livenessHi, reader.livenessLo, shadowableHi, shadowableLo) &&
      !isShadowed(shadowableHi, shadowableLo, this.#rowHi, this.#rowLo)
    ) {
      this.#rowHi = shadowableHi;
      this.#rowLo = shadowableLo;
    }
  }

  /** Judges the reader's current cell; notes complex deletions for the cells that follow. */
  #isLiveCell(): boolean {
    const reader = this.#reader;
    const { columnId, timestampHi, timestampLo } = reader;
    if ((reader.flags & DEAD_CELL) !== 0) {
      this.tombstones++;
      if ((reader.flags & CellFlag.ComplexDeletion) !== 0) {
        this.#complexColumn = columnId;
        this.#complexHi = timestampHi;
        this.#complexLo = timestampLo;
      }
      return false;
    }
    if (reader.ttl !== 0 && reader.time <= this.#nowSeconds) {
      this.tombstones++;
      return false;
    }
    return (
      this.#isColumn[columnId] === 1 &&
      !isShadowed(timestampHi, timestampLo, this.#rowHi, this.#rowLo) &&
      (columnId !== this.#complexColumn || !isShadowed(timestampHi, timestampLo, this.#complexHi, this.#complexLo))
    );
  }
}

/** The live stream over a merged one, which it then owns. */
export function liveCursor(input: RowCursor, filter: LiveFilter, pool: RowBatchPool): RowCursor {
  return new FilterCursor(input, filter, pool);
}
