import { MetadataView } from '../cluster/metadata-view.ts';
import { ByteWriter } from '../core/bytes.ts';
import { decodeError } from '../core/error-codec.ts';
import { TesseraError } from '../core/errors.ts';
import type { TableId } from '../core/ids.ts';
import { int64ToBigInt } from '../core/int64.ts';
import { Metric, type Metrics } from '../core/metrics.ts';
import type { Clock } from '../core/ports/clock.ts';
import type { Files } from '../core/ports/files.ts';
import type { Log } from '../core/ports/log.ts';
import { type Mailbox, MailClass, type Reply, type ThreadId } from '../core/ports/mailbox.ts';
import type { Offload } from '../core/ports/offload.ts';
import type { Random } from '../core/ports/random.ts';
import type { Sockets } from '../core/ports/sockets.ts';
import type { Tasks } from '../core/ports/tasks.ts';
import type { Schema } from '../core/schema/keyspace.ts';
import { TimestampSource } from '../core/timestamps.ts';
import { tabletTokenRange } from '../core/token.ts';
import { parseStatement } from '../cql/language/parser.ts';
import type { BatchLimits } from '../cql/plan/batch.ts';
import { planProtocolBatch } from '../cql/plan/modify.ts';
import type { StatementPlan } from '../cql/plan/plan.ts';
import { planStatement } from '../cql/plan/plan-statement.ts';
import type { BlockCodec } from '../cql/protocol/compress.ts';
import type { Hash } from '../cql/protocol/statement-id.ts';
import type { SystemContext, TabletEntry } from '../cql/system/system-context.ts';
import { SystemTables } from '../cql/system/system-tables.ts';
import { Coordinator } from './coordinator/coordinator.ts';
import { NodeRouting } from './node-routing.ts';
import { CqlServer } from './server/cql-server.ts';
import { DEFAULT_SERVER_LIMITS, type ServerLimits } from './server/limits.ts';
import type { LiveShardConfig, ShardConfig } from './shard-config.ts';
import { type CompactionEntry, CompactionHistory } from './store/compaction-history.ts';
import { openStore, redoTransactions, type StrayMutation } from './store/recovery.ts';
import type { Store, StoreOptions } from './store/store.ts';
import type { TableStore } from './store/table-store.ts';
import { Verb } from './verbs.ts';

/** The world of a shard. */
export interface ShardPorts {
  readonly files: Files;
  readonly clock: Clock;
  readonly random: Random;
  readonly tasks: Tasks;
  readonly mailbox: Mailbox;
  readonly sockets: Sockets;
  readonly offload: Offload;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly md5: Hash;
  readonly lz4: BlockCodec;
  readonly snappy: BlockCodec;
  /** Resolves with the image of a version once it came. */
  takeImage(version: number): Promise<SharedArrayBuffer>;
  /** Has the rings looked at when the turn of a socket ends. */
  wakeMailbox(): void;
}

/** Steps of a start, asked for by Verb.Recover one after the other on all shards. */
export const RecoverStep = { Redo: 'redo', Open: 'open', Strays: 'strays', Start: 'start' } as const;
export type RecoverStep = (typeof RecoverStep)[keyof typeof RecoverStep];

/** What a shard tells the main thread about itself, for metrics and the API. */
export interface ShardReport {
  readonly replayedRecords: number;
  readonly strays: number;
}

type Writable<Fields> = { -readonly [Name in keyof Fields]: Fields[Name] };

/** Types of protocol batches by their code. */
const BATCH_TYPES = ['logged', 'unlogged', 'counter'] as const;
const STRAY_DEADLINE_MS = 60_000;
const STATS_MS = 1000;
const NOTE_DEADLINE_MS = 10_000;

/**
 * One shard, whole, over its ports: store, coordinator, CQL server, and what the main thread asks of it. The worker thread
 * (`shard.ts`) and the simulator make it alike.
 *
 * Order of a start, told by main: redo, open, strays; then listen. Of a stop: drain, then close.
 */
export class ShardEngine {
  readonly #self: ThreadId;
  #config: ShardConfig;
  /** Looked at whenever a batch is carried out, and for every frame: changed in place. */
  readonly #batchLimits: Writable<BatchLimits>;
  readonly #serverLimits: Writable<ServerLimits>;
  readonly #shardCount: number;
  readonly #ports: ShardPorts;
  readonly #timestamps: TimestampSource;
  readonly #system: SystemTables;
  #view: MetadataView;
  #routing: NodeRouting;
  /** The image to switch to. */
  #prepared: MetadataView | undefined;
  #store: Store | undefined;
  #server: CqlServer | undefined;
  /** Of all shards. */
  readonly #compactions: CompactionHistory = new CompactionHistory();
  #strays: readonly StrayMutation[] = [];
  #replayedRecords = 0;

  constructor(self: ThreadId, shardCount: number, config: ShardConfig, ports: ShardPorts, image: SharedArrayBuffer) {
    this.#self = self;
    this.#shardCount = shardCount;
    this.#config = config;
    this.#batchLimits = batchLimitsOf(config);
    this.#serverLimits = { ...DEFAULT_SERVER_LIMITS, ...serverLimitsOf(config) };
    this.#ports = ports;
    this.#timestamps = new TimestampSource(ports.clock);
    this.#view = new MetadataView(image, config.hostId);
    this.#routing = new NodeRouting(this.#view, config.dataCenter);
    this.#system = new SystemTables(this.#systemContext());
    this.#serveControl();
  }

  /** The complete schema: the users' keyspaces and the system's. */
  #schema(): Schema {
    return this.#system.complete(this.#routing.schema);
  }

  #serveControl(): void {
    const { mailbox } = this.#ports;
    const serve = (verb: number, handler: (request: Record<string, unknown>) => Promise<unknown> | unknown): void => {
      mailbox.serve(verb, MailClass.Control, (_from, bytes, start, end, _deadlineMs, reply) => {
        const text = Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
        answer(reply, async () => handler(JSON.parse(text) as Record<string, unknown>));
      });
    };
    serve(Verb.Recover, ({ step }) => this.#recover(step as RecoverStep));
    serve(Verb.Listen, async ({ address, port }) => ({ port: await this.#listen(address as string, port as number) }));
    serve(Verb.PrepareImage, async ({ version }) => {
      const image = await this.#ports.takeImage(version as number);
      this.#prepared = new MetadataView(image, this.#config.hostId, this.#view);
      return {};
    });
    serve(Verb.CommitImage, () => {
      this.#switchImage();
      return {};
    });
    serve(Verb.Drain, async ({ deadlineMs }) => {
      await this.#server?.stopListening();
      await this.#server?.drain(this.#ports.clock.monotonicMs() + (deadlineMs as number));
      await this.#store?.drain();
      return {};
    });
    serve(Verb.Close, async () => {
      await this.#store?.close();
      return {};
    });
    serve(Verb.Flush, async ({ keyspace, tables }) => {
      await this.#opened().flush(matcher(keyspace as string | null, tables as string[]));
      return {};
    });
    serve(Verb.Compactions, () => this.#opened().compactor.report());
    serve(Verb.NoteCompaction, (entry) => {
      this.#compactions.add(entry as unknown as CompactionEntry);
      return {};
    });
    serve(Verb.Configure, (live) => {
      this.#configure(live as unknown as LiveShardConfig);
      return {};
    });
    serve(Verb.Compact, async ({ keyspace, tables }) => {
      await this.#opened().compact(matcher(keyspace as string | null, tables as string[]));
      return {};
    });
  }

  #opened(): Store {
    if (this.#store === undefined) throw new TesseraError('NOT_READY', 'the shard is starting');
    return this.#store;
  }

  async #recover(step: RecoverStep): Promise<ShardReport> {
    switch (step) {
      case RecoverStep.Redo:
        await redoTransactions(this.#storeOptions(), this.#routing);
        break;
      case RecoverStep.Open:
        await this.#open();
        break;
      case RecoverStep.Strays:
        await this.#writeStrays();
        break;
      case RecoverStep.Start:
        this.#opened().start();
    }
    return { replayedRecords: this.#replayedRecords, strays: this.#strays.length };
  }

  async #open(): Promise<void> {
    const { clock, tasks, random, mailbox, log, metrics } = this.#ports;
    const { store, strays, replayedRecords } = await openStore(this.#storeOptions(), this.#routing);
    this.#store = store;
    this.#strays = strays;
    this.#replayedRecords = replayedRecords;
    const coordinator = new Coordinator({
      self: this.#self,
      shardCount: this.#shardCount,
      mailbox,
      store,
      clock,
      tasks,
      random,
      timestamps: this.#timestamps,
      log,
      metrics,
      routing: () => this.#routing,
      timeouts: () => this.#config.timeouts,
      systemSource: (table: TableId) => this.#system.source(table),
    });
    this.#server = this.#makeServer(coordinator);
    this.#reportStats();
  }

  #makeServer(executor: Coordinator): CqlServer {
    const { sockets, mailbox, tasks, clock, random, metrics, log, md5, lz4, snappy, wakeMailbox } = this.#ports;
    const batchLimits = this.#batchLimits;
    return new CqlServer({
      self: this.#self,
      shardCount: this.#shardCount,
      sockets,
      mailbox,
      wake: wakeMailbox,
      tasks,
      clock,
      random,
      metrics,
      log,
      md5,
      blockCodecs: { lz4, snappy },
      executor,
      schema: () => this.#schema(),
      planner: (text: string, keyspace: string): StatementPlan =>
        planStatement(parseStatement(text), this.#schema(), keyspace === '' ? undefined : keyspace, batchLimits),
      batchPlanner: (statements, type) => planProtocolBatch(BATCH_TYPES[type]!, statements, batchLimits),
      supported: { hostId: '', extensions: 0, shardAwarePort: undefined },
      limits: this.#serverLimits,
    });
  }

  #storeOptions(): StoreOptions {
    const { files, tasks, clock, random, log, offload } = this.#ports;
    const { commitlog, directories, memory, hostId } = this.#config;
    const configOf = (): ShardConfig => this.#config;
    return {
      files,
      tasks,
      clock,
      random,
      log,
      offload,
      shard: this.#self,
      shardCount: this.#shardCount,
      hostId,
      dataDirectory: directories.data,
      commitlogDirectory: directories.commitlog,
      syncMode: commitlog.sync,
      syncPeriodMs: commitlog.periodMs,
      groupWindowMs: commitlog.groupWindowMs,
      segmentBytes: commitlog.segmentBytes,
      commitlogBytes: commitlog.totalBytes,
      skipDamagedLog: commitlog.skipDamaged,
      memtableBytes: memory.memtableBytes,
      blockCacheBytes: memory.blockCacheBytes,
      onCompaction: (done) => this.#noteCompaction(done),
      get compactionBytesPerSecond(): number {
        return configOf().limits.compactionBytesPerSecond;
      },
    };
  }

  /**
   * Gives mutations of former shards to those who own them now, synced, then lets their logs go. This waits on Statement from
   * a Control handler, against the order of classes: nothing else is under way yet, and Apply waits on nobody.
   */
  async #writeStrays(): Promise<void> {
    const store = this.#opened();
    const { mailbox, clock } = this.#ports;
    const deadlineMs = clock.monotonicMs() + STRAY_DEADLINE_MS;
    for (const { shard, bytes } of this.#strays) {
      await new Promise<void>((done, failed) => {
        const request = new Uint8Array(1 + bytes.length);
        request[0] = 1; // synced
        request.set(bytes, 1);
        mailbox.call(shard, Verb.Apply, request, 0, request.length, deadlineMs, (status, reply, start, end) => {
          if (status === 0) done();
          else failed(decodeError(reply, start, end));
        });
      });
    }
    await store.finishRecovery();
    this.#strays = [];
  }

  /** Switches to other values of the settings that may change: requests that were begun keep their deadlines. */
  #configure(live: LiveShardConfig): void {
    this.#config = { ...this.#config, limits: live.limits, timeouts: live.timeouts, settings: live.settings };
    Object.assign(this.#batchLimits, batchLimitsOf(this.#config));
    Object.assign(this.#serverLimits, serverLimitsOf(this.#config));
  }

  #listen(address: string, port: number): Promise<number> {
    return this.#server!.listen(address, port);
  }

  /** Switches between two turns: what was begun under the old image ends under it. */
  #switchImage(): void {
    if (this.#prepared === undefined) throw new TesseraError('NOT_READY', 'no image was prepared');
    const before = this.#schema();
    this.#view = this.#prepared;
    this.#prepared = undefined;
    this.#routing = new NodeRouting(this.#view, this.#config.dataCenter);
    this.#store?.updateMetadata(this.#routing);
    this.#server?.schemaChanged(before, this.#schema());
  }

  /** Keeps a compaction of this shard, and has the other shards keep it. */
  #noteCompaction(done: CompactionEntry): void {
    this.#compactions.add(done);
    const { mailbox, clock } = this.#ports;
    const bytes = Buffer.from(JSON.stringify(done));
    const deadlineMs = clock.monotonicMs() + NOTE_DEADLINE_MS;
    const onReply = (): void => {}; // whoever did not take it shows one fewer
    for (let shard = 0; shard < this.#shardCount; shard++) {
      if (shard !== this.#self) mailbox.call(shard, Verb.NoteCompaction, bytes, 0, bytes.length, deadlineMs, onReply);
    }
  }

  #reportStats(): void {
    const { metrics, tasks } = this.#ports;
    let before = { flushes: 0, compactions: 0, compactionBytesIn: 0, compactionBytesOut: 0, failures: 0 };
    const report = (): void => {
      const stats = this.#opened().stats();
      metrics.add(Metric.MemtableFlushes, stats.flushes - before.flushes);
      metrics.add(Metric.Compactions, stats.compactions - before.compactions);
      metrics.add(Metric.CompactionBytesIn, stats.compactionBytesIn - before.compactionBytesIn);
      metrics.add(Metric.CompactionBytesOut, stats.compactionBytesOut - before.compactionBytesOut);
      metrics.add(Metric.BackgroundFailures, stats.failures - before.failures);
      metrics.set(Metric.CompactionsPending, stats.pendingCompactions);
      before = stats;
      metrics.set(Metric.MemtableBytes, stats.memtableBytes);
      metrics.set(Metric.CommitlogBytes, stats.commitlogBytes);
      metrics.set(Metric.Sstables, stats.sstables);
      metrics.set(Metric.SstableBytes, stats.sstableBytes);
      metrics.set(Metric.WaitingWrites, stats.waitingWrites);
      tasks.setTimer(STATS_MS, report);
    };
    report();
  }

  #systemContext(): SystemContext {
    const config = this.#config;
    const tokens = ['0'];
    return {
      node: {
        hostId: config.hostId,
        clusterName: config.clusterName,
        dataCenter: config.dataCenter,
        rack: config.rack,
        rpcAddress: config.rpcAddress,
        listenAddress: config.listenAddress,
        broadcastAddress: config.broadcastAddress,
        cqlPort: config.cqlPort,
        shardCount: this.#shardCount,
        version: config.version,
        tokens,
        startedAtSeconds: config.startedAtSeconds,
      },
      schema: () => this.#routing.schema,
      config: () => this.#config.settings,
      clients: () => this.#server?.clients() ?? [],
      tablets: () => this.#tabletEntries(),
      runtimeInfo: () => this.#runtimeInfo(),
      compactions: () => this.#compactions.latest(),
    };
  }

  *#tabletEntriesOf(): Iterable<TabletEntry> {
    for (const { descriptor, tabletCount, shardOf } of this.#routing.tables()) {
      for (let tablet = 0; tablet < tabletCount; tablet++) {
        const { endHi, endLo } = tabletTokenRange(tablet, tabletCount);
        yield {
          tableId: descriptor.id,
          keyspace: descriptor.keyspace,
          table: descriptor.name,
          tabletCount,
          lastToken: int64ToBigInt(endHi, endLo).toString(),
          replicas: [{ hostId: this.#config.hostId, shard: shardOf(tablet) }],
        };
      }
    }
  }

  #tabletEntries(): readonly TabletEntry[] {
    return [...this.#tabletEntriesOf()];
  }

  #runtimeInfo(): readonly { group: string; item: string; value: string }[] {
    const stats = this.#store?.stats();
    if (stats === undefined) return [];
    return Object.entries(stats).map(([item, value]) => ({
      group: `shard ${this.#self}`,
      item,
      value: String(value),
    }));
  }
}

function matcher(keyspace: string | null, tables: readonly string[]): (table: TableStore) => boolean {
  return ({ descriptor }) =>
    (keyspace === null || descriptor.keyspace === keyspace) &&
    (tables.length === 0 || tables.includes(descriptor.name));
}

function batchLimitsOf({ limits }: ShardConfig): BatchLimits {
  return { warnBytes: limits.batchWarnBytes, failBytes: limits.batchFailBytes };
}

/** The limits of the CQL server that are configured. */
function serverLimitsOf({ limits, memory }: ShardConfig): Partial<ServerLimits> {
  return {
    maxConcurrentRequests: limits.maxConcurrentRequests,
    maxFrameBytes: limits.maxFrameBytes,
    requestBytes: memory.requestBytes,
  };
}

/** Answers a control request with JSON. */
function answer(reply: Reply, work: () => Promise<unknown>): void {
  work().then(
    (value) => {
      const out = new ByteWriter(64);
      out.raw(Buffer.from(JSON.stringify(value)));
      reply.ok(out.bytes, 0, out.length);
    },
    (error: unknown) => reply.fail(error as Error),
  );
}
