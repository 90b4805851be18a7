import { Metric, type Metrics } from '../../core/metrics.ts';
import type { Clock } from '../../core/ports/clock.ts';
import type { Socket, SocketHandler } from '../../core/ports/sockets.ts';
import type { Tasks } from '../../core/ports/tasks.ts';
import { ConnectionPhase } from '../../cql/protocol/envelope.ts';
import { OutputBuffer } from '../../cql/protocol/output-buffer.ts';
import type { ClientEntry } from '../../cql/system/system-context.ts';
import { Deadlines } from '../deadlines.ts';
import { Connection, type ConnectionOwner } from './connection.ts';
import type { ServerLimits } from './limits.ts';
import type { RequestMemory } from './request-memory.ts';

const FIRST_CAPACITY = 256;
/** Output buffers kept between turns: as many as connections are usually answered in one turn. */
const KEPT_OUTPUTS = 64;
/** When too many shake hands, the one that has taken longer than this, the usual being a few milliseconds, makes room. */
const USUAL_HANDSHAKE_MS = 1000;

const STAGES: Readonly<Record<ConnectionPhase, string>> = {
  [ConnectionPhase.New]: 'ESTABLISHED',
  [ConnectionPhase.Authenticating]: 'AUTHENTICATING',
  [ConnectionPhase.Ready]: 'READY',
};

/** What is told to sockets that were refused. */
const REFUSED: SocketHandler = { onData(): void {}, onDrain(): void {}, onClose(): void {} };

export interface ConnectionSetOptions {
  readonly shard: number;
  readonly limits: ServerLimits;
  readonly memory: RequestMemory;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly tasks: Tasks;
  readonly wake: () => void;
  readonly onFrame: (connection: Connection) => void;
  readonly bodyLimit: () => number;
  readonly onClosed: (connection: Connection) => void;
}

/** Handshake under way, since when. Those that began first come first. */
type Handshakes = Map<Connection, number>;

/** The open connections of a shard, with what they share: limits, timers, output buffers, and when their answers leave. */
export class ConnectionSet implements ConnectionOwner {
  readonly limits: ServerLimits;
  readonly memory: RequestMemory;
  readonly metrics: Metrics;
  readonly clock: Clock;
  readonly wake: () => void;
  readonly onFrame: (connection: Connection) => void;
  readonly bodyLimit: () => number;
  /** Bytes that slow readers have not taken. */
  bufferedBytes: number;

  readonly #shard: number;
  readonly #tasks: Tasks;
  readonly #onClosed: (connection: Connection) => void;
  readonly #connections: (Connection | undefined)[];
  readonly #freeSlots: number[];
  #size: number;
  readonly #handshakes: Handshakes;
  readonly #deadlines: Deadlines;
  #capacity: number;
  readonly #outputs: OutputBuffer[];
  readonly #dirty: Connection[];
  /** Connections with answers to be sent while others are owed. */
  readonly #partial: Connection[];
  #goingOn: Connection[];
  #isClosing: boolean;
  #allClosed: (() => void) | undefined;

  constructor(options: ConnectionSetOptions) {
    this.limits = options.limits;
    this.memory = options.memory;
    this.metrics = options.metrics;
    this.clock = options.clock;
    this.wake = options.wake;
    this.onFrame = options.onFrame;
    this.bodyLimit = options.bodyLimit;
    this.bufferedBytes = 0;
    this.#shard = options.shard;
    this.#tasks = options.tasks;
    this.#onClosed = options.onClosed;
    this.#connections = [];
    this.#freeSlots = [];
    this.#size = 0;
    this.#handshakes = new Map();
    this.#deadlines = new Deadlines(options.clock, options.tasks, FIRST_CAPACITY, this.#onDeadline);
    this.#capacity = FIRST_CAPACITY;
    this.#outputs = [];
    this.#dirty = [];
    this.#partial = [];
    this.#goingOn = [];
    this.#isClosing = false;
    this.#allClosed = undefined;
  }

  /** Open connections. */
  get size(): number {
    return this.#size;
  }

  /**
   * Takes a connection. One too many is closed at once; so is a stranger when `maxHandshakes` shake hands, unless the oldest of
   * those has taken unusually long: then that one goes, so that clients that say nothing do not keep others out.
   */
  accept(socket: Socket): SocketHandler {
    this.wake();
    if (this.#isClosing || this.#size >= this.limits.maxConnections || !this.#hasRoomForStranger()) {
      this.metrics.add(Metric.CqlConnectionsRefused, 1);
      socket.destroy();
      return REFUSED;
    }
    const slot = this.#freeSlots.pop() ?? this.#connections.length;
    if (slot >= this.#capacity) {
      this.#capacity *= 2;
      this.#deadlines.grow(this.#capacity);
    }
    const connection = new Connection(socket, slot, this);
    this.#connections[slot] = connection;
    this.#size++;
    this.#handshakes.set(connection, this.clock.monotonicMs());
    this.watch(connection, this.limits.handshakeMs);
    this.metrics.add(Metric.CqlConnectionsAccepted, 1);
    this.metrics.set(Metric.CqlConnections, this.#size);
    return connection;
  }

  entries(): ClientEntry[] {
    const entries: ClientEntry[] = [];
    for (const connection of this.#connections) {
      if (connection === undefined) continue;
      const { socket, options } = connection;
      entries.push({
        address: socket.remoteAddress,
        port: socket.remotePort,
        stage: STAGES[connection.phase],
        driverName: options.get('DRIVER_NAME') ?? '',
        driverVersion: options.get('DRIVER_VERSION') ?? '',
        protocolVersion: connection.splitter.connectionVersion,
        shard: this.#shard,
        options,
      });
    }
    return entries;
  }

  /** Takes no more connections and ends those that are open; resolves when all are closed, at the latest at `deadlineMs`. */
  async close(deadlineMs: number): Promise<void> {
    this.#isClosing = true;
    for (const connection of this.#connections) connection?.end();
    if (this.#size === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#allClosed = resolve;
    const timer = this.#tasks.setTimer(Math.max(0, deadlineMs - this.clock.monotonicMs()), () => {
      for (const connection of this.#connections) connection?.destroy();
    });
    await promise;
    this.#tasks.clearTimer(timer);
  }

  takeOutput(): OutputBuffer {
    return this.#outputs.pop() ?? new OutputBuffer();
  }

  giveOutput(out: OutputBuffer): void {
    out.clear();
    if (this.#outputs.length < KEPT_OUTPUTS) this.#outputs.push(out);
  }

  flushLater(connection: Connection): void {
    this.#dirty.push(connection);
    if (this.#dirty.length === 1) this.#tasks.atTurnEnd(this.#flush);
  }

  goOnLater(connection: Connection): void {
    this.#goingOn.push(connection);
    if (this.#goingOn.length === 1) this.#tasks.nextTurn(this.#goOn);
  }

  watch(connection: Connection, delayMs: number): void {
    this.#deadlines.clear(connection.slot);
    this.#deadlines.set(connection.slot, this.clock.monotonicMs() + delayMs);
  }

  unwatch(connection: Connection): void {
    this.#deadlines.clear(connection.slot);
  }

  addBufferedBytes(change: number): void {
    if (change === 0) return;
    this.bufferedBytes += change;
    this.metrics.set(Metric.CqlOutputBytes, this.bufferedBytes);
  }

  onReady(connection: Connection): void {
    this.#handshakes.delete(connection);
    this.unwatch(connection);
  }

  onClosed(connection: Connection): void {
    this.unwatch(connection);
    this.#handshakes.delete(connection);
    this.#connections[connection.slot] = undefined;
    this.#freeSlots.push(connection.slot);
    this.#size--;
    this.metrics.set(Metric.CqlConnections, this.#size);
    this.#onClosed(connection);
    if (this.#size === 0) this.#allClosed?.();
  }

  #hasRoomForStranger(): boolean {
    if (this.#handshakes.size < this.limits.maxHandshakes) return true;
    for (const [oldest, sinceMs] of this.#handshakes) {
      if (this.clock.monotonicMs() - sinceMs < USUAL_HANDSHAKE_MS) return false;
      this.#handshakes.delete(oldest);
      this.metrics.add(Metric.CqlConnectionsCut, 1);
      oldest.destroy();
      return true;
    }
    return true;
  }

  /**
   * Who has all its answers gets them now. The rest, owed by other shards and the log, come in many turns of the loop's round (one
   * per socket that it reads): those connections wait for its end, and are written to once.
   */
  readonly #flush = (): void => {
    const dirty = this.#dirty;
    const partial = this.#partial;
    // A flush makes nobody dirty: it only writes.
    for (let i = 0; i < dirty.length; i++) {
      const connection = dirty[i]!;
      if (connection.inFlight === 0 || connection.isEnding) {
        connection.flush();
      } else {
        partial.push(connection);
        if (partial.length === 1) this.#tasks.nextTurn(this.#flushPartial);
      }
    }
    dirty.length = 0;
  };

  readonly #flushPartial = (): void => {
    const partial = this.#partial;
    for (let i = 0; i < partial.length; i++) partial[i]!.flush();
    partial.length = 0;
  };

  /** One connection per turn: each has work for several milliseconds. */
  readonly #goOn = (): void => {
    const connection = this.#goingOn.shift()!;
    if (this.#goingOn.length > 0) this.#tasks.nextTurn(this.#goOn);
    connection.goOn();
  };

  readonly #onDeadline = (slot: number): void => this.#connections[slot]?.onWatch();
}
