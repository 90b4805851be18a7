/**
 * Messages between two threads: the ring with its doorbell, and the mailbox on top of it, against postMessage. A task sends a batch
 * to a worker and waits until all of it has arrived (stream) or come back (round trip). Prints ns per message.
 *
 *   node bench/micro/ring.bench.ts
 */
import { Worker } from 'node:worker_threads';
import { Bench } from 'tinybench';
import { createDoorbellPage, Doorbell } from '../../shards/doorbell.ts';
import { NodeClock } from '../../shards/host/node-clock.ts';
import { NodeTasks } from '../../shards/host/node-tasks.ts';
import { LinkMailbox } from '../../shards/mailbox.ts';
import { createMetricsMemory, MetricsBlock } from '../../shards/metrics-block.ts';
import { createRing, RingConsumer, RingProducer } from '../../shards/ring.ts';
import { Verb } from '../../shards/verbs.ts';

const SELF = 0;
const WORKER = 1;
const BATCH = 20_000;
const IN_FLIGHT = 64;
const SIZES = [64, 1024] as const;
const FRAMES_PER_TURN = 1000;

const page = createDoorbellPage();
const clock = new NodeClock();
const tasks = new NodeTasks(clock);
const script = new URL('./ring-bench-worker.ts', import.meta.url);
tasks.keepAlive(true);

let errors = 0;
const payload = new Uint8Array(2048).map((_, i) => i * 31);

/** First byte of a message: 1 wants it back, 0 does not. Of a stream, only the last wants it. */
function wantOf(isStream: boolean, unsent: number): number {
  return isStream && unsent > 1 ? 0 : 1;
}

interface Rings {
  readonly out: SharedArrayBuffer;
  readonly incoming: SharedArrayBuffer;
}

function start(mode: string): { readonly worker: Worker; readonly rings: Rings } {
  const rings = { out: createRing(), incoming: createRing() };
  return { worker: new Worker(script, { workerData: { mode, page, rings } }), rings };
}

/** Sends `count` frames with at most `inFlight` unanswered; Infinity is a stream. */
class RingClient {
  readonly #producer: RingProducer;
  readonly #consumer: RingConsumer;
  readonly #doorbell: Doorbell;
  #size = 0;
  #unsent = 0;
  #owed = 0;
  #inFlight = 0;
  #limit = 0;
  #isStream = false;
  #done: () => void = () => {};

  constructor(rings: Rings) {
    this.#doorbell = new Doorbell(page, SELF, tasks, () => this.#turn());
    this.#producer = new RingProducer(rings.out, () => this.#doorbell.ring(WORKER));
    this.#consumer = new RingConsumer(rings.incoming, () => this.#doorbell.ring(WORKER));
  }

  run(count: number, size: number, inFlight: number): Promise<void> {
    this.#size = size;
    this.#unsent = count;
    this.#isStream = inFlight === Infinity;
    this.#owed = this.#isStream ? 1 : count;
    this.#limit = inFlight;
    this.#inFlight = 0;
    return new Promise((resolve) => {
      this.#done = resolve;
      this.#turn();
    });
  }

  close(): void {
    this.#doorbell.close();
  }

  readonly #turn = (): void => {
    this.#doorbell.awake();
    this.#consumer.drain(4096, this.#onFrame);
    let isFull = false;
    for (let i = 0; i < FRAMES_PER_TURN && this.#unsent > 0 && this.#inFlight < this.#limit; i++) {
      payload[0] = wantOf(this.#isStream, this.#unsent);
      if (!this.#producer.send(payload, 0, this.#size)) {
        isFull = true;
        break;
      }
      this.#unsent--;
      this.#inFlight++;
    }
    this.#producer.publish();
    if (this.#owed === 0) {
      this.#done();
      return;
    }
    this.#doorbell.asleep();
    const canSend = !isFull && this.#unsent > 0 && this.#inFlight < this.#limit;
    if (this.#consumer.hasFrames() || canSend || (isFull && !this.#producer.awaitRoom())) tasks.nextTurn(this.#turn);
  };

  readonly #onFrame = (bytes: Uint8Array, start: number): void => {
    if (bytes[start + 1] !== payload[1]) errors++;
    this.#owed--;
    this.#inFlight--;
  };
}

function postMessages(worker: Worker, count: number, size: number, inFlight: number): Promise<void> {
  const isStream = inFlight === Infinity;
  let unsent = count;
  let owed = isStream ? 1 : count;
  const send = (): void => {
    const message = payload.slice(0, size);
    message[0] = wantOf(isStream, unsent);
    unsent--;
    worker.postMessage(message);
  };
  return new Promise((resolve) => {
    worker.removeAllListeners('message');
    worker.on('message', (message: Uint8Array) => {
      if (message[1] !== payload[1]) errors++;
      owed--;
      if (unsent > 0) send();
      else if (owed === 0) resolve();
    });
    const first = Math.min(count, inFlight); // a stream has no back-pressure here: that is postMessage
    for (let i = 0; i < first; i++) send();
  });
}

function callMailbox(mailbox: LinkMailbox, to: number, count: number, size: number, inFlight: number): Promise<void> {
  let unsent = count;
  let owed = count;
  return new Promise((resolve) => {
    const send = (): void => {
      unsent--;
      mailbox.call(to, Verb.Ping, payload, 0, size, clock.monotonicMs() + 5000, onReply);
    };
    const onReply = (status: number, bytes: Uint8Array, start: number): void => {
      if (status !== 0 || bytes[start + 1] !== payload[1]) errors++;
      owed--;
      if (unsent > 0) send();
      else if (owed === 0) resolve();
    };
    for (let i = 0; i < inFlight; i++) send();
  });
}

interface Case {
  readonly name: string;
  readonly count: number;
  readonly run: () => Promise<void>;
}

/** Runs the cases in turn; tinybench takes the time of whole batches. */
async function measure(cases: readonly Case[]): Promise<void> {
  const bench = new Bench({ time: 1500, warmupTime: 300, iterations: 3, warmupIterations: 2 });
  // An async function in so many words: tinybench calls others once to see, and does not wait for that batch.
  for (const { name, run } of cases) bench.add(name, async () => await run());
  await bench.run();
  cases.forEach(({ name, count }, index) => {
    const { result } = bench.tasks[index]!;
    if (!('latency' in result)) throw new Error(`${name} failed`, { cause: result });
    const ns = (result.latency.p50 * 1e6) / count;
    process.stdout.write(
      `${name.padEnd(44)} ${ns.toFixed(0).padStart(7)} ns  ${(1e3 / ns).toFixed(3).padStart(8)} M/s\n`,
    );
  });
}

async function benchRing(): Promise<void> {
  const { worker, rings } = start('ring');
  const client = new RingClient(rings);
  const cases = SIZES.flatMap((size) => [
    { name: `ring, stream, ${size} B`, count: BATCH, run: () => client.run(BATCH, size, Infinity) },
    { name: `ring, ${IN_FLIGHT} in flight, ${size} B`, count: BATCH, run: () => client.run(BATCH, size, IN_FLIGHT) },
    { name: `ring, 1 in flight, ${size} B`, count: 1000, run: () => client.run(1000, size, 1) },
  ]);
  await measure(cases);
  client.close();
  await worker.terminate();
}

async function benchMailbox(): Promise<void> {
  const { worker, rings } = start('mailbox');
  const doorbell: Doorbell = new Doorbell(page, SELF, tasks, (isFallback) => mailbox.wake(isFallback));
  const ring = (): void => doorbell.ring(WORKER);
  const mailbox: LinkMailbox = new LinkMailbox({
    self: SELF,
    peers: [
      { thread: WORKER, sender: new RingProducer(rings.out, ring), receiver: new RingConsumer(rings.incoming, ring) },
    ],
    bell: doorbell,
    clock,
    tasks,
    metrics: new MetricsBlock(createMetricsMemory()),
  });
  mailbox.start();
  const call = (to: number, count: number, size: number, inFlight: number) => (): Promise<void> =>
    callMailbox(mailbox, to, count, size, inFlight);
  const cases = SIZES.flatMap((size) => [
    { name: `mailbox, ${IN_FLIGHT} in flight, ${size} B`, count: BATCH, run: call(WORKER, BATCH, size, IN_FLIGHT) },
    { name: `mailbox, 1 in flight, ${size} B`, count: 1000, run: call(WORKER, 1000, size, 1) },
    {
      name: `mailbox to itself, ${IN_FLIGHT} in flight, ${size} B`,
      count: BATCH,
      run: call(SELF, BATCH, size, IN_FLIGHT),
    },
  ]);
  await measure(cases);
  doorbell.close();
  await worker.terminate();
}

async function benchPostMessage(): Promise<void> {
  const { worker } = start('postMessage');
  const cases = SIZES.flatMap((size) => [
    { name: `postMessage, stream, ${size} B`, count: BATCH, run: () => postMessages(worker, BATCH, size, Infinity) },
    {
      name: `postMessage, ${IN_FLIGHT} in flight, ${size} B`,
      count: BATCH,
      run: () => postMessages(worker, BATCH, size, IN_FLIGHT),
    },
    { name: `postMessage, 1 in flight, ${size} B`, count: 1000, run: () => postMessages(worker, 1000, size, 1) },
  ]);
  await measure(cases);
  await worker.terminate();
}

await benchRing();
await benchMailbox();
await benchPostMessage();
tasks.keepAlive(false);
if (errors > 0) throw new Error(`${errors} messages came back wrong`);
