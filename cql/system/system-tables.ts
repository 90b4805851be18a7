import type { TableId } from '../../core/ids.ts';
import type { RowSource } from '../../core/read/row-source.ts';
import type { KeyspaceDescriptor, Schema } from '../../core/schema/keyspace.ts';
import { nodeTables, traceTables } from './node-tables.ts';
import { schemaTables } from './schema-tables.ts';
import type { SystemContext } from './system-context.ts';
import { VirtualSource } from './virtual-source.ts';
import type { VirtualTable } from './virtual-table.ts';

const LOCAL_STRATEGY = 'org.apache.cassandra.locator.LocalStrategy';
const SYSTEM_KEYSPACES = ['system', 'system_schema', 'system_traces'];

/** True for a keyspace that belongs to the node: read by everybody, changed by nobody. */
export function isSystemKeyspace(name: string): boolean {
  return SYSTEM_KEYSPACES.includes(name);
}

/** The virtual tables that drivers and tools read (cql-protocol §13). One per shard; rows are made when they are read. */
export class SystemTables {
  readonly keyspaces: ReadonlyMap<string, KeyspaceDescriptor>;
  readonly #tables = new Map<TableId, VirtualTable>();
  readonly #context: SystemContext;
  #withSystem: { readonly user: Schema; readonly all: Schema } | undefined;

  constructor(context: SystemContext) {
    this.#context = context;
    const tables = [...nodeTables(), ...traceTables(), ...schemaTables(() => this.complete(context.schema()))];
    const keyspaces = new Map<string, KeyspaceDescriptor>();
    for (const name of SYSTEM_KEYSPACES) {
      const own = tables.filter((table) => table.descriptor.keyspace === name);
      keyspaces.set(name, {
        name,
        replication: { class: LOCAL_STRATEGY },
        durableWrites: true,
        consistency: 'eventual',
        tablets: {},
        tables: new Map(own.map((table) => [table.descriptor.name, table.descriptor])),
        types: new Map(),
      });
    }
    this.keyspaces = keyspaces;
    for (const table of tables) this.#tables.set(table.descriptor.id, table);
  }

  /** The schema that statements are planned against: the user's keyspaces and the system's. */
  complete(user: Schema): Schema {
    if (this.#withSystem?.user !== user) {
      const all = { version: user.version, keyspaces: new Map([...this.keyspaces, ...user.keyspaces]) };
      this.#withSystem = { user, all };
    }
    return this.#withSystem.all;
  }

  /** The rows of a system table as they are now, or undefined when the id is of none. */
  source(id: TableId): RowSource | undefined {
    const table = this.#tables.get(id);
    return table && new VirtualSource(table.encode(this.#context), table.descriptor.comparator);
  }
}
