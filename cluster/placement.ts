import { InvalidRequestError } from '../core/errors.ts';
import type { TableId } from '../core/ids.ts';
import type { KeyspaceDescriptor } from '../core/schema/keyspace.ts';
import { TabletMap } from '../core/schema/tablet-map.ts';
import type { NodeRecord } from './node-record.ts';

/** Most tablets of a new table per shard of the nodes that hold it: an idle tablet costs memory and files. */
const MAX_TABLETS_PER_SHARD = 128;

/** Replicas that a keyspace wants in one set of nodes. */
interface ReplicaGroup {
  /** Host indices, spread over the racks: neighbours are in different ones where there are several. */
  readonly hosts: readonly number[];
  readonly replicaCount: number;
}

/**
 * Places the tablets of a new table. Deterministic.
 *
 * Count: the next power of two at or above the shards that one replica of the whole table can use (on one node: its shards;
 * settled question 11), or the keyspace's `initial` if that is more.
 *
 * Replicas: as many as the replication asks for and there are nodes for. Tablet i begins at node i of each data centre and
 * takes the next ones in an order that alternates racks; a node gives its tablets to its shards in turn, beginning at one
 * that the table's id tells, so that small tables do not all meet on shard 0.
 *
 * @param nodes the node list of group 0: host indices are places in it
 * @param topologyVersion becomes the map's version
 * @throws InvalidRequestError when no node may have a replica
 */
export function placeTable(
  tableId: TableId,
  keyspace: KeyspaceDescriptor,
  nodes: readonly NodeRecord[],
  topologyVersion: number,
): TabletMap {
  const groups = replicaGroups(keyspace, nodes);
  let replicaCount = 0;
  for (const group of groups) replicaCount += group.replicaCount;
  if (replicaCount === 0) {
    throw new InvalidRequestError(`Keyspace ${keyspace.name} has no replica on any node: alter its replication first`);
  }
  const count = tabletCount(Number(keyspace.tablets.initial ?? 0), groups, nodes);
  const hosts = new Int32Array(count * replicaCount);
  const shards = new Int32Array(count * replicaCount);
  const nextShard = new Map<number, number>();
  const firstShard = Number.parseInt(tableId.slice(0, 8), 16);
  let at = 0;
  for (let tablet = 0; tablet < count; tablet++) {
    for (const group of groups) {
      for (let replica = 0; replica < group.replicaCount; replica++) {
        const host = group.hosts[(tablet + replica) % group.hosts.length]!;
        const { shardCount } = nodes[host]!;
        const shard = nextShard.get(host) ?? firstShard % shardCount;
        nextShard.set(host, (shard + 1) % shardCount);
        hosts[at] = host;
        shards[at++] = shard;
      }
    }
  }
  return new TabletMap(tableId, topologyVersion, count, hosts, shards);
}

/**
 * The map after a host came back with another number of shards: a replica stays on its shard if there is one, else it goes to
 * `shard mod shardCount`. This is also how the logs of shards that are gone find a new owner (settled question 28), so that a
 * tablet and what the log still has of it stay together. Undefined when nothing moves.
 */
export function reshardHost(
  map: TabletMap,
  host: number,
  shardCount: number,
  topologyVersion: number,
): TabletMap | undefined {
  let isChanged = false;
  const shards = map.shards.map((shard, i) => {
    if (map.hosts[i] !== host || shard < shardCount) return shard;
    isChanged = true;
    return shard % shardCount;
  });
  return isChanged ? new TabletMap(map.tableId, topologyVersion, map.count, map.hosts, shards) : undefined;
}

function tabletCount(initial: number, groups: readonly ReplicaGroup[], nodes: readonly NodeRecord[]): number {
  let wanted = 1;
  let shardsInAll = 0;
  for (const { hosts, replicaCount } of groups) {
    let shards = 0;
    let most = 0;
    for (const host of hosts) {
      shards += nodes[host]!.shardCount;
      most = Math.max(most, nodes[host]!.shardCount);
    }
    shardsInAll += shards;
    wanted = Math.max(wanted, most, Math.ceil(shards / replicaCount));
  }
  const limit = previousPowerOfTwo(shardsInAll * MAX_TABLETS_PER_SHARD);
  return Math.max(nextPowerOfTwo(wanted), Math.min(nextPowerOfTwo(initial), limit));
}

function nextPowerOfTwo(value: number): number {
  return value <= 1 ? 1 : 2 ** Math.ceil(Math.log2(value));
}

function previousPowerOfTwo(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}

function replicaGroups({ replication }: KeyspaceDescriptor, nodes: readonly NodeRecord[]): ReplicaGroup[] {
  const strategy = replication.class!.slice(replication.class!.lastIndexOf('.') + 1);
  const all = nodes.map((_, host) => host);
  const group = (hosts: readonly number[], wanted: number): ReplicaGroup => ({
    hosts: alternateRacks(hosts, nodes),
    replicaCount: Math.min(wanted, hosts.length),
  });
  if (strategy === 'EverywhereStrategy') return [group(all, all.length)];
  if (strategy === 'SimpleStrategy') return [group(all, Number(replication.replication_factor))];
  return Object.keys(replication)
    .filter((key) => key !== 'class')
    .sort()
    .map((dataCenter) => {
      const hosts = all.filter((host) => nodes[host]!.dataCenter === dataCenter);
      return group(hosts, Number(replication[dataCenter]));
    })
    .filter(({ replicaCount }) => replicaCount > 0);
}

/** The hosts with one of each rack in turn; racks by name, hosts of a rack by index. */
function alternateRacks(hosts: readonly number[], nodes: readonly NodeRecord[]): number[] {
  const racks = new Map<string, number[]>();
  for (const host of hosts) {
    const { rack } = nodes[host]!;
    const members = racks.get(rack);
    if (members === undefined) racks.set(rack, [host]);
    else members.push(host);
  }
  const columns = [...racks.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, members]) => members);
  const spread: number[] = [];
  for (let i = 0; spread.length < hosts.length; i++) {
    for (const members of columns) if (i < members.length) spread.push(members[i]!);
  }
  return spread;
}
