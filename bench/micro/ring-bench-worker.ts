/** The other thread of `ring.bench.ts`: answers what it gets, by the means that the benchmark names. */
import { parentPort, workerData } from 'node:worker_threads';
import { Doorbell } from '../../shards/doorbell.ts';
import { NodeClock } from '../../shards/host/node-clock.ts';
import { NodeTasks } from '../../shards/host/node-tasks.ts';
import { LinkMailbox } from '../../shards/mailbox.ts';
import { createMetricsMemory, MetricsBlock } from '../../shards/metrics-block.ts';
import { RingConsumer, RingProducer } from '../../shards/ring.ts';

interface Job {
  readonly mode: 'ring' | 'mailbox' | 'postMessage';
  readonly page: SharedArrayBuffer;
  readonly rings: { readonly out: SharedArrayBuffer; readonly incoming: SharedArrayBuffer };
}
const SELF = 1;
const CLIENT = 0;

const { mode, page, rings } = workerData as Job;
const clock = new NodeClock();
const tasks = new NodeTasks(clock);
tasks.keepAlive(true);

/** First byte of a message: 1 wants it back. */
function isWanted(bytes: Uint8Array, start: number): boolean {
  return bytes[start] === 1;
}

function serveRing(): void {
  const doorbell = new Doorbell(page, SELF, tasks, () => turn());
  const ring = (): void => doorbell.ring(CLIENT);
  const consumer = new RingConsumer(rings.out, ring);
  const producer = new RingProducer(rings.incoming, ring);
  const onFrame = (bytes: Uint8Array, start: number, end: number): void => {
    if (isWanted(bytes, start)) producer.send(bytes, start, end);
  };
  const turn = (): void => {
    doorbell.awake();
    consumer.drain(1000, onFrame);
    producer.publish();
    doorbell.asleep();
    if (consumer.hasFrames()) tasks.nextTurn(turn);
  };
  turn();
}

/** Every mailbox serves Ping: nothing to register. */
function serveMailbox(): void {
  const doorbell: Doorbell = new Doorbell(page, SELF, tasks, (isFallback) => mailbox.wake(isFallback));
  const ring = (): void => doorbell.ring(CLIENT);
  const mailbox: LinkMailbox = new LinkMailbox({
    self: SELF,
    peers: [
      {
        thread: CLIENT,
        sender: new RingProducer(rings.incoming, ring),
        receiver: new RingConsumer(rings.out, ring),
      },
    ],
    bell: doorbell,
    clock,
    tasks,
    metrics: new MetricsBlock(createMetricsMemory()),
  });
  mailbox.start();
}

function servePostMessage(): void {
  parentPort!.on('message', (message: Uint8Array) => {
    if (isWanted(message, 0)) parentPort!.postMessage(message);
  });
}

if (mode === 'ring') serveRing();
else if (mode === 'mailbox') serveMailbox();
else servePostMessage();
