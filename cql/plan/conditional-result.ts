import type { ByteWriter } from '../../core/bytes.ts';
import { PartitionKeyReader } from '../../core/partition-key.ts';
import { ClusteringPrefixReader } from '../../core/schema/clustering-prefix.ts';
import { type ColumnDescriptor, ColumnKind } from '../../core/schema/column.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import { booleanType } from '../../core/types/boolean.ts';
import type { ResultColumn } from './plan.ts';
import type { PriorRow } from './prior-row.ts';

/**
 * The answer of a conditional statement: `[applied]`, then what the tested columns held before. Its columns do not depend on
 * the outcome, as in ScyllaDB, so clients may skip the metadata.
 */
export function conditionalColumns(
  table: TableDescriptor,
  columns: readonly ColumnDescriptor[],
): readonly ResultColumn[] {
  const { keyspace, name } = table;
  return [
    { keyspace, table: name, name: '[applied]', type: booleanType },
    ...columns.map((column) => ({ keyspace, table: name, name: column.name, type: column.type })),
  ];
}

/**
 * Appends one row in the protocol's form.
 * @param position of the row that was tested; undefined for none
 */
export function writeConditionalRow(
  out: ByteWriter,
  isApplied: boolean,
  columns: readonly ColumnDescriptor[],
  table: TableDescriptor,
  key: Uint8Array,
  position: Uint8Array | undefined,
  prior: PriorRow,
): void {
  out.i32BE(1);
  out.u8(isApplied ? 1 : 0);
  const keyValues = prior.hasRow || prior.hasStaticRow ? partitionKeyValues(key, table) : [];
  const clusteringValues = prior.hasRow && position !== undefined ? prefixValues(position) : [];
  for (const column of columns) {
    if (column.kind === ColumnKind.PartitionKey) writeCell(out, keyValues[column.position]);
    else if (column.kind === ColumnKind.Clustering) writeCell(out, clusteringValues[column.position]);
    else writeCell(out, prior.value(column));
  }
}

function writeCell(out: ByteWriter, value: Uint8Array | undefined): void {
  out.i32BE(value === undefined ? -1 : value.length);
  if (value !== undefined) out.raw(value);
}

function partitionKeyValues(key: Uint8Array, table: TableDescriptor): readonly Uint8Array[] {
  const reader = new PartitionKeyReader();
  reader.open(key, 0, key.length, table.partitionKey.length);
  const values: Uint8Array[] = [];
  while (reader.next()) values.push(key.subarray(reader.valueStart, reader.valueEnd));
  return values;
}

function prefixValues(position: Uint8Array): readonly Uint8Array[] {
  const reader = new ClusteringPrefixReader();
  reader.open(position, 0, position.length);
  const values: Uint8Array[] = [];
  while (reader.next()) values.push(position.subarray(reader.valueStart, reader.valueEnd));
  return values;
}
