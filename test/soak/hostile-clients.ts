import { connect, type Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import { encodeBatch, encodePrepare, encodeQuery, encodeStartup } from '../../cql/protocol/request-encoder.ts';
import { BodyReader } from '../../cql/protocol/value.ts';
import { type RunningNode, startNode } from '../support/start-node.ts';
import { GoodClients } from './good-clients.ts';
import { SoakClient } from './soak-client.ts';
import { claim, type Figures, type SoakContext } from './suite.ts';

const VERSION = 4;
const LOCAL_QUORUM = 6;
/** A handshake may take ten seconds (shards/server/limits.ts); the rest is for a busy machine. */
const HANDSHAKE_CLOSED_MS = 20_000;
const PROGRESS_CLOSED_MS = 40_000;
const STARTUP = encodeStartup(VERSION, 0, { CQL_VERSION: '3.0.0' });
const SEGMENT_MIB = 1;

/** Slow, silent, greedy and idle clients at a node, beside two that must notice nothing. */
export async function hostileClients({ volumes }: SoakContext): Promise<Figures> {
  const node = await startNode({
    shards: 2,
    args: ['--api-port', '0', '--prometheus-port', '0', '--commitlog-segment-size-in-mb', String(SEGMENT_MIB)],
  });
  try {
    const good = await GoodClients.start(node, 2);
    const [slowHandshakes, halfFrames, idle, refusals] = await Promise.all([
      dripStartups(node, volumes.slowConnections),
      stallLargeFrames(node, volumes.slowConnections),
      idleConnections(node, volumes.idleConnections),
      oversized(node),
    ]);
    await good.finish();
    const { operations, slowestMs } = good;
    claim(node.process.exitCode === null, 'the node ended');
    return { slowHandshakes, halfFrames, idle, refusals, goodOperations: operations, goodSlowestMs: slowestMs };
  } catch (error) {
    throw new Error(`${(error as Error).message}\n${node.log()}`, { cause: error });
  } finally {
    await node.kill();
  }
}

function open(node: RunningNode): Promise<Socket> {
  return new Promise((opened, failed) => {
    const socket = connect(node.ready.cql.port, '127.0.0.1', () => opened(socket));
    socket.once('error', failed);
    socket.on('error', () => socket.destroy()); // a reset is one way to be turned away
    socket.resume();
  });
}

/** Milliseconds until the server closes a connection. @throws when it does not in `limitMs` */
async function closedAfter(socket: Socket, limitMs: number, what: string): Promise<number> {
  const startedMs = performance.now();
  const closed = new Promise<boolean>((done) => {
    if (socket.destroyed) done(true);
    socket.once('close', () => done(true));
  });
  const limit = new AbortController();
  const isClosed = await Promise.race([closed, pause(limitMs, false, { signal: limit.signal })]);
  limit.abort();
  socket.destroy();
  claim(isClosed, `${what} was still open after ${limitMs} ms`);
  return Math.round(performance.now() - startedMs);
}

/** STARTUP, a byte a second: the connection ends before the frame does. */
async function dripStartups(node: RunningNode, count: number): Promise<Figures> {
  const one = async (): Promise<number> => {
    const socket = await open(node);
    let at = 0;
    const drip = setInterval(() => {
      if (at < STARTUP.length - 1 && !socket.destroyed) socket.write(STARTUP.subarray(at, ++at));
    }, 1000);
    try {
      return await closedAfter(socket, HANDSHAKE_CLOSED_MS, 'a connection that sends a byte a second');
    } finally {
      clearInterval(drip);
    }
  };
  const times = await Promise.all(Array.from({ length: count }, one));
  return { connections: count, slowestMs: Math.max(...times) };
}

/** After the handshake, the beginning of a large frame and then nothing more. */
async function stallLargeFrames(node: RunningNode, count: number): Promise<Figures> {
  const one = async (): Promise<number> => {
    const socket = await open(node);
    socket.write(STARTUP);
    const frame = encodeQuery(VERSION, 1, `SELECT * FROM good.rows --${'x'.repeat(1 << 20)}`, {
      consistency: LOCAL_QUORUM,
    });
    socket.write(frame.subarray(0, frame.length >> 2));
    return closedAfter(socket, PROGRESS_CLOSED_MS, 'a connection with half of a frame of 1 MiB');
  };
  const times = await Promise.all(Array.from({ length: count }, one));
  return { connections: count, slowestMs: Math.max(...times) };
}

/** Connections that do nothing stay open, answer later, and cost others nothing. */
async function idleConnections(node: RunningNode, count: number): Promise<Figures> {
  const clients: SoakClient[] = [];
  for (let i = 0; i < count; i += 50) {
    const some = Array.from({ length: Math.min(50, count - i) }, () => SoakClient.open(node.ready.cql.port));
    clients.push(...(await Promise.all(some)));
  }
  await pause(5000);
  for (const client of clients) {
    const rows = await client.rows('SELECT key FROM system.local');
    claim(rows.length === 1, 'an idle connection was answered wrongly');
  }
  for (const client of clients) client.close();
  return { connections: count };
}

/** What is too large is refused by name, and the connection and the node go on. */
async function oversized(node: RunningNode): Promise<Figures> {
  const client = await SoakClient.open(node.ready.cql.port);
  await client.query(
    "CREATE KEYSPACE large WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
  );
  await client.query('CREATE TABLE large.t (k int PRIMARY KEY, v blob)');
  const refused: Record<string, string> = {};
  const insert = 'INSERT INTO large.t (k, v) VALUES (?, ?)';
  const key = Buffer.alloc(4);
  const options = (bytes: number) => ({ consistency: LOCAL_QUORUM, values: [key, new Uint8Array(bytes)] });
  const expectRefusal = async (name: string, frame: Uint8Array): Promise<void> => {
    const error = await client.ask(frame).then(
      () => undefined,
      (each: Error) => each,
    );
    claim(error !== undefined, `${name} was accepted`);
    refused[name] = error.message.slice(0, 120);
    const rows = await client.rows('SELECT k FROM large.t').catch((each: Error) => each);
    claim(!(rows instanceof Error), `after ${name} was refused (${error.message}): ${(rows as Error).message}`);
    claim(rows.length === 0, `${name} was refused and written`);
  };
  await expectRefusal('a value of 2 MiB, segments of 1 MiB', encodeQuery(VERSION, 0, insert, options(2 << 20)));
  const id = new BodyReader(await client.ask(encodePrepare(VERSION, 0, insert)), 4).shortBytesCopy();
  const many = Array.from({ length: 20 }, () => ({ query: id, values: [key, new Uint8Array(100 << 10)] }));
  await expectRefusal('a batch of 2 MiB', encodeBatch(VERSION, 0, 1, many, { consistency: LOCAL_QUORUM }));
  const most = Array.from({ length: 65_535 }, () => ({ query: id, values: [key, new Uint8Array(16)] }));
  await expectRefusal('a batch of 65,535 statements', encodeBatch(VERSION, 0, 1, most, { consistency: LOCAL_QUORUM }));
  const deep = `SELECT k FROM large.t WHERE k IN (${'('.repeat(100_000)}`;
  await expectRefusal(
    'a statement with 100,000 parentheses',
    encodeQuery(VERSION, 0, deep, { consistency: LOCAL_QUORUM }),
  );
  client.close();
  refused['a frame of 1 GiB'] = await hugeFrame(node, 1 << 30);
  refused['a frame of 2 GiB'] = await hugeFrame(node, -1);
  return refused;
}

/** A header that claims more than is ever taken: an ERROR or the end of the connection, at once. */
async function hugeFrame(node: RunningNode, length: number): Promise<string> {
  const socket = await open(node);
  const answered: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => answered.push(chunk));
  socket.write(STARTUP);
  const frame = Buffer.from(encodeQuery(VERSION, 1, 'SELECT', { consistency: LOCAL_QUORUM }));
  frame.writeInt32BE(length, 5);
  socket.write(frame);
  const ms = await closedAfter(socket, PROGRESS_CLOSED_MS, `a connection with a frame of ${length} bytes`);
  const bytes = Buffer.concat(answered);
  const at = HEADER_LENGTH + (bytes.length > HEADER_LENGTH ? bytes.readInt32BE(5) : 0);
  if (bytes.length <= at || bytes[at + 4] !== Opcode.Error) return `closed after ${ms} ms`;
  const reader = new BodyReader(bytes, at + HEADER_LENGTH);
  reader.int();
  return `closed after ${ms} ms: ${reader.string().slice(0, 120)}`;
}
