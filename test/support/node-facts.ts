import type { NodeFacts } from '../../cql/system/system-context.ts';

/** What the system tables of a test tell of the node. */
export const NODE_FACTS: NodeFacts = {
  hostId: '6f0c2a51-8d0f-4f0e-9f2c-0a6f6d2b8f11',
  clusterName: 'Test Cluster',
  dataCenter: 'datacenter1',
  rack: 'rack1',
  rpcAddress: '127.0.0.1',
  listenAddress: '127.0.0.1',
  broadcastAddress: '127.0.0.1',
  cqlPort: 9042,
  shardCount: 2,
  version: '0.1.0',
  tokens: ['0'],
  startedAtSeconds: 1_795_226_400,
};
