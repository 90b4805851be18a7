import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { HEADER_LENGTH, Opcode } from '../../cql/protocol/envelope.ts';
import { SimRandom } from '../sim/sim-random.ts';
import { type RunningNode, startNode } from '../support/start-node.ts';
import { mutate, noise, seedFrames } from './frame-fuzz.ts';
import { GoodClients } from './good-clients.ts';
import { SoakClient } from './soak-client.ts';
import { claim, type Figures, type SoakContext } from './suite.ts';

const SOCKETS = 50;
const GOOD_CLIENTS = 5;
const GROWTH_LIMIT_BYTES = 256 << 20;
const SCHEMA = [
  "CREATE KEYSPACE ks WITH replication = {'class': 'NetworkTopologyStrategy', 'replication_factor': 1}",
  'CREATE TABLE ks.t (k int PRIMARY KEY, v text)',
];

interface Totals {
  /** Frames sent. The node reads no more of a connection that it ends, so not all of them are looked at. */
  frames: number;
  /** Frames looked at: answered, or the end of their connection. */
  taken: number;
  connections: number;
  answers: number;
  errors: number;
}

/** Malformed frames from many sockets at a node, beside clients that must notice nothing. */
export async function socketFuzz({ volumes, seed }: SoakContext): Promise<Figures> {
  const node = await startNode({ shards: 2, args: ['--api-port', '0', '--prometheus-port', '0'] });
  try {
    const admin = await SoakClient.open(node.ready.cql.port);
    for (const statement of SCHEMA) await admin.query(statement);
    admin.close();
    const good = await GoodClients.start(node, GOOD_CLIENTS);
    const before = residentBytes(node);
    const totals: Totals = { frames: 0, taken: 0, connections: 0, answers: 0, errors: 0 };
    const random = new SimRandom(seed);
    const hostile = Array.from({ length: SOCKETS }, () =>
      throwFrames(node, volumes.socketFrames / SOCKETS, random.fork(), totals),
    );
    await Promise.all(hostile);
    await good.finish();
    const growthBytes = residentBytes(node) - before;
    claim(node.process.exitCode === null, `the node ended\n${node.log()}`);
    claim(growthBytes < GROWTH_LIMIT_BYTES, `the node grew by ${growthBytes} bytes`);
    await GoodClients.start(node, 1).then((again) => again.finish());
    const { operations, slowestMs } = good;
    return { ...totals, goodOperations: operations, goodSlowestMs: slowestMs, residentGrowthBytes: growthBytes };
  } catch (error) {
    throw new Error(`seed ${seed}: ${(error as Error).message}\n${node.log()}`, { cause: error });
  } finally {
    await node.kill();
  }
}

function residentBytes(node: RunningNode): number {
  const [, kib] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${node.ready.pid}/status`, 'utf8'))!;
  return Number(kib) * 1024;
}

async function throwFrames(node: RunningNode, count: number, random: SimRandom, totals: Totals): Promise<void> {
  const seeds = seedFrames();
  for (let taken = 0; taken < count; ) {
    const socket = await open(node.ready.cql.port);
    totals.connections++;
    const half = seeds.length / 2;
    const own = random.chance(0.4) ? seeds.slice(0, half) : seeds.slice(half);
    const answers = new Answers(socket, totals);
    if (random.chance(0.9)) socket.write(own[0]!);
    for (let left = random.integer(1, 60); left > 0 && !socket.destroyed; left--) {
      const bytes = random.chance(0.01) ? noise(random) : mutate(random.pick(own), random);
      totals.frames++;
      const cut = random.chance(0.2) ? random.integer(0, bytes.length + 1) : bytes.length;
      if (cut > 0) socket.write(bytes.subarray(0, cut));
      if (cut < bytes.length) {
        await nextTurn();
        if (!socket.destroyed) socket.write(bytes.subarray(cut));
      }
      // A pause for the answers, which a connection that ends would take along.
      if (random.chance(0.4)) await pause(2);
      if (answers.error !== undefined) throw answers.error;
    }
    await pause(5);
    const ofThis = answers.count + (socket.destroyed ? 1 : 0);
    taken += ofThis;
    totals.taken += ofThis;
    if (random.chance(0.5)) socket.destroy();
    else await ended(socket);
    if (answers.error !== undefined) throw answers.error;
  }
}

function open(port: number): Promise<Socket> {
  return new Promise((opened, failed) => {
    const socket = connect(port, '127.0.0.1', () => opened(socket));
    socket.once('error', failed);
    socket.on('error', () => socket.destroy()); // the server may reset what it will not read
  });
}

function ended(socket: Socket): Promise<void> {
  if (socket.destroyed) return Promise.resolve();
  return new Promise((done) => {
    socket.once('close', () => done());
    socket.end();
  });
}

/** Reads what the server sends: whole frames, or it is a failure. */
class Answers {
  error: Error | undefined;
  count = 0;
  #received: Buffer = Buffer.alloc(0);

  constructor(socket: Socket, totals: Totals) {
    socket.on('data', (chunk: Buffer) => {
      const bytes = Buffer.concat([this.#received, chunk]);
      let at = 0;
      while (bytes.length - at >= HEADER_LENGTH) {
        const version = bytes[at]!;
        const length = bytes.readInt32BE(at + 5);
        if ((version !== 0x83 && version !== 0x84) || length < 0) {
          this.error ??= new Error(`an answer begins with ${bytes.subarray(at, at + HEADER_LENGTH).toString('hex')}`);
          socket.destroy();
          return;
        }
        if (bytes.length - at < HEADER_LENGTH + length) break;
        this.count++;
        totals.answers++;
        if (bytes[at + 4] === Opcode.Error) totals.errors++;
        at += HEADER_LENGTH + length;
      }
      this.#received = bytes.subarray(at);
    });
  }
}
