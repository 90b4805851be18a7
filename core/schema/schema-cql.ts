import { quoteIdentifier } from '../types/cql-identifier.ts';
import type { CqlType } from '../types/cql-type.ts';
import { type ColumnDescriptor, ColumnKind } from './column.ts';
import type { KeyspaceDescriptor } from './keyspace.ts';
import { selfContainedTypeText } from './schema-codec.ts';
import type { TableDescriptor, TableOptions } from './table.ts';
import { userTypesWithin } from './user-type-order.ts';

/**
 * The text of a table's `schema.cql`: statements that make the table anew, with its id, its columns under their ids and what
 * was dropped (settled question 2). `cql/plan/schema-script.ts` reads it back; other servers take it too.
 *
 *   CREATE TYPE IF NOT EXISTS ...    the user types of its columns, each after those that it holds
 *   CREATE TABLE ... WITH ID = ...   columns in the order of their ids, so that they get the same ones again
 *   ALTER TABLE ... DROP, ADD        in the order of ids: a dropped column makes room for a later one of its name
 *   ALTER TABLE ... RENAME           of key columns that now have the name of a dropped column
 */
export function schemaCql(keyspace: KeyspaceDescriptor, table: TableDescriptor): string {
  const lines = [schemaCqlTitle(table)];
  const types = table.definition.columns.map((column) => column.type);
  for (const type of userTypesWithin(keyspace, types)) lines.push(createType(type));
  lines.push(...tableHistory(table));
  return `${lines.join('\n')}\n`;
}

/** The first line, which differs between any two versions of a table. */
export function schemaCqlTitle(table: TableDescriptor): string {
  return `-- ${table.keyspace}.${table.name}, version ${table.version}`;
}

/** CREATE TYPE of a user type in its non-frozen form. */
function createType(type: CqlType): string {
  const { keyspace, name, fieldNames } = type.udt!;
  const fields = fieldNames.map((field, i) => `${quoteIdentifier(field)} ${type.parameters[i]!.cqlName}`);
  return `CREATE TYPE IF NOT EXISTS ${quoteIdentifier(keyspace)}.${quoteIdentifier(name)} (${fields.join(', ')});`;
}

/** A column that lives or did. */
interface PastColumn {
  readonly id: number;
  readonly name: string;
  readonly kind: ColumnKind;
  readonly type: string;
  readonly droppedAtUs: number | undefined;
}

function tableHistory(table: TableDescriptor): string[] {
  const { columns, droppedColumns } = table.definition;
  const droppedNames = new Set(droppedColumns.map((column) => column.name));
  const names = new Set([...droppedNames, ...columns.map((column) => column.name)]);
  const renamings: string[] = [];
  const nameAtFirst = (column: ColumnDescriptor): string => {
    const isKey = column.kind === ColumnKind.PartitionKey || column.kind === ColumnKind.Clustering;
    if (!isKey || !droppedNames.has(column.name)) return column.name;
    let name = column.name;
    while (names.has(name)) name += '_';
    names.add(name);
    renamings.push(`${quoteIdentifier(name)} TO ${quoteIdentifier(column.name)}`);
    return name;
  };
  const all: PastColumn[] = [
    ...columns.map((column) => ({
      id: column.id,
      name: nameAtFirst(column),
      kind: column.kind,
      type: column.type.cqlName,
      droppedAtUs: undefined,
    })),
    ...droppedColumns.map((column) => ({ ...column, type: selfContainedTypeText(column.type) })),
  ].sort((a, b) => a.id - b.id);
  const firstNames = new Map(columns.map((column) => [column.id as number, column.name]));
  for (const column of all) firstNames.set(column.id, column.name);

  const alter = `ALTER TABLE ${qualified(table)}`;
  const created = countBeforeReturn(all);
  const lines = [createTable(table, all.slice(0, created), firstNames)];
  const standing = new Map(all.slice(0, created).map((column) => [column.name, column]));
  const drop = ({ name, droppedAtUs }: PastColumn) => {
    lines.push(`${alter} DROP ${quoteIdentifier(name)} USING TIMESTAMP ${droppedAtUs};`);
    standing.delete(name);
  };
  for (const column of all.slice(created)) {
    const before = standing.get(column.name);
    if (before !== undefined) drop(before);
    lines.push(`${alter} ADD ${columnText(column)};`);
    standing.set(column.name, column);
  }
  for (const column of [...standing.values()]) if (column.droppedAtUs !== undefined) drop(column);
  if (renamings.length > 0) lines.push(`${alter} RENAME ${renamings.join(' AND ')};`);
  return lines;
}

/** How many columns come before the first whose name another had. */
function countBeforeReturn(columns: readonly PastColumn[]): number {
  const names = new Set<string>();
  for (const [i, { name }] of columns.entries()) {
    if (names.has(name)) return i;
    names.add(name);
  }
  return columns.length;
}

function createTable(
  table: TableDescriptor,
  columns: readonly PastColumn[],
  firstNames: ReadonlyMap<number, string>,
): string {
  const keyName = ({ id }: ColumnDescriptor) => quoteIdentifier(firstNames.get(id)!);
  const partitionKey = table.partitionKey.map(keyName).join(', ');
  const key = [`(${partitionKey})`, ...table.clustering.map(keyName)].join(', ');
  const body = [...columns.map(columnText), `PRIMARY KEY (${key})`].map((line) => `    ${line}`).join(',\n');
  const options = [`ID = ${table.id}`];
  if (table.clustering.length > 0) {
    const orders = table.clustering.map((column) => `${keyName(column)} ${column.isReversed ? 'DESC' : 'ASC'}`);
    options.push(`CLUSTERING ORDER BY (${orders.join(', ')})`);
  }
  options.push(...optionTexts(table.options));
  return `CREATE TABLE ${qualified(table)} (\n${body}\n) WITH ${options.join('\n    AND ')};`;
}

function columnText({ name, type, kind }: PastColumn): string {
  return `${quoteIdentifier(name)} ${type}${kind === ColumnKind.Static ? ' static' : ''}`;
}

function qualified(table: TableDescriptor): string {
  return `${quoteIdentifier(table.keyspace)}.${quoteIdentifier(table.name)}`;
}

/** `name = value` of each option, as CREATE TABLE takes it. */
export function optionTexts(options: TableOptions): string[] {
  return [
    `bloom_filter_fp_chance = ${options.bloomFilterFpChance}`,
    `caching = ${mapText(options.caching)}`,
    `comment = ${quoteText(options.comment)}`,
    `compaction = ${mapText(options.compaction)}`,
    `compression = ${mapText(options.compression)}`,
    `crc_check_chance = ${options.crcCheckChance}`,
    `dclocal_read_repair_chance = ${options.dclocalReadRepairChance}`,
    `default_time_to_live = ${options.defaultTimeToLive}`,
    `gc_grace_seconds = ${options.gcGraceSeconds}`,
    `max_index_interval = ${options.maxIndexInterval}`,
    `memtable_flush_period_in_ms = ${options.memtableFlushPeriodInMs}`,
    `min_index_interval = ${options.minIndexInterval}`,
    `read_repair_chance = ${options.readRepairChance}`,
    `speculative_retry = ${quoteText(options.speculativeRetry)}`,
    ...Object.entries(options.extensions).map(([name, value]) => `${quoteIdentifier(name)} = ${value}`),
  ];
}

function mapText(map: Readonly<Record<string, string>>): string {
  return `{${Object.entries(map)
    .map(([key, value]) => `${quoteText(key)}: ${quoteText(value)}`)
    .join(', ')}}`;
}

function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
