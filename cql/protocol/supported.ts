import { EXTENSIONS } from './extension.ts';

/** How tokens map to shards on this node, for shard-aware drivers (spec cql-protocol §10.1). */
export interface ShardingInfo {
  /** The shard that serves this connection. */
  readonly shard: number;
  readonly shardCount: number;
  /** 0 where there is none. */
  readonly shardAwarePort: number;
}

export interface SupportedConfig {
  /** Names of the compressions that STARTUP may choose. */
  readonly compressions: readonly string[];
  /** Bits of Extension that STARTUP may switch on. */
  readonly extensions: number;
  /** Undefined: no SCYLLA_* key of sharding is told. Drivers want all of them or none. */
  readonly sharding: ShardingInfo | undefined;
  /** Host id as text, or '' to leave it out. */
  readonly hostId: string;
}

/** The CQL version that SUPPORTED names first: Python's driver takes it, cqlsh compares it. */
export const CQL_VERSION = '3.3.1';

/** Bits of the token that ScyllaDB's sharding leaves out by default. */
const IGNORED_TOKEN_BITS = 12;

/** The options of SUPPORTED (§5.2). COMPRESSION must be there even when empty: Python's driver fails without the key. */
export function supportedOptions(config: SupportedConfig): Map<string, readonly string[]> {
  const options = new Map<string, readonly string[]>([
    ['COMPRESSION', config.compressions],
    ['CQL_VERSION', [CQL_VERSION]],
    ['PROTOCOL_VERSIONS', ['3/v3', '4/v4']],
    ['CLIENT_OPTIONS', ['']],
  ]);
  if (config.hostId !== '') options.set('SCYLLA_HOST_ID', [config.hostId]);
  const { sharding } = config;
  if (sharding !== undefined) {
    options.set('SCYLLA_SHARD', [String(sharding.shard)]);
    options.set('SCYLLA_NR_SHARDS', [String(sharding.shardCount)]);
    options.set('SCYLLA_PARTITIONER', ['org.apache.cassandra.dht.Murmur3Partitioner']);
    options.set('SCYLLA_SHARDING_ALGORITHM', ['biased-token-round-robin']);
    options.set('SCYLLA_SHARDING_IGNORE_MSB', [String(IGNORED_TOKEN_BITS)]);
    if (sharding.shardAwarePort !== 0) options.set('SCYLLA_SHARD_AWARE_PORT', [String(sharding.shardAwarePort)]);
  }
  for (const { bit, key, value } of EXTENSIONS) if ((config.extensions & bit) !== 0) options.set(key, [value]);
  return options;
}
