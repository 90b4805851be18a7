import { readU16BE } from '../../core/bytes.ts';
import { int64ToBigInt } from '../../core/int64.ts';
import { MutationReader, PartKind } from '../../core/mutation/frozen-mutation.ts';
import { CellFlag, RowFlag, RowReader } from '../../core/mutation/row-body.ts';
import { PartitionKeyReader } from '../../core/partition-key.ts';
import { ClusteringPrefixReader } from '../../core/schema/clustering-prefix.ts';
import type { ColumnDescriptor } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { type CqlType, TypeKind } from '../../core/types/cql-type.ts';
import { literalText } from '../../core/types/literal-text.ts';

/**
 * A frozen mutation as text, a line for each part:
 *
 *   t(1)
 *     row(2) marker@1000 v=5@1000 m['a']=1@1000,ttl=10 w deleted@1000
 *
 * @param showPath how a path of a list element is shown
 */
export function printMutation(
  table: TableDescriptor,
  bytes: Uint8Array,
  start: number,
  end: number,
  showPath: (path: Uint8Array) => string = (path) => Buffer.from(path).toString('hex'),
): string {
  const reader = new MutationReader();
  reader.open(bytes, start, end);
  const key = new PartitionKeyReader();
  key.open(bytes, reader.keyStart, reader.keyEnd, table.partitionKey.length);
  const lines = [`${table.name}(${valuesText(bytes, key, table.partitionKey)})`];
  const deleted = (): string => `deleted@${timestampText(reader.deletionHi, reader.deletionLo)}`;
  while (reader.next()) {
    switch (reader.kind) {
      case PartKind.PartitionDeletion:
        lines.push(`  ${deleted()}`);
        break;
      case PartKind.StaticRow:
        lines.push(`  static${bodyText(table, bytes, reader.bodyStart, reader.bodyEnd, showPath)}`);
        break;
      case PartKind.Row: {
        const position = positionText(table, bytes, reader.positionStart, reader.positionEnd);
        lines.push(`  row(${position})${bodyText(table, bytes, reader.bodyStart, reader.bodyEnd, showPath)}`);
        break;
      }
      default: {
        const from = positionText(table, bytes, reader.positionStart, reader.positionEnd);
        const to = positionText(table, bytes, reader.endPositionStart, reader.endPositionEnd);
        const open = reader.startWeight < 0 ? '[' : '(';
        const close = reader.endWeight > 0 ? ']' : ')';
        lines.push(`  rows ${open}${from} .. ${to}${close} ${deleted()}`);
      }
    }
  }
  return lines.join('\n');
}

interface ValueWalk {
  valueStart: number;
  valueEnd: number;
  next(): boolean;
}

function valuesText(bytes: Uint8Array, walk: ValueWalk, columns: readonly ColumnDescriptor[]): string {
  const texts: string[] = [];
  while (walk.next()) texts.push(literalText(columns[texts.length]!.type, bytes, walk.valueStart, walk.valueEnd));
  return texts.join(', ');
}

function positionText(table: TableDescriptor, bytes: Uint8Array, start: number, end: number): string {
  const walk = new ClusteringPrefixReader();
  walk.open(bytes, start, end);
  return valuesText(bytes, walk, table.clustering);
}

function timestampText(hi: number, lo: number): string {
  return int64ToBigInt(hi, lo).toString();
}

function bodyText(
  table: TableDescriptor,
  bytes: Uint8Array,
  start: number,
  end: number,
  showPath: (path: Uint8Array) => string,
): string {
  const row = new RowReader();
  row.open(bytes, start, end);
  let text = '';
  if ((row.rowFlags & RowFlag.Liveness) !== 0) {
    text += ` marker@${timestampText(row.livenessHi, row.livenessLo)}${ttlText(row.livenessTtl)}`;
  }
  if ((row.rowFlags & RowFlag.Deletion) !== 0) text += ` deleted@${timestampText(row.deletionHi, row.deletionLo)}`;
  while (row.next()) {
    const column = table.columnById(row.columnId)!;
    const isDead = (row.flags & (CellFlag.Deleted | CellFlag.ComplexDeletion)) !== 0;
    const path = (row.flags & CellFlag.HasPath) === 0 ? '' : pathText(column, bytes, row, showPath);
    const type = path === '' ? column.type : elementType(column, bytes, row.pathStart);
    const value = isDead ? ' deleted' : valueText(column, type, bytes, row);
    text += ` ${column.name}${path}${value}@${timestampText(row.timestampHi, row.timestampLo)}${ttlText(row.ttl)}`;
  }
  return text;
}

function ttlText(ttl: number): string {
  return ttl === 0 ? '' : `,ttl=${ttl}`;
}

function valueText({ type }: ColumnDescriptor, element: CqlType, bytes: Uint8Array, row: RowReader): string {
  if (type.isMultiCell && type.kind === TypeKind.Set) return '';
  return `=${literalText(element, bytes, row.valueStart, row.valueEnd)}`;
}

function elementType({ type }: ColumnDescriptor, bytes: Uint8Array, pathStart: number): CqlType {
  switch (type.kind) {
    case TypeKind.Map:
      return type.parameters[1]!;
    case TypeKind.Udt:
      return type.parameters[readU16BE(bytes, pathStart)]!;
    default:
      return type.parameters[0]!;
  }
}

function pathText(
  { type }: ColumnDescriptor,
  bytes: Uint8Array,
  { pathStart, pathEnd }: RowReader,
  showPath: (path: Uint8Array) => string,
): string {
  switch (type.kind) {
    case TypeKind.List:
      return `[${showPath(bytes.slice(pathStart, pathEnd))}]`;
    case TypeKind.Udt:
      return `.${type.udt!.fieldNames[readU16BE(bytes, pathStart)]!}`;
    default:
      return `[${literalText(type.parameters[0]!, bytes, pathStart, pathEnd)}]`;
  }
}
