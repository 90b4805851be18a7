import { afterEach, expect, test } from 'vitest';
import { NotReadyError } from '../core/errors.ts';
import type { Mailbox, ReplyHandler } from '../core/ports/mailbox.ts';
import { createNodeMemory } from './node-memory.ts';
import type { ShardConfig } from './shard-config.ts';
import { ShardThreads } from './start.ts';
import { Verb } from './verbs.ts';

const WAITING = 'import { parentPort } from "node:worker_threads"; parentPort.on("message", () => {});';
/** Ends as soon as it is told what it is. */
const MORTAL = 'import { parentPort } from "node:worker_threads"; parentPort.once("message", () => process.exit(3));';
const BROKEN = 'throw new Error("does not load");';
const CONFIG = {} as ShardConfig;
const IMAGE = new SharedArrayBuffer(8);

const spawned: ShardThreads[] = [];
afterEach(() => Promise.all(spawned.splice(0).map((threads) => threads.stop())));

function spawn(shardCount: number, module: string): ShardThreads {
  const threads = new ShardThreads(shardCount, new URL(`data:text/javascript,${encodeURIComponent(module)}`));
  spawned.push(threads);
  return threads;
}

/** The main thread's end of the rings; its requests are answered by the tests. */
class Requests {
  readonly replies: ReplyHandler[] = [];
  readonly mailbox = {
    call: (_to, _verb, _bytes, _start, _end, _deadlineMs, done) => void this.replies.push(done),
  } as Pick<Mailbox, 'call'> as Mailbox;
}

/** Starts the threads; resolves with the first death. */
function firstDeath(threads: ShardThreads): Promise<{ shard: number; error: Error }> {
  return new Promise((died) => {
    const onDeath = (shard: number, error: Error): void => died({ shard, error });
    threads.start(createNodeMemory(threads.count), new Requests().mailbox, () => CONFIG, IMAGE, onDeath);
  });
}

test('a thread that ends by itself is reported', async () => {
  const { shard, error } = await firstDeath(spawn(1, MORTAL));
  expect([shard, error.message]).toEqual([0, 'the thread of shard 0 ended with code 3']);
});

test('a thread that ended before the start is reported by the start', async () => {
  const ended = new Promise((end) => process.once('worker', (worker) => worker.once('exit', end)));
  const threads = spawn(1, BROKEN);
  await ended;
  const { shard, error } = await firstDeath(threads);
  expect([shard, error.message]).toEqual([0, 'does not load']);
});

test('threads that are stopped are not reported, and what they were asked fails', async () => {
  const threads = spawn(2, WAITING);
  const requests = new Requests();
  const deaths: number[] = [];
  expect(threads.isStarted).toBe(false);
  threads.start(
    createNodeMemory(2),
    requests.mailbox,
    () => CONFIG,
    IMAGE,
    (shard) => deaths.push(shard),
  );
  expect(threads.isStarted).toBe(true);
  const [answered, unanswered] = [threads.ask(0, Verb.Ping, {}, 1000), threads.ask(1, Verb.Ping, {}, 1000)];
  const body = Buffer.from('{"is":"there"}');
  requests.replies[0]!(0, body, 0, body.length, 0);
  expect(await answered).toEqual({ is: 'there' });
  const refused = expect(unanswered).rejects.toThrow(NotReadyError);
  await threads.stop();
  await refused;
  await expect(threads.askAll(Verb.Ping, {}, 1000)).rejects.toThrow(NotReadyError);
  expect(requests.replies.length).toBe(2);
  expect(deaths).toEqual([]);
});

test('threads that were never started can be stopped', async () => {
  const threads = spawn(2, WAITING);
  await threads.stop();
  expect(threads.isStarted).toBe(false);
});
