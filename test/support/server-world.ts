import { createHash } from 'node:crypto';
import { LogLevel } from '../../core/ports/log.ts';
import type { Schema } from '../../core/schema/keyspace.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import { planProtocolBatch } from '../../cql/plan/modify.ts';
import { planStatement } from '../../cql/plan/plan-statement.ts';
import { readSchemaScript } from '../../cql/plan/schema-script.ts';
import type { Hash } from '../../cql/protocol/statement-id.ts';
import { SystemTables } from '../../cql/system/system-tables.ts';
import { lz4Blocks } from '../../shards/host/lz4-blocks.ts';
import { LinkMailbox, type MailPeer } from '../../shards/mailbox.ts';
import { createMetricsMemory, MetricsBlock } from '../../shards/metrics-block.ts';
import { CqlServer, type CqlServerOptions } from '../../shards/server/cql-server.ts';
import { DEFAULT_SERVER_LIMITS, type ServerLimits } from '../../shards/server/limits.ts';
import { SimClock, SimTime } from '../sim/sim-clock.ts';
import { SIM_BELL, SimLink } from '../sim/sim-link.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { SimNetwork, type SimNetworkOptions, type SimSockets } from '../sim/sim-sockets.ts';
import { SimTasks } from '../sim/sim-tasks.ts';
import { CqlClient } from './cql-client.ts';
import { ScriptedExecutor } from './scripted-executor.ts';

export const SERVER_ADDRESS = '10.0.0.1';
const LINK_BYTES = 1 << 20;
const BATCH_TYPES = ['logged', 'unlogged', 'counter'] as const;

/** The schema that tests work on, unless they bring another. */
export const TEST_SCHEMA = `
  CREATE TYPE ks.address (street text, number int);
  CREATE TABLE ks.t (k int PRIMARY KEY, v text, a frozen<address>);
  CREATE TABLE ks.wide (k int, c int, v text, PRIMARY KEY (k, c));
  CREATE TABLE other.t (k int PRIMARY KEY, v int);`;

/** One shard of the world. */
export interface ServerShard {
  readonly tasks: SimTasks;
  readonly clock: SimClock;
  readonly mailbox: LinkMailbox;
  readonly metrics: MetricsBlock;
  readonly executor: ScriptedExecutor;
  readonly server: CqlServer;
  /** Its view of the schema; `switchSchema` sets it. */
  schema: Schema;
}

export interface ServerWorldOptions {
  readonly seed?: number;
  readonly shards?: number;
  readonly limits?: Partial<ServerLimits>;
  readonly network?: SimNetworkOptions;
  readonly schema?: string;
  readonly server?: Partial<CqlServerOptions>;
}

export const md5: Hash = (bytes) => createHash('md5').update(bytes).digest();

let uuidCount = 0;
const newUuid = (): string => `00000000-0000-4000-8000-${String(++uuidCount).padStart(12, '0')}`;

/** A schema from CQL text, with a version of its own. */
export function schemaOf(script: string): Schema {
  return { ...readSchemaScript(script, newUuid), version: newUuid() };
}

/** The CQL servers of one simulated node: real planner, mailboxes and protocol; scripted executors in place of the store. */
export class ServerWorld {
  readonly time: SimTime = new SimTime();
  readonly random: SimRandom;
  readonly network: SimNetwork;
  readonly shards: ServerShard[] = [];
  readonly clientTasks: SimTasks;
  readonly clientSockets: SimSockets;
  /** Errors that a shard has logged. */
  readonly errors: string[] = [];
  port = 0;
  readonly system: SystemTables;

  constructor(options: ServerWorldOptions = {}) {
    const { seed = 1, shards = 1, network = {}, schema = TEST_SCHEMA } = options;
    this.random = new SimRandom(seed);
    this.network = new SimNetwork(this.random.fork(), network);
    this.clientTasks = new SimTasks(this.time, this.random.fork());
    this.clientSockets = this.network.sockets(this.clientTasks, '10.0.0.9');
    const first = schemaOf(schema);
    this.system = systemTables(first, shards);
    const tasks = Array.from({ length: shards }, () => new SimTasks(this.time, this.random.fork()));
    const links = tasks.map((from, a) =>
      tasks.map((to, b) => {
        const wake = (shard: number) => () => this.shards[shard]!.mailbox.wake(false);
        return new SimLink(LINK_BYTES, this.random.fork(), from, to, wake(a), wake(b));
      }),
    );
    for (const [self, own] of tasks.entries()) {
      const peers: MailPeer[] = [];
      for (const thread of tasks.keys()) {
        if (thread !== self) peers.push({ thread, sender: links[self]![thread]!, receiver: links[thread]![self]! });
      }
      this.#addShard(self, own, peers, first, options);
    }
  }

  /** Listens, every shard on the same port. */
  async listen(): Promise<this> {
    for (const { server } of this.shards) this.port = await server.listen(SERVER_ADDRESS, this.port);
    return this;
  }

  /** Runs the simulation until `promise` is settled; fails when nothing more can happen, or after `limitMs`. */
  run<Result>(promise: Promise<Result>, limitMs = 120_000): Promise<Result> {
    return this.time.runUntilSettled(promise, limitMs);
  }

  /** Lets time pass. */
  async pass(ms: number): Promise<void> {
    await this.time.runAsync(this.time.nowMs + ms);
  }

  /** A connection before its handshake. */
  connect(): Promise<CqlClient> {
    return this.run(CqlClient.connect(this.clientSockets, SERVER_ADDRESS, this.port));
  }

  /** A connection that is ready for requests. */
  ready(version = 4, options: Readonly<Record<string, string>> = {}): Promise<CqlClient> {
    return this.run(CqlClient.ready(this.clientSockets, SERVER_ADDRESS, this.port, version, options));
  }

  /** Switches shards, all or those named, to another schema. */
  switchSchema(schema: Schema, shards: Iterable<number> = this.shards.keys()): void {
    for (const self of shards) {
      const shard = this.shards[self]!;
      const before = this.system.complete(shard.schema);
      shard.schema = schema;
      shard.server.schemaChanged(before, this.system.complete(schema));
    }
  }

  #addShard(self: number, tasks: SimTasks, peers: MailPeer[], schema: Schema, options: ServerWorldOptions): void {
    const clock = new SimClock(this.time, 1000 * (self + 1));
    const metrics = new MetricsBlock(createMetricsMemory());
    const mailbox = new LinkMailbox({ self, peers, bell: SIM_BELL, clock, tasks, metrics });
    const executor = new ScriptedExecutor();
    const completeSchema = (): Schema => this.system.complete(shard.schema);
    const server = new CqlServer({
      self,
      shardCount: options.shards ?? 1,
      sockets: this.network.sockets(tasks, SERVER_ADDRESS),
      mailbox,
      wake: () => mailbox.wake(false),
      tasks,
      clock,
      random: this.random.fork(),
      metrics,
      log: {
        write: (level, _module, message) => {
          if (level >= LogLevel.Error) this.errors.push(message);
        },
      },
      md5,
      blockCodecs: { lz4: lz4Blocks },
      executor,
      planner: (text, keyspace) =>
        planStatement(parseStatement(text), completeSchema(), keyspace === '' ? undefined : keyspace),
      batchPlanner: (statements, type) => planProtocolBatch(BATCH_TYPES[type]!, statements),
      schema: completeSchema,
      limits: { ...DEFAULT_SERVER_LIMITS, ...options.limits },
      supported: { hostId: '', extensions: 0xff, shardAwarePort: 0 },
      ...options.server,
    });
    const shard: ServerShard = { tasks, clock, mailbox, metrics, executor, server, schema };
    this.shards.push(shard);
    mailbox.start();
  }
}

function systemTables(schema: Schema, shardCount: number): SystemTables {
  return new SystemTables({
    node: {
      hostId: newUuid(),
      clusterName: 'test',
      dataCenter: 'datacenter1',
      rack: 'rack1',
      rpcAddress: SERVER_ADDRESS,
      listenAddress: SERVER_ADDRESS,
      broadcastAddress: SERVER_ADDRESS,
      cqlPort: 9042,
      shardCount,
      version: '0.0.0',
      tokens: ['0'],
      startedAtSeconds: 0,
    },
    schema: () => schema,
    config: () => [],
    clients: () => [],
    tablets: () => [],
    runtimeInfo: () => [],
    compactions: () => [],
  });
}
