import { ByteWriter } from '../../core/bytes.ts';
import { checkPartitionKey, PartitionKeyReader, PartitionKeyWriter } from '../../core/partition-key.ts';
import { ClusteringPrefixReader, clusteringPrefix, clusteringValueCount } from '../../core/schema/clustering-prefix.ts';
import type { CqlType } from '../../core/types/cql-type.ts';
import { fromHex } from '../../core/types/text-form.ts';

/**
 * Keys as tools name them. The "raw" form of `scylla sstable` has `u16 length | bytes` for every value, of partition keys
 * with one column too.
 */

/** The values of a serialized partition key; all of it as one value when it is not one of so many columns. */
export function partitionKeyValues(
  bytes: Uint8Array,
  start: number,
  end: number,
  columns: number,
): readonly Uint8Array[] {
  if (checkPartitionKey(bytes, start, end, columns) !== undefined) return [bytes.subarray(start, end)];
  const reader = new PartitionKeyReader();
  reader.open(bytes, start, end, columns);
  const values: Uint8Array[] = [];
  while (reader.next()) values.push(bytes.subarray(reader.valueStart, reader.valueEnd));
  return values;
}

/** The values of a clustering prefix. */
export function clusteringValues(bytes: Uint8Array, start: number, end: number): readonly Uint8Array[] {
  const reader = new ClusteringPrefixReader();
  reader.open(bytes, start, end);
  const values: Uint8Array[] = [];
  while (reader.next()) values.push(bytes.subarray(reader.valueStart, reader.valueEnd));
  return values;
}

/** The raw form, in hex. */
export function rawKey(values: readonly Uint8Array[]): string {
  return Buffer.from(clusteringPrefix(values)).toString('hex');
}

/** The values as text, `:` between them. */
export function keyText(values: readonly Uint8Array[], types: readonly { readonly type: CqlType }[]): string {
  return values.map((value, i) => types[i]!.type.toText(value, 0, value.length)).join(':');
}

/** The serialized key of a raw form; undefined when the text is no such key of so many columns. */
export function partitionKeyOfRaw(text: string, columns: number): Uint8Array | undefined {
  const raw = fromHex(text);
  if (raw === undefined || clusteringValueCount(raw, 0, raw.length) !== columns) return undefined;
  const out = new ByteWriter(raw.length + columns);
  const writer = new PartitionKeyWriter();
  writer.begin(out, columns);
  for (const value of clusteringValues(raw, 0, raw.length)) writer.value(value, 0, value.length);
  return out.toBytes();
}
