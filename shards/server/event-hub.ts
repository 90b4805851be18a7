import {
  type ClientAddress,
  EventType,
  type SchemaChange,
  writeSchemaEvent,
  writeStatusChange,
  writeTopologyChange,
} from '../../cql/protocol/event.ts';
import type { OutputBuffer } from '../../cql/protocol/output-buffer.ts';

/** A connection, as far as events need it. */
export interface EventListener {
  /** What it registered for, as bits `1 << EventType`. */
  events: number;
  readonly canWrite: boolean;
  readonly splitter: { readonly connectionVersion: number };
  output(): OutputBuffer;
}

/**
 * Tells registered connections of events. They go out with the turn's answers: a slow reader is dealt with as any other. Whoever
 * calls does so when the change can be read from this shard's system tables.
 */
export class EventHub {
  readonly #listeners: Set<EventListener>;

  constructor() {
    this.#listeners = new Set();
  }

  get listenerCount(): number {
    return this.#listeners.size;
  }

  /** @param events bits `1 << EventType`; they add to earlier ones */
  register(listener: EventListener, events: number): void {
    listener.events |= events;
    if (listener.events !== 0) this.#listeners.add(listener);
  }

  unregister(listener: EventListener): void {
    this.#listeners.delete(listener);
  }

  schemaChanged(changes: readonly SchemaChange[]): void {
    for (const change of changes) {
      this.#tell(EventType.SchemaChange, (out, version) => writeSchemaEvent(out, version, change));
    }
  }

  topologyChanged(change: 'NEW_NODE' | 'REMOVED_NODE' | 'MOVED_NODE', node: ClientAddress): void {
    this.#tell(EventType.TopologyChange, (out, version) => writeTopologyChange(out, version, change, node));
  }

  statusChanged(change: 'UP' | 'DOWN', node: ClientAddress): void {
    this.#tell(EventType.StatusChange, (out, version) => writeStatusChange(out, version, change, node));
  }

  #tell(type: EventType, write: (out: OutputBuffer, version: number) => void): void {
    for (const listener of this.#listeners) {
      if ((listener.events & (1 << type)) === 0 || !listener.canWrite) continue;
      write(listener.output(), listener.splitter.connectionVersion);
    }
  }
}
