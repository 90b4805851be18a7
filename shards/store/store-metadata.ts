import type { TableDescriptor } from '../../core/schema/table.ts';

/** One table as a shard's store needs to know it. */
export interface StoreTable {
  readonly descriptor: TableDescriptor;
  /** A power of two. */
  readonly tabletCount: number;
  /** Shard of this node that has the tablet, -1 for none. */
  shardOf(tablet: number): number;
}

/** The tables of a node at one version of the metadata. */
export interface StoreMetadata {
  tables(): Iterable<StoreTable>;
}
