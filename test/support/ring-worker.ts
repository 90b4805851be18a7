/** One end of a ring in a thread of its own: sends or takes seeded frames and reports how many and their checksum. */
import { parentPort, workerData } from 'node:worker_threads';
import { Doorbell } from '../../shards/doorbell.ts';
import { NodeClock } from '../../shards/host/node-clock.ts';
import { NodeTasks } from '../../shards/host/node-tasks.ts';
import { RingConsumer, RingProducer } from '../../shards/ring.ts';
import { SimRandom } from '../sim/sim-random.ts';

interface Job {
  readonly role: 'producer' | 'consumer';
  readonly memory: SharedArrayBuffer;
  readonly page: SharedArrayBuffer;
  readonly frames: number;
  readonly seed: number;
}
/** No look without a ring: a lost one stops this thread for good, and the test with it. */
const NEVER_MS = 1e9;
const PRODUCER = 0;
const CONSUMER = 1;
const MAX_LENGTH = 300;
const FRAMES_PER_TURN = 500;

const job = workerData as Job;
const tasks = new NodeTasks(new NodeClock());
const random = new SimRandom(job.seed);
const frame = new Uint8Array(MAX_LENGTH);
let count = 0;
let checksum = 0;
tasks.keepAlive(true);

function add(bytes: Uint8Array, start: number, end: number): void {
  checksum = Math.imul(checksum ^ (end - start), 0x0100_0193);
  for (let i = start; i < end; i++) checksum = Math.imul(checksum ^ bytes[i]!, 0x0100_0193);
  count++;
}

function finish(doorbell: Doorbell): void {
  parentPort!.postMessage({ frames: count, checksum });
  doorbell.close();
  tasks.keepAlive(false);
}

function produce(): void {
  const doorbell = new Doorbell(job.page, PRODUCER, tasks, () => turn(), NEVER_MS);
  const producer = new RingProducer(job.memory, () => doorbell.ring(CONSUMER));
  let length = -1;
  const turn = (): void => {
    doorbell.awake();
    for (let i = 0; i < FRAMES_PER_TURN && count < job.frames; i++) {
      if (length < 0) {
        length = random.integer(0, MAX_LENGTH);
        random.fill(frame.subarray(0, length));
      }
      if (!producer.send(frame, 0, length)) break;
      add(frame, 0, length);
      length = -1;
    }
    producer.publish();
    if (count === job.frames) finish(doorbell);
    else if (length < 0) tasks.nextTurn(turn);
    else {
      doorbell.asleep();
      if (!producer.awaitRoom()) tasks.nextTurn(turn);
    }
  };
  turn();
}

function consume(): void {
  const doorbell = new Doorbell(job.page, CONSUMER, tasks, () => turn(), NEVER_MS);
  const consumer = new RingConsumer(job.memory, () => doorbell.ring(PRODUCER));
  const turn = (): void => {
    doorbell.awake();
    consumer.drain(256, add);
    if (count === job.frames) {
      finish(doorbell);
      return;
    }
    doorbell.asleep();
    if (consumer.hasFrames()) tasks.nextTurn(turn);
  };
  turn();
}

if (job.role === 'producer') produce();
else consume();
