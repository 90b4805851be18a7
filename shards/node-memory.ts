import type { Metrics } from '../core/metrics.ts';
import type { Clock } from '../core/ports/clock.ts';
import { MAIN_THREAD, type ThreadId } from '../core/ports/mailbox.ts';
import type { Tasks } from '../core/ports/tasks.ts';
import { createDoorbellPage, Doorbell } from './doorbell.ts';
import { createHeartbeatPage } from './heartbeat.ts';
import { LinkMailbox, type MailPeer } from './mailbox.ts';
import { createMetricsMemory } from './metrics-block.ts';
import { createRing, RingConsumer, RingProducer } from './ring.ts';

/**
 * The memory that the threads of a node share for good: one ring per ordered pair, the doorbells, the heartbeats, a block of
 * metrics per thread. Made by the main thread before the shards start and handed to each; nothing else is ever shared but metadata
 * images and slab pools.
 */
export interface NodeMemory {
  readonly shardCount: number;
  readonly doorbells: SharedArrayBuffer;
  readonly heartbeats: SharedArrayBuffer;
  /** One block per shard, then the main thread's. */
  readonly metrics: readonly SharedArrayBuffer[];
  /** rings[from * threads + to], where the main thread is the last; undefined on the diagonal. */
  readonly rings: readonly (SharedArrayBuffer | undefined)[];
}

export function createNodeMemory(shardCount: number): NodeMemory {
  const threads = shardCount + 1;
  const rings: (SharedArrayBuffer | undefined)[] = [];
  for (let from = 0; from < threads; from++) {
    for (let to = 0; to < threads; to++) rings.push(from === to ? undefined : createRing());
  }
  return {
    shardCount,
    doorbells: createDoorbellPage(),
    heartbeats: createHeartbeatPage(),
    metrics: Array.from({ length: threads }, () => createMetricsMemory()),
    rings,
  };
}

/** Place of a thread in the arrays of NodeMemory. */
export function threadIndex(memory: NodeMemory, thread: ThreadId): number {
  return thread === MAIN_THREAD ? memory.shardCount : thread;
}

/** The mailbox of one thread over the node's rings; `start` it when every verb is served. */
export function connectMailbox(
  memory: NodeMemory,
  self: ThreadId,
  clock: Clock,
  tasks: Tasks,
  metrics: Metrics,
): { readonly mailbox: LinkMailbox; readonly doorbell: Doorbell } {
  const threads = memory.shardCount + 1;
  const own = threadIndex(memory, self);
  const doorbell: Doorbell = new Doorbell(memory.doorbells, self, tasks, (fallback) => mailbox.wake(fallback));
  const peers: MailPeer[] = [];
  for (let index = 0; index < threads; index++) {
    if (index === own) continue;
    const thread = index === memory.shardCount ? MAIN_THREAD : index;
    const wake = () => doorbell.ring(thread);
    peers.push({
      thread,
      sender: new RingProducer(memory.rings[own * threads + index]!, wake),
      receiver: new RingConsumer(memory.rings[index * threads + own]!, wake),
    });
  }
  const mailbox = new LinkMailbox({ self, peers, bell: doorbell, clock, tasks, metrics });
  return { mailbox, doorbell };
}
