/**
 * One of two threads that call each other through real rings: bursts of requests of random sizes, a pause until all are answered,
 * the next burst. Reports how many were answered, and how many wrongly. Stays to serve until the other one is done too.
 */
import { parentPort, workerData } from 'node:worker_threads';
import { Metric } from '../../core/metrics.ts';
import { MailClass } from '../../core/ports/mailbox.ts';
import { Doorbell } from '../../shards/doorbell.ts';
import { NodeClock } from '../../shards/host/node-clock.ts';
import { NodeTasks } from '../../shards/host/node-tasks.ts';
import { LinkMailbox } from '../../shards/mailbox.ts';
import { createMetricsMemory, MetricsBlock } from '../../shards/metrics-block.ts';
import { RingConsumer, RingProducer } from '../../shards/ring.ts';
import { SimRandom } from '../sim/sim-random.ts';

interface Job {
  readonly self: number;
  readonly page: SharedArrayBuffer;
  readonly out: SharedArrayBuffer;
  readonly incoming: SharedArrayBuffer;
  readonly calls: number;
  readonly seed: number;
}
/** No look without a ring: a lost one stops this thread for good, and the test with it. */
const NEVER_MS = 1e9;
const ECHO = 0x01ff;
const FINISH = 0x03ff;

const job = workerData as Job;
const other = 1 - job.self;
const clock = new NodeClock();
const tasks = new NodeTasks(clock);
const metrics = new MetricsBlock(createMetricsMemory());
const random = new SimRandom(job.seed);
const doorbell: Doorbell = new Doorbell(job.page, job.self, tasks, (isFallback) => mailbox.wake(isFallback), NEVER_MS);
const mailbox: LinkMailbox = new LinkMailbox({
  self: job.self,
  peers: [
    {
      thread: other,
      sender: new RingProducer(job.out, () => doorbell.ring(other)),
      receiver: new RingConsumer(job.incoming, () => doorbell.ring(other)),
    },
  ],
  bell: doorbell,
  clock,
  tasks,
  metrics,
});

let sent = 0;
let answered = 0;
let wrong = 0;
let finished = 0;

function burst(): void {
  const count = Math.min(job.calls - sent, random.integer(1, 64));
  for (let i = 0; i < count; i++) callOnce();
}

function callOnce(): void {
  const body = new Uint8Array(random.chance(0.02) ? random.integer(0, 200_000) : random.integer(0, 500));
  random.fill(body);
  sent++;
  mailbox.call(other, ECHO, body, 0, body.length, Infinity, (status, bytes, start, end) => {
    answered++;
    if (status !== 0 || Buffer.compare(bytes.subarray(start, end), body) !== 0) wrong++;
    if (answered < sent) return;
    if (sent < job.calls) burst();
    else mailbox.call(other, FINISH, body, 0, 0, Infinity, finishOne);
  });
}

/** Both threads have their answers, and each knows it of the other. */
function finishOne(): void {
  finished++;
  if (finished < 2) return;
  tasks.setTimer(20, () => {
    parentPort!.postMessage({ answered, wrong, isRingFull: metrics.value(Metric.RingFull) > 0 });
    doorbell.close();
    tasks.keepAlive(false);
  });
}

tasks.keepAlive(true);
mailbox.serve(ECHO, MailClass.Statement, (_from, bytes, start, end, _deadlineMs, reply) => reply.ok(bytes, start, end));
mailbox.serve(FINISH, MailClass.Control, (_from, bytes, start, end, _deadlineMs, reply) => {
  reply.ok(bytes, start, end);
  finishOne();
});
mailbox.start();
burst();
