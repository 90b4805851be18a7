import { ProtocolError, UnsupportedFormatError } from '../core/errors.ts';
import type { TableId } from '../core/ids.ts';
import type { KeyspaceDescriptor, Schema } from '../core/schema/keyspace.ts';
import { SCHEMA_CHANGE_FORMAT, type SchemaChange } from '../core/schema/schema-change.ts';
import {
  keyspaceData,
  keyspaceDescriptor,
  tableData,
  tableDefinition,
  typeData,
  userType,
} from '../core/schema/schema-codec.ts';
import type { KeyspaceData, TableData, TypeData } from '../core/schema/schema-data.ts';
import { TableDescriptor } from '../core/schema/table.ts';
import { TabletMap } from '../core/schema/tablet-map.ts';
import { userTypesWithin } from '../core/schema/user-type-order.ts';
import type { CqlType } from '../core/types/cql-type.ts';
import { decodePlain, encodePlain } from './codec.ts';
import { GROUP0_COMMAND_FORMAT, type Group0Change, type Group0Command, type Group0State } from './group0.ts';
import type { NodeRecord } from './node-record.ts';

/**
 * Commands and the state of group 0 as bytes (docs/formats/group0.md). Both are MessagePack of objects with a `format` number
 * in front; a greater one than this version writes is refused.
 */

/** Format of the encoded state. */
export const GROUP0_STATE_FORMAT = 1;

interface TabletMapData {
  readonly tableId: string;
  readonly version: number;
  readonly count: number;
  /** Little-endian int32 columns, as in TabletMap. */
  readonly hosts: Uint8Array;
  readonly shards: Uint8Array;
}

type ChangeData =
  | Exclude<Group0Change, { kind: 'tablets' }>
  | { readonly kind: 'tablets'; readonly maps: readonly TabletMapData[] };

interface CommandData {
  readonly format: number;
  readonly stateId: string;
  readonly previousStateId: string | null;
  readonly creator: string;
  readonly description: string;
  readonly changes: readonly ChangeData[];
}

interface KeyspaceContents {
  readonly keyspace: KeyspaceData;
  /** In an order in which each comes after those that it holds. */
  readonly types: readonly TypeData[];
  readonly tables: readonly TableData[];
}

interface StateData {
  readonly format: number;
  readonly stateId: string;
  readonly history: readonly (readonly [string, string])[];
  readonly topologyVersion: number;
  readonly nodes: readonly NodeRecord[];
  readonly schemaVersion: string;
  readonly keyspaces: readonly KeyspaceContents[];
  readonly tabletMaps: readonly TabletMapData[];
}

export function encodeCommand(command: Group0Command): Uint8Array {
  const data: CommandData = {
    format: GROUP0_COMMAND_FORMAT,
    stateId: command.stateId,
    previousStateId: command.previousStateId ?? null,
    creator: command.creator,
    description: command.description,
    changes: command.changes.map((change) =>
      change.kind === 'tablets' ? { kind: change.kind, maps: change.maps.map(tabletMapData) } : change,
    ),
  };
  return encodePlain(data);
}

/**
 * The command in bytes[start, end).
 * @param path where the bytes come from, for errors
 * @throws UnsupportedFormatError when a newer version wrote it; ProtocolError when it is no command
 */
export function decodeCommand(bytes: Uint8Array, start: number, end: number, path: string): Group0Command {
  const data = versioned<CommandData>(bytes, start, end, path, 'group 0 command', GROUP0_COMMAND_FORMAT);
  return {
    stateId: data.stateId,
    previousStateId: data.previousStateId ?? undefined,
    creator: data.creator,
    description: data.description,
    changes: data.changes.map((change): Group0Change => {
      switch (change.kind) {
        case 'tablets':
          return { kind: change.kind, maps: change.maps.map(tabletMapOf) };
        case 'schema':
          checkSchemaChange(change.change, path);
          return change;
        case 'node':
          return change;
        default:
          throw new UnsupportedFormatError(
            path,
            `unknown change of group 0 '${String((change as { kind: unknown }).kind)}'`,
          );
      }
    }),
  };
}

export function encodeState(state: Group0State): Uint8Array {
  const data: StateData = {
    format: GROUP0_STATE_FORMAT,
    stateId: state.stateId,
    history: state.history.map((entry) => [entry.stateId, entry.description] as const),
    topologyVersion: state.topologyVersion,
    nodes: state.nodes,
    schemaVersion: state.schema.version,
    keyspaces: [...state.schema.keyspaces.values()].map((keyspace) => ({
      keyspace: keyspaceData(keyspace),
      types: userTypesWithin(keyspace, keyspace.types.values()).map(typeData),
      tables: [...keyspace.tables.values()].map((table) => tableData(table.definition)),
    })),
    tabletMaps: [...state.tabletMaps.values()].map(tabletMapData),
  };
  return encodePlain(data);
}

/**
 * The state in bytes[start, end).
 * @throws UnsupportedFormatError when a newer version wrote it; ProtocolError or InvalidRequestError when it is none
 */
export function decodeState(bytes: Uint8Array, start: number, end: number, path: string): Group0State {
  const data = versioned<StateData>(bytes, start, end, path, 'group 0 state', GROUP0_STATE_FORMAT);
  const keyspaces = new Map<string, KeyspaceDescriptor>();
  for (const contents of data.keyspaces) keyspaces.set(contents.keyspace.name, keyspaceOf(contents));
  const schema: Schema = { version: data.schemaVersion, keyspaces };
  return {
    stateId: data.stateId,
    history: data.history.map(([stateId, description]) => ({ stateId, description })),
    topologyVersion: data.topologyVersion,
    nodes: data.nodes,
    schema,
    tabletMaps: new Map(data.tabletMaps.map(tabletMapOf).map((map) => [map.tableId, map])),
  };
}

function keyspaceOf({ keyspace, types: typesData, tables: tablesData }: KeyspaceContents): KeyspaceDescriptor {
  const types = new Map<string, CqlType>();
  const lookup = (name: string) => types.get(name);
  for (const type of typesData) types.set(type.name, userType(type, lookup));
  const tables = new Map<string, TableDescriptor>();
  for (const table of tablesData) tables.set(table.name, new TableDescriptor(tableDefinition(table, lookup)));
  return keyspaceDescriptor(keyspace, { tables, types });
}

function tabletMapData(map: TabletMap): TabletMapData {
  return {
    tableId: map.tableId,
    version: map.version,
    count: map.count,
    hosts: int32Bytes(map.hosts),
    shards: int32Bytes(map.shards),
  };
}

function tabletMapOf(data: TabletMapData): TabletMap {
  return new TabletMap(
    data.tableId as TableId,
    data.version,
    data.count,
    int32Column(data.hosts),
    int32Column(data.shards),
  );
}

function int32Bytes(column: Int32Array): Uint8Array {
  const view = new DataView(new ArrayBuffer(column.length * 4));
  for (const [i, value] of column.entries()) view.setInt32(i * 4, value, true);
  return new Uint8Array(view.buffer);
}

function int32Column(bytes: Uint8Array): Int32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Int32Array.from({ length: bytes.byteLength >> 2 }, (_, i) => view.getInt32(i * 4, true));
}

function checkSchemaChange(change: SchemaChange, path: string): void {
  if (change.format > SCHEMA_CHANGE_FORMAT) {
    throw new UnsupportedFormatError(path, `a newer version wrote a schema change of format ${change.format}`);
  }
}

function versioned<Data extends { readonly format: number }>(
  bytes: Uint8Array,
  start: number,
  end: number,
  path: string,
  what: string,
  known: number,
): Data {
  const data = decodePlain(bytes, start, end);
  const format = (data as { format?: unknown } | null)?.format;
  if (typeof format !== 'number') throw new ProtocolError(`${path}: no ${what}`);
  if (format > known) throw new UnsupportedFormatError(path, `a newer version wrote this ${what}, of format ${format}`);
  return data as Data;
}
