import { expect, test } from 'vitest';
import type { Socket, SocketHandler } from '../../core/ports/sockets.ts';
import { SimTime } from './sim-clock.ts';
import { SimRandom } from './sim-random.ts';
import { SimNetwork, type SimNetworkOptions } from './sim-sockets.ts';
import { SimTasks } from './sim-tasks.ts';

/** One side of a connection that keeps what happens to it. */
class Side implements SocketHandler {
  socket: Socket | undefined;
  readonly chunks: Uint8Array[] = [];
  readonly borrowed: Uint8Array[] = [];
  drains = 0;
  closes: (Error | undefined)[] = [];

  onData(chunk: Uint8Array): void {
    this.chunks.push(new Uint8Array(chunk));
    this.borrowed.push(chunk);
  }
  onDrain(): void {
    this.drains++;
  }
  onClose(error: Error | undefined): void {
    this.closes.push(error);
  }
  get received(): string {
    return Buffer.concat(this.chunks).toString();
  }
}

async function connected(options: SimNetworkOptions = {}, seed = 1) {
  const time = new SimTime();
  const random = new SimRandom(seed);
  const network = new SimNetwork(random, options);
  const sockets = network.sockets(new SimTasks(time, random.fork()), 'a');
  const others = network.sockets(new SimTasks(time, random.fork()), 'b');
  const [client, server] = [new Side(), new Side()];
  const listener = await sockets.listen({ address: 'a', port: 0, reusePort: false }, (socket) => {
    server.socket = socket;
    return server;
  });
  const errors: Error[] = [];
  const connect = (port: number): void => {
    others.connect(
      'a',
      port,
      (socket) => {
        client.socket = socket;
        return client;
      },
      (error) => errors.push(error),
    );
    time.run(time.nowMs + 2);
  };
  connect(listener.port);
  const pass = (ms: number): number => time.run(time.nowMs + ms);
  return { time, sockets, others, client, server, listener, errors, connect, pass };
}

const textOf = (length: number): Buffer => Buffer.from(Array.from({ length }, (_, i) => 97 + (i % 26)));

test('bytes arrive once, in order, in pieces, and chunks are not to be kept', async () => {
  const { client, server, pass } = await connected({ cutRate: 0.5 });
  const text = textOf(10_000);
  for (let at = 0; at < text.length; at += 500) client.socket!.write(text, at, at + 500);
  pass(100);
  expect(server.received).toBe(text.toString());
  expect(server.chunks.length).toBeGreaterThan(3);
  expect(server.borrowed.every((chunk) => chunk.every((byte) => byte === 0xdd))).toBe(true);
});

test('a reader that stops makes bytes wait at the writer, who is told when they have left', async () => {
  const { client, server, pass } = await connected({ windowBytes: 1000, chunkBytes: 300 });
  client.socket!.pause();
  const text = textOf(400_000);
  expect(server.socket!.write(text, 0, 500)).toBe(true);
  expect(server.socket!.write(text, 500, text.length)).toBe(false);
  pass(100);
  expect(server.socket!.bufferedBytes).toBe(399_000);
  expect([client.chunks.length, server.drains]).toEqual([0, 0]);
  client.socket!.resume();
  pass(5000);
  expect([client.received, server.drains, server.socket!.bufferedBytes]).toEqual([text.toString(), 1, 0]);
});

test('end gives the other side all that was written, then closes both without an error', async () => {
  const { client, server, pass } = await connected({ windowBytes: 1000 });
  const text = textOf(20_000);
  server.socket!.write(text, 0, text.length);
  server.socket!.end();
  client.socket!.write(text, 0, 100);
  pass(1000);
  expect(client.received).toBe(text.toString());
  expect([server.closes, client.closes, server.chunks]).toEqual([[undefined], [undefined], []]);
  expect(server.socket!.write(text, 0, 5)).toBe(true);
});

test('a peer that never closes its side is cut off after a while', async () => {
  const { client, server, pass } = await connected({ windowBytes: 100 });
  client.socket!.pause();
  server.socket!.write(textOf(5000), 0, 5000);
  server.socket!.end();
  pass(9000);
  expect(server.closes).toEqual([]);
  pass(2000);
  expect(server.closes).toEqual([undefined]);
});

test('destroy closes now; who crashes breaks all its connections', async () => {
  const first = await connected();
  first.client.socket!.destroy();
  first.pass(5);
  expect([first.client.closes.length, first.server.closes]).toEqual([1, [undefined]]);
  const second = await connected();
  second.sockets.crash();
  second.pass(5);
  expect(second.client.closes.map(String)).toEqual(['Error: read ECONNRESET']);
});

test('ports: in use, shared, closed', async () => {
  const { sockets, others, listener, connect, errors } = await connected();
  const take = (reusePort: boolean, port = 5) =>
    sockets.listen({ address: 'a', port, reusePort }, () => new Side()).then((taken) => taken.port);
  await expect(others.listen({ address: 'a', port: listener.port, reusePort: true }, () => new Side())).rejects.toThrow(
    'cannot listen',
  );
  expect(await take(true)).toBe(5);
  expect(await take(true)).toBe(5);
  await expect(take(false)).rejects.toThrow('cannot listen');
  await listener.close();
  connect(listener.port);
  expect(errors.map(String)).toEqual([`Error: connect ECONNREFUSED a:${listener.port}`]);
});

test('the same seed gives the same pieces at the same times', async () => {
  const run = async (seed: number): Promise<string> => {
    const { time, client, server, pass } = await connected({ cutRate: 0.5 }, seed);
    const times: number[] = [];
    server.onData = (chunk) => times.push(time.nowMs, chunk.length);
    const text = textOf(3000);
    for (let at = 0; at < text.length; at += 300) client.socket!.write(text, at, at + 300);
    pass(50);
    return times.join();
  };
  expect(await run(5)).toBe(await run(5));
  expect(await run(5)).not.toBe(await run(6));
});
