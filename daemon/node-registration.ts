import type { Group0, Group0Change } from '../cluster/group0.ts';
import type { NodeRecord } from '../cluster/node-record.ts';
import { reshardHost } from '../cluster/placement.ts';
import type { StateIdSource } from '../cluster/state-id.ts';
import { NotReadyError } from '../core/errors.ts';
import type { TabletMap } from '../core/schema/tablet-map.ts';

/**
 * Tells group 0 what this node is: at the first start that it exists, later what has changed. Tablets on shards that are no
 * more move to others of this node. Does nothing when all is as it was. Resolves when it is applied.
 * @throws NotReadyError when the outcome is unknown: a start cannot go on without it
 */
export async function registerNode(group0: Group0, stateIds: StateIdSource, node: NodeRecord): Promise<void> {
  for (;;) {
    const { stateId, nodes, tabletMaps, topologyVersion } = group0.state();
    const host = nodes.findIndex((each) => each.hostId === node.hostId);
    if (host >= 0 && isSame(nodes[host]!, node)) return;
    const changes: Group0Change[] = [];
    const moved = [...tabletMaps.values()]
      .map((map) => (host < 0 ? undefined : reshardHost(map, host, node.shardCount, topologyVersion + 1)))
      .filter((map): map is TabletMap => map !== undefined);
    // Tablets leave the shards before the shards go.
    if (moved.length > 0) changes.push({ kind: 'tablets', maps: moved });
    changes.push({ kind: 'node', node });
    const outcome = await group0.propose({
      stateId: stateIds.next(stateId),
      previousStateId: stateId,
      creator: node.hostId,
      description: `${host < 0 ? 'node' : 'changed node'} ${node.hostId} with ${node.shardCount} shards`,
      changes,
    });
    if (outcome === 'applied') return;
    if (outcome === 'unknown') throw new NotReadyError('the log of group 0 failed while this node was registered');
  }
}

function isSame(a: NodeRecord, b: NodeRecord): boolean {
  return (Object.keys(b) as (keyof NodeRecord)[]).every((key) => a[key] === b[key]);
}
