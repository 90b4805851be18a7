import { connect as connectNet, type Socket as NetSocket } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import type { Listener, Socket, SocketHandler } from '../../core/ports/sockets.ts';
import { NodeSockets } from './node-sockets.ts';

const HOST = '127.0.0.1';
const sockets = new NodeSockets();
const cleanup: (() => unknown)[] = [];
afterEach(async () => {
  for (const task of cleanup.splice(0)) await task();
});

class Side implements SocketHandler {
  readonly socket: Socket;
  received: Buffer = Buffer.alloc(0);
  drains = 0;
  readonly closed: Promise<Error | undefined>;
  #onClosed: (error: Error | undefined) => void;
  #waiting: { readonly length: number; readonly resolve: () => void } | undefined;

  constructor(socket: Socket) {
    this.socket = socket;
    const { promise, resolve } = Promise.withResolvers<Error | undefined>();
    this.closed = promise;
    this.#onClosed = resolve;
    cleanup.push(() => socket.destroy());
  }
  onData(chunk: Uint8Array): void {
    this.received = Buffer.concat([this.received, chunk]);
    if (this.#waiting !== undefined && this.received.length >= this.#waiting.length) this.#waiting.resolve();
  }
  onDrain(): void {
    this.drains++;
  }
  onClose(error: Error | undefined): void {
    this.#onClosed(error);
  }
  has(length: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting = { length, resolve };
    if (this.received.length >= length) resolve();
    return promise;
  }
}

async function listening(): Promise<{ readonly listener: Listener; readonly accepted: Promise<Side> }> {
  const { promise: accepted, resolve } = Promise.withResolvers<Side>();
  const listener = await sockets.listen({ address: HOST, port: 0, reusePort: true }, (socket) => {
    const side = new Side(socket);
    resolve(side);
    return side;
  });
  cleanup.push(() => listener.close());
  return { listener, accepted };
}

async function pair(): Promise<{ readonly server: Side; readonly client: Side; readonly listener: Listener }> {
  const { listener, accepted } = await listening();
  const { promise, resolve, reject } = Promise.withResolvers<Side>();
  sockets.connect(
    HOST,
    listener.port,
    (socket) => {
      const side = new Side(socket);
      resolve(side);
      return side;
    },
    reject,
  );
  return { client: await promise, server: await accepted, listener };
}

/** A client whose every move is the test's. */
async function plain(): Promise<{ readonly server: Side; readonly client: NetSocket }> {
  const { listener, accepted } = await listening();
  const client = connectNet({ port: listener.port, host: HOST, allowHalfOpen: true });
  client.pause();
  cleanup.push(() => client.destroy());
  return { client, server: await accepted };
}

const pattern = (length: number): Buffer =>
  Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 0xff));

test('bytes go both ways, and the memory of a write is free when it returns', async () => {
  const { client, server } = await pair();
  expect([server.socket.remoteAddress, client.socket.remotePort > 0]).toEqual([HOST, true]);
  const bytes = pattern(1000);
  const expected = Buffer.from(bytes.subarray(10, 1000));
  expect(client.socket.write(bytes, 10, 1000)).toBe(true);
  bytes.fill(0);
  await server.has(990);
  expect(server.received.equals(expected)).toBe(true);
  server.socket.write(expected, 0, 5);
  await client.has(5);
});

test('a reader that does not read: bytes wait, the memory is free all the same, and the drain comes once they are gone', async () => {
  const { client, server } = await plain();
  const bytes = pattern(20_000_000);
  const expected = Buffer.from(bytes);
  expect(server.socket.write(bytes, 0, 12_000_000)).toBe(false);
  for (let at = 12_000_000; at < bytes.length; at += 100_000) {
    expect(server.socket.write(bytes, at, at + 100_000)).toBe(false);
  }
  bytes.fill(0);
  const waiting = server.socket.bufferedBytes;
  expect(waiting).toBeGreaterThan(1_000_000);
  const parts: Buffer[] = [];
  let length = 0;
  const all = Promise.withResolvers<void>();
  client.on('data', (chunk: Buffer) => {
    parts.push(chunk);
    length += chunk.length;
    if (length === expected.length) all.resolve();
  });
  client.resume();
  await all.promise;
  expect(Buffer.concat(parts).equals(expected)).toBe(true);
  expect([server.socket.bufferedBytes, server.drains]).toEqual([0, 1]);
});

test('pause holds what comes, resume gives it', async () => {
  const { client, server } = await pair();
  server.socket.pause();
  client.socket.write(pattern(10), 0, 10);
  client.socket.write(pattern(10), 0, 10);
  await new Promise(setImmediate);
  expect(server.received.length).toBe(0);
  server.socket.resume();
  await server.has(20);
});

test('end sends all that waits and drops what still comes; the peer can read it though it goes on sending', async () => {
  const { client, server } = await plain();
  const answer = pattern(8_000_000);
  client.write(pattern(3_000_000));
  await server.has(1);
  const before = server.received.length;
  server.socket.write(answer, 0, answer.length);
  server.socket.end();
  client.write(pattern(3_000_000));
  const parts: Buffer[] = [];
  const ended = Promise.withResolvers<void>();
  client.on('data', (chunk: Buffer) => parts.push(chunk));
  client.on('error', ended.reject);
  client.on('end', () => {
    client.end();
    ended.resolve();
  });
  client.resume();
  await ended.promise;
  expect(Buffer.concat(parts).equals(answer)).toBe(true);
  expect(await server.closed).toBeUndefined();
  expect(server.received.length).toBe(before);
});

test('a peer that closes its side closes the connection, after what waits has gone', async () => {
  const { client, server } = await plain();
  server.socket.write(pattern(5_000_000), 0, 5_000_000);
  client.end('bye');
  let length = 0;
  client.on('data', (chunk: Buffer) => {
    length += chunk.length;
  });
  const ended = new Promise((resolve) => client.on('end', resolve));
  client.resume();
  expect(await server.closed).toBeUndefined();
  await ended;
  expect([length, server.received.toString()]).toEqual([5_000_000, 'bye']);
  expect(server.socket.write(pattern(5), 0, 5)).toBe(true);
});

test('a reset is told as an error, once', async () => {
  const { client, server } = await plain();
  server.socket.write(pattern(5_000_000), 0, 5_000_000);
  client.resetAndDestroy();
  expect((await server.closed)?.message).toMatch(/ECONNRESET|EPIPE/);
});

test('listeners: a port in use, a shared one, an address of nobody, a closed one', async () => {
  const { listener } = await listening();
  const { port } = listener;
  const again = (reusePort: boolean, address = HOST) =>
    sockets.listen({ address, port, reusePort }, (socket) => new Side(socket));
  await expect(again(false)).rejects.toMatchObject({ code: 'ADDRESS_IN_USE' });
  await expect(again(true, '203.0.113.1')).rejects.toMatchObject({ code: 'ADDRESS_UNAVAILABLE' });
  const second = await again(true);
  expect(second.port).toBe(port);
  await Promise.all([second.close(), listener.close()]);
  const refused = Promise.withResolvers<Error>();
  sockets.connect(HOST, port, (socket) => new Side(socket), refused.resolve);
  expect((await refused.promise).message).toContain('ECONNREFUSED');
  const free = await again(false);
  await free.close();
});

test('open connections live on when their listener closes', async () => {
  const { client, server, listener } = await pair();
  await listener.close();
  client.socket.write(pattern(3), 0, 3);
  await server.has(3);
});
