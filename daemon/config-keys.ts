/**
 * Every configuration key: name and meaning as in scylla.yaml and cassandra.yaml where they have it. The name with underscores is
 * the key in files, `--with-dashes` the option, `TESSERA_UPPER_CASE` the environment variable.
 */

export type KeyType = 'text' | 'integer' | 'number' | 'boolean' | 'list' | 'choice';

export interface ConfigKey {
  readonly name: string;
  readonly type: KeyType;
  /** Text form of the default; '' for none. */
  readonly default: string;
  /** SIGHUP applies a change of it. */
  readonly isLive: boolean;
  readonly doc: string;
  readonly choices?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  /** Other spellings: Cassandra 4.1 writes durations and sizes with units and drops the unit from the name. */
  readonly aliases?: readonly string[];
  /** Unit of the number when a text like '10s' or '128MiB' is given. */
  readonly unit?: 'ms' | 'MiB' | 'KiB';
}

const text = (name: string, value: string, doc: string, more: Partial<ConfigKey> = {}): ConfigKey => ({
  name,
  type: 'text',
  default: value,
  isLive: false,
  doc,
  ...more,
});
const integer = (name: string, value: number, doc: string, more: Partial<ConfigKey> = {}): ConfigKey => ({
  name,
  type: 'integer',
  default: String(value),
  isLive: false,
  doc,
  min: 0,
  ...more,
});
const boolean = (name: string, value: boolean, doc: string, more: Partial<ConfigKey> = {}): ConfigKey => ({
  name,
  type: 'boolean',
  default: String(value),
  isLive: false,
  doc,
  ...more,
});
const port = (name: string, value: number, doc: string): ConfigKey => integer(name, value, doc, { max: 65535 });
const timeout = (name: string, value: number, doc: string): ConfigKey =>
  integer(name, value, doc, { isLive: true, min: 1, unit: 'ms', aliases: [name.replace('_in_ms', '')] });

export const CONFIG_KEYS: readonly ConfigKey[] = [
  text('cluster_name', 'Test Cluster', 'name that all nodes of a cluster share'),
  text('workdir', '', 'directory of everything the node writes; ~/.local/share/tessera, or /var/lib/tessera as root'),
  {
    name: 'data_file_directories',
    type: 'list',
    default: '',
    isLive: false,
    doc: 'directory of the tables; <workdir>/data',
  },
  text('commitlog_directory', '', 'directory of the commitlog; <workdir>/commitlog'),
  {
    name: 'seeds',
    type: 'list',
    default: '',
    isLive: false,
    doc: 'nodes to join by; clusters of several nodes are not supported yet',
  },
  text('listen_address', '127.0.0.1', 'address that other nodes reach this one at'),
  text('broadcast_address', '', 'address told to other nodes; listen_address if empty'),
  text('rpc_address', '127.0.0.1', 'address that CQL clients connect to'),
  text('broadcast_rpc_address', '', 'address told to CQL clients; rpc_address if empty'),
  port('storage_port', 7000, 'port of node-to-node traffic; not opened while there is one node'),
  port('native_transport_port', 9042, 'port of CQL; 0 picks a free one'),
  port(
    'native_shard_aware_transport_port',
    19042,
    'port of CQL where the source port chooses the shard; not opened yet',
  ),
  text('api_address', '127.0.0.1', 'address of the administration API'),
  port('api_port', 10000, 'port of the administration API; 0 picks a free one'),
  text('prometheus_address', '127.0.0.1', 'address of the metrics'),
  port('prometheus_port', 9180, 'port of the metrics; 0 picks a free one'),
  text('prometheus_prefix', 'tessera', "first word of every metric's name; `scylla` suits ScyllaDB's dashboards"),
  text('dc', 'datacenter1', 'data centre of this node'),
  text('rack', 'rack1', 'rack of this node'),
  text('endpoint_snitch', 'SimpleSnitch', 'how data centre and rack are found: SimpleSnitch, or by dc and rack', {
    type: 'choice',
    choices: ['SimpleSnitch', 'org.apache.cassandra.locator.SimpleSnitch', 'GossipingPropertyFileSnitch'],
  }),
  integer('smp', 0, 'shards: worker threads that own data; 0 is one per core, at most 8', { max: 64 }),
  text('memory', '', 'memory of the node, e.g. 4GiB; 70 % of what the machine or its cgroup has if empty'),
  integer('memtable_total_space_in_mb', 0, 'memtables of all shards; 0 is a quarter of the memory', {
    unit: 'MiB',
    aliases: ['memtable_heap_space_in_mb', 'memtable_offheap_space_in_mb', 'memtable_total_space'],
  }),
  integer('block_cache_size_in_mb', 0, 'cached SSTable blocks of all shards; 0 is an eighth of the memory', {
    unit: 'MiB',
  }),
  boolean(
    'overprovisioned',
    false,
    'the machine runs other things: no pinning, no polling (which are never done today)',
  ),
  boolean('developer_mode', true, 'accepted; the checks that it relaxes elsewhere do not exist here'),
  {
    name: 'commitlog_sync',
    type: 'choice',
    default: 'periodic',
    isLive: false,
    doc: 'when a write is acknowledged: periodic (at once, synced every commitlog_sync_period_in_ms), batch (after its sync), group (after a sync shared within a window)',
    choices: ['periodic', 'batch', 'group'],
  },
  integer(
    'commitlog_sync_period_in_ms',
    10_000,
    'longest time that an acknowledged write is unsynced in periodic mode',
    {
      unit: 'ms',
      min: 1,
      aliases: ['commitlog_sync_period'],
    },
  ),
  integer('commitlog_sync_batch_window_in_ms', 2, 'accepted; batch mode syncs at once', { unit: 'ms' }),
  integer('commitlog_sync_group_window_in_ms', 2, 'longest time that a group waits for company', {
    unit: 'ms',
    aliases: ['commitlog_sync_group_window'],
  }),
  integer('commitlog_segment_size_in_mb', 32, 'size of a commitlog file; the largest mutation is half of it', {
    unit: 'MiB',
    min: 1,
    max: 512,
    aliases: ['commitlog_segment_size'],
  }),
  integer(
    'commitlog_total_space_in_mb',
    -1,
    'commitlog of all shards; beyond it the oldest tables are flushed; -1 is the size of the memtables twice',
    {
      unit: 'MiB',
      min: -1,
      aliases: ['commitlog_total_space'],
    },
  ),
  boolean('commitlog_skip_damaged', false, 'start although commitlog records are damaged, leaving them out'),
  integer(
    'compaction_throughput_mb_per_sec',
    0,
    'bytes that compaction writes a second, all shards; 0 is no limit; a change counts for compactions that begin after it',
    {
      isLive: true,
      aliases: ['compaction_throughput'],
    },
  ),
  timeout('read_request_timeout_in_ms', 5_000, 'reads of partitions'),
  timeout('range_request_timeout_in_ms', 10_000, 'scans'),
  timeout('write_request_timeout_in_ms', 2_000, 'writes'),
  timeout('cas_contention_timeout_in_ms', 1_000, 'waiting for other conditional statements on a partition'),
  timeout('truncate_request_timeout_in_ms', 60_000, 'TRUNCATE'),
  timeout('request_timeout_in_ms', 10_000, 'everything else'),
  integer('batch_size_warn_threshold_in_kb', 128, 'batches above it carry a warning', {
    isLive: true,
    unit: 'KiB',
    aliases: ['batch_size_warn_threshold'],
  }),
  integer('batch_size_fail_threshold_in_kb', 1_024, 'batches above it are refused', {
    isLive: true,
    unit: 'KiB',
    aliases: ['batch_size_fail_threshold'],
  }),
  integer('max_concurrent_requests_per_shard', 4_096, 'requests above it are answered Overloaded', {
    isLive: true,
    min: 1,
    max: 65_536,
  }),
  integer('native_transport_max_frame_size_in_mb', 256, 'larger frames are refused', {
    isLive: true,
    unit: 'MiB',
    min: 1,
    max: 256,
    aliases: ['native_transport_max_frame_size'],
  }),
  integer('shutdown_timeout_in_ms', 30_000, 'after it a drain is cut short; nothing acknowledged is lost', {
    isLive: true,
    unit: 'ms',
    min: 1,
  }),
  text('log_to', 'text', 'form of log lines', { type: 'choice', choices: ['text', 'json'] }),
  boolean('print_ready', false, 'print one line of JSON to stdout once a query through the CQL port has succeeded'),
  text('config_file', '', 'file with these keys; $TESSERA_CONF/tessera.yaml, scylla.yaml or cassandra.yaml if empty'),
];

/** Settings of peers that ask for protection which is not there: starting without it would deceive, so any other value is an error. */
export const REFUSED_UNLESS: Readonly<Record<string, readonly string[]>> = {
  authenticator: ['AllowAllAuthenticator', 'org.apache.cassandra.auth.AllowAllAuthenticator'],
  authorizer: ['AllowAllAuthorizer', 'org.apache.cassandra.auth.AllowAllAuthorizer'],
  partitioner: ['org.apache.cassandra.dht.Murmur3Partitioner', 'Murmur3Partitioner'],
};

/** Keys that peers know and Tessera does not use: one warning each. */
export const PEER_KEYS: ReadonlySet<string> = new Set(
  `abort_on_internal_error allocate_tokens_for_local_replication_factor alternator_port api_ui_dir auto_adjust_flush_quota
  auto_bootstrap auto_snapshot auto_snapshot_ttl batchlog_replay_throttle_in_kb cache_hit_rate_read_balancing cdc_enabled
  client_encryption_options column_index_size_in_kb column_index_size commit_failure_policy compaction_enforce_min_threshold
  compaction_large_partition_warning_threshold_mb concurrent_compactors concurrent_counter_writes
  concurrent_materialized_view_writes concurrent_reads concurrent_writes consistent_cluster_management
  counter_cache_keys_to_save counter_cache_save_period counter_cache_size_in_mb counter_write_request_timeout_in_ms
  cross_node_timeout defragment_memory_on_idle disk_access_mode disk_failure_policy disk_optimization_strategy
  dynamic_snitch dynamic_snitch_badness_threshold dynamic_snitch_reset_interval_in_ms
  dynamic_snitch_update_interval_in_ms enable_cache enable_commitlog enable_materialized_views enable_sasi_indexes
  enable_scripted_user_defined_functions enable_transient_replication enable_user_defined_functions
  experimental experimental_features file_cache_size_in_mb force_schema_commit_log gc_log_threshold_in_ms
  gc_warn_threshold_in_ms hinted_handoff_enabled hinted_handoff_throttle_in_kb hints_directory
  hints_flush_period_in_ms incremental_backups index_summary_capacity_in_mb
  index_summary_resize_interval_in_minutes initial_token inter_dc_tcp_nodelay internode_compression
  key_cache_keys_to_save key_cache_save_period key_cache_size_in_mb listen_interface listen_on_broadcast_address
  maintenance_mode maintenance_socket max_hint_window_in_ms max_hints_delivery_threads max_hints_file_size_in_mb
  memtable_allocation_type memtable_flush_writers murmur3_partitioner_ignore_msb_bits native_shard_aware_transport_port_ssl
  native_transport_allow_older_protocols native_transport_max_concurrent_connections native_transport_port_ssl num_tokens
  paxos_variant permissions_cache_max_entries permissions_update_interval_in_ms permissions_validity_in_ms
  prepared_statements_cache_size_mb replace_node_first_boot request_scheduler reserve_memory role_manager
  roles_validity_in_ms roles_update_interval_in_ms row_cache_keys_to_save row_cache_save_period row_cache_size_in_mb
  rpc_interface rpc_keepalive saved_caches_directory schema_commitlog_directory schema_commitlog_segment_size_in_mb
  server_encryption_options skip_wait_for_gossip_to_settle slow_query_log_timeout_in_ms snapshot_before_compaction
  snitch_can_use_gossip ssl_storage_port sstable_format sstable_preemptive_open_interval_in_mb start_native_transport start_rpc
  stream_io_throughput_mb_per_sec streaming_keep_alive_period_in_secs tablets_initial_scale_factor
  tablets_mode_for_new_keyspaces tablets_per_shard_goal target_tablet_size_in_bytes tombstone_failure_threshold
  tombstone_warn_threshold tracetype_query_ttl tracetype_repair_ttl transparent_data_encryption_options trickle_fsync
  trickle_fsync_interval_in_kb unspooled_dirty_soft_limit uuid_sstable_identifiers_enabled view_hints_directory
  counter_cache_size key_cache_size row_cache_size max_hint_window hinted_handoff_throttle
  inter_dc_stream_throughput_outbound stream_throughput_outbound counter_write_request_timeout`.split(/\s+/),
);
