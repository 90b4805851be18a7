import type { Schema } from '../../core/schema/keyspace.ts';

/** Facts about this node that system tables show. */
export interface NodeFacts {
  readonly hostId: string;
  readonly clusterName: string;
  readonly dataCenter: string;
  readonly rack: string;
  /** The address that clients use. */
  readonly rpcAddress: string;
  readonly listenAddress: string;
  readonly broadcastAddress: string;
  readonly cqlPort: number;
  readonly shardCount: number;
  /** Tessera's own version. */
  readonly version: string;
  /** Tokens for drivers and COPY, as decimal text; at least one. */
  readonly tokens: readonly string[];
  /** Start of the process, seconds since 1970. */
  readonly startedAtSeconds: number;
}

export interface ConfigEntry {
  readonly name: string;
  readonly source: string;
  readonly type: string;
  readonly value: string;
}

/** One connection, as `system.clients` shows it. */
export interface ClientEntry {
  readonly address: string;
  readonly port: number;
  readonly stage: string;
  readonly driverName: string;
  readonly driverVersion: string;
  readonly protocolVersion: number;
  readonly shard: number;
  readonly options: ReadonlyMap<string, string>;
}

/** Where one tablet lies. */
export interface TabletEntry {
  readonly tableId: string;
  readonly keyspace: string;
  readonly table: string;
  readonly tabletCount: number;
  /** Greatest token of the tablet, decimal text. */
  readonly lastToken: string;
  readonly replicas: readonly { readonly hostId: string; readonly shard: number }[];
}

/** A compaction that was done, as `system.compaction_history` shows it. */
export interface CompactionHistoryEntry {
  readonly id: string;
  readonly shard: number;
  readonly keyspace: string;
  readonly table: string;
  readonly kind: string;
  /** Milliseconds since 1970. */
  readonly startedMs: number;
  readonly finishedMs: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
}

/** What the generators of system rows ask. Everything is a snapshot of the moment of the call. */
export interface SystemContext {
  readonly node: NodeFacts;
  /** User keyspaces and tables; the system's own are added by the tables. */
  schema(): Schema;
  config(): readonly ConfigEntry[];
  /** Connections of this shard. */
  clients(): readonly ClientEntry[];
  tablets(): readonly TabletEntry[];
  /** Names of `system.runtime_info` with group and value. */
  runtimeInfo(): readonly { readonly group: string; readonly item: string; readonly value: string }[];
  /** The node's last compactions. */
  compactions(): readonly CompactionHistoryEntry[];
}
