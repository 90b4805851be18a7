import { AssertionError } from '../../core/assert.ts';
import type { Metrics } from '../../core/metrics.ts';
import type { Clock } from '../../core/ports/clock.ts';
import { type Log, LogLevel } from '../../core/ports/log.ts';
import type { Mailbox, ThreadId } from '../../core/ports/mailbox.ts';
import type { Random } from '../../core/ports/random.ts';
import type { Listener, Sockets } from '../../core/ports/sockets.ts';
import type { Tasks } from '../../core/ports/tasks.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { type BlockCodec, type BodyCompressor, lz4Compressor, snappyCompressor } from '../../cql/protocol/compress.ts';
import type { Hash } from '../../cql/protocol/statement-id.ts';
import type { SupportedConfig } from '../../cql/protocol/supported.ts';
import type { ClientEntry } from '../../cql/system/system-context.ts';
import { ConnectionSet } from './connection-set.ts';
import { Dispatcher } from './dispatch.ts';
import { EventHub } from './event-hub.ts';
import { Forwarder } from './forwarder.ts';
import { type Authenticator, Handshake } from './handshake.ts';
import type { ServerLimits } from './limits.ts';
import { type Planner, PrepareService } from './prepare-service.ts';
import { PreparedCache } from './prepared-cache.ts';
import type { RequestExecutor } from './request-executor.ts';
import { RequestMemory } from './request-memory.ts';
import { schemaChanges } from './schema-changes.ts';
import { type BatchPlanner, StatementRunner } from './statement-runner.ts';

/** What SUPPORTED tells beside what follows from the other options. */
export interface SupportedFacts {
  /** Host id as text, or '' to leave it out. */
  readonly hostId: string;
  /** Bits of Extension that clients may switch on. */
  readonly extensions: number;
  /** Port on which the client's port chooses the shard. Undefined: clients are told nothing of shards. */
  readonly shardAwarePort: number | undefined;
}

export interface CqlServerOptions {
  readonly self: ThreadId;
  readonly shardCount: number;
  readonly sockets: Sockets;
  readonly mailbox: Mailbox;
  /** Lets replies that are in the rings already leave with this turn: `LinkMailbox.wake(false)`. */
  readonly wake: () => void;
  readonly tasks: Tasks;
  readonly clock: Clock;
  readonly random: Random;
  readonly metrics: Metrics;
  readonly log: Log;
  readonly md5: Hash;
  readonly blockCodecs: { readonly lz4?: BlockCodec | undefined; readonly snappy?: BlockCodec | undefined };
  readonly executor: RequestExecutor;
  readonly planner: Planner;
  readonly batchPlanner: BatchPlanner;
  /** The whole schema as it is now, system keyspaces included. */
  readonly schema: () => Schema;
  readonly limits: ServerLimits;
  readonly supported: SupportedFacts;
  /** Undefined: everybody is let in. */
  readonly authenticator?: Authenticator | undefined;
}

/** The CQL server of one shard: its listeners, connections, prepared statements and requests under way. */
export class CqlServer {
  readonly #sockets: Sockets;
  readonly #log: Log;
  readonly #listeners: Listener[];
  readonly #connections: ConnectionSet;
  readonly #dispatcher: Dispatcher;
  readonly #cache: PreparedCache;
  readonly #clock: Clock;
  readonly #tasks: Tasks;
  /** Tells this shard's connections of topology and status; schema events come by `schemaChanged`. */
  readonly events: EventHub;

  constructor(options: CqlServerOptions) {
    const { self, shardCount, mailbox, tasks, clock, metrics, limits, md5, planner, schema } = options;
    this.#sockets = options.sockets;
    this.#log = options.log;
    this.#listeners = [];
    this.#clock = clock;
    this.#tasks = tasks;
    this.events = new EventHub();
    const reportBug = (error: unknown): void => this.#reportBug(error);
    const memory = new RequestMemory(limits.requestBytes, metrics);
    const cache = new PreparedCache(limits.preparedBytes, metrics, Math.floor(options.random.next() * 2 ** 32) | 0);
    this.#cache = cache;
    const compressors = compressorsOf(options.blockCodecs);
    const { shardAwarePort } = options.supported;
    const supported: SupportedConfig = {
      compressions: [...compressors.keys()],
      extensions: options.supported.extensions,
      sharding: shardAwarePort === undefined ? undefined : { shard: self, shardCount, shardAwarePort },
      hostId: options.supported.hostId,
    };
    const handshake = new Handshake(supported, compressors, options.authenticator, this.events);
    const dispatcher = new Dispatcher({ limits, memory, metrics, handshake, reportBug });
    this.#dispatcher = dispatcher;
    const prepares = new PrepareService({
      self,
      shardCount,
      mailbox,
      clock,
      tasks,
      metrics,
      limits,
      cache,
      planner,
      md5,
      schema,
      reportBug,
    });
    const { executor, batchPlanner } = options;
    const runner = new StatementRunner({ cache, planner, batchPlanner, executor, prepares });
    const forwarder = new Forwarder({ mailbox, clock, metrics, limits, cache, pool: dispatcher.pool, runner });
    dispatcher.connect(runner, (request, to, deadlineMs) => forwarder.forward(request, to, deadlineMs));
    this.#connections = new ConnectionSet({
      shard: self,
      limits,
      memory,
      metrics,
      clock,
      tasks,
      wake: options.wake,
      onFrame: dispatcher.onFrame,
      bodyLimit: dispatcher.bodyLimit,
      onClosed: (connection) => this.events.unregister(connection),
    });
  }

  /** Requests of this shard's clients under way. */
  get requestsInFlight(): number {
    return this.#dispatcher.clientRequests;
  }

  get preparedCount(): number {
    return this.#cache.size;
  }

  /**
   * Takes connections on a port that other shards listen on too; may be called for several ports.
   * @param port 0 picks a free one
   * @returns the port
   * @throws TesseraError ADDRESS_IN_USE, ADDRESS_UNAVAILABLE
   */
  async listen(address: string, port: number): Promise<number> {
    const listener = await this.#sockets.listen({ address, port, reusePort: true }, (socket) =>
      this.#connections.accept(socket),
    );
    this.#listeners.push(listener);
    return listener.port;
  }

  /** Takes no more connections; those that are open live on. Resolves when the ports are free. */
  async stopListening(): Promise<void> {
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.close()));
  }

  /**
   * Answers new requests with Bootstrapping, so that drivers go elsewhere, waits for those under way, then closes the
   * connections.
   * @param deadlineMs on the monotonic clock: what is not done by then is cut off
   */
  async drain(deadlineMs: number): Promise<void> {
    const { promise: isTime, resolve } = Promise.withResolvers<void>();
    const timer = this.#tasks.setTimer(Math.max(0, deadlineMs - this.#clock.monotonicMs()), resolve);
    await Promise.race([this.#dispatcher.drain(), isTime]);
    this.#tasks.clearTimer(timer);
    await this.#connections.close(deadlineMs);
  }

  /**
   * This shard has switched to another schema: forgets the statements that it concerns and tells the clients. Whoever answers
   * DDL does so after all shards have done this.
   */
  schemaChanged(previous: Schema, next: Schema): void {
    this.#cache.dropChanged(previous, next);
    this.events.schemaChanged(schemaChanges(previous, next));
  }

  /** The connections, for `system.clients`. */
  clients(): ClientEntry[] {
    return this.#connections.entries();
  }

  /** @throws AssertionError if it is one: that ends the process, not the request (settled question 35) */
  #reportBug(error: unknown): void {
    if (error instanceof AssertionError) throw error;
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#log.write(LogLevel.Error, 'cql_server', `a request failed for a bug: ${text}`);
  }
}

function compressorsOf(codecs: CqlServerOptions['blockCodecs']): Map<string, BodyCompressor> {
  const compressors = new Map<string, BodyCompressor>();
  if (codecs.lz4 !== undefined) compressors.set('lz4', lz4Compressor(codecs.lz4));
  if (codecs.snappy !== undefined) compressors.set('snappy', snappyCompressor(codecs.snappy));
  return compressors;
}
