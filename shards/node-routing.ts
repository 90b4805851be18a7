import type { MetadataView } from '../cluster/metadata-view.ts';
import type { TableId } from '../core/ids.ts';
import type { Replication, Schema } from '../core/schema/keyspace.ts';
import type { TableDescriptor } from '../core/schema/table.ts';
import type { HostTablets } from '../core/schema/tablet-map.ts';
import type { LiveNodes } from './coordinator/replica-count.ts';
import type { Routing } from './coordinator/routing.ts';
import type { StoreMetadata, StoreTable } from './store/store-metadata.ts';

/** One metadata image as the coordinator and the store of a shard see it. */
export class NodeRouting implements Routing, StoreMetadata {
  readonly #view: MetadataView;
  readonly nodes: LiveNodes;

  /** @param localDataCenter of this node, which may not have told group 0 of itself yet */
  constructor(view: MetadataView, localDataCenter: string) {
    this.#view = view;
    const perDataCenter = new Map<string, number>();
    for (const { dataCenter } of view.nodes) perDataCenter.set(dataCenter, (perDataCenter.get(dataCenter) ?? 0) + 1);
    this.nodes = { localDataCenter, perDataCenter };
  }

  get schema(): Schema {
    return this.#view.schema;
  }

  table(id: TableId): TableDescriptor | undefined {
    return this.#view.table(id);
  }

  route(id: TableId): HostTablets | undefined {
    return this.#view.route(id);
  }

  replication(keyspace: string): Replication | undefined {
    return this.#view.replication(keyspace);
  }

  *tables(): Iterable<StoreTable> {
    for (const id of this.#view.tableIds()) {
      const descriptor = this.#view.table(id);
      const route = this.#view.route(id);
      if (descriptor === undefined || route === undefined) continue;
      yield { descriptor, tabletCount: route.tabletCount, shardOf: (tablet) => route.shardOf(tablet) };
    }
  }
}
