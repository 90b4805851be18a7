import { createHash } from 'node:crypto';
import { MetadataView } from '../../cluster/metadata-view.ts';
import { StateIdSource } from '../../cluster/state-id.ts';
import { decodeError } from '../../core/error-codec.ts';
import type { HostId } from '../../core/ids.ts';
import { type Log, LogLevel } from '../../core/ports/log.ts';
import { MAIN_THREAD, type Mailbox, MailClass, type ThreadId } from '../../core/ports/mailbox.ts';
import { parseStatement } from '../../cql/language/parser.ts';
import { planSchemaStatement } from '../../cql/plan/ddl.ts';
import { Group0Host } from '../../daemon/group0-host.ts';
import { registerNode } from '../../daemon/node-registration.ts';
import { randomUuid } from '../../daemon/random-uuid.ts';
import { SchemaService } from '../../daemon/schema-service.ts';
import { RecoverStep, ShardEngine, type ShardReport } from '../../shards/engine.ts';
import { lz4Blocks } from '../../shards/host/lz4-blocks.ts';
import { snappyBlocks } from '../../shards/host/snappy-blocks.ts';
import { LinkMailbox, type MailPeer } from '../../shards/mailbox.ts';
import { createMetricsMemory, MetricsBlock } from '../../shards/metrics-block.ts';
import { NodeRouting } from '../../shards/node-routing.ts';
import type { ShardConfig } from '../../shards/shard-config.ts';
import { clearLeftovers } from '../../shards/store/clear-leftovers.ts';
import { serveLog, ThreadLog } from '../../shards/thread-log.ts';
import { Verb } from '../../shards/verbs.ts';
import { SIM_EPOCH_MS, SimClock, type SimTime } from './sim-clock.ts';
import { SIM_BELL } from './sim-link.ts';
import { SimOffload } from './sim-offload.ts';
import type { SimRandom } from './sim-random.ts';
import type { SimNetwork } from './sim-sockets.ts';
import { type SimTrace, TracedFiles, TracedLink, TracedSockets, TracedTasks } from './sim-trace.ts';

export const CQL_PORT = 9042;
const LINK_BYTES = 1 << 20;
const FOREVER = Number.POSITIVE_INFINITY;
const IMAGE_TIMEOUT_MS = 30_000;
const MAINTENANCE_TIMEOUT_MS = 3_600_000;
const DRAIN_MS = 10_000;
const GRACE_MS = 5_000;
/** Longest time from the end of a slice of a pool thread's work to its next. */
const MAX_PAUSE_MS = 1;
/** Time that an operation of an unhurried disk takes. */
const LEAST_DISK_MS = 0.05;
const MOST_DISK_MS = 2;

const DIRECTORIES = { group0: '/node/group0', data: '/node/data', commitlog: '/node/commitlog' };

/** What the nodes of one simulation share. */
export interface SimWorld {
  readonly time: SimTime;
  readonly trace: SimTrace;
  readonly network: SimNetwork;
}

export interface SimNodeOptions {
  readonly name: string;
  readonly address: string;
  readonly shardCount: number;
  readonly sync: ShardConfig['commitlog']['sync'];
  readonly memtableBytes: number;
  readonly segmentBytes: number;
  readonly commitlogBytes: number;
}

/** One thread: a shard's, or the main thread. */
interface SimThread {
  readonly tasks: TracedTasks;
  readonly metrics: MetricsBlock;
  readonly mailbox: LinkMailbox;
}

/** What one life of the process consists of. */
interface Life {
  readonly main: SimThread;
  readonly shards: readonly SimThread[];
  readonly inboxes: readonly ImageInbox[];
  readonly sockets: TracedSockets[];
  group0: Group0Host | undefined;
  schema: SchemaService | undefined;
}

/**
 * A whole node in the simulator's one thread: the shards as their worker threads make them, and the main thread's part as
 * `daemon/node.ts` has it, with links for rings and virtual time. The disk outlives `crash` and `stop`; `start` begins a new life on it.
 */
export class SimNode {
  readonly options: SimNodeOptions;
  readonly files: TracedFiles;
  readonly clock: SimClock;
  readonly hostId: HostId;
  /** Lines of all threads' logs, in the order of their arrival. */
  readonly messages: string[] = [];
  /** Shards of the next start. */
  shardCount: number;
  sync: ShardConfig['commitlog']['sync'];
  /** How much slower than usual the disk is. */
  diskFactor = 1;
  boot = 0;
  /** Mutations that the last start replayed. */
  replayed = 0;
  readonly #world: SimWorld;
  readonly #random: SimRandom;
  #life: Life | undefined;

  constructor(world: SimWorld, random: SimRandom, options: SimNodeOptions) {
    this.options = options;
    this.shardCount = options.shardCount;
    this.sync = options.sync;
    this.#world = world;
    this.#random = random;
    this.clock = new SimClock(world.time, random.integer(0, 1_000_000), random.integer(-1000, 1000));
    this.hostId = randomUuid(random) as HostId;
    const disk = random.fork();
    this.files = new TracedFiles(
      (operation) => {
        const delayMs = LEAST_DISK_MS + disk.next() * MOST_DISK_MS;
        world.time.after(delayMs * this.diskFactor, operation);
      },
      world.trace,
      options.name,
    );
    this.files.makeDirectory('/node');
    this.files.syncDirectory('/');
  }

  get isRunning(): boolean {
    return this.#life !== undefined;
  }

  /** A start up to the listeners, as `daemon/node.ts` does it. Rejects with what keeps the node from starting. */
  async start(): Promise<void> {
    this.boot++;
    this.files.makeDirectory(DIRECTORIES.data);
    this.files.makeDirectory(DIRECTORIES.commitlog);
    this.files.syncDirectory('/node');
    const life = this.#makeLife();
    this.#life = life;
    const log = this.#logOf('main');
    const random = this.#random.fork();
    const group0 = await Group0Host.open({
      files: this.files,
      tasks: life.main.tasks,
      log,
      random,
      directory: DIRECTORIES.group0,
      hostId: this.hostId,
    });
    life.group0 = group0;
    const stateIds = new StateIdSource(this.clock, this.hostId);
    await registerNode(group0, stateIds, {
      hostId: this.hostId,
      dataCenter: 'datacenter1',
      rack: 'rack1',
      shardCount: this.shardCount,
      rpcAddress: this.options.address,
      listenAddress: this.options.address,
      cqlPort: CQL_PORT,
      storagePort: 0,
    });
    life.schema = new SchemaService({
      group0,
      stateIds,
      files: this.files,
      log,
      clock: this.clock,
      random,
      hostId: this.hostId,
      dataDirectory: DIRECTORIES.data,
      loadLanguage: async () => ({ parseStatement, planSchemaStatement }),
      publish: (image, version) => this.#publish(life, image, version),
    });
    const { memory: image } = await life.schema.start();
    for (let shard = 0; shard < this.shardCount; shard++) this.#startShard(life, shard, image);
    const routing = new NodeRouting(new MetadataView(image, this.hostId), 'datacenter1');
    let reports: ShardReport[] = [];
    for (const step of Object.values(RecoverStep)) {
      reports = await this.#askAll(life, Verb.Recover, { step }, FOREVER);
      if (step === RecoverStep.Redo) clearLeftovers(this.files, log, DIRECTORIES.data, routing);
    }
    this.replayed = reports.reduce((sum, { replayedRecords }) => sum + replayedRecords, 0);
    await this.#askAll(life, Verb.Listen, { address: this.options.address, port: CQL_PORT }, FOREVER);
  }

  /** The process is gone: by power failure, or killed with the page cache left. Nothing of it runs any more. */
  crash(isPowerFailure: boolean): void {
    this.#end();
    if (isPowerFailure) this.files.crash(this.#random.fork());
    else this.files.kill();
  }

  /** An orderly stop: drain, close. */
  async stop(): Promise<void> {
    const life = this.#living();
    await this.#askAll(life, Verb.Drain, { deadlineMs: DRAIN_MS }, DRAIN_MS + GRACE_MS);
    await this.#askAll(life, Verb.Close, {}, GRACE_MS * 2);
    await life.schema?.close();
    await life.group0?.close();
    this.#end();
    this.files.kill();
  }

  async flush(): Promise<void> {
    await this.#askAll(this.#living(), Verb.Flush, { keyspace: null, tables: [] }, MAINTENANCE_TIMEOUT_MS);
  }

  async compact(): Promise<void> {
    await this.#askAll(this.#living(), Verb.Compact, { keyspace: null, tables: [] }, MAINTENANCE_TIMEOUT_MS);
  }

  #living(): Life {
    if (this.#life === undefined) throw new Error(`${this.options.name} does not run`);
    return this.#life;
  }

  #end(): void {
    const life = this.#life;
    if (life === undefined) return;
    this.#life = undefined;
    for (const { tasks } of [...life.shards, life.main]) tasks.stop();
    for (const sockets of life.sockets) sockets.crash();
  }

  #makeLife(): Life {
    const threads = this.#makeThreads();
    const main = threads.at(-1)!;
    const shards = threads.slice(0, -1);
    const inboxes = shards.map(({ tasks }) => new ImageInbox(tasks));
    const life: Life = { main, shards, inboxes, sockets: [], group0: undefined, schema: undefined };
    this.#serveMain(life);
    main.mailbox.start();
    return life;
  }

  /** The shards' threads and then the main thread, with links between every two of them. */
  #makeThreads(): SimThread[] {
    const { time, trace } = this.#world;
    const names = Array.from({ length: this.shardCount + 1 }, (_, i) => this.#nameOf(i));
    const loops = names.map((name) => new TracedTasks(time, this.#random.fork(), trace, name));
    const threads: SimThread[] = [];
    const links = loops.map((from, a) =>
      loops.map((to, b) => {
        const wake = (thread: number) => () => threads[thread]!.mailbox.wake(false);
        const link = new TracedLink(LINK_BYTES, this.#random.fork(), from, to, wake(a), wake(b));
        link.trace = trace;
        link.name = `${names[a]}>${names[b]}`;
        return link;
      }),
    );
    const threadOf = (index: number): ThreadId => (index === this.shardCount ? MAIN_THREAD : index);
    for (const [own, tasks] of loops.entries()) {
      const peers: MailPeer[] = [];
      for (const other of loops.keys()) {
        if (other === own) continue;
        peers.push({ thread: threadOf(other), sender: links[own]![other]!, receiver: links[other]![own]! });
      }
      const metrics = new MetricsBlock(createMetricsMemory());
      const mailbox = new LinkMailbox({
        self: threadOf(own),
        peers,
        bell: SIM_BELL,
        clock: this.clock,
        tasks,
        metrics,
      });
      threads.push({ tasks, metrics, mailbox });
    }
    return threads;
  }

  #serveMain(life: Life): void {
    const { mailbox } = life.main;
    serveLog(mailbox, (level, thread, module, message) => this.#logOf(`shard ${thread}`).write(level, module, message));
    mailbox.serve(Verb.SchemaChange, MailClass.Control, (_from, bytes, start, end, _deadlineMs, reply) => {
      const request = JSON.parse(textOf(bytes, start, end)) as { readonly keyspace: string; readonly text: string };
      life.schema!.execute(request.text, request.keyspace).then(
        (answer) => {
          const body = Buffer.from(JSON.stringify(answer));
          reply.ok(body, 0, body.length);
        },
        (error: unknown) => reply.fail(error as Error),
      );
    });
  }

  #startShard(life: Life, shard: number, image: SharedArrayBuffer): void {
    const { network, trace } = this.#world;
    const { tasks, metrics, mailbox } = life.shards[shard]!;
    const random = this.#random.fork();
    const sockets = new TracedSockets(network.sockets(tasks, this.options.address), trace, this.#nameOf(shard));
    life.sockets.push(sockets);
    const pool = this.#random.fork();
    const pause = () => new Promise<void>((done) => tasks.post(pool.next() * MAX_PAUSE_MS, done));
    new ShardEngine(
      shard,
      this.shardCount,
      this.#configuration(),
      {
        files: this.files,
        clock: this.clock,
        random,
        tasks,
        mailbox,
        sockets,
        offload: new SimOffload(this.files, pause),
        log: new ThreadLog(mailbox, LogLevel.Info),
        metrics,
        md5: (bytes) => createHash('md5').update(bytes).digest(),
        lz4: lz4Blocks,
        snappy: snappyBlocks,
        takeImage: (version) => life.inboxes[shard]!.take(version),
        wakeMailbox: () => mailbox.wake(false),
      },
      image,
    );
    mailbox.start();
  }

  #configuration(): ShardConfig {
    const { address, memtableBytes, segmentBytes, commitlogBytes } = this.options;
    return {
      hostId: this.hostId,
      boot: this.boot,
      clusterName: 'simulation',
      dataCenter: 'datacenter1',
      rack: 'rack1',
      version: '0.0.0',
      startedAtSeconds: SIM_EPOCH_MS / 1000,
      listenAddress: address,
      rpcAddress: address,
      broadcastAddress: address,
      cqlPort: CQL_PORT,
      directories: { data: DIRECTORIES.data, commitlog: DIRECTORIES.commitlog },
      commitlog: {
        sync: this.sync,
        periodMs: 200,
        groupWindowMs: 2,
        segmentBytes,
        totalBytes: commitlogBytes,
        skipDamaged: false,
      },
      memory: { memtableBytes, blockCacheBytes: 1024 * 1024, requestBytes: 16 * 1024 * 1024 },
      limits: {
        maxConcurrentRequests: 1024,
        maxFrameBytes: 1024 * 1024,
        batchWarnBytes: 128 * 1024,
        batchFailBytes: 1024 * 1024,
        compactionBytesPerSecond: 0,
      },
      timeouts: {
        readMs: 5000,
        rangeMs: 10_000,
        writeMs: 2000,
        casContentionMs: 1000,
        truncateMs: 60_000,
        schemaMs: 10_000,
      },
      logLevel: LogLevel.Info,
      settings: [],
    };
  }

  async #publish(life: Life, image: SharedArrayBuffer, version: number): Promise<void> {
    for (const inbox of life.inboxes) inbox.send(this.#random.next(), version, image);
    await this.#askAll(life, Verb.PrepareImage, { version }, IMAGE_TIMEOUT_MS);
    await this.#askAll(life, Verb.CommitImage, { version }, IMAGE_TIMEOUT_MS);
  }

  async #askAll<Answer>(life: Life, verb: number, request: object, timeoutMs: number): Promise<Answer[]> {
    const deadlineMs = this.clock.monotonicMs() + timeoutMs;
    const answers = life.inboxes.map((_, shard) => ask<Answer>(life.main.mailbox, shard, verb, request, deadlineMs));
    await Promise.allSettled(answers);
    return Promise.all(answers);
  }

  #nameOf(thread: number): string {
    return `${this.options.name}/${thread === this.shardCount ? 'main' : thread}`;
  }

  #logOf(thread: string): Log {
    return {
      write: (level, module, message) => {
        const name = Object.keys(LogLevel)[level];
        this.messages.push(`boot ${this.boot} ${thread} ${name} ${module}: ${message}`);
      },
    };
  }
}

/** Images on their way to one shard: before they are asked for, or asked for before they came. */
class ImageInbox {
  readonly #tasks: TracedTasks;
  readonly #images = new Map<number, PromiseWithResolvers<SharedArrayBuffer>>();

  constructor(tasks: TracedTasks) {
    this.#tasks = tasks;
  }

  send(delayMs: number, version: number, image: SharedArrayBuffer): void {
    this.#tasks.post(delayMs, () => this.#at(version).resolve(image));
  }

  async take(version: number): Promise<SharedArrayBuffer> {
    const image = await this.#at(version).promise;
    this.#images.delete(version);
    return image;
  }

  #at(version: number): PromiseWithResolvers<SharedArrayBuffer> {
    const known = this.#images.get(version);
    if (known !== undefined) return known;
    const made = Promise.withResolvers<SharedArrayBuffer>();
    this.#images.set(version, made);
    return made;
  }
}

function ask<Answer>(
  mailbox: Mailbox,
  shard: number,
  verb: number,
  request: object,
  deadlineMs: number,
): Promise<Answer> {
  const body = Buffer.from(JSON.stringify(request));
  return new Promise((done, failed) => {
    mailbox.call(shard, verb, body, 0, body.length, deadlineMs, (status, bytes, start, end) => {
      if (status !== 0) failed(decodeError(bytes, start, end));
      else done(JSON.parse(textOf(bytes, start, end)) as Answer);
    });
  });
}

function textOf(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString();
}
