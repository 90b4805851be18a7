import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { AssertionError } from '../core/assert.ts';
import { decodeError } from '../core/error-codec.ts';
import { CorruptFileError, type TesseraError } from '../core/errors.ts';
import { Metric } from '../core/metrics.ts';
import { MailClass, type Reply } from '../core/ports/mailbox.ts';
import { SimClock, SimTime } from '../test/sim/sim-clock.ts';
import { SIM_BELL, SimLink } from '../test/sim/sim-link.ts';
import { SimRandom } from '../test/sim/sim-random.ts';
import { SimTasks } from '../test/sim/sim-tasks.ts';
import { createDoorbellPage } from './doorbell.ts';
import { MAX_MESSAGE_BYTES } from './mail-frame.ts';
import { LinkMailbox, type MailboxOptions, type MailPeer } from './mailbox.ts';
import { createMetricsMemory, MetricsBlock } from './metrics-block.ts';
import { createRing } from './ring.ts';
import { Verb } from './verbs.ts';

/** Verbs of these tests: the last numbers of their classes. */
const ECHO = 0x01ff;
const HOLD = 0x01fe;
const FAIL = 0x02ff;
const HUGE_REPLY = 0x04ff;
const PREFIX = 0x01fd;

interface Answer {
  readonly body: Uint8Array;
  readonly error: TesseraError | undefined;
  readonly context: number;
  readonly atMs: number;
}

interface Node {
  readonly tasks: SimTasks;
  readonly clock: SimClock;
  readonly mailbox: LinkMailbox;
  readonly metrics: MetricsBlock;
}

/** Threads of one simulated node, a link each way between every two. */
class World {
  readonly time: SimTime = new SimTime();
  readonly random: SimRandom;
  readonly nodes: Node[] = [];
  readonly held: Reply[] = [];

  constructor(seed: number, threads: number, linkBytes: number, options: Partial<MailboxOptions> = {}) {
    this.random = new SimRandom(seed);
    const tasks = Array.from({ length: threads }, () => new SimTasks(this.time, this.random.fork()));
    const links = tasks.map((from, a) =>
      tasks.map((to, b) => {
        const wake = (thread: number) => () => this.nodes[thread]!.mailbox.wake(false);
        return new SimLink(linkBytes, this.random.fork(), from, to, wake(a), wake(b));
      }),
    );
    tasks.forEach((own, self) => {
      const peers: MailPeer[] = [];
      for (let thread = 0; thread < threads; thread++) {
        if (thread === self) continue;
        peers.push({ thread, sender: links[self]![thread]!, receiver: links[thread]![self]! });
      }
      const clock = new SimClock(this.time, 1000 * self);
      const metrics = new MetricsBlock(createMetricsMemory());
      const mailbox = new LinkMailbox({ self, peers, bell: SIM_BELL, clock, tasks: own, metrics, ...options });
      this.nodes.push({ tasks: own, clock, mailbox, metrics });
      this.#serve(mailbox);
      mailbox.start();
    });
  }

  #serve(mailbox: LinkMailbox): void {
    mailbox.serve(ECHO, MailClass.Statement, (_from, bytes, start, end, _deadlineMs, reply) =>
      reply.ok(bytes, start, end),
    );
    mailbox.serve(HOLD, MailClass.Statement, (_from, _bytes, _start, _end, _deadlineMs, reply) => {
      this.held.push(reply);
    });
    mailbox.serve(FAIL, MailClass.Raft, () => {
      throw new CorruptFileError('a/me-1-big-Data.db', 4096, 'checksum');
    });
    mailbox.serve(HUGE_REPLY, MailClass.Streaming, (_from, _bytes, _start, _end, _deadlineMs, reply) => {
      reply.ok(new Uint8Array(MAX_MESSAGE_BYTES + 1), 0, MAX_MESSAGE_BYTES + 1);
    });
  }

  /** Calls now; the answer is found in the returned list when it came. */
  call(from: number, to: number, verb: number, body: Uint8Array, timeoutMs: number = 60_000, context = 0): Answer[] {
    const answers: Answer[] = [];
    const node = this.nodes[from]!;
    let isReturned = false;
    const onReply = (status: number, bytes: Uint8Array, start: number, end: number, given: number): void => {
      expect(isReturned).toBe(true);
      answers.push({
        body: bytes.slice(start, end),
        error: status === 0 ? undefined : decodeError(bytes, start, end),
        context: given,
        atMs: this.time.nowMs,
      });
    };
    const padded = new Uint8Array(body.length + 7);
    padded.set(body, 3);
    const deadlineMs = timeoutMs === Infinity ? Infinity : node.clock.monotonicMs() + timeoutMs;
    node.mailbox.call(to, verb, padded, 3, 3 + body.length, deadlineMs, onReply, context);
    padded.fill(0xdd); // the mailbox has copied them
    isReturned = true;
    return answers;
  }

  error(answers: readonly Answer[]): string | undefined {
    expect(answers.length).toBe(1);
    return answers[0]!.error?.code;
  }

  bytes(length: number): Uint8Array {
    const bytes = new Uint8Array(length);
    this.random.fill(bytes);
    return bytes;
  }
}

const SEEDS = Array.from({ length: 20 }, (_, i) => i + 1);

test.each(SEEDS)('every request of random threads, sizes and moments is answered once and right, seed %d', (seed) => {
  const world = new World(seed, 3, 4096, { requestQueueBytes: 1 << 22, replyQueueBytes: 1 << 22 });
  const calls: { answers: Answer[]; body: Uint8Array; context: number }[] = [];
  for (let i = 0; i < 400; i++) {
    const from = world.random.integer(0, 3);
    world.nodes[from]!.tasks.post(world.random.next() * 20, () => {
      const length = world.random.chance(0.1) ? world.random.integer(0, 60_000) : world.random.integer(0, 300);
      const body = world.bytes(length);
      const to = world.random.integer(0, 3);
      calls.push({
        answers: world.call(from, to, world.random.chance(0.5) ? ECHO : Verb.Ping, body, 1e6, i),
        body,
        context: i,
      });
    });
  }
  world.time.run(5000);
  expect(calls.length).toBe(400);
  for (const { answers, body, context } of calls) {
    expect(answers.length).toBe(1);
    expect(answers[0]!.error).toBeUndefined();
    expect(answers[0]!.context).toBe(context);
    expect(Buffer.compare(answers[0]!.body, body)).toBe(0);
  }
  for (const { mailbox, metrics } of world.nodes) {
    expect(mailbox.inFlight).toBe(0);
    expect(metrics.value(Metric.MailboxInFlight)).toBe(0);
    expect(metrics.value(Metric.MailboxQueuedBytes)).toBe(0);
  }
  expect(world.nodes[0]!.metrics.value(Metric.RingFull)).toBeGreaterThan(0);
});

test('one seed gives one history', () => {
  const history = (seed: number): string => {
    const world = new World(seed, 2, 1024);
    const all = Array.from({ length: 50 }, (_, i) =>
      world.call(i % 2, world.random.integer(0, 2), ECHO, world.bytes(i * 40)),
    );
    world.time.run(1000);
    return JSON.stringify(all.map((answers) => answers.map((answer) => answer.atMs)));
  };
  expect(history(7)).toBe(history(7));
  expect(history(7)).not.toBe(history(8));
});

test.each(SEEDS.slice(0, 5))('small requests are served in the order of their calls, seed %d', (seed) => {
  const world = new World(seed, 2, 512);
  const served: number[] = [];
  world.nodes[1]!.mailbox.serve(PREFIX, MailClass.Statement, (_from, bytes, start, end, _deadlineMs, reply) => {
    served.push(bytes[start]! * 256 + bytes[start + 1]!);
    reply.ok(bytes, start, end);
  });
  for (let i = 0; i < 300; i++) {
    const body = world.bytes(world.random.integer(2, 90));
    body[0] = i >> 8;
    body[1] = i & 255;
    world.call(0, 1, PREFIX, body);
  }
  world.time.run(1000);
  expect(served).toEqual(Array.from({ length: 300 }, (_, i) => i));
});

test('errors come back as they were thrown', () => {
  const world = new World(1, 2, 4096);
  const answers = [world.call(0, 1, FAIL, new Uint8Array(3)), world.call(0, 0, FAIL, new Uint8Array(3))];
  world.time.run(100);
  for (const answer of answers) {
    expect(answer[0]!.error).toBeInstanceOf(CorruptFileError);
    expect(answer[0]!.error!.detail).toEqual({ path: 'a/me-1-big-Data.db', offset: 4096 });
  }
});

test('a verb that nobody serves is NOT_READY', () => {
  const world = new World(1, 2, 4096);
  const answers = world.call(0, 1, 0x0102, new Uint8Array(0));
  world.time.run(100);
  expect(world.error(answers)).toBe('NOT_READY');
});

test('a deadline that passes is READ_TIMEOUT; the late reply is dropped and gives the credit back', () => {
  const world = new World(3, 2, 4096, { credits: [1, 1, 1, 1, 1] });
  const late = world.call(0, 1, HOLD, new Uint8Array(1), 100);
  world.time.run(99);
  expect(late).toEqual([]);
  world.time.run(130);
  expect(world.error(late)).toBe('READ_TIMEOUT');
  const refused = world.call(0, 1, ECHO, new Uint8Array(1));
  const other = world.call(0, 1, Verb.Ping, new Uint8Array(1));
  world.time.run(150);
  expect(world.error(refused)).toBe('OVERLOADED');
  expect(world.error(other)).toBeUndefined();
  world.held.pop()!.ok(new Uint8Array(5), 0, 5);
  world.time.run(160);
  expect(late.length).toBe(1);
  expect(world.nodes[0]!.metrics.value(Metric.MailboxLateReplies)).toBe(1);
  const served = world.call(0, 1, ECHO, new Uint8Array(1));
  world.time.run(200);
  expect(world.error(served)).toBeUndefined();
});

test('a deadline that has passed already sends nothing', () => {
  const world = new World(3, 2, 4096);
  world.time.run(10);
  const answers = world.call(0, 1, HOLD, new Uint8Array(1), 0);
  world.time.run(20);
  expect(world.error(answers)).toBe('READ_TIMEOUT');
  expect(world.held).toEqual([]);
});

test('the handler gets the deadline on its own clock, or none', () => {
  const world = new World(4, 2, 4096);
  const deadlines: number[] = [];
  world.nodes[1]!.mailbox.serve(PREFIX, MailClass.Statement, (_from, bytes, start, end, deadlineMs, reply) => {
    deadlines.push(deadlineMs);
    reply.ok(bytes, start, end);
  });
  world.call(0, 1, PREFIX, new Uint8Array(0), 500);
  world.call(0, 1, PREFIX, new Uint8Array(0), Infinity);
  world.time.run(100);
  expect(deadlines[0]).toBeGreaterThanOrEqual(1000 + 500);
  expect(deadlines[0]).toBeLessThan(1000 + 502);
  expect(deadlines[1]).toBe(Infinity);
});

test('credits bound each class by itself, and to oneself too', () => {
  for (const to of [0, 1]) {
    const world = new World(5, 2, 65_536, { credits: [1, 3, 1, 2, 1] });
    const answers = Array.from({ length: 5 }, () => world.call(0, to, HOLD, new Uint8Array(1), Infinity));
    const pings = Array.from({ length: 2 }, () => world.call(0, to, Verb.Ping, new Uint8Array(1), Infinity));
    world.time.run(50);
    expect(world.held.length).toBe(3);
    expect(answers.map((list) => list[0]?.error?.code)).toEqual([
      undefined,
      undefined,
      undefined,
      'OVERLOADED',
      'OVERLOADED',
    ]);
    expect(answers.map((list) => list.length)).toEqual([0, 0, 0, 1, 1]);
    expect(pings.map((list) => list[0]?.error?.code ?? list.length)).toEqual([1, 1]);
    for (const reply of world.held) reply.ok(new Uint8Array(0), 0, 0);
    world.time.run(100);
    expect(world.nodes[0]!.mailbox.inFlight).toBe(0);
  }
});

test('what finds no room in the queue is OVERLOADED, the rest arrives', () => {
  const world = new World(6, 2, 2048, { requestQueueBytes: 10_000 });
  const answers = Array.from({ length: 100 }, () => world.call(0, 1, ECHO, world.bytes(400)));
  expect(world.nodes[0]!.mailbox.queuedBytes(1)).toBeLessThanOrEqual(10_000);
  world.time.run(1000);
  const codes = answers.map((list) => world.error(list));
  const refused = codes.indexOf('OVERLOADED');
  expect(refused).toBeGreaterThan(20);
  expect(codes).toEqual(codes.map((_, i) => (i < refused ? undefined : 'OVERLOADED')));
});

test('a request that runs into its deadline in the queue is never sent', () => {
  const world = new World(7, 2, 512);
  world.nodes[1]!.tasks.stop(); // the peer takes nothing from its links
  const answers = Array.from({ length: 30 }, () => world.call(0, 1, HOLD, new Uint8Array(100), 50));
  world.time.run(500);
  for (const list of answers) expect(world.error(list)).toBe('READ_TIMEOUT');
  expect(world.nodes[0]!.mailbox.queuedBytes(1)).toBeGreaterThan(0);
  world.nodes[0]!.mailbox.wake(false);
  world.time.run(600);
  expect(world.nodes[0]!.mailbox.queuedBytes(1)).toBe(0);
  expect(world.nodes[0]!.mailbox.inFlight).toBeLessThan(6); // those that were in the link
});

test('the largest message passes both ways, one more byte does not', () => {
  const world = new World(8, 2, 1 << 20);
  const body = world.bytes(MAX_MESSAGE_BYTES);
  const whole = world.call(0, 1, ECHO, body);
  const own = world.call(0, 0, ECHO, body);
  const tooLarge = world.call(0, 1, ECHO, new Uint8Array(MAX_MESSAGE_BYTES + 1));
  const hugeReply = world.call(0, 1, HUGE_REPLY, new Uint8Array(0));
  world.time.run(5000);
  for (const answers of [whole, own]) {
    expect(world.error(answers)).toBeUndefined();
    expect(Buffer.compare(answers[0]!.body, body)).toBe(0);
  }
  expect(world.error(tooLarge)).toBe('INVALID');
  expect(world.error(hugeReply)).toBe('READ_TIMEOUT');
});

test('small messages pass large ones, and large ones take turns', () => {
  const world = new World(9, 2, 65_536);
  const first = world.call(0, 1, ECHO, world.bytes(4_000_000));
  const second = world.call(0, 1, ECHO, world.bytes(100_000));
  world.time.run(0.2);
  const small = world.call(0, 1, ECHO, world.bytes(100));
  world.time.run(5000);
  expect(small[0]!.atMs).toBeLessThan(second[0]!.atMs);
  expect(second[0]!.atMs).toBeLessThan(first[0]!.atMs / 2);
});

test('a large message leaves room in the link for small ones', () => {
  const world = new World(9, 2, 131_072);
  world.nodes[1]!.tasks.stop(); // what is in the link stays there
  world.call(0, 1, ECHO, world.bytes(1_000_000));
  world.time.run(50);
  const { mailbox } = world.nodes[0]!;
  const queuedBytes = mailbox.queuedBytes(1);
  expect(queuedBytes).toBeGreaterThan(0);
  for (let i = 0; i < 200; i++) world.call(0, 1, ECHO, world.bytes(100));
  expect(mailbox.queuedBytes(1)).toBe(queuedBytes);
});

test('a reply that finds no room says that the outcome is unknown', () => {
  const world = new World(10, 2, 1024, { replyQueueBytes: 4000, requestQueueBytes: 1 << 20 });
  const answers = Array.from({ length: 40 }, () => world.call(0, 1, HOLD, new Uint8Array(0), Infinity));
  world.time.run(100);
  expect(world.held.length).toBe(40);
  for (const reply of world.held) reply.ok(world.bytes(300), 0, 300);
  world.time.run(1000);
  const codes = answers.map((list) => world.error(list));
  expect(codes.filter((code) => code === 'READ_TIMEOUT').length).toBeGreaterThan(10);
  expect(codes.filter((code) => code === undefined).length).toBeGreaterThan(10);
});

test('calls to oneself take turns with the rest of the loop', () => {
  const world = new World(11, 1, 1024);
  let depth = 0;
  const again = (): void => {
    depth++;
    world.nodes[0]!.mailbox.call(0, Verb.Ping, new Uint8Array(0), 0, 0, Infinity, again);
  };
  again();
  expect(depth).toBe(1);
  world.time.run(0);
  expect(depth).toBeLessThan(10); // a turn end goes round a few times only
  world.time.run(1);
  expect(depth).toBeGreaterThan(10);
});

test('closing refuses calls and waits for the replies that are owed', async () => {
  const world = new World(12, 2, 1024);
  const pending = world.call(0, 1, HOLD, new Uint8Array(0), Infinity);
  let isClosed = false;
  world.time.run(50);
  const closing = world.nodes[0]!.mailbox.close().then(() => {
    isClosed = true;
  });
  const refused = world.call(0, 1, ECHO, new Uint8Array(0));
  await world.time.runAsync(100);
  expect(world.error(refused)).toBe('NOT_READY');
  expect(isClosed).toBe(false);
  world.held.pop()!.ok(new Uint8Array(0), 0, 0);
  await world.time.runAsync(200);
  await closing;
  expect(world.error(pending)).toBeUndefined();
});

test('answering twice, serving twice and a wrong class are assertions', () => {
  const world = new World(13, 2, 1024);
  world.call(0, 1, HOLD, new Uint8Array(0));
  world.time.run(50);
  const reply = world.held.pop()!;
  reply.ok(new Uint8Array(0), 0, 0);
  expect(() => reply.ok(new Uint8Array(0), 0, 0)).toThrow(AssertionError);
  const { mailbox } = world.nodes[0]!;
  expect(() => mailbox.serve(ECHO, MailClass.Statement, () => {})).toThrow(AssertionError);
  expect(() => mailbox.serve(0x0103, MailClass.Raft, () => {})).toThrow(AssertionError);
});

test('a bug in a handler is thrown on, not sent', () => {
  const world = new World(14, 1, 1024);
  world.nodes[0]!.mailbox.serve(PREFIX, MailClass.Statement, (_from, _bytes, _start, _end, _deadlineMs, reply) =>
    reply.fail(new RangeError('a bug')),
  );
  world.call(0, 0, PREFIX, new Uint8Array(0));
  expect(() => world.time.run(10)).toThrow(RangeError);
});

test('two threads call each other over rings, with every size and no doorbell lost', { timeout: 60_000 }, async () => {
  const page = createDoorbellPage();
  const rings = [createRing(65_536), createRing(65_536)];
  const script = new URL('../test/support/mailbox-worker.ts', import.meta.url);
  const run = (self: number): Promise<unknown> =>
    new Promise((resolve, reject) => {
      const out = rings[self]!;
      const incoming = rings[1 - self]!;
      const worker = new Worker(script, { workerData: { self, page, out, incoming, calls: 5000, seed: 99 + self } });
      let result: unknown;
      worker.once('message', (message) => {
        result = message;
      });
      worker.once('error', reject);
      worker.once('exit', () => resolve(result));
    });
  const results = await Promise.all([run(0), run(1)]);
  for (const result of results) expect(result).toEqual({ answered: 5000, wrong: 0, isRingFull: true });
});
