import { assert } from '../core/assert.ts';
import { equalBytes, readI32LE } from '../core/bytes.ts';
import type { HostId, TableId } from '../core/ids.ts';
import type { KeyspaceDescriptor, Replication, Schema } from '../core/schema/keyspace.ts';
import { keyspaceDescriptor, userType } from '../core/schema/schema-codec.ts';
import type { TableDescriptor } from '../core/schema/table.ts';
import { type HostTablets, TabletMap } from '../core/schema/tablet-map.ts';
import type { CqlType } from '../core/types/cql-type.ts';
import { uuidText } from '../core/uuid-bytes.ts';
import { decodePlain } from './codec.ts';
import { LazyTables, TableSlot } from './lazy-tables.ts';
import {
  type ClusterSection,
  ImageLayout,
  type KeyspaceSection,
  type SectionEntry,
  SectionKind,
} from './metadata-image.ts';
import type { NodeRecord } from './node-record.ts';

/** Where the tablets of a table lie, and what was made of it. */
interface TabletsSlot {
  readonly version: number;
  readonly start: number;
  onHost: HostTablets | undefined;
}

interface KeyspaceSlot {
  readonly bytes: Uint8Array;
  readonly section: KeyspaceSection;
  readonly slots: readonly TableSlot[];
  readonly descriptor: KeyspaceDescriptor;
}

/**
 * A thread's view of one metadata image. Opening it reads the section table and the keyspaces that changed; tables and tablet
 * maps are decoded when they are first asked for. What did not change since `previous` is the same object in both.
 *
 * Belongs to one thread. Immutable to its users.
 */
export class MetadataView {
  readonly imageVersion: number;
  readonly topologyVersion: number;
  readonly nodes: readonly NodeRecord[];
  /** The users' keyspaces. */
  readonly schema: Schema;
  /** Index of this node in `nodes`; -1 when it is not among them. */
  readonly localHost: number;
  readonly #bytes: Uint8Array;
  readonly #tables = new Map<TableId, TableSlot>();
  readonly #tablets = new Map<TableId, TabletsSlot>();
  readonly #keyspaces: KeyspaceSlot[] = [];

  /**
   * @param memory a complete image that nobody writes any more
   * @param localHostId this node, whose tablets `route` tells
   * @param previous the view of an older image of the same node, opened by this thread
   */
  constructor(memory: SharedArrayBuffer, localHostId: HostId, previous?: MetadataView) {
    const layout = new ImageLayout(memory);
    this.imageVersion = layout.imageVersion;
    this.topologyVersion = layout.topologyVersion;
    this.#bytes = layout.bytes;
    const keyspaces: SectionEntry[] = [];
    let cluster: ClusterSection | undefined;
    for (let i = 0; i < layout.sectionCount; i++) {
      const entry = layout.entry(i);
      if (entry.kind === SectionKind.Cluster) cluster = this.#decode(entry) as ClusterSection;
      else if (entry.kind === SectionKind.Keyspace) keyspaces.push(entry);
      else {
        const id = uuidText(layout.bytes, layout.idOffset(i)) as TableId;
        if (entry.kind === SectionKind.Table) this.#addTable(entry, id, previous);
        else this.#addTablets(entry, id, previous);
      }
    }
    assert(cluster !== undefined, 'an image has a cluster section');
    this.nodes = cluster.nodes;
    this.localHost = cluster.nodes.findIndex((node) => node.hostId === localHostId);
    if (previous?.localHost !== this.localHost) for (const slot of this.#tablets.values()) slot.onHost = undefined;
    for (const entry of keyspaces) this.#addKeyspace(entry, previous);
    this.schema = {
      version: cluster.schemaVersion,
      keyspaces: new Map(this.#keyspaces.map(({ descriptor }) => [descriptor.name, descriptor])),
    };
  }

  table(id: TableId): TableDescriptor | undefined {
    return this.#tables.get(id)?.descriptor();
  }

  /** Which shard of this node has which tablet of a table; undefined for a table that is gone. */
  route(id: TableId): HostTablets | undefined {
    const slot = this.#tablets.get(id);
    if (slot === undefined) return undefined;
    slot.onHost ??= this.#decodeTablets(id, slot).onHost(this.localHost);
    return slot.onHost;
  }

  /** All replicas of all tablets of a table; made anew at each call. */
  tabletMap(id: TableId): TabletMap | undefined {
    const slot = this.#tablets.get(id);
    return slot && this.#decodeTablets(id, slot);
  }

  replication(keyspace: string): Replication | undefined {
    return this.schema.keyspaces.get(keyspace)?.replication;
  }

  /** Ids of the tables of the schema. */
  tableIds(): MapIterator<TableId> {
    return this.#tables.keys();
  }

  #decode({ offset, length }: SectionEntry): unknown {
    return decodePlain(this.#bytes, offset, offset + length);
  }

  #addTable({ version, offset, length }: SectionEntry, id: TableId, previous: MetadataView | undefined): void {
    const before = previous === undefined ? undefined : previous.#tables.get(id);
    const slot = before?.version === version ? before : new TableSlot(id, version);
    slot.locate(this.#bytes, offset, offset + length);
    this.#tables.set(id, slot);
  }

  #addTablets({ version, offset }: SectionEntry, id: TableId, previous: MetadataView | undefined): void {
    const before = previous === undefined ? undefined : previous.#tablets.get(id);
    const onHost = before?.version === version ? before.onHost : undefined;
    this.#tablets.set(id, { version, start: offset, onHost });
  }

  #decodeTablets(id: TableId, { version, start }: TabletsSlot): TabletMap {
    const count = readI32LE(this.#bytes, start);
    const length = count * readI32LE(this.#bytes, start + 4);
    const hosts = new Int32Array(length);
    const shards = new Int32Array(length);
    let at = start + 8;
    for (let i = 0; i < length; i++, at += 4) hosts[i] = readI32LE(this.#bytes, at);
    for (let i = 0; i < length; i++, at += 4) shards[i] = readI32LE(this.#bytes, at);
    return new TabletMap(id, version, count, hosts, shards);
  }

  /** Keyspaces have no version: equal bytes are the same keyspace. */
  #addKeyspace(entry: SectionEntry, previous: MetadataView | undefined): void {
    const { offset, length } = entry;
    const earlier = previous === undefined ? [] : previous.#keyspaces;
    const neighbour = earlier[this.#keyspaces.length];
    const isEqual =
      neighbour !== undefined &&
      equalBytes(neighbour.bytes, 0, neighbour.bytes.length, this.#bytes, offset, offset + length);
    const section = isEqual ? neighbour.section : (this.#decode(entry) as KeyspaceSection);
    const { name } = section.keyspace;
    const before = isEqual ? neighbour : earlier.find(({ descriptor }) => descriptor.name === name);
    const slots = section.tables.map(([, id]) => this.#tables.get(id as TableId)!);
    if (isEqual && slots.every((slot, i) => slot === neighbour.slots[i])) {
      this.#keyspaces.push(neighbour);
      return;
    }
    const types =
      before !== undefined && haveSameTypes(before.section, section) ? before.descriptor.types : typesOf(section);
    for (const slot of slots) slot.useTypes(types);
    const tables = new LazyTables(new Map(section.tables.map(([table], i) => [table, slots[i]!])));
    const bytes = this.#bytes.slice(offset, offset + length);
    this.#keyspaces.push({
      bytes,
      section,
      slots,
      descriptor: keyspaceDescriptor(section.keyspace, { tables, types }),
    });
  }
}

function haveSameTypes(a: KeyspaceSection, b: KeyspaceSection): boolean {
  return JSON.stringify(a.types) === JSON.stringify(b.types);
}

function typesOf(section: KeyspaceSection): ReadonlyMap<string, CqlType> {
  const types = new Map<string, CqlType>();
  for (const data of section.types)
    types.set(
      data.name,
      userType(data, (name) => types.get(name)),
    );
  return types;
}
