import { ByteWriter, compareBytes } from '../../core/bytes.ts';
import { INT64_MIN_HI, INT64_MIN_LO } from '../../core/int64.ts';
import { MutationReader, PartKind } from '../../core/mutation/frozen-mutation.ts';
import { RowMerger } from '../../core/mutation/merge-rows.ts';
import { RangeTombstones } from '../../core/mutation/range-tombstones.ts';
import { reconcileDeletions } from '../../core/mutation/reconcile.ts';
import { NO_DELETION_TIME } from '../../core/mutation/row-body.ts';
import { FragmentKind, RowBatch } from '../../core/read/row-batch.ts';
import { NEEDS_LOAD, type RowCursor } from '../../core/read/row-cursor.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { ClusteringSlice, PartitionSlice, TokenRange } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { comparePartition, rangeContains } from '../../core/token.ts';

/** A fragment as an object of its own. */
export interface Fragment {
  readonly kind: FragmentKind;
  readonly weight: number;
  readonly position: Uint8Array;
  readonly body: Uint8Array;
  readonly tokenHi: number;
  readonly tokenLo: number;
}

const NOTHING = new Uint8Array(0);

/** Everything in a batch. */
export function fragmentsOf(batch: RowBatch): Fragment[] {
  const fragments: Fragment[] = [];
  for (let i = 0; i < batch.count; i++) {
    fragments.push({
      kind: batch.kind[i] as FragmentKind,
      weight: batch.weight[i]!,
      position: batch.bytes.slice(batch.positionStart[i]!, batch.positionEnd[i]!),
      body: batch.bytes.slice(batch.bodyStart[i]!, batch.bodyEnd[i]!),
      tokenHi: batch.kind[i] === FragmentKind.PartitionStart ? batch.tokenHi[i]! : 0,
      tokenLo: batch.kind[i] === FragmentKind.PartitionStart ? batch.tokenLo[i]! : 0,
    });
  }
  return fragments;
}

/** Reads a cursor to its end, in batches of a capacity, and closes it. */
export async function drain(cursor: RowCursor, capacity = 16, softLimitBytes = 4096): Promise<Fragment[]> {
  const batch = new RowBatch(capacity, softLimitBytes);
  const fragments: Fragment[] = [];
  for (;;) {
    batch.clear();
    const added = cursor.fill(batch);
    if (added === 0) break;
    if (added === NEEDS_LOAD) {
      if (batch.count !== 0) throw new Error('a cursor added fragments and said NEEDS_LOAD');
      await cursor.load();
      continue;
    }
    if (added !== batch.count) throw new Error('fill does not say how many fragments it added');
    fragments.push(...fragmentsOf(batch));
  }
  if (cursor.fill(batch) !== 0) throw new Error('a cursor goes on after its end');
  cursor.close();
  cursor.close();
  return fragments;
}

/** A cursor over given fragments that stops early and asks for loads as `random` says: it gives 0 to 1. */
export class FragmentCursor implements RowCursor {
  readonly #fragments: readonly Fragment[];
  readonly #random: () => number;
  #next = 0;
  #needsLoad = false;
  isClosed = false;

  constructor(fragments: readonly Fragment[], random: () => number = () => 1) {
    this.#fragments = fragments;
    this.#random = random;
  }

  fill(batch: RowBatch): number {
    if (this.isClosed) throw new Error('fill after close');
    if (this.#needsLoad) throw new Error('fill without load');
    if (this.#next === this.#fragments.length) return 0;
    if (this.#random() < 0.1) {
      this.#needsLoad = true;
      return NEEDS_LOAD;
    }
    const before = batch.count;
    while (this.#next < this.#fragments.length && !batch.isFull()) {
      const { kind, weight, position, body, tokenHi, tokenLo } = this.#fragments[this.#next++]!;
      batch.tokenHi[batch.count] = tokenHi;
      batch.tokenLo[batch.count] = tokenLo;
      batch.beginFragment(kind, weight, position, 0, position.length);
      batch.writer.raw(body);
      batch.endFragment();
      if (this.#random() < 0.1) break;
    }
    return batch.count - before;
  }

  async load(): Promise<void> {
    if (this.isClosed) throw new Error('load after close');
    await undefined;
    this.#needsLoad = false;
  }

  skipPartition(): void {
    if (this.#next === 0 || this.#fragments[this.#next - 1]!.kind === FragmentKind.PartitionEnd) return;
    while (this.#fragments[this.#next++]!.kind !== FragmentKind.PartitionEnd);
  }

  close(): void {
    this.isClosed = true;
  }
}

class MemoryPartition {
  readonly key: Uint8Array;
  readonly tokenHi: number;
  readonly tokenLo: number;
  deletionHi: number = INT64_MIN_HI;
  deletionLo: number = INT64_MIN_LO;
  deletionTime: number = NO_DELETION_TIME;
  staticBody: Uint8Array | undefined;
  readonly rows: { prefix: Uint8Array; body: Uint8Array }[] = [];
  readonly ranges: RangeTombstones;

  constructor(key: Uint8Array, tokenHi: number, tokenLo: number, table: TableDescriptor) {
    this.key = key;
    this.tokenHi = tokenHi;
    this.tokenLo = tokenLo;
    this.ranges = new RangeTombstones(table.comparator);
  }
}

/** A RowSource over frozen mutations, in sorted arrays: slow, and short enough to be believed. */
export class MemorySource implements RowSource {
  readonly #table: TableDescriptor;
  readonly #merger: RowMerger;
  readonly #random: () => number;
  readonly #partitions: MemoryPartition[] = [];

  constructor(table: TableDescriptor, random: () => number = () => 1) {
    this.#table = table;
    this.#merger = new RowMerger(table);
    this.#random = random;
  }

  /** Applies a frozen mutation that has been checked. */
  apply(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    const reader = new MutationReader();
    reader.open(bytes, start, end);
    const partition = this.#partition(bytes.slice(reader.keyStart, reader.keyEnd), reader.tokenHi, reader.tokenLo);
    while (reader.next()) {
      const { positionStart, positionEnd, deletionHi, deletionLo, deletionTime } = reader;
      if (reader.kind === PartKind.PartitionDeletion) {
        this.#deletePartition(partition, deletionHi, deletionLo, deletionTime);
      } else if (reader.kind === PartKind.StaticRow) {
        partition.staticBody = this.#merge(partition.staticBody, bytes.slice(reader.bodyStart, reader.bodyEnd));
      } else if (reader.kind === PartKind.Row) {
        this.#addRow(partition, bytes.slice(positionStart, positionEnd), bytes.slice(reader.bodyStart, reader.bodyEnd));
      } else {
        partition.ranges.insert(
          bytes,
          positionStart,
          positionEnd,
          reader.startWeight,
          bytes,
          reader.endPositionStart,
          reader.endPositionEnd,
          reader.endWeight,
          deletionHi,
          deletionLo,
          deletionTime,
        );
      }
    }
  }

  /** Takes over a stream of fragments in forward order, as a flush or compaction writes it. */
  applyFragments(fragments: readonly Fragment[]): void {
    let partition: MemoryPartition | undefined;
    let open: Fragment | undefined;
    const batch = new RowBatch(1);
    for (const fragment of fragments) {
      const { kind, position, body } = fragment;
      if (kind === FragmentKind.PartitionStart) {
        partition = this.#partition(position, fragment.tokenHi, fragment.tokenLo);
        batch.clear();
        batch.beginFragment(kind, 0, position, 0, 0);
        batch.writer.raw(body);
        batch.endFragment();
        this.#deletePartition(partition, batch.deletionHi(0), batch.deletionLo(0), batch.deletionTime(0));
      } else if (kind === FragmentKind.StaticRow) {
        partition!.staticBody = this.#merge(partition!.staticBody, body);
      } else if (kind === FragmentKind.Row) {
        this.#addRow(partition!, position, body);
      } else if (kind === FragmentKind.RangeChange) {
        if (open !== undefined) {
          batch.clear();
          batch.beginFragment(kind, 0, open.position, 0, 0);
          batch.writer.raw(open.body);
          batch.endFragment();
          partition!.ranges.insert(
            open.position,
            0,
            open.position.length,
            open.weight,
            position,
            0,
            position.length,
            fragment.weight,
            batch.deletionHi(0),
            batch.deletionLo(0),
            batch.deletionTime(0),
          );
        }
        open = body.length === 0 ? undefined : fragment;
      }
    }
  }

  openPartition(
    tokenHi: number,
    tokenLo: number,
    key: Uint8Array,
    keyStart: number,
    keyEnd: number,
    slice: PartitionSlice,
  ): RowCursor | undefined {
    const found = this.#partitions.find(
      (partition) =>
        partition.tokenHi === tokenHi &&
        partition.tokenLo === tokenLo &&
        compareBytes(partition.key, 0, partition.key.length, key, keyStart, keyEnd) === 0,
    );
    return found && new FragmentCursor(this.#fragments(found, slice), this.#random);
  }

  openScan(range: TokenRange, slice: PartitionSlice): RowCursor {
    const fragments: Fragment[] = [];
    for (const partition of this.#partitions) {
      const { tokenHi, tokenLo, key } = partition;
      if (rangeContains(range, tokenHi, tokenLo, key, 0, key.length))
        fragments.push(...this.#fragments(partition, slice));
    }
    return new FragmentCursor(fragments, this.#random);
  }

  #partition(key: Uint8Array, hi: number, lo: number): MemoryPartition {
    let i = 0;
    for (; i < this.#partitions.length; i++) {
      const { tokenHi, tokenLo, key: other } = this.#partitions[i]!;
      const order = comparePartition(tokenHi, tokenLo, other, 0, other.length, hi, lo, key, 0, key.length);
      if (order === 0) return this.#partitions[i]!;
      if (order > 0) break;
    }
    const partition = new MemoryPartition(key, hi, lo, this.#table);
    this.#partitions.splice(i, 0, partition);
    return partition;
  }

  #deletePartition(partition: MemoryPartition, hi: number, lo: number, time: number): void {
    if (reconcileDeletions(hi, lo, time, partition.deletionHi, partition.deletionLo, partition.deletionTime) <= 0)
      return;
    partition.deletionHi = hi;
    partition.deletionLo = lo;
    partition.deletionTime = time;
  }

  #addRow(partition: MemoryPartition, prefix: Uint8Array, body: Uint8Array): void {
    const { rows } = partition;
    let i = 0;
    for (; i < rows.length; i++) {
      const other = rows[i]!.prefix;
      const order = this.#table.comparator.compare(other, 0, other.length, 0, prefix, 0, prefix.length, 0);
      if (order === 0) {
        rows[i]!.body = this.#merge(rows[i]!.body, body);
        return;
      }
      if (order > 0) break;
    }
    rows.splice(i, 0, { prefix, body });
  }

  #merge(a: Uint8Array | undefined, b: Uint8Array): Uint8Array {
    if (a === undefined) return b;
    const out = new ByteWriter();
    this.#merger.begin();
    this.#merger.add(a, 0, a.length);
    this.#merger.add(b, 0, b.length);
    return this.#merger.finish(out) ? out.toBytes() : new Uint8Array(1);
  }

  #fragments(partition: MemoryPartition, slice: PartitionSlice): Fragment[] {
    const { key, tokenHi, tokenLo, deletionHi, deletionLo, deletionTime } = partition;
    const batch = new RowBatch(1);
    const fragments: Fragment[] = [];
    batch.addPartitionStart(tokenHi, tokenLo, key, 0, key.length, deletionHi, deletionLo, deletionTime);
    fragments.push(...fragmentsOf(batch));
    if (slice.wantsStatics && partition.staticBody !== undefined) {
      const body = partition.staticBody;
      fragments.push({ kind: FragmentKind.StaticRow, weight: 0, position: NOTHING, body, tokenHi: 0, tokenLo: 0 });
    }
    if (slice.wantsRows) {
      const slices = slice.isReversed ? slice.slices.toReversed() : slice.slices;
      for (const part of slices) fragments.push(...this.#slice(partition, part, slice.isReversed));
    }
    const end = {
      kind: FragmentKind.PartitionEnd,
      weight: 0,
      position: NOTHING,
      body: NOTHING,
      tokenHi: 0,
      tokenLo: 0,
    };
    fragments.push(end);
    return fragments;
  }

  /** Rows and range changes of one slice in order. */
  #slice(partition: MemoryPartition, part: ClusteringSlice, isReversed: boolean): Fragment[] {
    const compare = (a: Uint8Array, aWeight: number, b: Uint8Array, bWeight: number) =>
      this.#table.comparator.compare(a, 0, a.length, aWeight, b, 0, b.length, bWeight);
    const fragments: Fragment[] = [];
    for (const { prefix, body } of partition.rows) {
      if (compare(part.start, part.startWeight, prefix, 0) > 0) continue;
      if (compare(prefix, 0, part.end, part.endWeight) > 0) continue;
      fragments.push({ kind: FragmentKind.Row, weight: 0, position: prefix, body, tokenHi: 0, tokenLo: 0 });
    }
    for (let i = 0; i < partition.ranges.count; i++) {
      let { start, startWeight, end, endWeight, hi, lo, time } = partition.ranges.at(i);
      if (compare(start, startWeight, part.start, part.startWeight) < 0) {
        start = part.start;
        startWeight = part.startWeight;
      }
      if (compare(end, endWeight, part.end, part.endWeight) > 0) {
        end = part.end;
        endWeight = part.endWeight;
      }
      if (compare(start, startWeight, end, endWeight) >= 0) continue;
      const batch = new RowBatch(2);
      const opens = isReversed ? end : start;
      const closes = isReversed ? start : end;
      batch.addRangeChange(isReversed ? endWeight : startWeight, opens, 0, opens.length, hi, lo, time);
      batch.addRangeChange(
        isReversed ? startWeight : endWeight,
        closes,
        0,
        closes.length,
        INT64_MIN_HI,
        INT64_MIN_LO,
        NO_DELETION_TIME,
      );
      fragments.push(...fragmentsOf(batch));
    }
    const direction = isReversed ? -1 : 1;
    fragments.sort((a, b) => direction * compare(a.position, a.weight, b.position, b.weight));
    // Where one range ends and the next begins, the opening one says it all.
    return fragments.filter((fragment, i) => {
      if (fragment.kind !== FragmentKind.RangeChange || fragment.body.length > 0) return true;
      const others = [fragments[i - 1], fragments[i + 1]];
      return !others.some(
        (other) =>
          other?.kind === FragmentKind.RangeChange &&
          other.body.length > 0 &&
          compare(other.position, other.weight, fragment.position, fragment.weight) === 0,
      );
    });
  }
}
