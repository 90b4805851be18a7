import { type ColumnDescriptor, ColumnKind, type DroppedColumn } from '../../core/schema/column.ts';
import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { SystemContext } from './system-context.ts';
import { type SystemRow, type SystemValue, VirtualTable } from './virtual-table.ts';

const KIND_NAMES: Readonly<Record<ColumnKind, string>> = {
  [ColumnKind.PartitionKey]: 'partition_key',
  [ColumnKind.Clustering]: 'clustering',
  [ColumnKind.Static]: 'static',
  [ColumnKind.Regular]: 'regular',
};

const mapOf = (record: Readonly<Record<string, string>>): ReadonlyMap<string, SystemValue> =>
  new Map(Object.entries(record));

function tableRow(table: TableDescriptor): SystemRow {
  const { options } = table;
  return {
    keyspace_name: table.keyspace,
    table_name: table.name,
    bloom_filter_fp_chance: options.bloomFilterFpChance,
    caching: mapOf(options.caching),
    comment: options.comment,
    compaction: mapOf(options.compaction),
    compression: mapOf(options.compression),
    crc_check_chance: options.crcCheckChance,
    dclocal_read_repair_chance: options.dclocalReadRepairChance,
    default_time_to_live: options.defaultTimeToLive,
    extensions: new Map(),
    flags: ['compound'],
    gc_grace_seconds: options.gcGraceSeconds,
    id: table.id,
    max_index_interval: options.maxIndexInterval,
    memtable_flush_period_in_ms: options.memtableFlushPeriodInMs,
    min_index_interval: options.minIndexInterval,
    read_repair_chance: options.readRepairChance,
    speculative_retry: options.speculativeRetry,
  };
}

function columnRow(table: TableDescriptor, column: ColumnDescriptor): SystemRow {
  const isKey = column.kind === ColumnKind.PartitionKey || column.kind === ColumnKind.Clustering;
  return {
    keyspace_name: table.keyspace,
    table_name: table.name,
    column_name: column.name,
    clustering_order: column.kind === ColumnKind.Clustering ? (column.isReversed ? 'desc' : 'asc') : 'none',
    column_name_bytes: Buffer.from(column.name, 'utf8'),
    kind: KIND_NAMES[column.kind],
    position: isKey ? column.position : -1,
    type: column.type.cqlName,
  };
}

/** A name may have been dropped more than once: the latest drop is shown, as the name is the key. */
function latestDrops(table: TableDescriptor): DroppedColumn[] {
  const latest = new Map<string, DroppedColumn>();
  for (const column of table.definition.droppedColumns) {
    const before = latest.get(column.name);
    if (before === undefined || before.droppedAtUs < column.droppedAtUs) latest.set(column.name, column);
  }
  return [...latest.values()];
}

/**
 * Keyspace `system_schema`: everything that drivers build their metadata from, the system keyspaces included.
 * @param all the schema with the system keyspaces in it
 */
export function schemaTables(all: (context: SystemContext) => Schema): VirtualTable[] {
  const keyspaces = (context: SystemContext): KeyspaceDescriptor[] => [...all(context).keyspaces.values()];
  const tables = (context: SystemContext): TableDescriptor[] =>
    keyspaces(context).flatMap((keyspace) => [...keyspace.tables.values()]);
  const table = (
    name: string,
    keys: readonly [number, number],
    columns: string,
    comment: string,
    rows: (context: SystemContext) => Iterable<SystemRow>,
  ) => new VirtualTable('system_schema', name, keys[0], keys[1], columns, comment, rows);
  const none = (): SystemRow[] => [];
  return [
    table(
      'keyspaces',
      [1, 0],
      'keyspace_name text, durable_writes boolean, replication frozen<map<text, text>>',
      'keyspace definitions',
      (context) =>
        keyspaces(context).map((keyspace) => ({
          keyspace_name: keyspace.name,
          durable_writes: keyspace.durableWrites,
          replication: mapOf(keyspace.replication),
        })),
    ),
    table(
      'tables',
      [1, 1],
      'keyspace_name text, table_name text, bloom_filter_fp_chance double, caching frozen<map<text, text>>, comment text, ' +
        'compaction frozen<map<text, text>>, compression frozen<map<text, text>>, crc_check_chance double, ' +
        'dclocal_read_repair_chance double, default_time_to_live int, extensions frozen<map<text, blob>>, ' +
        'flags frozen<set<text>>, gc_grace_seconds int, id uuid, max_index_interval int, ' +
        'memtable_flush_period_in_ms int, min_index_interval int, read_repair_chance double, speculative_retry text',
      'table definitions',
      (context) => tables(context).map(tableRow),
    ),
    table(
      'columns',
      [1, 2],
      'keyspace_name text, table_name text, column_name text, clustering_order text, column_name_bytes blob, kind text, ' +
        'position int, type text',
      'column definitions',
      (context) => tables(context).flatMap((each) => each.definition.columns.map((column) => columnRow(each, column))),
    ),
    table(
      'types',
      [1, 1],
      'keyspace_name text, type_name text, field_names frozen<list<text>>, field_types frozen<list<text>>',
      'user type definitions',
      (context) =>
        keyspaces(context).flatMap((keyspace) =>
          [...keyspace.types.values()].map((type) => ({
            keyspace_name: keyspace.name,
            type_name: type.udt!.name,
            field_names: [...type.udt!.fieldNames],
            field_types: type.parameters.map((field) => field.cqlName),
          })),
        ),
    ),
    table(
      'dropped_columns',
      [1, 2],
      'keyspace_name text, table_name text, column_name text, dropped_time timestamp, type text',
      'columns that were dropped',
      (context) =>
        tables(context).flatMap((each) =>
          latestDrops(each).map((column) => ({
            keyspace_name: each.keyspace,
            table_name: each.name,
            column_name: column.name,
            dropped_time: String(Math.trunc(column.droppedAtUs / 1000)),
            type: column.type.cqlName,
          })),
        ),
    ),
    table(
      'scylla_tables',
      [1, 1],
      'keyspace_name text, table_name text, cdc map<text, text>, partitioner text, version uuid',
      'ScyllaDB properties of tables',
      (context) => tables(context).map((each) => ({ keyspace_name: each.keyspace, table_name: each.name })),
    ),
    table(
      'scylla_keyspaces',
      [1, 0],
      'keyspace_name text, consistency text, initial_tablets int, storage_options frozen<map<text, text>>, storage_type text',
      'ScyllaDB properties of keyspaces',
      (context) =>
        [...context.schema().keyspaces.values()].map((keyspace) => ({
          keyspace_name: keyspace.name,
          initial_tablets: Number(keyspace.tablets.initial ?? 0),
          consistency: keyspace.consistency === 'global' ? 'global' : null,
        })),
    ),
    table(
      'indexes',
      [1, 2],
      'keyspace_name text, table_name text, index_name text, kind text, options frozen<map<text, text>>',
      'secondary index definitions',
      none,
    ),
    table(
      'views',
      [1, 1],
      'keyspace_name text, view_name text, base_table_id uuid, base_table_name text, bloom_filter_fp_chance double, ' +
        'caching frozen<map<text, text>>, comment text, compaction frozen<map<text, text>>, ' +
        'compression frozen<map<text, text>>, crc_check_chance double, dclocal_read_repair_chance double, ' +
        'default_time_to_live int, extensions frozen<map<text, blob>>, gc_grace_seconds int, id uuid, ' +
        'include_all_columns boolean, max_index_interval int, memtable_flush_period_in_ms int, min_index_interval int, ' +
        'read_repair_chance double, speculative_retry text, where_clause text',
      'materialized view definitions',
      none,
    ),
    table(
      'functions',
      [1, 2],
      'keyspace_name text, function_name text, argument_types frozen<list<text>>, argument_names frozen<list<text>>, ' +
        'body text, called_on_null_input boolean, language text, return_type text',
      'user function definitions',
      none,
    ),
    table(
      'aggregates',
      [1, 2],
      'keyspace_name text, aggregate_name text, argument_types frozen<list<text>>, final_func text, initcond text, ' +
        'return_type text, state_func text, state_type text',
      'user aggregate definitions',
      none,
    ),
    table(
      'triggers',
      [1, 2],
      'keyspace_name text, table_name text, trigger_name text, options frozen<map<text, text>>',
      'trigger definitions',
      none,
    ),
    table(
      'computed_columns',
      [1, 2],
      'keyspace_name text, table_name text, column_name text, computation blob',
      'computed columns of views',
      none,
    ),
    table(
      'view_virtual_columns',
      [1, 2],
      'keyspace_name text, view_name text, column_name text, clustering_order text, column_name_bytes blob, kind text, ' +
        'position int, type text',
      'columns that keep view rows alive',
      none,
    ),
  ];
}
