import type { TableId } from '../../core/ids.ts';
import type { ThreadId } from '../../core/ports/mailbox.ts';
import type { Replication, Schema } from '../../core/schema/keyspace.ts';
import type { TableDescriptor } from '../../core/schema/table.ts';
import type { LiveNodes } from './replica-count.ts';

/** Where one table's tablets lie on this node. */
export interface TabletRoute {
  /** A power of two. */
  readonly tabletCount: number;
  shardOf(tablet: number): ThreadId;
}

/** One version of the metadata, as the coordinator needs it: immutable. */
export interface Routing {
  readonly schema: Schema;
  readonly nodes: LiveNodes;
  table(id: TableId): TableDescriptor | undefined;
  /** Undefined for a table that is gone, and for system tables, which have no tablets. */
  route(id: TableId): TabletRoute | undefined;
  replication(keyspace: string): Replication | undefined;
}
