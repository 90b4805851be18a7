import { ProtocolError } from '../../core/errors.ts';
import { EVENT_STREAM, Opcode } from './envelope.ts';
import type { OutputBuffer } from './output-buffer.ts';

/** What a connection can register for; its registrations are bits `1 << EventType`. */
export const EventType = { TopologyChange: 0, StatusChange: 1, SchemaChange: 2, ClientRoutesChange: 3 } as const;
export type EventType = (typeof EventType)[keyof typeof EventType];

const NAMES: readonly string[] = ['TOPOLOGY_CHANGE', 'STATUS_CHANGE', 'SCHEMA_CHANGE', 'CLIENT_ROUTES_CHANGE'];

/** @throws ProtocolError for a name that is no event type */
export function eventTypeOf(name: string): EventType {
  const type = NAMES.indexOf(name);
  if (type < 0) throw new ProtocolError(`Invalid value '${name.slice(0, 64)}' for Event.Type`);
  return type as EventType;
}

/** Where clients reach a node: the address of its CQL port, 4 or 16 bytes. Drivers look the node up by both. */
export interface ClientAddress {
  readonly address: Uint8Array;
  readonly port: number;
}

export interface SchemaChange {
  readonly change: 'CREATED' | 'UPDATED' | 'DROPPED';
  /** An index counts as UPDATED of its TABLE, a view as a TABLE. */
  readonly target: 'KEYSPACE' | 'TABLE' | 'TYPE' | 'FUNCTION' | 'AGGREGATE';
  readonly keyspace: string;
  /** Name of the target; '' for a keyspace. */
  readonly name: string;
  /** CQL names of the argument types of a function or aggregate; else empty. */
  readonly argumentTypes: readonly string[];
}

/** Appends an EVENT: a node joined or left. Only to connections that registered for it. */
export function writeTopologyChange(
  out: OutputBuffer,
  version: number,
  change: 'NEW_NODE' | 'REMOVED_NODE' | 'MOVED_NODE',
  node: ClientAddress,
): void {
  writeNodeEvent(out, version, EventType.TopologyChange, change, node);
}

/** Appends an EVENT: a node was seen up or down. */
export function writeStatusChange(
  out: OutputBuffer,
  version: number,
  change: 'UP' | 'DOWN',
  node: ClientAddress,
): void {
  writeNodeEvent(out, version, EventType.StatusChange, change, node);
}

/** Appends an EVENT: the schema changed. Send it once the change can be read from this node's system tables. */
export function writeSchemaEvent(out: OutputBuffer, version: number, change: SchemaChange): void {
  const mark = beginEvent(out, version, EventType.SchemaChange);
  writeSchemaChange(out, change);
  out.end(mark);
}

/** Appends an EVENT: clients of these connection ids reach these hosts by other routes (§10.8). */
export function writeClientRoutesChange(
  out: OutputBuffer,
  version: number,
  connectionIds: readonly string[],
  hostIds: readonly string[],
): void {
  const mark = beginEvent(out, version, EventType.ClientRoutesChange);
  out.string('UPDATE_NODES');
  out.stringList(connectionIds);
  out.stringList(hostIds);
  out.end(mark);
}

/** Appends a schema change as it stands in the event and in RESULT Schema_change. */
export function writeSchemaChange(out: OutputBuffer, change: SchemaChange): void {
  out.string(change.change);
  out.string(change.target);
  out.string(change.keyspace);
  if (change.target !== 'KEYSPACE') out.string(change.name);
  if (change.target === 'FUNCTION' || change.target === 'AGGREGATE') out.stringList(change.argumentTypes);
}

function writeNodeEvent(
  out: OutputBuffer,
  version: number,
  type: EventType,
  change: string,
  node: ClientAddress,
): void {
  const mark = beginEvent(out, version, type);
  out.string(change);
  out.u8(node.address.length);
  out.raw(node.address);
  out.i32BE(node.port);
  out.end(mark);
}

function beginEvent(out: OutputBuffer, version: number, type: EventType): number {
  const mark = out.begin(version, EVENT_STREAM, Opcode.Event);
  out.string(NAMES[type]!);
  return mark;
}
