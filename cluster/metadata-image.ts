import { assert } from '../core/assert.ts';
import { readI32LE, readU32LE, writeI32LE } from '../core/bytes.ts';
import type { KeyspaceDescriptor } from '../core/schema/keyspace.ts';
import { keyspaceData, tableData, typeData } from '../core/schema/schema-codec.ts';
import type { KeyspaceData, TypeData } from '../core/schema/schema-data.ts';
import type { TableDescriptor } from '../core/schema/table.ts';
import type { TabletMap } from '../core/schema/tablet-map.ts';
import { userTypesWithin } from '../core/schema/user-type-order.ts';
import { UUID_BYTES, writeUuid } from '../core/uuid-bytes.ts';
import { encodePlain } from './codec.ts';
import type { Group0State } from './group0.ts';
import type { NodeRecord } from './node-record.ts';

/**
 * A metadata image: the state of group 0 as shards need it, in one SharedArrayBuffer that nobody writes any more (settled
 * question 17). All numbers little-endian; sections begin at multiples of 8.
 *
 *   0   u32  'TIMG'
 *   4   u32  format version
 *   8   u32  image version            counts the images of this run of the node
 *   12  u32  topology version
 *   16  u32  number of sections
 *   20  u32  bytes of the image
 *   24  u64  zero
 *   32  section table, 32 bytes each:
 *         u32 kind | u32 offset | u32 length | u32 version | 16 bytes id
 *   ... sections
 *
 *   Cluster    MessagePack ClusterSection: schema version, nodes
 *   Keyspace   MessagePack KeyspaceSection: options, user types, names and ids of the tables. One each, in order
 *   Table      MessagePack TableData. `version` is the schema version of the table, `id` its id
 *   Tablets    i32 tablets | i32 replicas of each | i32 hosts[tablets * replicas] | i32 shards[tablets * replicas].
 *              `version` is that of the map, `id` the table's
 *
 * Two sections of one kind with equal id and version have equal content: a reader keeps what it made of the first.
 */
export const IMAGE_MAGIC = 0x474d4954;
export const IMAGE_FORMAT = 1;
export const IMAGE_HEADER_BYTES = 32;
export const SECTION_ENTRY_BYTES = 32;

export const SectionKind = { Cluster: 1, Keyspace: 2, Table: 3, Tablets: 4 } as const;
export type SectionKind = (typeof SectionKind)[keyof typeof SectionKind];

export interface ClusterSection {
  readonly schemaVersion: string;
  readonly nodes: readonly NodeRecord[];
}

export interface KeyspaceSection {
  readonly keyspace: KeyspaceData;
  /** Each after those that it holds. */
  readonly types: readonly TypeData[];
  /** Name and id of each table. */
  readonly tables: readonly (readonly [string, string])[];
}

interface Section {
  readonly kind: SectionKind;
  readonly version: number;
  /** '' for none. */
  readonly id: string;
  readonly bytes: Uint8Array;
}

/** Makes images; keeps the bytes of tables, tablet maps and keyspaces that do not change from one to the next. */
export class ImageEncoder {
  readonly #tables = new WeakMap<TableDescriptor, Section>();
  readonly #tablets = new WeakMap<TabletMap, Section>();
  readonly #keyspaces = new WeakMap<KeyspaceDescriptor, Section>();

  /**
   * @param imageVersion above that of every image that this node made since it started
   */
  encode(state: Group0State, imageVersion: number): SharedArrayBuffer {
    const sections: Section[] = [];
    const cluster: ClusterSection = { schemaVersion: state.schema.version, nodes: state.nodes };
    sections.push({ kind: SectionKind.Cluster, version: 0, id: '', bytes: encodePlain(cluster) });
    for (const keyspace of state.schema.keyspaces.values()) {
      sections.push(this.#keyspaceSection(keyspace));
      for (const table of keyspace.tables.values()) sections.push(this.#tableSection(table));
    }
    for (const map of state.tabletMaps.values()) sections.push(this.#tabletsSection(map));
    return writeImage(sections, imageVersion, state.topologyVersion);
  }

  #keyspaceSection(keyspace: KeyspaceDescriptor): Section {
    let section = this.#keyspaces.get(keyspace);
    if (section === undefined) {
      const data: KeyspaceSection = {
        keyspace: keyspaceData(keyspace),
        types: userTypesWithin(keyspace, keyspace.types.values()).map(typeData),
        tables: [...keyspace.tables.values()].map((table) => [table.name, table.id] as const),
      };
      section = { kind: SectionKind.Keyspace, version: 0, id: '', bytes: encodePlain(data) };
      this.#keyspaces.set(keyspace, section);
    }
    return section;
  }

  #tableSection(table: TableDescriptor): Section {
    let section = this.#tables.get(table);
    if (section === undefined) {
      const bytes = encodePlain(tableData(table.definition));
      section = { kind: SectionKind.Table, version: table.version, id: table.id, bytes };
      this.#tables.set(table, section);
    }
    return section;
  }

  #tabletsSection(map: TabletMap): Section {
    let section = this.#tablets.get(map);
    if (section === undefined) {
      section = { kind: SectionKind.Tablets, version: map.version, id: map.tableId, bytes: tabletBytes(map) };
      this.#tablets.set(map, section);
    }
    return section;
  }
}

/** One image of a state, for whoever makes only one. */
export function encodeImage(state: Group0State, imageVersion: number): SharedArrayBuffer {
  return new ImageEncoder().encode(state, imageVersion);
}

function tabletBytes(map: TabletMap): Uint8Array {
  const bytes = new Uint8Array(8 + map.hosts.length * 8);
  writeI32LE(bytes, 0, map.count);
  writeI32LE(bytes, 4, map.replicaCount);
  let at = 8;
  for (const column of [map.hosts, map.shards]) {
    for (const value of column) {
      writeI32LE(bytes, at, value);
      at += 4;
    }
  }
  return bytes;
}

function writeImage(sections: readonly Section[], imageVersion: number, topologyVersion: number): SharedArrayBuffer {
  let length = IMAGE_HEADER_BYTES + sections.length * SECTION_ENTRY_BYTES;
  for (const { bytes } of sections) length += align8(bytes.length);
  assert(length < 2 ** 31, 'an image has less than 2 GiB');
  const memory = new SharedArrayBuffer(length);
  const target = new Uint8Array(memory);
  writeI32LE(target, 0, IMAGE_MAGIC);
  writeI32LE(target, 4, IMAGE_FORMAT);
  writeI32LE(target, 8, imageVersion);
  writeI32LE(target, 12, topologyVersion);
  writeI32LE(target, 16, sections.length);
  writeI32LE(target, 20, length);
  let entry = IMAGE_HEADER_BYTES;
  let at = IMAGE_HEADER_BYTES + sections.length * SECTION_ENTRY_BYTES;
  for (const { kind, version, id, bytes } of sections) {
    writeI32LE(target, entry, kind);
    writeI32LE(target, entry + 4, at);
    writeI32LE(target, entry + 8, bytes.length);
    writeI32LE(target, entry + 12, version);
    if (id !== '') writeUuid(id, target, entry + 16);
    target.set(bytes, at);
    entry += SECTION_ENTRY_BYTES;
    at += align8(bytes.length);
  }
  return memory;
}

function align8(length: number): number {
  return (length + 7) & ~7;
}

/** One entry of an image's section table. */
export interface SectionEntry {
  readonly kind: number;
  readonly offset: number;
  readonly length: number;
  readonly version: number;
}

/** The header and section table of an image; the id of entry i lies at `idOffset(i)`. */
export class ImageLayout {
  readonly bytes: Uint8Array;
  readonly imageVersion: number;
  readonly topologyVersion: number;
  readonly sectionCount: number;

  /** @throws AssertionError when the memory holds no image of this version: images never leave the process */
  constructor(memory: SharedArrayBuffer) {
    this.bytes = new Uint8Array(memory);
    assert(this.bytes.length >= IMAGE_HEADER_BYTES && readU32LE(this.bytes, 0) === IMAGE_MAGIC, 'an image is an image');
    assert(readU32LE(this.bytes, 4) === IMAGE_FORMAT, 'images have the format of this version');
    this.imageVersion = readU32LE(this.bytes, 8);
    this.topologyVersion = readU32LE(this.bytes, 12);
    this.sectionCount = readU32LE(this.bytes, 16);
    assert(readU32LE(this.bytes, 20) === this.bytes.length, 'an image fills its memory');
  }

  entry(index: number): SectionEntry {
    const at = IMAGE_HEADER_BYTES + index * SECTION_ENTRY_BYTES;
    return {
      kind: readI32LE(this.bytes, at),
      offset: readI32LE(this.bytes, at + 4),
      length: readI32LE(this.bytes, at + 8),
      version: readU32LE(this.bytes, at + 12),
    };
  }

  /** Where the 16 bytes of an entry's id lie. */
  idOffset(index: number): number {
    return IMAGE_HEADER_BYTES + index * SECTION_ENTRY_BYTES + SECTION_ENTRY_BYTES - UUID_BYTES;
  }
}
