import type { HostId } from '../core/ids.ts';

/** A node as group 0 knows it. Its place in the node list is its host index for life. */
export interface NodeRecord {
  readonly hostId: HostId;
  readonly dataCenter: string;
  readonly rack: string;
  /** Number of shards that it runs. */
  readonly shardCount: number;
  /** Address for clients, and for nodes. */
  readonly rpcAddress: string;
  readonly listenAddress: string;
  readonly cqlPort: number;
  readonly storagePort: number;
}
