import { ByteWriter } from '../bytes.ts';
import { compareInt64, INT64_MIN_HI, INT64_MIN_LO } from '../int64.ts';
import { isShadowed, reconcileDeletions } from '../mutation/reconcile.ts';
import {
  CellFlag,
  EXPIRED_LIVENESS_TTL,
  NO_DELETION_TIME,
  RowBodyWriter,
  RowFlag,
  RowReader,
} from '../mutation/row-body.ts';
import type { TableDescriptor } from '../schema/table.ts';
import { Int64Halves } from '../vint.ts';
import type { RowBatchPool } from './batch-pool.ts';
import { FilterCursor, type FragmentFilter } from './filter-cursor.ts';
import type { RowBatch } from './row-batch.ts';
import type { RowCursor } from './row-cursor.ts';

/** What a compaction needs to know about the time and about the data that it does not see. */
export interface PurgePolicy {
  /** Clock in seconds: what has expired at it becomes a tombstone. */
  readonly nowSeconds: number;
  /** Tombstones with a local deletion time below this may go, if nothing outside could be shadowed by them. 0: none. */
  readonly gcBefore: number;
  /**
   * Sets `into` to the least timestamp of anything outside of the compaction that a partition may have (other SSTables,
   * memtables): only tombstones older than it may go. The greatest int64 when nothing is outside. Asked at most once per partition,
   * and only when a tombstone is old enough.
   */
  leastTimestampOutside(
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    into: Int64Halves,
  ): void;
}

/** What becomes of one cell. */
const Fate = { Keep: 0, Drop: 1, BecomeTombstone: 2 } as const;
type Fate = (typeof Fate)[keyof typeof Fate];

/**
 * What a flush or compaction writes of a merged stream: shadowed data is dropped, expired data turns into tombstones,
 * tombstones that nothing needs any more are purged, cells of dropped columns are dropped. What a SELECT sees, now or later,
 * stays the same.
 * @see spec/sstable.md §19.1, §19.3, §19.4
 */
export class CompactionFilter implements FragmentFilter {
  deletionHi: number = INT64_MIN_HI;
  deletionLo: number = INT64_MIN_LO;
  deletionTime: number = NO_DELETION_TIME;
  rangeHi: number = INT64_MIN_HI;
  rangeLo: number = INT64_MIN_LO;
  rangeTime: number = NO_DELETION_TIME;

  readonly #policy: PurgePolicy;
  readonly #nowSeconds: number;
  /** 1 for dropped columns: ids are never used again, so their cells are dead whatever their timestamps. */
  readonly #isDropped: Uint8Array;
  readonly #reader: RowReader = new RowReader();
  readonly #writer: RowBodyWriter = new RowBodyWriter();

  /** The bound of the current partition, once asked for. */
  readonly #bound: Int64Halves = new Int64Halves();
  #hasBound = false;
  readonly #key: ByteWriter = new ByteWriter(64);
  #tokenHi = 0;
  #tokenLo = 0;

  /** The partition's deletion, purged or not. */
  #partitionHi: number = INT64_MIN_HI;
  #partitionLo: number = INT64_MIN_LO;
  #partitionTime: number = NO_DELETION_TIME;
  /** The newer one of the partition's and the range's. */
  #coverHi: number = INT64_MIN_HI;
  #coverLo: number = INT64_MIN_LO;
  #coverTime: number = NO_DELETION_TIME;
  /** The newest deletion over the cells of the current row. */
  #rowHi: number = INT64_MIN_HI;
  #rowLo: number = INT64_MIN_LO;
  #rowTime: number = NO_DELETION_TIME;
  #complexColumn = -1;
  #complexHi: number = INT64_MIN_HI;
  #complexLo: number = INT64_MIN_LO;

  constructor(table: TableDescriptor, policy: PurgePolicy) {
    this.#policy = policy;
    this.#nowSeconds = policy.nowSeconds;
    const { droppedColumns, nextColumnId } = table.definition;
    this.#isDropped = new Uint8Array(nextColumnId);
    for (const { id } of droppedColumns) this.#isDropped[id] = 1;
  }

  startPartition(batch: RowBatch, i: number): boolean {
    this.#key.clear();
    this.#key.raw(batch.bytes, batch.positionStart[i]!, batch.positionEnd[i]!);
    this.#tokenHi = batch.tokenHi[i]!;
    this.#tokenLo = batch.tokenLo[i]!;
    this.#hasBound = false;
    this.rangeHi = INT64_MIN_HI;
    this.rangeLo = INT64_MIN_LO;
    this.rangeTime = NO_DELETION_TIME;
    const hi = batch.deletionHi(i);
    const lo = batch.deletionLo(i);
    const time = batch.deletionTime(i);
    this.#partitionHi = hi;
    this.#partitionLo = lo;
    this.#partitionTime = time;
    this.#coverHi = hi;
    this.#coverLo = lo;
    this.#coverTime = time;
    const stays = isDeletion(hi, lo) && !this.#mayPurge(hi, lo, time);
    this.deletionHi = stays ? hi : INT64_MIN_HI;
    this.deletionLo = stays ? lo : INT64_MIN_LO;
    this.deletionTime = stays ? time : NO_DELETION_TIME;
    return stays;
  }

  changeRange(batch: RowBatch, i: number): boolean {
    const hi = batch.deletionHi(i);
    const lo = batch.deletionLo(i);
    const time = batch.deletionTime(i);
    const isStronger =
      isDeletion(hi, lo) &&
      reconcileDeletions(hi, lo, time, this.#partitionHi, this.#partitionLo, this.#partitionTime) > 0;
    this.#coverHi = isStronger ? hi : this.#partitionHi;
    this.#coverLo = isStronger ? lo : this.#partitionLo;
    this.#coverTime = isStronger ? time : this.#partitionTime;
    const stays = isStronger && !this.#mayPurge(hi, lo, time);
    const rangeHi = stays ? hi : INT64_MIN_HI;
    const rangeLo = stays ? lo : INT64_MIN_LO;
    const rangeTime = stays ? time : NO_DELETION_TIME;
    const changes = reconcileDeletions(rangeHi, rangeLo, rangeTime, this.rangeHi, this.rangeLo, this.rangeTime) !== 0;
    this.rangeHi = rangeHi;
    this.rangeLo = rangeLo;
    this.rangeTime = rangeTime;
    return changes;
  }

  staticRow(batch: RowBatch, i: number, out: ByteWriter): boolean {
    this.#rowHi = this.#partitionHi;
    this.#rowLo = this.#partitionLo;
    this.#rowTime = this.#partitionTime;
    return this.#row(batch, i, out);
  }

  row(batch: RowBatch, i: number, out: ByteWriter): boolean {
    this.#rowHi = this.#coverHi;
    this.#rowLo = this.#coverLo;
    this.#rowTime = this.#coverTime;
    return this.#row(batch, i, out);
  }

  #row(batch: RowBatch, i: number, out: ByteWriter): boolean {
    const reader = this.#reader;
    const writer = this.#writer;
    const start = batch.bodyStart[i]!;
    reader.open(batch.bytes, start, batch.bodyEnd[i]!);
    if (reader.rowFlags === 0 || (reader.rowFlags === RowFlag.Liveness && !this.#isLivenessShadowed())) {
      // Most rows pass as they are: one look at each cell and one copy.
      let any = reader.rowFlags !== 0;
      let isWhole = true;
      this.#complexColumn = -1;
      while (isWhole && reader.next()) {
        any = true;
        isWhole = this.#judge() === Fate.Keep;
      }
      if (isWhole) {
        if (any) out.raw(batch.bytes, start, reader.end);
        return any;
      }
      reader.rewind();
    }
    const before = out.length;
    writer.begin(out);
    const hasHead = this.#writeHead();
    const hasCells = this.#writeCells();
    if (hasHead || hasCells) return true;
    out.length = before;
    return false;
  }

  /** Liveness and deletions as far as they stay; sets the deletion over the cells. True when anything stays. */
  #writeHead(): boolean {
    const reader = this.#reader;
    const writer = this.#writer;
    const { deletionHi, deletionLo, deletionTime, shadowableHi, shadowableLo, shadowableTime } = reader;
    let keepsDeletion = false;
    if (this.#isStrongerThanRow(deletionHi, deletionLo, deletionTime)) {
      keepsDeletion = !this.#mayPurge(deletionHi, deletionLo, deletionTime);
      this.#rowHi = deletionHi;
      this.#rowLo = deletionLo;
      this.#rowTime = deletionTime;
    }
    let keepsShadowable = false;
    if (
      this.#isStrongerThanRow(shadowableHi, shadowableLo, shadowableTime) &&
      isShadowed(reader.livenessHi, reader.livenessLo, shadowableHi, shadowableLo)
    ) {
      keepsShadowable = !this.#mayPurge(shadowableHi, shadowableLo, shadowableTime);
      if (!keepsShadowable) {
        // Before it goes it must do its work. While it stays, a later liveness may still void it: nothing is dropped for it.
        this.#rowHi = shadowableHi;
        this.#rowLo = shadowableLo;
        this.#rowTime = shadowableTime;
      }
    }
    const hasLiveness = !this.#isLivenessShadowed() && this.#writeLiveness();
    if (keepsDeletion) writer.deletion(deletionHi, deletionLo, deletionTime);
    if (keepsShadowable) writer.shadowableDeletion(shadowableHi, shadowableLo, shadowableTime);
    return hasLiveness || keepsDeletion || keepsShadowable;
  }

  /** The liveness, or the marker that it has expired; false when that may go. */
  #writeLiveness(): boolean {
    const { livenessHi, livenessLo, livenessTtl, livenessExpiry } = this.#reader;
    let ttl = livenessTtl;
    let expiry = livenessExpiry;
    if (ttl !== 0 && ttl !== EXPIRED_LIVENESS_TTL && expiry <= this.#nowSeconds) {
      expiry = Math.max(0, expiry - ttl); // when it was written
      ttl = EXPIRED_LIVENESS_TTL;
    }
    if (ttl === EXPIRED_LIVENESS_TTL && this.#mayPurge(livenessHi, livenessLo, expiry)) return false;
    this.#writer.liveness(livenessHi, livenessLo, ttl, expiry);
    return true;
  }

  #writeCells(): boolean {
    const reader = this.#reader;
    const writer = this.#writer;
    let any = false;
    this.#complexColumn = -1;
    while (reader.next()) {
      const fate = this.#judge();
      if (fate === Fate.Drop) continue;
      any = true;
      if (fate === Fate.Keep) {
        writer.copy(reader);
        continue;
      }
      const { columnId, timestampHi, timestampLo } = reader;
      const time = Math.max(0, reader.time - reader.ttl);
      if ((reader.flags & CellFlag.HasPath) === 0) writer.deadCell(columnId, timestampHi, timestampLo, time);
      else {
        const { bytes, pathStart, pathEnd } = reader;
        writer.deadElement(columnId, timestampHi, timestampLo, time, bytes, pathStart, pathEnd);
      }
    }
    return any;
  }

  /** What becomes of the reader's current cell; notes complex deletions for the cells that follow. */
  #judge(): Fate {
    const reader = this.#reader;
    const { columnId, flags, timestampHi, timestampLo, time } = reader;
    if (this.#isDropped[columnId] === 1) return Fate.Drop;
    if ((flags & CellFlag.ComplexDeletion) !== 0) {
      if (!this.#isStrongerThanRow(timestampHi, timestampLo, time)) return Fate.Drop;
      this.#complexColumn = columnId;
      this.#complexHi = timestampHi;
      this.#complexLo = timestampLo;
      return this.#mayPurge(timestampHi, timestampLo, time) ? Fate.Drop : Fate.Keep;
    }
    if (isShadowed(timestampHi, timestampLo, this.#rowHi, this.#rowLo)) return Fate.Drop;
    if (columnId === this.#complexColumn && isShadowed(timestampHi, timestampLo, this.#complexHi, this.#complexLo)) {
      return Fate.Drop;
    }
    if ((flags & CellFlag.Deleted) !== 0) {
      return this.#mayPurge(timestampHi, timestampLo, time) ? Fate.Drop : Fate.Keep;
    }
    if (reader.ttl !== 0 && time <= this.#nowSeconds) {
      return this.#mayPurge(timestampHi, timestampLo, Math.max(0, time - reader.ttl))
        ? Fate.Drop
        : Fate.BecomeTombstone;
    }
    return Fate.Keep;
  }

  #isLivenessShadowed(): boolean {
    return isShadowed(this.#reader.livenessHi, this.#reader.livenessLo, this.#rowHi, this.#rowLo);
  }

  #isStrongerThanRow(hi: number, lo: number, time: number): boolean {
    return isDeletion(hi, lo) && reconcileDeletions(hi, lo, time, this.#rowHi, this.#rowLo, this.#rowTime) > 0;
  }

  /** True when a tombstone is old enough and nothing outside of the compaction is older than it. */
  #mayPurge(hi: number, lo: number, time: number): boolean {
    if (time >= this.#policy.gcBefore) return false;
    const bound = this.#bound;
    if (!this.#hasBound) {
      this.#hasBound = true;
      this.#policy.leastTimestampOutside(this.#tokenHi, this.#tokenLo, this.#key.bytes, 0, this.#key.length, bound);
    }
    return compareInt64(hi, lo, bound.hi, bound.lo) < 0;
  }
}

function isDeletion(hi: number, lo: number): boolean {
  return hi !== INT64_MIN_HI || lo !== INT64_MIN_LO;
}

/** The stream to be written, over a merged one, which it then owns. */
export function compactingCursor(input: RowCursor, filter: CompactionFilter, pool: RowBatchPool): RowCursor {
  return new FilterCursor(input, filter, pool);
}
