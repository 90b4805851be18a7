import { assert } from '../assert.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../int64.ts';
import type { RowMerger } from '../mutation/merge-rows.ts';
import { reconcileDeletions } from '../mutation/reconcile.ts';
import { NO_DELETION_TIME } from '../mutation/row-body.ts';
import type { ClusteringComparator } from '../schema/clustering-comparator.ts';
import { comparePartition, compareToken } from '../token.ts';
import type { RowBatchPool } from './batch-pool.ts';
import { CursorReader } from './cursor-reader.ts';
import { FragmentKind, type RowBatch } from './row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from './row-cursor.ts';

/**
 * One stream out of several of the same slice and direction: partitions, static rows and rows that several sources have
 * become one; the range deletion in force is the newest of all sources'. Nothing is hidden or purged.
 *
 * States of the merge:
 *   Between     every source stands at a PartitionStart or its end; the next partition is to be chosen
 *   Alone       one source has the partition, and what lies before `bound`, to itself: its fragments pass in runs
 *   Static      several sources have the partition (the members); each stands at its static row or behind it
 *   Rows        each member stands at a row, a range change or its PartitionEnd
 */
const State = { Between: 0, Alone: 1, Static: 2, Rows: 3 } as const;
type State = (typeof State)[keyof typeof State];

/** One input: its reader, the deletion it has in force, and the order of its current fragment. */
class Source {
  readonly reader: CursorReader;
  rangeHi: number = INT64_MIN_HI;
  rangeLo: number = INT64_MIN_LO;
  rangeTime: number = NO_DELETION_TIME;
  /** Order-preserving 32 bits of the current position: decides most comparisons. Valid while hasPrefix. */
  prefix = 0;
  hasPrefix = false;

  constructor(reader: CursorReader) {
    this.reader = reader;
  }
}

/**
 * The merge of `cursors`, which it then owns; a single one is given back as it is.
 * @param merger of the table; may be shared with other cursors of the thread, since a merge never spans two fills
 */
export function mergeCursors(
  cursors: readonly RowCursor[],
  comparator: ClusteringComparator,
  merger: RowMerger,
  pool: RowBatchPool,
  isReversed: boolean,
): RowCursor {
  return cursors.length === 1 ? cursors[0]! : new MergeCursor(cursors, comparator, merger, pool, isReversed);
}

export class MergeCursor implements RowCursor {
  readonly #comparator: ClusteringComparator;
  readonly #merger: RowMerger;
  readonly #isReversed: boolean;
  readonly #sources: Source[];
  /** Sources that have the current partition. */
  readonly #members: Source[] = [];
  /** Members that stand at the least position of a step. */
  readonly #same: Source[] = [];
  #state: State = State.Between;
  #insidePartition = false;
  /** Alone: the partition chosen has not begun; it comes whatever the bound. */
  #isChosen = false;
  /** Alone: the token of the next partition of any other source; its own partitions before that pass unseen. */
  #hasBound = false;
  #boundHi = 0;
  #boundLo = 0;
  /** The range deletion in force in what was delivered. */
  #rangeHi: number = INT64_MIN_HI;
  #rangeLo: number = INT64_MIN_LO;
  #rangeTime: number = NO_DELETION_TIME;

  constructor(
    cursors: readonly RowCursor[],
    comparator: ClusteringComparator,
    merger: RowMerger,
    pool: RowBatchPool,
    isReversed: boolean,
  ) {
    this.#comparator = comparator;
    this.#merger = merger;
    this.#isReversed = isReversed;
    this.#sources = cursors.map((cursor) => new Source(new CursorReader(cursor, pool)));
  }

  fill(batch: RowBatch): number {
    const before = batch.count;
    let stopped = false;
    while (!stopped && !batch.isFull()) {
      switch (this.#state) {
        case State.Between:
          stopped = !this.#choosePartition(batch);
          break;
        case State.Alone:
          stopped = !this.#passAlone(batch);
          break;
        case State.Static:
          stopped = !this.#mergeStatic(batch);
          break;
        default:
          stopped = !this.#mergeNext(batch);
      }
    }
    if (batch.count > before) return batch.count - before;
    return this.#sources.some((source) => source.reader.needsLoad) ? NEEDS_LOAD : 0;
  }

  /** Loads every source that asked for it, at the same time. */
  async load(): Promise<void> {
    const loads: Promise<void>[] = [];
    for (const { reader } of this.#sources) if (reader.needsLoad) loads.push(reader.load());
    if (loads.length === 1) return loads[0];
    // All of them end before an error is thrown: nothing may still be loading when the caller closes the cursor.
    for (const result of await Promise.allSettled(loads)) if (result.status === 'rejected') throw result.reason;
  }

  skipPartition(): void {
    if (!this.#insidePartition) return;
    for (const member of this.#members) member.reader.skipPartition();
    this.#insidePartition = false;
    this.#state = State.Between;
  }

  close(): void {
    for (const { reader } of this.#sources) reader.close();
  }

  /** Finds the least partition of all sources. False when a source needs a load or all are at their end. */
  #choosePartition(out: RowBatch): boolean {
    const members = this.#members;
    members.length = 0;
    let isReady = true;
    for (const { reader } of this.#sources) if (!reader.ready() && !reader.isAtEnd) isReady = false;
    if (!isReady) return false;
    this.#hasBound = false;
    for (const source of this.#sources) {
      if (source.reader.isAtEnd) continue;
      const least = members[0];
      const order = least === undefined ? -1 : comparePartitions(source.reader, least.reader);
      if (order < 0) {
        if (least !== undefined) this.#setBound(least.reader); // what was least until now is the next one then
        members.length = 0;
        members.push(source);
      } else if (order === 0) {
        members.push(source);
      } else if (!this.#hasBound || isBefore(source.reader.batch, source.reader.index, this.#boundHi, this.#boundLo)) {
        this.#setBound(source.reader);
      }
    }
    if (members.length === 0) return false;
    if (members.length === 1) {
      this.#state = State.Alone;
      this.#isChosen = true;
      return true;
    }
    this.#startPartition(out);
    return true;
  }

  #setBound(reader: CursorReader): void {
    this.#hasBound = true;
    this.#boundHi = reader.batch.tokenHi[reader.index]!;
    this.#boundLo = reader.batch.tokenLo[reader.index]!;
  }

  #startPartition(out: RowBatch): void {
    const { reader } = this.#members[0]!;
    let hi: number = INT64_MIN_HI;
    let lo: number = INT64_MIN_LO;
    let time: number = NO_DELETION_TIME;
    for (const member of this.#members) {
      const { batch, index } = member.reader;
      const memberHi = batch.deletionHi(index);
      const memberLo = batch.deletionLo(index);
      const memberTime = batch.deletionTime(index);
      if (reconcileDeletions(memberHi, memberLo, memberTime, hi, lo, time) > 0) {
        hi = memberHi;
        lo = memberLo;
        time = memberTime;
      }
      member.rangeHi = INT64_MIN_HI;
      member.rangeLo = INT64_MIN_LO;
      member.rangeTime = NO_DELETION_TIME;
      member.hasPrefix = false;
    }
    const { batch, index } = reader;
    const start = batch.positionStart[index]!;
    const end = batch.positionEnd[index]!;
    out.addPartitionStart(batch.tokenHi[index]!, batch.tokenLo[index]!, batch.bytes, start, end, hi, lo, time);
    for (const member of this.#members) member.reader.index++;
    this.#rangeHi = INT64_MIN_HI;
    this.#rangeLo = INT64_MIN_LO;
    this.#rangeTime = NO_DELETION_TIME;
    this.#insidePartition = true;
    this.#state = State.Static;
  }

  /** Passes the fragments of the only member up to the bound. False when it needs a load. */
  #passAlone(out: RowBatch): boolean {
    const { reader } = this.#members[0]!;
    if (!reader.ready()) {
      if (!reader.isAtEnd) return false;
      this.#state = State.Between;
      return true;
    }
    const { batch, index } = reader;
    const stop = Math.min(batch.count, index + out.capacity - out.count);
    let last = index;
    for (; last < stop; last++) {
      if (batch.kind[last] !== FragmentKind.PartitionStart) continue;
      if (this.#isChosen) this.#isChosen = false;
      else if (this.#hasBound && !isBefore(batch, last, this.#boundHi, this.#boundLo)) break;
    }
    if (last === index) {
      this.#state = State.Between;
      return true;
    }
    reader.index += out.addRun(batch, index, last);
    this.#insidePartition = batch.kind[reader.index - 1] !== FragmentKind.PartitionEnd;
    return true;
  }

  /** True when every member has a current fragment. */
  #membersReady(): boolean {
    let isReady = true;
    for (const { reader } of this.#members) {
      if (reader.ready()) continue;
      assert(!reader.isAtEnd, 'a partition ends with a PartitionEnd');
      isReady = false; // go on: what the others need is loaded at the same time
    }
    return isReady;
  }

  #mergeStatic(out: RowBatch): boolean {
    if (!this.#membersReady()) return false;
    const same = this.#same;
    same.length = 0;
    for (const member of this.#members) {
      const { batch, index } = member.reader;
      if (batch.kind[index] === FragmentKind.StaticRow) same.push(member);
    }
    if (same.length > 0) this.#mergeRow(out, FragmentKind.StaticRow);
    this.#state = State.Rows;
    return true;
  }

  /** Delivers what stands at the least position of the members, or the partition's end. False when a load is needed. */
  #mergeNext(out: RowBatch): boolean {
    if (!this.#membersReady()) return false;
    const same = this.#same;
    same.length = 0;
    let unfinished = 0;
    for (const member of this.#members) {
      const { batch, index } = member.reader;
      if (batch.kind[index] === FragmentKind.PartitionEnd) continue;
      unfinished++;
      const order = same.length === 0 ? -1 : this.#compare(member, same[0]!);
      if (order < 0) same.length = 0;
      if (order <= 0) same.push(member);
    }
    if (unfinished === 0) {
      for (const member of this.#members) member.reader.index++;
      out.addPartitionEnd();
      this.#insidePartition = false;
      this.#state = State.Between;
    } else if (unfinished === 1) {
      this.#passRest(out, same[0]!.reader); // no range of another member is open: their partitions have ended
    } else {
      const { batch, index } = same[0]!.reader;
      if (batch.kind[index] === FragmentKind.Row) this.#mergeRow(out, FragmentKind.Row);
      else this.#changeRange(out);
    }
    return true;
  }

  /** Passes what the last unfinished member has, without its PartitionEnd. */
  #passRest(out: RowBatch, reader: CursorReader): void {
    const { batch, index } = reader;
    let last = index;
    while (last < batch.count && batch.kind[last] !== FragmentKind.PartitionEnd) last++;
    reader.index += out.addRun(batch, index, last);
  }

  /** The row or static row at which all of `same` stand. */
  #mergeRow(out: RowBatch, kind: FragmentKind): void {
    const same = this.#same;
    const { batch, index } = same[0]!.reader;
    if (same.length === 1) {
      out.addRun(batch, index, index + 1);
    } else {
      const merger = this.#merger;
      merger.begin();
      for (const { reader } of same) {
        merger.add(reader.batch.bytes, reader.batch.bodyStart[reader.index]!, reader.batch.bodyEnd[reader.index]!);
      }
      out.beginFragment(kind, 0, batch.bytes, batch.positionStart[index]!, batch.positionEnd[index]!);
      if (merger.finish(out.writer)) out.endFragment();
      else out.dropFragment();
    }
    this.#advanceSame();
  }

  /** The range change at which all of `same` stand: delivered if it changes the newest of all deletions in force. */
  #changeRange(out: RowBatch): void {
    for (const source of this.#same) {
      const { batch, index } = source.reader;
      source.rangeHi = batch.deletionHi(index);
      source.rangeLo = batch.deletionLo(index);
      source.rangeTime = batch.deletionTime(index);
    }
    let hi: number = INT64_MIN_HI;
    let lo: number = INT64_MIN_LO;
    let time: number = NO_DELETION_TIME;
    for (const { rangeHi, rangeLo, rangeTime } of this.#members) {
      if (reconcileDeletions(rangeHi, rangeLo, rangeTime, hi, lo, time) > 0) {
        hi = rangeHi;
        lo = rangeLo;
        time = rangeTime;
      }
    }
    if (reconcileDeletions(hi, lo, time, this.#rangeHi, this.#rangeLo, this.#rangeTime) !== 0) {
      const { batch, index } = this.#same[0]!.reader;
      const start = batch.positionStart[index]!;
      out.addRangeChange(batch.weight[index]!, batch.bytes, start, batch.positionEnd[index]!, hi, lo, time);
      this.#rangeHi = hi;
      this.#rangeLo = lo;
      this.#rangeTime = time;
    }
    this.#advanceSame();
  }

  #advanceSame(): void {
    for (const source of this.#same) {
      source.reader.index++;
      source.hasPrefix = false;
    }
  }

  /** Order of the current positions of two members, in the stream's direction. */
  #compare(a: Source, b: Source): number {
    if (!a.hasPrefix) this.#findPrefix(a);
    if (!b.hasPrefix) this.#findPrefix(b);
    let order: number;
    if (a.prefix !== b.prefix) {
      order = a.prefix < b.prefix ? -1 : 1;
    } else {
      const left = a.reader;
      const right = b.reader;
      order = this.#comparator.compare(
        left.batch.bytes,
        left.batch.positionStart[left.index]!,
        left.batch.positionEnd[left.index]!,
        left.batch.weight[left.index]!,
        right.batch.bytes,
        right.batch.positionStart[right.index]!,
        right.batch.positionEnd[right.index]!,
        right.batch.weight[right.index]!,
      );
    }
    return this.#isReversed ? -order : order;
  }

  #findPrefix(source: Source): void {
    const { batch, index } = source.reader;
    const start = batch.positionStart[index]!;
    const end = batch.positionEnd[index]!;
    if (start < end) source.prefix = this.#comparator.prefix(batch.bytes, start, end);
    else source.prefix = batch.weight[index]! > 0 ? 0xffff_ffff : 0; // an open bound lies outside of all values
    source.hasPrefix = true;
  }
}

function comparePartitions(a: CursorReader, b: CursorReader): number {
  return comparePartition(
    a.batch.tokenHi[a.index]!,
    a.batch.tokenLo[a.index]!,
    a.batch.bytes,
    a.batch.positionStart[a.index]!,
    a.batch.positionEnd[a.index]!,
    b.batch.tokenHi[b.index]!,
    b.batch.tokenLo[b.index]!,
    b.batch.bytes,
    b.batch.positionStart[b.index]!,
    b.batch.positionEnd[b.index]!,
  );
}

/** True when fragment i, a PartitionStart, has a lesser token. */
function isBefore(batch: RowBatch, i: number, tokenHi: number, tokenLo: number): boolean {
  return compareToken(batch.tokenHi[i]!, batch.tokenLo[i]!, tokenHi, tokenLo) < 0;
}
