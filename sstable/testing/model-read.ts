import { FragmentKind, type RowBatch } from '../../core/read/row-batch.ts';
import type { ClusteringSlice, PartitionSlice } from '../../core/read/slice.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { ModelFragment, ModelPartition } from './random-partitions.ts';

const NOTHING: Uint8Array = new Uint8Array(0);
const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');

/** What a read of one partition must deliver, one line per fragment; nothing when the partition may be left out. */
export function modelRead(table: TableDescriptor, partition: ModelPartition, slice: PartitionSlice): string[] {
  const inside: string[] = [];
  const slices = slice.isReversed ? slice.slices.toReversed() : slice.slices;
  if (slice.wantsRows) for (const one of slices) inside.push(...clip(table, partition, one, slice.isReversed));
  const hasStatic = slice.wantsStatics && partition.staticRow !== undefined;
  if (inside.length === 0 && !hasStatic && partition.deletion.length === 0) return [];
  const lines = [line(FragmentKind.PartitionStart, 0, partition.key, partition.deletion)];
  if (hasStatic) lines.push(line(FragmentKind.StaticRow, 0, NOTHING, partition.staticRow!));
  return [...lines, ...inside, line(FragmentKind.PartitionEnd, 0, NOTHING, NOTHING)];
}

function clip(
  table: TableDescriptor,
  partition: ModelPartition,
  slice: ClusteringSlice,
  isReversed: boolean,
): string[] {
  const { comparator } = table;
  const order = ({ position, weight }: ModelFragment, bound: Uint8Array, boundWeight: number) =>
    comparator.compare(position, 0, position.length, weight, bound, 0, bound.length, boundWeight);
  let before = NOTHING;
  const lines: string[] = [];
  /** The deletion in force at the slice's start, and at its end. */
  let atStart = NOTHING;
  let atEnd = NOTHING;
  for (const fragment of partition.fragments) {
    const isMarker = fragment.kind === FragmentKind.RangeChange;
    if (isMarker && order(fragment, slice.start, slice.startWeight) <= 0) atStart = fragment.body;
    if (isMarker && order(fragment, slice.end, slice.endWeight) < 0) atEnd = fragment.body;
    if (order(fragment, slice.start, slice.startWeight) > 0 && order(fragment, slice.end, slice.endWeight) < 0) {
      const body = isMarker && isReversed ? before : fragment.body;
      lines.push(line(fragment.kind, fragment.weight, fragment.position, body));
    }
    if (isMarker) before = fragment.body;
  }
  const { start, startWeight, end, endWeight } = slice;
  if (isReversed) {
    lines.reverse();
    if (atEnd.length > 0) lines.unshift(line(FragmentKind.RangeChange, endWeight, end, atEnd));
    if (atStart.length > 0) lines.push(line(FragmentKind.RangeChange, startWeight, start, NOTHING));
  } else {
    if (atStart.length > 0) lines.unshift(line(FragmentKind.RangeChange, startWeight, start, atStart));
    if (atEnd.length > 0) lines.push(line(FragmentKind.RangeChange, endWeight, end, NOTHING));
  }
  return lines;
}

function line(kind: FragmentKind, weight: number, position: Uint8Array, body: Uint8Array): string {
  return `${kind} ${weight} ${hex(position)} ${hex(body)}`;
}

/** The fragments of a batch as lines. */
export function batchLines(batch: RowBatch): string[] {
  const lines: string[] = [];
  for (let i = 0; i < batch.count; i++) {
    const position = batch.bytes.subarray(batch.positionStart[i], batch.positionEnd[i]);
    const body = batch.bytes.subarray(batch.bodyStart[i], batch.bodyEnd[i]);
    lines.push(line(batch.kind[i] as FragmentKind, batch.weight[i]!, position, body));
  }
  return lines;
}

/** Takes out partitions of nothing, which a source may deliver or leave out. */
export function withoutEmpty(lines: readonly string[]): string[] {
  const kept: string[] = [];
  for (const text of lines) {
    const isEnd = text.startsWith(`${FragmentKind.PartitionEnd} `);
    const last = kept.at(-1);
    const startsEmpty = last?.startsWith(`${FragmentKind.PartitionStart} `) === true && last.endsWith(' ');
    if (isEnd && startsEmpty) kept.pop();
    else kept.push(text);
  }
  return kept;
}
