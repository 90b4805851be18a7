import { parentPort } from 'node:worker_threads';
import { ShardEngine } from './engine.ts';
import { Heartbeat } from './heartbeat.ts';
import { lz4Blocks } from './host/lz4-blocks.ts';
import { NodeClock } from './host/node-clock.ts';
import { NodeExit } from './host/node-exit.ts';
import { NodeFiles } from './host/node-files.ts';
import { md5 } from './host/node-hashes.ts';
import { NodeRandom } from './host/node-random.ts';
import { NodeSockets } from './host/node-sockets.ts';
import { NodeTasks } from './host/node-tasks.ts';
import { settleWhenIdle } from './host/settle.ts';
import { snappyBlocks } from './host/snappy-blocks.ts';
import { MetricsBlock } from './metrics-block.ts';
import { connectMailbox, type NodeMemory, threadIndex } from './node-memory.ts';
import { PoolOffload } from './offload.ts';
import type { ShardConfig } from './shard-config.ts';
import { ThreadLog } from './thread-log.ts';
import { TurnWatch } from './turn-watch.ts';

/** The first message to a shard's thread: what it is, and what it has in common with the others. */
export interface ShardStart {
  readonly shard: number;
  readonly memory: NodeMemory;
  readonly config: ShardConfig;
  readonly image: SharedArrayBuffer;
}

/** All that crosses the message port later: the memory of a metadata image. Everything else goes through the rings. */
export interface ImageMessage {
  readonly version: number;
  readonly image: SharedArrayBuffer;
}

const ASSERTION_EXIT = 70;

/** Images that came before they were asked for, or are asked for before they came. */
class ImageInbox {
  readonly #arrived = new Map<number, SharedArrayBuffer>();
  readonly #awaited = new Map<number, (image: SharedArrayBuffer) => void>();

  put({ version, image }: ImageMessage): void {
    const waiting = this.#awaited.get(version);
    if (waiting === undefined) {
      this.#arrived.set(version, image);
      return;
    }
    this.#awaited.delete(version);
    waiting(image);
  }

  readonly take = (version: number): Promise<SharedArrayBuffer> => {
    const image = this.#arrived.get(version);
    if (image === undefined) return new Promise((done) => this.#awaited.set(version, done));
    this.#arrived.delete(version);
    return Promise.resolve(image);
  };
}

/**
 * Runs this thread as the shard that the first message names. Threads start before the main thread knows what to tell them, so
 * that they load their modules meanwhile.
 */
export function serveShard(): void {
  parentPort!.once('message', run);
}

function run({ shard, memory, config, image }: ShardStart): void {
  const exit = new NodeExit();
  process.on('uncaughtException', (error) => exit.fatal(ASSERTION_EXIT, error));
  process.on('unhandledRejection', (reason) =>
    exit.fatal(ASSERTION_EXIT, reason instanceof Error ? reason : new Error(String(reason))),
  );
  const clock = new NodeClock();
  const tasks = new NodeTasks(clock, new Heartbeat(memory.heartbeats, shard));
  tasks.keepAlive(true);
  const metrics = new MetricsBlock(memory.metrics[threadIndex(memory, shard)]!);
  const { mailbox } = connectMailbox(memory, shard, clock, tasks, metrics);
  const log = new ThreadLog(mailbox, config.logLevel);
  tasks.watchTurns(new TurnWatch(clock, metrics, log));
  const inbox = new ImageInbox();
  parentPort!.on('message', (message: ImageMessage) => inbox.put(message));
  new ShardEngine(
    shard,
    memory.shardCount,
    config,
    {
      files: new NodeFiles(),
      clock,
      random: new NodeRandom(),
      tasks,
      mailbox,
      sockets: new NodeSockets(),
      offload: new PoolOffload(),
      log,
      metrics,
      md5,
      lz4: lz4Blocks,
      snappy: snappyBlocks,
      takeImage: inbox.take,
      wakeMailbox: () => mailbox.wake(false),
    },
    image,
  );
  mailbox.start();
  settleWhenIdle();
}
