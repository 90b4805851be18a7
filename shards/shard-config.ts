import type { HostId } from '../core/ids.ts';
import type { LogLevel } from '../core/ports/log.ts';
import type { RequestTimeouts } from './coordinator/coordinator.ts';

/** What a shard needs to know of the node's configuration. Plain data: it is handed to the worker when it starts. */
export interface ShardConfig {
  readonly hostId: HostId;
  /** Counts the starts of this node; never used twice (settled question 37). */
  readonly boot: number;
  readonly clusterName: string;
  readonly dataCenter: string;
  readonly rack: string;
  readonly version: string;
  readonly startedAtSeconds: number;
  readonly listenAddress: string;
  readonly rpcAddress: string;
  readonly broadcastAddress: string;
  readonly cqlPort: number;
  readonly directories: {
    readonly data: string;
    readonly commitlog: string;
  };
  readonly commitlog: {
    readonly sync: 'periodic' | 'batch' | 'group';
    readonly periodMs: number;
    readonly groupWindowMs: number;
    readonly segmentBytes: number;
    /** Of this shard. */
    readonly totalBytes: number;
    readonly skipDamaged: boolean;
  };
  readonly memory: {
    /** Memtables of this shard: the slab pool's size. */
    readonly memtableBytes: number;
    readonly blockCacheBytes: number;
    /** Requests under way: frames and what they wait for. */
    readonly requestBytes: number;
  };
  /** Of those a change applies to what begins after it: the next request, the next frame, the next compaction. */
  readonly limits: {
    readonly maxConcurrentRequests: number;
    readonly maxFrameBytes: number;
    readonly batchWarnBytes: number;
    readonly batchFailBytes: number;
    readonly compactionBytesPerSecond: number;
  };
  readonly timeouts: RequestTimeouts;
  readonly logLevel: LogLevel;
  /** What `system.config` shows. */
  readonly settings: readonly {
    readonly name: string;
    readonly source: string;
    readonly type: string;
    readonly value: string;
  }[];
}

/** What of it may change while the shard runs, by Verb.Configure; all of it at once, between two turns. */
export type LiveShardConfig = Pick<ShardConfig, 'limits' | 'timeouts' | 'settings'>;
