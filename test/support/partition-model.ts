import { ByteWriter, compareBytes } from '../../core/bytes.ts';
import type { ColumnId, TableId } from '../../core/ids.ts';
import { bigIntHi, bigIntLo, int64ToBigInt } from '../../core/int64.ts';
import { MutationWriter } from '../../core/mutation/frozen-mutation.ts';
import { PathOrder } from '../../core/mutation/path-order.ts';
import {
  EXPIRED_LIVENESS_TTL,
  NO_DELETION_TIME,
  RowBodyWriter,
  RowFlag,
  RowReader,
} from '../../core/mutation/row-body.ts';
import { FragmentKind } from '../../core/read/row-batch.ts';
import type { PartitionSlice } from '../../core/read/slice.ts';
import { clusteringPrefix } from '../../core/schema/clustering-prefix.ts';
import { type ColumnDescriptor, ColumnKind, type DroppedColumn } from '../../core/schema/column.ts';
import { DEFAULT_TABLE_OPTIONS } from '../../core/schema/default-table-options.ts';
import { type TableDefinition, TableDescriptor } from '../../core/schema/table.ts';
import { Token, tokenOf } from '../../core/token.ts';
import { blobType } from '../../core/types/blob.ts';
import { listType, mapType, setType } from '../../core/types/collection.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { intType } from '../../core/types/int.ts';
import { textType } from '../../core/types/text.ts';
import { uuidBytes } from '../../core/uuid-bytes.ts';
import type { Fragment } from './memory-source.ts';

/**
 * A model of partitions for random tests: writes as plain objects with bigint timestamps, and what a SELECT must see of
 * them, computed the slow and obvious way. Nothing here uses the merging code that it judges.
 */

const column = (
  id: number,
  name: string,
  kind: ColumnKind,
  position: number,
  type: CqlType,
  isReversed = false,
): ColumnDescriptor => ({ id: id as ColumnId, name, kind, position, type, isReversed });

const DEFINITION: TableDefinition = {
  id: '6b1f2f60-5c1b-11ee-8c99-0242ac120002' as TableId,
  keyspace: 'ks',
  name: 'model',
  version: 1,
  columns: [
    column(0, 'p', ColumnKind.PartitionKey, 0, blobType),
    column(1, 'c1', ColumnKind.Clustering, 0, intType),
    column(2, 'c2', ColumnKind.Clustering, 1, textType, true),
    column(3, 's1', ColumnKind.Static, 0, blobType),
    column(4, 's2', ColumnKind.Static, 1, setType(intType)),
    column(5, 'v1', ColumnKind.Regular, 0, blobType),
    column(6, 'v2', ColumnKind.Regular, 1, mapType(intType, blobType)),
    column(7, 'v3', ColumnKind.Regular, 2, listType(blobType)),
    column(9, 'v4', ColumnKind.Regular, 3, blobType),
  ],
  droppedColumns: [
    {
      id: 8 as ColumnId,
      name: 'old',
      kind: ColumnKind.Regular,
      type: blobType,
      droppedAtUs: 40,
    } satisfies DroppedColumn,
  ],
  nextColumnId: 10,
  options: DEFAULT_TABLE_OPTIONS,
};

/** A table with two clustering columns (the second one DESC), statics, a set, a map, a list, and a dropped column (id 8). */
export const MODEL_TABLE: TableDescriptor = new TableDescriptor(DEFINITION);
/** Static columns by id, and whether they are multi-cell; the same for regular ones. */
export const STATIC_COLUMNS: readonly number[] = [3, 4];
export const REGULAR_COLUMNS: readonly number[] = [5, 6, 7, 8, 9];

export interface ModelDeletion {
  readonly timestamp: bigint;
  readonly time: number;
}

export interface ModelCell {
  readonly column: number;
  /** Undefined for simple columns. */
  readonly path: Uint8Array | undefined;
  readonly timestamp: bigint;
  /** Local deletion time of a tombstone, or undefined for live cells. */
  readonly deadAt: number | undefined;
  /** 0: does not expire. */
  readonly ttl: number;
  readonly expiry: number;
  readonly value: Uint8Array;
}

export interface ModelBody {
  readonly liveness: { readonly timestamp: bigint; readonly ttl: number; readonly expiry: number } | undefined;
  readonly deletion: ModelDeletion | undefined;
  readonly shadowable: ModelDeletion | undefined;
  readonly complexDeletions: readonly (ModelDeletion & { readonly column: number })[];
  readonly cells: readonly ModelCell[];
}

export interface ModelPosition {
  readonly values: readonly Uint8Array[];
  readonly weight: number;
}

/** One part of a mutation of partition `key`. */
export type ModelWrite = { readonly key: Uint8Array } & (
  | { readonly kind: 'partition'; readonly deletion: ModelDeletion }
  | {
      readonly kind: 'range';
      readonly start: ModelPosition;
      readonly end: ModelPosition;
      readonly deletion: ModelDeletion;
    }
  | { readonly kind: 'static'; readonly body: ModelBody }
  | { readonly kind: 'row'; readonly values: readonly Uint8Array[]; readonly body: ModelBody }
);

/** A cell as a SELECT sees it. */
export interface SeenCell {
  readonly column: number;
  readonly path: string;
  readonly timestamp: bigint;
  readonly ttl: number;
  readonly expiry: number;
  readonly value: string;
}
export interface SeenPartition {
  readonly key: string;
  readonly statics: readonly SeenCell[];
  readonly rows: readonly {
    readonly position: string;
    readonly hasLiveness: boolean;
    readonly cells: readonly SeenCell[];
  }[];
}

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
const PATHS = new PathOrder(MODEL_TABLE);

function orderedCells(body: ModelBody): (ModelCell | (ModelDeletion & { column: number }))[] {
  const all = [...body.complexDeletions, ...body.cells];
  return all.sort((a, b) => {
    if (a.column !== b.column) return a.column - b.column;
    const aPath = 'path' in a ? a.path : undefined;
    const bPath = 'path' in b ? b.path : undefined;
    if (aPath === undefined || bPath === undefined)
      return (aPath === undefined ? 0 : 1) - (bPath === undefined ? 0 : 1);
    return PATHS.compare(a.column, aPath, 0, aPath.length, bPath, 0, bPath.length);
  });
}

function writeBody(writer: RowBodyWriter, body: ModelBody): void {
  const { liveness, deletion, shadowable } = body;
  if (liveness !== undefined) {
    writer.liveness(bigIntHi(liveness.timestamp), bigIntLo(liveness.timestamp), liveness.ttl, liveness.expiry);
  }
  if (deletion !== undefined)
    writer.deletion(bigIntHi(deletion.timestamp), bigIntLo(deletion.timestamp), deletion.time);
  if (shadowable !== undefined) {
    writer.shadowableDeletion(bigIntHi(shadowable.timestamp), bigIntLo(shadowable.timestamp), shadowable.time);
  }
  for (const cell of orderedCells(body)) {
    const hi = bigIntHi(cell.timestamp);
    const lo = bigIntLo(cell.timestamp);
    if (!('value' in cell)) {
      writer.complexDeletion(cell.column, hi, lo, cell.time);
      continue;
    }
    const { column: id, path, value, ttl, expiry, deadAt } = cell;
    if (path === undefined) {
      if (deadAt !== undefined) writer.deadCell(id, hi, lo, deadAt);
      else writer.cell(id, hi, lo, ttl, expiry, value, 0, value.length);
    } else if (deadAt !== undefined) {
      writer.deadElement(id, hi, lo, deadAt, path, 0, path.length);
    } else {
      writer.element(id, hi, lo, ttl, expiry, path, 0, path.length, value, 0, value.length);
    }
  }
}

/** The bytes of a body. */
export function bodyBytes(body: ModelBody): Uint8Array {
  const out = new ByteWriter();
  const writer = new RowBodyWriter();
  writer.begin(out);
  writeBody(writer, body);
  return out.toBytes();
}

/** A frozen mutation of one write. */
export function mutationBytes(write: ModelWrite): Uint8Array {
  const writer = new MutationWriter();
  const token = new Token();
  const { key } = write;
  tokenOf(key, 0, key.length, token);
  writer.begin(uuidBytes(MODEL_TABLE.id), MODEL_TABLE.version, token.hi, token.lo, key, 0, key.length);
  switch (write.kind) {
    case 'partition':
      writer.partitionDeletion(
        bigIntHi(write.deletion.timestamp),
        bigIntLo(write.deletion.timestamp),
        write.deletion.time,
      );
      break;
    case 'range':
      writer.rangeDeletion(
        write.start.weight,
        clusteringPrefix(write.start.values),
        write.end.weight,
        clusteringPrefix(write.end.values),
        bigIntHi(write.deletion.timestamp),
        bigIntLo(write.deletion.timestamp),
        write.deletion.time,
      );
      break;
    case 'static':
      writer.beginStaticRow();
      writeBody(writer.row, write.body);
      writer.endRow();
      break;
    default: {
      const prefix = clusteringPrefix(write.values);
      writer.beginRow(prefix, 0, prefix.length);
      writeBody(writer.row, write.body);
      writer.endRow();
    }
  }
  return writer.out.toBytes();
}

const NONE = -(2n ** 63n);

function comparePositions(a: Uint8Array, aWeight: number, b: Uint8Array, bWeight: number): number {
  return MODEL_TABLE.comparator.compare(a, 0, a.length, aWeight, b, 0, b.length, bWeight);
}

/** Which of two cells of one place wins: spec/sstable.md §19.2, step by step. */
function better(a: ModelCell, b: ModelCell): ModelCell {
  if (a.timestamp !== b.timestamp) return a.timestamp > b.timestamp ? a : b;
  const rank = (cell: ModelCell) => (cell.deadAt !== undefined ? 2 : cell.ttl !== 0 ? 1 : 0);
  if (rank(a) !== rank(b)) return rank(a) > rank(b) ? a : b;
  if (a.deadAt !== undefined && b.deadAt !== undefined) return a.deadAt >= b.deadAt ? a : b;
  if (a.ttl !== 0 && a.expiry !== b.expiry) return a.expiry > b.expiry ? a : b;
  if (a.ttl !== b.ttl) return a.ttl < b.ttl ? a : b;
  return compareBytes(a.value, 0, a.value.length, b.value, 0, b.value.length) >= 0 ? a : b;
}

function seenCells(bodies: readonly ModelBody[], deletion: bigint, now: number): SeenCell[] {
  const best = new Map<string, ModelCell>();
  for (const cell of bodies.flatMap((body) => body.cells)) {
    const place = `${cell.column}/${cell.path === undefined ? '-' : hex(cell.path)}`;
    const other = best.get(place);
    best.set(place, other === undefined ? cell : better(other, cell));
  }
  const seen: SeenCell[] = [];
  const sorted = orderedCells({
    liveness: undefined,
    deletion: undefined,
    shadowable: undefined,
    complexDeletions: [],
    cells: [...best.values()],
  });
  for (const cell of sorted as ModelCell[]) {
    let floor = deletion;
    for (const complex of bodies.flatMap((body) => body.complexDeletions)) {
      if (complex.column === cell.column && complex.timestamp > floor) floor = complex.timestamp;
    }
    if (cell.timestamp <= floor || cell.deadAt !== undefined) continue;
    if (cell.ttl !== 0 && cell.expiry <= now) continue;
    if (MODEL_TABLE.columnById(cell.column) === undefined) continue;
    seen.push({
      column: cell.column,
      path: cell.path === undefined ? '-' : hex(cell.path),
      timestamp: cell.timestamp,
      ttl: cell.ttl,
      expiry: cell.ttl === 0 ? NO_DELETION_TIME : cell.expiry,
      value: hex(cell.value),
    });
  }
  return seen;
}

function betterLiveness(bodies: readonly ModelBody[]): ModelBody['liveness'] {
  let best: ModelBody['liveness'];
  for (const { liveness } of bodies) {
    if (liveness === undefined) continue;
    const rank = (ttl: number) => (ttl === EXPIRED_LIVENESS_TTL ? 2 : ttl !== 0 ? 1 : 0);
    const order =
      best === undefined
        ? 1
        : liveness.timestamp !== best.timestamp
          ? liveness.timestamp > best.timestamp
            ? 1
            : -1
          : rank(liveness.ttl) - rank(best.ttl) ||
            (liveness.ttl === 0 ? 0 : liveness.expiry - best.expiry) ||
            best.ttl - liveness.ttl;
    if (order > 0) best = liveness;
  }
  return best;
}

/** What a SELECT of the slice sees of one partition at `now`, or undefined when nothing. */
export function seenPartition(
  writes: readonly ModelWrite[],
  key: Uint8Array,
  slice: PartitionSlice,
  now: number,
): SeenPartition | undefined {
  const mine = writes.filter((write) => hex(write.key) === hex(key));
  let partition = NONE;
  for (const write of mine) {
    if (write.kind === 'partition' && write.deletion.timestamp > partition) partition = write.deletion.timestamp;
  }
  const statics = slice.wantsStatics
    ? seenCells(
        mine.flatMap((write) => (write.kind === 'static' ? [write.body] : [])),
        partition,
        now,
      )
    : [];
  const byPosition = new Map<string, { prefix: Uint8Array; bodies: ModelBody[] }>();
  for (const write of mine) {
    if (write.kind !== 'row' || !slice.wantsRows) continue;
    const prefix = clusteringPrefix(write.values);
    const inside = slice.slices.some(
      ({ start, startWeight, end, endWeight }) =>
        comparePositions(start, startWeight, prefix, 0) <= 0 && comparePositions(prefix, 0, end, endWeight) <= 0,
    );
    if (!inside) continue;
    const row = byPosition.get(hex(prefix)) ?? { prefix, bodies: [] };
    row.bodies.push(write.body);
    byPosition.set(hex(prefix), row);
  }
  const rows = [];
  const direction = slice.isReversed ? -1 : 1;
  for (const { prefix, bodies } of [...byPosition.values()].sort(
    (a, b) => direction * comparePositions(a.prefix, 0, b.prefix, 0),
  )) {
    let deletion = partition;
    for (const write of mine) {
      if (write.kind !== 'range' || write.deletion.timestamp <= deletion) continue;
      const { start, end } = write;
      if (comparePositions(clusteringPrefix(start.values), start.weight, prefix, 0) > 0) continue;
      if (comparePositions(prefix, 0, clusteringPrefix(end.values), end.weight) > 0) continue;
      deletion = write.deletion.timestamp;
    }
    for (const { deletion: own } of bodies) if (own !== undefined && own.timestamp > deletion) deletion = own.timestamp;
    let liveness = betterLiveness(bodies);
    if (liveness !== undefined && liveness.timestamp <= deletion) liveness = undefined;
    for (const { shadowable } of bodies) {
      if (shadowable === undefined || shadowable.timestamp <= deletion) continue;
      if (liveness === undefined || liveness.timestamp <= shadowable.timestamp) deletion = shadowable.timestamp;
    }
    if (liveness !== undefined && liveness.timestamp <= deletion) liveness = undefined;
    const hasLiveness =
      liveness !== undefined && liveness.ttl !== EXPIRED_LIVENESS_TTL && (liveness.ttl === 0 || liveness.expiry > now);
    const cells = seenCells(bodies, deletion, now);
    if (hasLiveness || cells.length > 0) rows.push({ position: hex(prefix), hasLiveness, cells });
  }
  return statics.length === 0 && rows.length === 0 ? undefined : { key: hex(key), statics, rows };
}

function decodeCells(reader: RowReader): SeenCell[] {
  const cells: SeenCell[] = [];
  while (reader.next()) {
    cells.push({
      column: reader.columnId,
      path: (reader.flags & 32) === 0 ? '-' : hex(reader.bytes.slice(reader.pathStart, reader.pathEnd)),
      timestamp: int64ToBigInt(reader.timestampHi, reader.timestampLo),
      ttl: reader.ttl,
      expiry: reader.time,
      value: hex(reader.bytes.slice(reader.valueStart, reader.valueEnd)),
    });
  }
  return cells;
}

/** A live stream in the model's form. */
export function seenOf(fragments: readonly Fragment[]): SeenPartition[] {
  const partitions: SeenPartition[] = [];
  const reader = new RowReader();
  let key = '';
  let statics: SeenCell[] = [];
  let rows: SeenPartition['rows'][number][] = [];
  for (const { kind, position, body } of fragments) {
    reader.open(body, 0, body.length);
    if (kind === FragmentKind.PartitionStart) {
      key = hex(position);
      statics = [];
      rows = [];
    } else if (kind === FragmentKind.StaticRow) {
      statics = decodeCells(reader);
    } else if (kind === FragmentKind.Row) {
      rows.push({
        position: hex(position),
        hasLiveness: (reader.rowFlags & RowFlag.Liveness) !== 0,
        cells: decodeCells(reader),
      });
    } else if (kind === FragmentKind.PartitionEnd) {
      partitions.push({ key, statics, rows });
    } else {
      throw new Error('a live stream has no range changes');
    }
  }
  return partitions;
}

/** Throws when fragments are not a stream as `row-batch.ts` has it. */
export function checkStream(fragments: readonly Fragment[], isReversed: boolean): void {
  const direction = isReversed ? -1 : 1;
  let inside = false;
  let last: Fragment | undefined;
  let partition: Fragment | undefined;
  let isOpen = false;
  const claim = (condition: boolean, what: string) => {
    if (!condition) throw new Error(what);
  };
  for (const fragment of fragments) {
    const { kind, position, weight, body } = fragment;
    claim((kind === FragmentKind.PartitionStart) !== inside, 'fragment out of place');
    if (kind === FragmentKind.PartitionStart) {
      if (partition !== undefined) {
        const hi = partition.tokenHi - fragment.tokenHi || (partition.tokenLo >>> 0) - (fragment.tokenLo >>> 0);
        claim(
          hi < 0 ||
            (hi === 0 &&
              compareBytes(partition.position, 0, partition.position.length, position, 0, position.length) < 0),
          'partitions out of order',
        );
      }
      partition = fragment;
      inside = true;
      last = undefined;
    } else if (kind === FragmentKind.StaticRow) {
      claim(last === undefined, 'static row after something');
      last = fragment;
    } else if (kind === FragmentKind.PartitionEnd) {
      claim(!isOpen, 'a range is open at the end of its partition');
      inside = false;
    } else {
      claim((weight === 0) === (kind === FragmentKind.Row), 'weight does not fit the kind');
      if (last !== undefined && last.kind !== FragmentKind.StaticRow) {
        claim(direction * comparePositions(last.position, last.weight, position, weight) < 0, 'positions out of order');
      }
      if (kind === FragmentKind.RangeChange) {
        claim(isOpen || body.length > 0, 'a range is closed that is not open');
        isOpen = body.length > 0;
      }
      last = fragment;
    }
  }
  claim(!inside, 'a partition does not end');
}
