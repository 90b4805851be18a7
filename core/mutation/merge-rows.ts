import { ByteWriter } from '../bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../int64.ts';
import type { TableDescriptor } from '../schema/table.ts';
import { TypeKind } from '../types/cql-type.ts';
import { CounterMerger } from './counter-cell.ts';
import { PathOrder } from './path-order.ts';
import { isShadowed, reconcileCells, reconcileDeletions, reconcileLiveness } from './reconcile.ts';
import { CellFlag, NO_DELETION_TIME, RowBodyWriter, RowFlag, RowReader } from './row-body.ts';

/**
 * Merges the bodies of one row from several sources into one: commutative, associative and idempotent to the byte, however
 * they are grouped. Usage: `begin`, `add` once per body, `finish`. One merger is used for many rows.
 *
 * A merged body is canonical: cells sorted, what the row's own deletion or a complex deletion shadows is gone, deletions that
 * a covering one makes pointless are gone, a shadowable deletion older than the liveness is gone. A single body without a row
 * deletion is copied as it is. A shadowable deletion that stands hides data only at reading: liveness that is merged in later
 * may still void it.
 *
 * Bodies must have their cells in the order of `row-body.ts`; they are borrowed until `finish`. The one exception to
 * associativity is Cassandra's: a deletion between increments of a counter (deleting counters is final, spec/sstable.md §8.9).
 */
export class RowMerger {
  readonly #paths: PathOrder;
  readonly #isCounter: Uint8Array;
  readonly #counters: CounterMerger = new CounterMerger();
  readonly #counterValue: ByteWriter = new ByteWriter(64);
  readonly #writer: RowBodyWriter = new RowBodyWriter();
  readonly #readers: RowReader[] = [];
  #count = 0;
  /** Where the first body began, to copy it whole. */
  #firstStart = 0;
  /** Readers that stand at a cell; those of them that stand at the least one. */
  readonly #active: RowReader[] = [];
  #same: Int32Array = new Int32Array(8);
  #sameCount = 0;
  /** The deletion that covers the row's cells, its own or the one from outside. */
  #deletionHi: number = INT64_MIN_HI;
  #deletionLo: number = INT64_MIN_LO;
  #deletionTime: number = NO_DELETION_TIME;

  constructor(table: TableDescriptor) {
    this.#paths = new PathOrder(table);
    const { columns, droppedColumns, nextColumnId } = table.definition;
    this.#isCounter = new Uint8Array(nextColumnId);
    for (const column of [...columns, ...droppedColumns]) {
      if (column.type.kind === TypeKind.Counter) this.#isCounter[column.id] = 1;
    }
  }

  /** Forgets the bodies added so far. */
  begin(): void {
    this.#count = 0;
  }

  /** Adds one body of the row. */
  add(bytes: Uint8Array, start: number, end: number): void {
    if (this.#count === this.#readers.length) {
      const reader = new RowReader();
      this.#readers.push(reader);
      this.#active.push(reader);
      if (this.#readers.length > this.#same.length) this.#same = new Int32Array(this.#same.length * 2);
    }
    if (this.#count === 0) this.#firstStart = start;
    this.#readers[this.#count++]!.open(bytes, start, end);
  }

  /**
   * Appends the merged body to `out`.
   * @param coverHi timestamp of a deletion that covers the row (a range's, the partition's): what it shadows is left out
   * @returns false when nothing is left, and then nothing was written
   */
  finish(
    out: ByteWriter,
    coverHi: number = INT64_MIN_HI,
    coverLo: number = INT64_MIN_LO,
    coverTime: number = NO_DELETION_TIME,
  ): boolean {
    if (this.#count === 0) return false;
    const first = this.#readers[0]!;
    if (this.#count === 1 && coverHi === INT64_MIN_HI && coverLo === INT64_MIN_LO) {
      if (first.rowFlags === 0 && first.pos >= first.end) return false;
      if (first.rowFlags < RowFlag.Deletion) {
        out.raw(first.bytes, this.#firstStart, first.end);
        return true;
      }
    }
    const start = out.length;
    const hasHead = this.#mergeHead(out, coverHi, coverLo, coverTime);
    const hasCells = this.#mergeCells();
    if (hasHead || hasCells) return true;
    out.length = start;
    return false;
  }

  /** The strongest liveness and deletions. True when any of them is left. */
  #mergeHead(out: ByteWriter, coverHi: number, coverLo: number, coverTime: number): boolean {
    const readers = this.#readers;
    let live = readers[0]!;
    let dead = live;
    let shadowable = live;
    for (let i = 1; i < this.#count; i++) {
      const reader = readers[i]!;
      if (newerLiveness(reader, live)) live = reader;
      if (newerDeletion(reader, dead)) dead = reader;
      if (newerShadowable(reader, shadowable)) shadowable = reader;
    }
    let hi = dead.deletionHi;
    let lo = dead.deletionLo;
    let time = dead.deletionTime;
    const hasDeletion = isDeletion(hi, lo) && reconcileDeletions(hi, lo, time, coverHi, coverLo, coverTime) > 0;
    if (!hasDeletion) {
      hi = coverHi;
      lo = coverLo;
      time = coverTime;
    }
    this.#deletionHi = hi;
    this.#deletionLo = lo;
    this.#deletionTime = time;

    const writer = this.#writer;
    writer.begin(out);
    const hasLiveness = !isShadowed(live.livenessHi, live.livenessLo, hi, lo);
    if (hasLiveness) writer.liveness(live.livenessHi, live.livenessLo, live.livenessTtl, live.livenessExpiry);
    if (hasDeletion) writer.deletion(hi, lo, time);
    const { shadowableHi, shadowableLo, shadowableTime } = shadowable;
    const hasShadowable =
      isDeletion(shadowableHi, shadowableLo) &&
      reconcileDeletions(shadowableHi, shadowableLo, shadowableTime, hi, lo, time) > 0 &&
      isShadowed(live.livenessHi, live.livenessLo, shadowableHi, shadowableLo);
    if (hasShadowable) writer.shadowableDeletion(shadowableHi, shadowableLo, shadowableTime);
    return hasLiveness || hasDeletion || hasShadowable;
  }

  /** Cell by cell in order, each the best of those readers that have it. True when any is left. */
  #mergeCells(): boolean {
    const active = this.#active;
    const same = this.#same;
    let standing = 0;
    for (let i = 0; i < this.#count; i++) {
      const reader = this.#readers[i]!;
      if (reader.next()) active[standing++] = reader;
    }
    let any = false;
    let complexColumn = -1;
    let complexHi: number = INT64_MIN_HI;
    let complexLo: number = INT64_MIN_LO;
    while (standing > 0) {
      let least = active[0]!;
      same[0] = 0;
      let sameCount = 1;
      for (let i = 1; i < standing; i++) {
        const reader = active[i]!;
        const order = this.#compareKeys(reader, least);
        if (order < 0) {
          least = reader;
          sameCount = 0;
        }
        if (order <= 0) same[sameCount++] = i;
      }
      this.#sameCount = sameCount;

      if ((least.flags & CellFlag.ComplexDeletion) !== 0) {
        const best = this.#bestDeletion();
        const { timestampHi, timestampLo, time } = best;
        complexColumn = -1;
        if (
          isDeletion(timestampHi, timestampLo) &&
          reconcileDeletions(timestampHi, timestampLo, time, this.#deletionHi, this.#deletionLo, this.#deletionTime) > 0
        ) {
          complexColumn = best.columnId;
          complexHi = timestampHi;
          complexLo = timestampLo;
          this.#writer.copy(best);
          any = true;
        }
      } else {
        const best = this.#bestCell();
        const { timestampHi, timestampLo } = best;
        if (
          !isShadowed(timestampHi, timestampLo, this.#deletionHi, this.#deletionLo) &&
          (best.columnId !== complexColumn || !isShadowed(timestampHi, timestampLo, complexHi, complexLo))
        ) {
          if (sameCount > 1 && this.#isCounter[best.columnId] === 1) this.#writeCounter(best);
          else this.#writer.copy(best);
          any = true;
        }
      }

      for (let i = sameCount - 1; i >= 0; i--) {
        const at = same[i]!;
        if (!active[at]!.next()) active[at] = active[--standing]!;
      }
    }
    return any;
  }

  #compareKeys(a: RowReader, b: RowReader): number {
    if (a.columnId !== b.columnId) return a.columnId - b.columnId;
    const aFlags = a.flags;
    const bFlags = b.flags;
    const kinds = (bFlags & CellFlag.ComplexDeletion) - (aFlags & CellFlag.ComplexDeletion);
    if (kinds !== 0) return kinds;
    if ((aFlags & bFlags & CellFlag.HasPath) === 0) return (aFlags & CellFlag.HasPath) - (bFlags & CellFlag.HasPath);
    return this.#paths.compare(a.columnId, a.bytes, a.pathStart, a.pathEnd, b.bytes, b.pathStart, b.pathEnd);
  }

  #bestDeletion(): RowReader {
    let best = this.#active[this.#same[0]!]!;
    for (let i = 1; i < this.#sameCount; i++) {
      const cell = this.#active[this.#same[i]!]!;
      const order = reconcileDeletions(
        cell.timestampHi,
        cell.timestampLo,
        cell.time,
        best.timestampHi,
        best.timestampLo,
        best.time,
      );
      if (order > 0) best = cell;
    }
    return best;
  }

  #bestCell(): RowReader {
    let best = this.#active[this.#same[0]!]!;
    const isCounter = this.#isCounter[best.columnId] === 1;
    for (let i = 1; i < this.#sameCount; i++) {
      const cell = this.#active[this.#same[i]!]!;
      const dead = cell.flags & CellFlag.Deleted;
      // Deleting a counter is final: its tombstone beats live cells of any age.
      const order =
        isCounter && dead !== (best.flags & CellFlag.Deleted) ? (dead !== 0 ? 1 : -1) : reconcileCells(cell, best);
      if (order > 0) best = cell;
    }
    return best;
  }

  /** A counter cell that several readers have: `best` is the newest, or a tombstone. */
  #writeCounter(best: RowReader): void {
    if ((best.flags & CellFlag.Deleted) !== 0) {
      this.#writer.copy(best);
      return;
    }
    const counters = this.#counters;
    counters.clear();
    for (let i = 0; i < this.#sameCount; i++) {
      const cell = this.#active[this.#same[i]!]!;
      counters.add(cell.bytes, cell.valueStart, cell.valueEnd);
    }
    const value = this.#counterValue;
    value.clear();
    counters.write(value);
    const { columnId, timestampHi, timestampLo, ttl, time } = best;
    this.#writer.cell(columnId, timestampHi, timestampLo, ttl, time, value.bytes, 0, value.length);
  }
}

function isDeletion(hi: number, lo: number): boolean {
  return hi !== INT64_MIN_HI || lo !== INT64_MIN_LO;
}

function newerLiveness(a: RowReader, b: RowReader): boolean {
  return (
    reconcileLiveness(
      a.livenessHi,
      a.livenessLo,
      a.livenessTtl,
      a.livenessExpiry,
      b.livenessHi,
      b.livenessLo,
      b.livenessTtl,
      b.livenessExpiry,
    ) > 0
  );
}

function newerDeletion(a: RowReader, b: RowReader): boolean {
  return reconcileDeletions(a.deletionHi, a.deletionLo, a.deletionTime, b.deletionHi, b.deletionLo, b.deletionTime) > 0;
}

function newerShadowable(a: RowReader, b: RowReader): boolean {
  return (
    reconcileDeletions(
      a.shadowableHi,
      a.shadowableLo,
      a.shadowableTime,
      b.shadowableHi,
      b.shadowableLo,
      b.shadowableTime,
    ) > 0
  );
}
