import type { CqlType } from '../types/cql-type.ts';
import type { TableDescriptor } from './table.ts';

/** Replication class by its full name, 'org.apache.cassandra.locator.NetworkTopologyStrategy', with its options. */
export type Replication = Readonly<Record<string, string>>;

export interface KeyspaceDescriptor {
  readonly name: string;
  readonly replication: Replication;
  readonly durableWrites: boolean;
  /** 'eventual', or 'global' for one Raft group per tablet. */
  readonly consistency: 'eventual' | 'global';
  /** Tablet options as they were given; `enabled` is always 'true' here. */
  readonly tablets: Readonly<Record<string, string>>;
  readonly tables: ReadonlyMap<string, TableDescriptor>;
  /** User types by name; the CqlType of each is the non-frozen form. */
  readonly types: ReadonlyMap<string, CqlType>;
}

/** The whole schema at one version. Immutable. */
export interface Schema {
  /** UUID that drivers compare between nodes. */
  readonly version: string;
  readonly keyspaces: ReadonlyMap<string, KeyspaceDescriptor>;
}
