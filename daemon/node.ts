import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { MetadataView } from '../cluster/metadata-view.ts';
import type { NodeRecord } from '../cluster/node-record.ts';
import { StateIdSource } from '../cluster/state-id.ts';
import { InvalidRequestError, TesseraError } from '../core/errors.ts';
import { renderPrometheus } from '../core/metrics.ts';
import { LogLevel } from '../core/ports/log.ts';
import { MAIN_THREAD, MailClass } from '../core/ports/mailbox.ts';
import type { RecoverStep } from '../shards/engine.ts';
import { Heartbeat, HeartbeatSampler } from '../shards/heartbeat.ts';
import { NodeClock } from '../shards/host/node-clock.ts';
import { NodeFiles } from '../shards/host/node-files.ts';
import { NodeRandom } from '../shards/host/node-random.ts';
import { NodeTasks } from '../shards/host/node-tasks.ts';
import { settleWhenIdle } from '../shards/host/settle.ts';
import type { LinkMailbox } from '../shards/mailbox.ts';
import { MetricsBlock } from '../shards/metrics-block.ts';
import { connectMailbox, createNodeMemory, type NodeMemory, threadIndex } from '../shards/node-memory.ts';
import { NodeRouting } from '../shards/node-routing.ts';
import type { ShardThreads } from '../shards/start.ts';
import { clearLeftovers } from '../shards/store/clear-leftovers.ts';
import type { CompactionReport } from '../shards/store/compaction-history.ts';
import { serveLog } from '../shards/thread-log.ts';
import { TurnWatch } from '../shards/turn-watch.ts';
import { Verb } from '../shards/verbs.ts';
import { ConfigError, type NodeConfig } from './config.ts';
import { configChanges, withLiveValues } from './config-changes.ts';
import { ExitCode } from './exit-code.ts';
import { Group0Host } from './group0-host.ts';
import { adminRoutes } from './http/admin.ts';
import { compactionRoutes } from './http/compactions.ts';
import { healthRoutes } from './http/health.ts';
import { HttpServer } from './http/http-server.ts';
import { metricsRoutes } from './http/metrics.ts';
import type { LogWriter } from './log-writer.ts';
import type { NodeControl } from './node-control.ts';
import { type NodeIdentity, nextBoot } from './node-identity.ts';
import { registerNode } from './node-registration.ts';
import { AddressError, claimPort } from './port-check.ts';
import { type ReadyFacts, writeReadyFile } from './ready.ts';
import { SchemaService } from './schema-service.ts';
import { selfQuery } from './self-query.ts';
import { liveShardConfiguration, shardConfiguration } from './shard-configuration.ts';
import { packageVersion } from './version.ts';

const FOREVER = Number.POSITIVE_INFINITY;
const SAMPLE_MS = 250;
const IMAGE_TIMEOUT_MS = 30_000;
const CONFIGURE_TIMEOUT_MS = 10_000;
const MAINTENANCE_TIMEOUT_MS = 3_600_000;
/** Beyond the drain's own limit: for the answer to come back. */
const GRACE_MS = 5_000;

/**
 * A node: the main thread's part, and the order in which everything starts and stops. The shards own the data and the clients;
 * here are configuration, group 0, the published metadata, and the administration API.
 */
export class Node implements NodeControl {
  readonly version: string = packageVersion();
  #config: NodeConfig;
  readonly #rereadConfig: () => Promise<NodeConfig>;
  readonly #log: LogWriter;
  readonly #startedMs: number;
  readonly #threads: ShardThreads;
  readonly #files = new NodeFiles();
  readonly #clock = new NodeClock();
  readonly #random = new NodeRandom();
  #tasks!: NodeTasks;
  #memory!: NodeMemory;
  #mailbox!: LinkMailbox;
  #metrics!: MetricsBlock;
  #identity!: NodeIdentity;
  #group0!: Group0Host;
  #stateIds!: StateIdSource;
  #schema!: SchemaService;
  #sampler!: HeartbeatSampler;
  #http: HttpServer[] = [];
  #notReady: string | undefined = 'starting';
  #isStopping = false;
  #reload: Promise<void> = Promise.resolve();

  /**
   * @param threads spawned for as many shards as the configuration has; the node's from now on
   * @param rereadConfig reads the configuration again as `config` was read, for SIGHUP; rejects with a ConfigError
   */
  constructor(
    config: NodeConfig,
    log: LogWriter,
    startedMs: number,
    threads: ShardThreads,
    rereadConfig: () => Promise<NodeConfig>,
  ) {
    this.#config = config;
    this.#rereadConfig = rereadConfig;
    this.#log = log;
    this.#startedMs = startedMs;
    this.#threads = threads;
  }

  // ---- start

  /** Everything up to the first query through the node's own port. Throws what keeps it from starting. */
  async start(): Promise<void> {
    const config = this.#config;
    mkdirSync(config.dataDirectory, { recursive: true });
    mkdirSync(config.commitlogDirectory, { recursive: true });
    const cqlPort = await claimPort(
      'native_transport_port',
      config.text('rpc_address'),
      config.number('native_transport_port'),
    );
    this.#identity = nextBoot(config.workdir);
    this.#connectThreads();
    await this.#openGroup0(cqlPort);
    await this.#startShards(cqlPort);
    const api = await this.#openHttp('api');
    const metrics = await this.#openHttp('prometheus');
    await this.#threads.askAll(Verb.Listen, { address: config.text('rpc_address'), port: cqlPort }, FOREVER);
    await selfQuery(config.text('rpc_address'), cqlPort);
    this.#announce(cqlPort, api, metrics);
    settleWhenIdle();
  }

  #connectThreads(): void {
    this.#memory = createNodeMemory(this.#config.shardCount);
    this.#tasks = new NodeTasks(this.#clock, new Heartbeat(this.#memory.heartbeats, MAIN_THREAD));
    this.#tasks.keepAlive(true);
    this.#metrics = new MetricsBlock(this.#memory.metrics[threadIndex(this.#memory, MAIN_THREAD)]!);
    this.#tasks.watchTurns(new TurnWatch(this.#clock, this.#metrics, this.#log.of('main')));
    const { mailbox, doorbell } = connectMailbox(this.#memory, MAIN_THREAD, this.#clock, this.#tasks, this.#metrics);
    this.#mailbox = mailbox;
    serveLog(mailbox, (level, thread, module, message) => this.#log.line(level, `shard ${thread}`, module, message));
    mailbox.serve(Verb.SchemaChange, MailClass.Control, (_from, bytes, start, end, _deadlineMs, reply) => {
      const request = JSON.parse(Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString()) as {
        readonly keyspace: string;
        readonly text: string;
      };
      this.#schema.execute(request.text, request.keyspace).then(
        (answer) => {
          const body = Buffer.from(JSON.stringify(answer));
          reply.ok(body, 0, body.length);
        },
        (error: unknown) => reply.fail(error as Error),
      );
    });
    const shards = Array.from({ length: this.#memory.shardCount }, (_, shard) => shard);
    this.#sampler = new HeartbeatSampler(
      this.#memory.heartbeats,
      shards,
      (thread) => doorbell.ring(thread),
      (thread, silentMs, label) => {
        const what = label < 0 ? '' : `, at ${label}`;
        this.#log.line(
          LogLevel.Warn,
          'main',
          'stall',
          `shard ${thread} has held its loop for ${Math.round(silentMs)} ms${what}, and still does`,
        );
      },
    );
    mailbox.start();
  }

  async #openGroup0(cqlPort: number): Promise<void> {
    const config = this.#config;
    this.#group0 = await Group0Host.open({
      files: this.#files,
      tasks: this.#tasks,
      log: this.#log.of('main'),
      random: this.#random,
      directory: join(config.workdir, 'group0'),
      hostId: this.#identity.hostId,
    });
    this.#stateIds = new StateIdSource(this.#clock, this.#identity.hostId);
    await registerNode(this.#group0, this.#stateIds, this.#record(cqlPort));
    this.#schema = new SchemaService({
      group0: this.#group0,
      stateIds: this.#stateIds,
      files: this.#files,
      log: this.#log.of('main'),
      clock: this.#clock,
      random: this.#random,
      hostId: this.#identity.hostId,
      dataDirectory: config.dataDirectory,
      loadLanguage: async () => {
        const { parseStatement } = await import('../cql/language/parser.ts');
        const { planSchemaStatement } = await import('../cql/plan/ddl.ts');
        return { parseStatement, planSchemaStatement };
      },
      publish: (image, version) => this.#publish(image, version),
    });
  }

  #record(cqlPort: number): NodeRecord {
    const config = this.#config;
    return {
      hostId: this.#identity.hostId,
      dataCenter: config.text('dc'),
      rack: config.text('rack'),
      shardCount: config.shardCount,
      rpcAddress: config.text('rpc_address'),
      listenAddress: config.text('listen_address'),
      cqlPort,
      storagePort: 0,
    };
  }

  async #startShards(cqlPort: number): Promise<void> {
    const config = this.#config;
    const { memory: image } = await this.#schema.start();
    const startedAtSeconds = Math.floor(this.#startedMs / 1000);
    const shardConfig = shardConfiguration(
      config,
      this.#identity,
      this.version,
      cqlPort,
      startedAtSeconds,
      this.#log.lowestLevel,
    );
    this.#threads.start(
      this.#memory,
      this.#mailbox,
      () => shardConfig,
      image,
      (shard, error) => this.#onShardDeath(shard, error),
    );
    const routing = new NodeRouting(new MetadataView(image, this.#identity.hostId), config.text('dc'));
    const recover = (step: RecoverStep) =>
      this.#threads.askAll<{ replayedRecords: number; strays: number }>(Verb.Recover, { step }, FOREVER);
    await recover('redo');
    clearLeftovers(this.#files, this.#log.of('main'), config.dataDirectory, routing);
    const reports = await recover('open');
    await recover('strays');
    await recover('start');
    const replayed = reports.reduce((sum, report) => sum + report.replayedRecords, 0);
    if (replayed > 0) this.#log.line(LogLevel.Info, 'main', 'commitlog', `replayed ${replayed} mutations`);
    this.#log.line(LogLevel.Info, 'main', 'commitlog', `sync mode ${config.text('commitlog_sync')}`);
    const sample = (): void => {
      this.#sampler.sample(this.#clock.monotonicMs());
      this.#tasks.setTimer(SAMPLE_MS, sample);
    };
    sample();
  }

  /** One listener of the API or the metrics: never keeps a node from starting, unless its port was asked for. */
  async #openHttp(what: 'api' | 'prometheus'): Promise<HttpServer> {
    const address = this.#config.text(`${what}_address`);
    const key = `${what}_port`;
    const isGiven = this.#config.isGiven(key);
    const isFree = !isGiven && this.#config.number('native_transport_port') === 0;
    const port = isFree ? 0 : this.#config.number(key);
    const routes = what === 'api' ? [healthRoutes, compactionRoutes, adminRoutes] : [healthRoutes, metricsRoutes];
    let server: HttpServer;
    try {
      server = await HttpServer.open(address, port, this, routes);
    } catch (error) {
      const errno = (error as NodeJS.ErrnoException).code ?? String(error);
      if (isGiven || errno !== 'EADDRINUSE') throw new AddressError(key, address, port, errno);
      server = await HttpServer.open(address, 0, this, routes);
      this.#log.line(LogLevel.Warn, 'main', 'init', `${key} ${port} is taken: using ${server.port}`);
    }
    this.#http.push(server);
    return server;
  }

  #announce(cqlPort: number, api: HttpServer, metrics: HttpServer): void {
    const config = this.#config;
    const address = config.text('rpc_address');
    this.#notReady = undefined;
    const facts: ReadyFacts = {
      pid: process.pid,
      version: this.version,
      host_id: this.#identity.hostId,
      cql: { address, port: cqlPort, shardAwarePort: null },
      storage: null,
      api: { address: api.address, port: api.port },
      metrics: { address: metrics.address, port: metrics.port },
      shards: config.shardCount,
      startedAt: new Date(this.#startedMs).toISOString(),
      startMs: Math.round(Date.now() - this.#startedMs),
    };
    const thread = 'shard 0:main';
    this.#log.line(
      LogLevel.Info,
      thread,
      'cql_server_controller',
      `Starting listening for CQL clients on ${address}:${cqlPort} (unencrypted, non-shard-aware)`,
    );
    this.#log.line(LogLevel.Info, thread, 'init', `Tessera version ${this.version} initialization completed.`);
    writeReadyFile(config.workdir, facts);
    if (config.boolean('print_ready')) process.stdout.write(`${JSON.stringify(facts)}\n`);
  }

  /** Hands an image to every shard; resolves when all have switched to it. */
  async #publish(image: SharedArrayBuffer, version: number): Promise<void> {
    this.#threads.sendImage(version, image);
    await this.#threads.askAll(Verb.PrepareImage, { version }, IMAGE_TIMEOUT_MS);
    await this.#threads.askAll(Verb.CommitImage, { version }, IMAGE_TIMEOUT_MS);
  }

  #onShardDeath(shard: number, error: Error): void {
    if (this.#isStopping) return;
    this.#log.line(LogLevel.Error, 'main', 'init', `shard ${shard} died: ${error.stack ?? error.message}`);
    process.exit(ExitCode.Assertion);
  }

  // ---- stop

  /** Drain: no new clients, requests end, memtables to disk, logs closed (tools §1.4). */
  async stop(): Promise<void> {
    this.#notReady = 'draining';
    this.#isStopping = true;
    const deadlineMs = this.#config.number('shutdown_timeout_in_ms');
    if (this.#threads.isStarted) {
      try {
        await this.#threads.askAll(Verb.Drain, { deadlineMs }, deadlineMs + GRACE_MS);
      } catch (error) {
        this.#log.line(
          LogLevel.Warn,
          'main',
          'init',
          `the drain was cut short: ${String(error)}; the log has everything`,
        );
      }
      await this.#threads.askAll(Verb.Close, {}, GRACE_MS * 2);
    }
    await this.#threads.stop();
    await this.#schema?.close();
    await this.#group0?.close();
    await Promise.all(this.#http.map((server) => server.close()));
    this.#tasks?.keepAlive(false);
    this.#log.line(LogLevel.Info, 'main', 'init', 'stopped');
  }

  /** After `start` has failed: nothing was promised to anybody, but threads and listeners would keep the process alive. */
  async abandon(): Promise<void> {
    this.#isStopping = true;
    await this.#threads.stop();
    await this.#group0?.close();
    await Promise.all(this.#http.map((server) => server.close()));
    this.#tasks?.keepAlive(false);
  }

  /** The second signal: one sync of the logs, nothing more. */
  async stopAtOnce(): Promise<void> {
    this.#isStopping = true;
    if (this.#threads.isStarted) await this.#threads.askAll(Verb.Close, {}, GRACE_MS);
  }

  // ---- while it runs

  /** Whether it was told to stop. */
  get isStopping(): boolean {
    return this.#isStopping;
  }

  get notReadyBecause(): string | undefined {
    return this.#notReady;
  }

  isAlive(): boolean {
    for (let shard = 0; shard < this.#memory.shardCount; shard++) if (!this.#sampler.isHealthy(shard)) return false;
    return true;
  }

  async flush(keyspace: string | undefined, tables: readonly string[]): Promise<void> {
    this.#assureTables(keyspace, tables);
    await this.#threads.askAll(Verb.Flush, { keyspace: keyspace ?? null, tables }, MAINTENANCE_TIMEOUT_MS);
  }

  async compact(keyspace: string | undefined, tables: readonly string[]): Promise<void> {
    this.#assureTables(keyspace, tables);
    await this.#threads.askAll(Verb.Compact, { keyspace: keyspace ?? null, tables }, MAINTENANCE_TIMEOUT_MS);
  }

  async compactions(): Promise<CompactionReport> {
    const reports = await this.#threads.askAll<CompactionReport>(Verb.Compactions, {}, MAINTENANCE_TIMEOUT_MS);
    return {
      running: reports.flatMap(({ running }) => running),
      pending: reports.flatMap(({ pending }) => pending),
      history: reports.flatMap(({ history }) => history).sort((a, b) => a.finishedMs - b.finishedMs),
    };
  }

  #assureTables(keyspace: string | undefined, tables: readonly string[]): void {
    if (keyspace === undefined) return;
    const descriptor = this.#group0.state().schema.keyspaces.get(keyspace);
    if (descriptor === undefined) throw new InvalidRequestError(`Can't find a keyspace ${keyspace}`);
    for (const table of tables) {
      if (!descriptor.tables.has(table))
        throw new InvalidRequestError(`Can't find a column family ${table} in keyspace ${keyspace}`);
    }
  }

  tableNames(): readonly string[] {
    return [...this.#group0.state().schema.keyspaces.values()].flatMap((keyspace) =>
      [...keyspace.tables.keys()].map((table) => `${keyspace.name}:${table}`),
    );
  }

  metrics(): string {
    const { metrics, shardCount } = this.#memory;
    const sources = metrics.map((memory, index) => ({
      labels: { shard: index === shardCount ? 'main' : String(index) },
      reader: new MetricsBlock(memory),
    }));
    return renderPrometheus(sources, this.#config.text('prometheus_prefix'));
  }

  /**
   * SIGHUP: reads the configuration again; settings that are live take effect on all shards, the others are named. What cannot be
   * read changes nothing. One after the other; never rejects.
   */
  reload(): Promise<void> {
    const say = (level: LogLevel, message: string): void => this.#log.line(level, 'main', 'config', message);
    this.#reload = this.#reload.then(async () => {
      try {
        await this.#reloadNow(say);
      } catch (error) {
        if (!(error instanceof TesseraError)) throw error;
        const what = error instanceof ConfigError ? 'nothing was changed' : 'some shards may not have the new settings';
        say(LogLevel.Error, `SIGHUP: ${error.message}; ${what}`);
      }
    });
    return this.#reload;
  }

  async #reloadNow(say: (level: LogLevel, message: string) => void): Promise<void> {
    if (this.#notReady !== undefined) {
      say(LogLevel.Warn, `SIGHUP: the node is ${this.#notReady}, the configuration is not read again`);
      return;
    }
    const fresh = await this.#rereadConfig();
    for (const warning of fresh.warnings) if (!this.#config.warnings.includes(warning)) say(LogLevel.Warn, warning);
    const changes = configChanges(this.#config, fresh);
    const next = withLiveValues(this.#config, fresh);
    if (changes.some(({ isLive }) => isLive)) {
      await this.#threads.askAll(Verb.Configure, liveShardConfiguration(next), CONFIGURE_TIMEOUT_MS);
      this.#config = next;
    }
    for (const { name, before, after, isLive } of changes) {
      if (isLive) say(LogLevel.Info, `${name}: ${before} -> ${after}`);
      else say(LogLevel.Warn, `${name}: ${before} -> ${after} takes effect at the next start only`);
    }
    if (changes.length === 0) say(LogLevel.Info, 'SIGHUP: the configuration is as it was');
  }

  /** SIGUSR2: what an engineer wants to see of a node that misbehaves, as a file under `diagnostics/`. */
  writeDiagnostics(): void {
    const directory = join(this.#config.workdir, 'diagnostics');
    mkdirSync(directory, { recursive: true });
    const path = join(directory, `${new Date().toISOString().replaceAll(':', '-')}.txt`);
    const memory = process.memoryUsage();
    writeFileSync(
      path,
      `${JSON.stringify({ version: this.version, identity: this.#identity, memory, tables: this.tableNames() }, null, 2)}\n\n${this.metrics()}`,
    );
    this.#log.line(LogLevel.Info, 'main', 'init', `diagnostics in ${path}`);
  }
}
