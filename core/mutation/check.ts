import { readI32LE, readU16LE, readU32LE } from '../bytes.ts';
import { checkPartitionKey } from '../partition-key.ts';
import { clusteringValueCount } from '../schema/clustering-prefix.ts';
import { ColumnKind } from '../schema/column.ts';
import type { TableDescriptor } from '../schema/table.ts';
import { MUTATION_FORMAT, MUTATION_HEAD_BYTES, PartKind } from './frozen-mutation.ts';
import { PathOrder } from './path-order.ts';
import { CellFlag, RowFlag } from './row-body.ts';

/**
 * Validation of frozen mutations from outside: logs, rings, peers. What has passed is read without bounds checks
 * everywhere. Two strengths:
 *
 * - `checkMutation`: the structure. Lengths stay inside, kinds and flags are known and go together, columns ascend.
 * - `MutationChecker`: also against a table. Keys and positions have values for its columns and no more, columns exist and
 *   are of the right kind, element paths ascend. Only what passed this may be merged or compared.
 *
 * Nothing is allocated but the text of a refusal.
 */

const KNOWN_ROW_FLAGS: number =
  RowFlag.Liveness | RowFlag.LivenessExpiring | RowFlag.Deletion | RowFlag.ShadowableDeletion;
const KNOWN_CELL_FLAGS = 63;
const DELETION_BYTES = 12;

/** Why bytes[start, end) is no frozen mutation, or undefined when its structure is sound. */
export function checkMutation(bytes: Uint8Array, start: number, end: number): string | undefined {
  return check(bytes, start, end, undefined, undefined);
}

/** Why bytes[start, end) is no row body, or undefined when its structure is sound. */
export function checkRowBody(bytes: Uint8Array, start: number, end: number): string | undefined {
  return checkBody(bytes, start, end, false, undefined, undefined);
}

/** Checks mutations against one version of a table's schema. */
export class MutationChecker {
  readonly #table: TableDescriptor;
  readonly #paths: PathOrder;

  constructor(table: TableDescriptor) {
    this.#table = table;
    this.#paths = new PathOrder(table);
  }

  /** Why the mutation must not be applied to the table, or undefined when it may. Its table id is not looked at. */
  check(bytes: Uint8Array, start: number, end: number): string | undefined {
    return check(bytes, start, end, this.#table, this.#paths);
  }

  /** The same for one row body. */
  checkRowBody(bytes: Uint8Array, start: number, end: number, isStatic: boolean): string | undefined {
    return checkBody(bytes, start, end, isStatic, this.#table, this.#paths);
  }
}

function check(
  bytes: Uint8Array,
  start: number,
  end: number,
  table: TableDescriptor | undefined,
  paths: PathOrder | undefined,
): string | undefined {
  if (end > bytes.length || end - start < MUTATION_HEAD_BYTES) return 'mutation shorter than its head';
  if (bytes[start] !== MUTATION_FORMAT) return `mutation of format ${bytes[start]!}`;
  if (bytes[start + 1] !== 0) return 'mutation with unknown flags';
  const keyStart = start + MUTATION_HEAD_BYTES;
  let pos = keyStart + readU16LE(bytes, start + 2);
  if (pos > end) return 'key longer than the mutation';
  if (table !== undefined) {
    const problem = checkPartitionKey(bytes, keyStart, pos, table.partitionKey.length);
    if (problem !== undefined) return problem;
  }
  while (pos < end) {
    const kind = bytes[pos++]!;
    switch (kind) {
      case PartKind.PartitionDeletion:
        pos += DELETION_BYTES;
        if (pos > end) return 'partition deletion cut short';
        break;
      case PartKind.StaticRow:
      case PartKind.Row: {
        if (kind === PartKind.Row) {
          const position = pos + 4;
          pos = rangeEnd(bytes, pos, end);
          if (pos < 0) return 'position longer than the mutation';
          const count = clusteringValueCount(bytes, position, pos);
          if (count < 0) return 'position of a row is no clustering prefix';
          if (table !== undefined && count > table.clustering.length) return 'position of a row has too many values';
        }
        const body = pos + 4;
        pos = rangeEnd(bytes, pos, end);
        if (pos < 0) return 'row longer than the mutation';
        const problem = checkBody(bytes, body, pos, kind === PartKind.StaticRow, table, paths);
        if (problem !== undefined) return problem;
        break;
      }
      case PartKind.RangeDeletion: {
        for (let bound = 0; bound < 2; bound++) {
          const weight = pos < end ? bytes[pos]! : 0;
          if (weight !== 1 && weight !== 0xff) return 'bound of a range deletion without weight';
          const position = pos + 5;
          pos = rangeEnd(bytes, pos + 1, end);
          if (pos < 0) return 'bound of a range deletion longer than the mutation';
          const count = clusteringValueCount(bytes, position, pos);
          if (count < 0) return 'bound of a range deletion is no clustering prefix';
          if (table !== undefined && count > table.clustering.length)
            return 'bound of a range deletion has too many values';
        }
        pos += DELETION_BYTES;
        if (pos > end) return 'range deletion cut short';
        break;
      }
      default:
        return `mutation part of kind ${kind}`;
    }
  }
  return undefined;
}

/** End of the bytes whose u32 length stands at `pos`, or -1 when they do not end by `end`. */
function rangeEnd(bytes: Uint8Array, pos: number, end: number): number {
  if (end - pos < 4) return -1;
  const length = readU32LE(bytes, pos);
  return length > end - pos - 4 ? -1 : pos + 4 + length;
}

function checkBody(
  bytes: Uint8Array,
  start: number,
  end: number,
  isStatic: boolean,
  table: TableDescriptor | undefined,
  paths: PathOrder | undefined,
): string | undefined {
  if (start >= end) return 'row without flags';
  const rowFlags = bytes[start]!;
  if ((rowFlags & ~KNOWN_ROW_FLAGS) !== 0) return 'row with unknown flags';
  if (isStatic && rowFlags !== 0) return 'static row with liveness or deletion';
  let pos = start + 1;
  if ((rowFlags & RowFlag.Liveness) !== 0) pos += 8;
  else if ((rowFlags & RowFlag.LivenessExpiring) !== 0) return 'expiry without liveness';
  if ((rowFlags & RowFlag.LivenessExpiring) !== 0) {
    if (pos + 8 > end) return 'row cut short';
    if (readI32LE(bytes, pos) <= 0) return 'liveness with a ttl that is none';
    pos += 8;
  }
  if ((rowFlags & RowFlag.Deletion) !== 0) pos += DELETION_BYTES;
  if ((rowFlags & RowFlag.ShadowableDeletion) !== 0) pos += DELETION_BYTES;
  if (pos > end) return 'row cut short';

  let column = -1;
  let lastWasComplex = false;
  let pathStart = -1;
  let pathEnd = -1;
  let isMultiCell = false;
  while (pos < end) {
    if (pos + 3 > end) return 'cell cut short';
    const id = readU16LE(bytes, pos);
    const flags = bytes[pos + 2]!;
    pos += 3;
    if ((flags & ~KNOWN_CELL_FLAGS) !== 0) return 'cell with unknown flags';
    const isDead = (flags & CellFlag.Deleted) !== 0;
    const isComplex = (flags & CellFlag.ComplexDeletion) !== 0;
    const hasPath = (flags & CellFlag.HasPath) !== 0;
    const expires = (flags & CellFlag.Expiring) !== 0;
    if (isComplex && (isDead || hasPath)) return 'complex deletion that is also a cell';
    if ((isDead || isComplex) && (expires || (flags & CellFlag.RowTtl) !== 0)) return 'tombstone that expires';

    if (id < column) return 'cells out of order';
    if (id !== column) {
      column = id;
      lastWasComplex = false;
      pathStart = -1;
      if (table !== undefined) {
        const problem = checkColumn(id, isStatic, table);
        if (problem !== undefined) return problem;
        isMultiCell = columnIsMultiCell(id, table);
      }
    } else if (isComplex || !hasPath || (pathStart < 0 && !lastWasComplex)) {
      return 'column twice in one row';
    }
    if (table !== undefined && isMultiCell !== (hasPath || isComplex)) return "cell whose form is not its column's";
    lastWasComplex = isComplex;

    if ((flags & CellFlag.RowTimestamp) === 0) {
      if (pos + 8 > end) return 'cell cut short';
      pos += 8;
    } else if ((rowFlags & RowFlag.Liveness) === 0) {
      return 'cell with the timestamp of a liveness that is not there';
    }
    if (isDead || isComplex) {
      pos += 4;
    } else if ((flags & CellFlag.RowTtl) !== 0) {
      if (!expires) return 'cell with the expiry of its row that does not expire';
      if ((rowFlags & RowFlag.LivenessExpiring) === 0) return 'cell with an expiry that its row does not have';
    } else if (expires) {
      if (pos + 8 > end) return 'cell cut short';
      if (readI32LE(bytes, pos) <= 0) return 'cell with a ttl that is none';
      pos += 8;
    }
    if (pos > end) return 'cell cut short';
    if (hasPath) {
      const newPath = pos + 4;
      pos = rangeEnd(bytes, pos, end);
      if (pos < 0) return 'path longer than its row';
      if (paths !== undefined && pathStart >= 0) {
        if (paths.compare(id, bytes, pathStart, pathEnd, bytes, newPath, pos) >= 0) return 'elements out of order';
      }
      pathStart = newPath;
      pathEnd = pos;
    }
    if (!isDead && !isComplex) {
      pos = rangeEnd(bytes, pos, end);
      if (pos < 0) return 'value longer than its row';
    }
  }
  return undefined;
}

/** A dropped column passes: its cells are hidden by the time of the drop. */
function checkColumn(id: number, isStatic: boolean, table: TableDescriptor): string | undefined {
  const column = table.columnById(id);
  if (column === undefined) return table.droppedAtUs(id) === undefined ? `column ${id} is not in the table` : undefined;
  return column.kind === (isStatic ? ColumnKind.Static : ColumnKind.Regular)
    ? undefined
    : `column ${id} does not belong into this kind of row`;
}

function columnIsMultiCell(id: number, table: TableDescriptor): boolean {
  const column = table.columnById(id);
  if (column !== undefined) return column.type.isMultiCell;
  return table.definition.droppedColumns.find((dropped) => dropped.id === id)!.type.isMultiCell;
}
