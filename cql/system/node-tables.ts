import { CQL_VERSION } from '../protocol/supported.ts';
import type { SystemContext } from './system-context.ts';
import { type SystemRow, VirtualTable } from './virtual-table.ts';

/** What the node claims to be to drivers (design row 11): a version below 4.0 keeps them from tables that only Cassandra 4 has. */
export const RELEASE_VERSION = '3.0.8';
const PARTITIONER = 'org.apache.cassandra.dht.Murmur3Partitioner';
const NOTHING = (): SystemRow[] => [];

function* local(context: SystemContext): Iterable<SystemRow> {
  const { node } = context;
  yield {
    key: 'local',
    bootstrapped: 'COMPLETED',
    broadcast_address: node.broadcastAddress,
    cluster_name: node.clusterName,
    cql_version: CQL_VERSION,
    data_center: node.dataCenter,
    gossip_generation: node.startedAtSeconds,
    host_id: node.hostId,
    listen_address: node.listenAddress,
    native_protocol_version: '4',
    partitioner: PARTITIONER,
    rack: node.rack,
    release_version: RELEASE_VERSION,
    rpc_address: node.rpcAddress,
    schema_version: context.schema().version,
    supported_features: '',
    tokens: node.tokens,
  };
}

function* clients(context: SystemContext): Iterable<SystemRow> {
  for (const client of context.clients()) {
    yield {
      address: client.address,
      port: client.port,
      client_type: 'cql',
      connection_stage: client.stage,
      driver_name: client.driverName,
      driver_version: client.driverVersion,
      protocol_version: client.protocolVersion,
      shard_id: client.shard,
      ssl_enabled: false,
      username: 'anonymous',
      client_options: client.options,
    };
  }
}

function* clusterStatus(context: SystemContext): Iterable<SystemRow> {
  const { node } = context;
  yield {
    peer: node.broadcastAddress,
    dc: node.dataCenter,
    host_id: node.hostId,
    rack: node.rack,
    status: 'NORMAL',
    tokens: node.tokens.length,
    up: true,
    owns: 1,
  };
}

function* tablets(context: SystemContext): Iterable<SystemRow> {
  for (const tablet of context.tablets()) {
    yield {
      table_id: tablet.tableId,
      last_token: tablet.lastToken,
      keyspace_name: tablet.keyspace,
      table_name: tablet.table,
      tablet_count: tablet.tabletCount,
      replicas: tablet.replicas.map(({ hostId, shard }) => `${hostId}:${shard}`),
    };
  }
}

function* compactionHistory(context: SystemContext): Iterable<SystemRow> {
  for (const entry of context.compactions()) {
    yield {
      id: entry.id,
      shard_id: entry.shard,
      keyspace_name: entry.keyspace,
      columnfamily_name: entry.table,
      compaction_type: entry.kind,
      started_at: entry.startedMs,
      compacted_at: entry.finishedMs,
      bytes_in: entry.bytesIn,
      bytes_out: entry.bytesOut,
    };
  }
}

/** Keyspace `system`: this node, its peers, its clients, its configuration. */
export function nodeTables(): VirtualTable[] {
  const table = (
    name: string,
    keys: readonly [number, number],
    columns: string,
    comment: string,
    rows: (context: SystemContext) => Iterable<SystemRow>,
  ) => new VirtualTable('system', name, keys[0], keys[1], columns, comment, rows);
  return [
    table(
      'local',
      [1, 0],
      'key text, bootstrapped text, broadcast_address inet, cluster_name text, cql_version text, data_center text, ' +
        'gossip_generation int, host_id uuid, listen_address inet, native_protocol_version text, partitioner text, rack text, ' +
        'release_version text, rpc_address inet, schema_version uuid, supported_features text, tokens set<text>, ' +
        'truncated_at map<uuid, blob>',
      'information about the local node',
      local,
    ),
    table(
      'peers',
      [1, 0],
      'peer inet, data_center text, host_id uuid, preferred_ip inet, rack text, release_version text, rpc_address inet, ' +
        'schema_version uuid, supported_features text, tokens set<text>',
      'information about the other nodes',
      NOTHING,
    ),
    table(
      'scylla_local',
      [1, 0],
      'key text, value text',
      'facts that tools read to tell ScyllaDB from Cassandra',
      () => [{ key: 'enabled_features', value: '' }],
    ),
    table('tessera', [1, 0], 'key text, value text', 'what this node really is', ({ node }) => [
      { key: 'version', value: node.version },
      { key: 'shards', value: String(node.shardCount) },
    ]),
    table(
      'versions',
      [1, 0],
      'key text, build_id text, build_mode text, version text',
      'version of the node',
      ({ node }) => [
        { key: 'local', version: `Tessera ${node.version}`, build_mode: 'release', build_id: node.version },
      ],
    ),
    table(
      'clients',
      [1, 2],
      'address inet, port int, client_type text, client_options map<text, text>, connection_stage text, driver_name text, ' +
        'driver_version text, hostname text, protocol_version int, scheduling_group text, shard_id int, ' +
        'ssl_cipher_suite text, ssl_enabled boolean, ssl_protocol text, username text',
      'connections of the shard that answers',
      clients,
    ),
    table('config', [1, 0], 'name text, source text, type text, value text', 'configuration of the node', (context) =>
      context.config().map((entry) => ({ ...entry })),
    ),
    table(
      'cluster_status',
      [1, 0],
      'peer inet, dc text, host_id uuid, load text, owns float, rack text, status text, tokens int, up boolean',
      'nodes and their state',
      clusterStatus,
    ),
    table(
      'protocol_servers',
      [1, 0],
      'name text, listen_addresses frozen<list<text>>, protocol text, protocol_version text',
      'listeners of the node',
      ({ node }) => [
        {
          name: 'native transport',
          listen_addresses: [`${node.rpcAddress}:${node.cqlPort}`],
          protocol: 'cql',
          protocol_version: CQL_VERSION,
        },
      ],
    ),
    table('runtime_info', [1, 1], 'group text, item text, value text', 'figures of the running node', (context) =>
      context.runtimeInfo().map((entry) => ({ ...entry })),
    ),
    table(
      'tablets',
      [1, 1],
      'table_id uuid, last_token bigint, keyspace_name text, replicas frozen<list<text>>, table_name text, tablet_count int',
      'tablets and the shards that own them',
      tablets,
    ),
    table(
      'token_ring',
      [1, 2],
      'keyspace_name text, start_token text, end_token text, dc text, endpoint inet, rack text',
      'who owns which tokens',
      ({ node }) => [
        {
          keyspace_name: 'system',
          start_token: '-9223372036854775808',
          end_token: '9223372036854775807',
          endpoint: node.rpcAddress,
          dc: node.dataCenter,
          rack: node.rack,
        },
      ],
    ),
    table(
      'size_estimates',
      [1, 3],
      'keyspace_name text, table_name text, range_start text, range_end text, mean_partition_size bigint, ' +
        'partitions_count bigint',
      'estimates that connectors split their scans by',
      NOTHING,
    ),
    table(
      'compaction_history',
      [1, 0],
      'id uuid, bytes_in bigint, bytes_out bigint, columnfamily_name text, compacted_at timestamp, compaction_type text, ' +
        'keyspace_name text, rows_merged map<int, bigint>, shard_id int, started_at timestamp',
      'compactions of this node since its start, the last ones',
      compactionHistory,
    ),
    table(
      'snapshots',
      [1, 2],
      'keyspace_name text, table_name text, snapshot_name text, live bigint, total bigint',
      'snapshots on this node',
      NOTHING,
    ),
  ];
}

/** Keyspace `system_traces`: there for tools that look; requests are not traced. */
export function traceTables(): VirtualTable[] {
  return [
    new VirtualTable(
      'system_traces',
      'sessions',
      1,
      0,
      'session_id uuid, client inet, command text, coordinator inet, duration int, parameters map<text, text>, request text, ' +
        'request_size int, response_size int, started_at timestamp, username text',
      'traced requests',
      NOTHING,
    ),
    new VirtualTable(
      'system_traces',
      'events',
      1,
      1,
      'session_id uuid, event_id timeuuid, activity text, scylla_parent_id bigint, scylla_span_id bigint, source inet, ' +
        'source_elapsed int, thread text',
      'steps of traced requests',
      NOTHING,
    ),
  ];
}
