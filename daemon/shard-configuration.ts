import type { LogLevel } from '../core/ports/log.ts';
import type { LiveShardConfig, ShardConfig } from '../shards/shard-config.ts';
import type { NodeConfig } from './config.ts';
import type { NodeIdentity } from './node-identity.ts';

const MIB = 1024 * 1024;
/** Most memtable memory of a shard unless asked for: what a crash leaves in the log has to be read again at the next start. */
const MOST_MEMTABLE_BYTES = 256 * MIB;
const MOST_CACHE_BYTES = 256 * MIB;
/** Offsets in the slab pool are int32. */
const SLAB_LIMIT = 2 ** 31 - MIB;
const LEAST_MEMTABLE_BYTES = MIB;
const LEAST_CACHE_BYTES = MIB;
/** Share of the memory that requests under way may hold. */
const REQUEST_SHARE = 0.1;

/** The part of a node's settings that one shard is started with. */
export function shardConfiguration(
  config: NodeConfig,
  identity: NodeIdentity,
  version: string,
  cqlPort: number,
  startedAtSeconds: number,
  logLevel: LogLevel,
): ShardConfig {
  const shards = config.shardCount;
  const perShard = (name: string, share: number, most: number, least: number): number => {
    const asked = config.number(name) * MIB;
    const bytes = asked > 0 ? asked / shards : Math.min((config.memoryBytes * share) / shards, most);
    return Math.floor(Math.min(Math.max(bytes, least), SLAB_LIMIT));
  };
  const memtableBytes = perShard('memtable_total_space_in_mb', 0.25, MOST_MEMTABLE_BYTES, LEAST_MEMTABLE_BYTES);
  const segmentBytes = config.number('commitlog_segment_size_in_mb') * MIB;
  const askedLog = config.number('commitlog_total_space_in_mb');
  const logBytes = askedLog > 0 ? (askedLog * MIB) / shards : memtableBytes * 2;
  return {
    hostId: identity.hostId,
    boot: identity.boot,
    clusterName: config.text('cluster_name'),
    dataCenter: config.text('dc'),
    rack: config.text('rack'),
    version,
    startedAtSeconds,
    listenAddress: config.text('listen_address'),
    rpcAddress: config.text('broadcast_rpc_address') || config.text('rpc_address'),
    broadcastAddress: config.text('broadcast_address') || config.text('listen_address'),
    cqlPort,
    directories: { data: config.dataDirectory, commitlog: config.commitlogDirectory },
    commitlog: {
      sync: config.text('commitlog_sync') as ShardConfig['commitlog']['sync'],
      periodMs: config.number('commitlog_sync_period_in_ms'),
      groupWindowMs: config.number('commitlog_sync_group_window_in_ms'),
      segmentBytes,
      totalBytes: Math.floor(Math.max(logBytes, segmentBytes * 2)),
      skipDamaged: config.boolean('commitlog_skip_damaged'),
    },
    memory: {
      memtableBytes,
      blockCacheBytes: perShard('block_cache_size_in_mb', 0.125, MOST_CACHE_BYTES, LEAST_CACHE_BYTES),
      requestBytes: Math.floor(Math.max((config.memoryBytes * REQUEST_SHARE) / shards, 16 * MIB)),
    },
    ...liveShardConfiguration(config),
    logLevel,
  };
}

/** Those of a shard's settings that it may be told anew while it runs. */
export function liveShardConfiguration(config: NodeConfig): LiveShardConfig {
  const shards = config.shardCount;
  return {
    limits: {
      maxConcurrentRequests: config.number('max_concurrent_requests_per_shard'),
      maxFrameBytes: config.number('native_transport_max_frame_size_in_mb') * MIB,
      batchWarnBytes: config.number('batch_size_warn_threshold_in_kb') * 1024,
      batchFailBytes: config.number('batch_size_fail_threshold_in_kb') * 1024,
      compactionBytesPerSecond: (config.number('compaction_throughput_mb_per_sec') * MIB) / shards,
    },
    timeouts: {
      readMs: config.number('read_request_timeout_in_ms'),
      rangeMs: config.number('range_request_timeout_in_ms'),
      writeMs: config.number('write_request_timeout_in_ms'),
      casContentionMs: config.number('cas_contention_timeout_in_ms'),
      truncateMs: config.number('truncate_request_timeout_in_ms'),
      schemaMs: config.number('request_timeout_in_ms'),
    },
    settings: [...config.values.values()].map(({ key, text, source }) => ({
      name: key.name,
      source,
      type: key.type,
      value: text,
    })),
  };
}
